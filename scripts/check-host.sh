#!/usr/bin/env bash
# Says whether a machine is fit for DPDK, and what to do where it is not. Changes nothing.
#
#   scripts/check-host.sh [NIC…]    each an interface or a PCI address, to be looked at too
#
# Looks at the IOMMU, vfio-pci, huge pages, cores kept for Strait alone, the NUMA nodes of cores and
# NICs, and the cores' clock. A line is `ok`, `better` (it runs, but not as well as it could) or
# `missing` (it does not run). The exit code is 1 when something is missing.
set -euo pipefail
. "$(dirname "$0")/machine.sh"

missing=0

say() {
  printf '%-8s%-12s%s\n' "$1" "$2" "$3"
  [ "$1" != missing ] || missing=1
}

iommu() {
  local groups
  groups=$(find "$root/sys/kernel/iommu_groups" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)
  if [ "$groups" -gt 0 ]; then
    say ok iommu "$groups groups"
  else
    say missing iommu "turn it on: in the firmware (VT-d, AMD-Vi), and with intel_iommu=on on the \
kernel's command line where the processor is Intel's; virtual devices do without"
  fi
}

driver() {
  if [ -d "$root/sys/bus/pci/drivers/vfio-pci" ]; then
    say ok vfio-pci "loaded"
  elif modinfo vfio-pci >/dev/null 2>&1; then
    say ok vfio-pci "there; scripts/nic.sh bind loads it"
  else
    say missing vfio-pci "this kernel has no such module: install the one your distribution names \
(linux-image, linux-modules-extra); virtual devices do without"
  fi
}

pages() {
  local path size free node total=0
  for path in "$root"/sys/devices/system/node/node*/hugepages/hugepages-*; do
    [ -d "$path" ] || continue
    free=$(cat "$path/free_hugepages")
    [ "$free" -gt 0 ] || continue
    size=${path##*hugepages-}
    node=${path#*/node/}
    total=$((total + free))
    say ok hugepages "${node%%/*}: $free of $size free"
  done
  [ "$total" -gt 0 ] || say missing hugepages "none free: scripts/hugepages.sh reserve; or \
\`dpdk: { options: [ --no-huge ] }\`, for virtual devices"
}

cores() {
  local isolated ticking online
  online=$(cat "$root/sys/devices/system/cpu/online")
  isolated=$(cat "$root/sys/devices/system/cpu/isolated" 2>/dev/null || true)
  ticking=$(cat "$root/sys/devices/system/cpu/nohz_full" 2>/dev/null || true)
  case $online in
    *[-,]*) say ok cores "$online: one is the main thread's, the others can be workers'" ;;
    *) say better cores "one alone: a worker must share it with everything else" ;;
  esac
  if [ -n "$isolated" ]; then
    say ok isolation "cores $isolated are kept for whoever is pinned to them"
  else
    say better isolation "no core is kept for Strait: add isolcpus=LIST nohz_full=LIST \
rcu_nocbs=LIST to the kernel's command line, LIST the workers' cores"
  fi
  case "$ticking" in
    '' | '(null)') [ -z "$isolated" ] ||
      say better ticks "isolated cores still tick: add nohz_full=$isolated" ;;
    *) say ok ticks "cores $ticking do not tick while one thread runs" ;;
  esac
}

clock() {
  local path slow=()
  for path in "$root"/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor; do
    [ -f "$path" ] || continue
    [ "$(cat "$path")" = performance ] || slow+=("$(cat "$path")")
  done
  if [ ! -e "$root/sys/devices/system/cpu/cpu0/cpufreq" ]; then
    say ok governor "the firmware or a hypervisor sets the clock"
  elif [ ${#slow[@]} -eq 0 ]; then
    say ok governor "performance"
  else
    say better governor "${slow[0]} on ${#slow[@]} cores: cpupower frequency-set -g performance"
  fi
}

nic() {
  local device=$1 link node cores
  if link=$(readlink "$root/sys/class/net/$1/device" 2>/dev/null); then
    device=${link##*/}
  fi
  if [ ! -d "$root/sys/bus/pci/devices/$device" ]; then
    say missing nic "$1 is no interface on PCI and no PCI address; scripts/nic.sh status has them"
    return
  fi
  node=$(cat "$root/sys/bus/pci/devices/$device/numa_node" 2>/dev/null || echo -1)
  if [ "$node" -lt 0 ]; then
    say ok numa "$device: the machine has one node, or does not say"
    return
  fi
  cores=$(cat "$root/sys/devices/system/node/node$node/cpulist")
  say ok numa "$device is on node $node: give its workers cores of $cores, and reserve huge pages \
there (scripts/hugepages.sh reserve --node $node)"
}

nics=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --dry-run) ;; # Nothing is ever changed.
    -*) fail "there is no option $1; see --help" ;;
    *) nics+=("$1") ;;
  esac
  shift
done
iommu
driver
pages
cores
clock
for name in "${nics[@]}"; do
  nic "$name"
done
exit "$missing"
