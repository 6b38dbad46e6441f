#!/usr/bin/env bash
# Gives a NIC to DPDK and back to the kernel.
#
#   scripts/nic.sh status                      every network device on PCI, and who drives it
#   scripts/nic.sh bind NIC [--tap NAME]       NIC is an interface or a PCI address
#   scripts/nic.sh unbind NIC                  undoes that; NIC is the PCI address or the TAP device
#
#   --dry-run   prints what would be done, and does nothing
#   --tap NAME  what the TAP device is called; without it, as the interface was
#   --force     also where the machine is reached through this NIC (its default route)
#   --no-iommu  also on a machine without IOMMU, where the NIC may write to any memory
#
# bind takes the NIC from its driver and gives it to vfio-pci, which lets a process drive it; the
# interface is gone. In its place it makes a TAP device with the same hardware address, addresses
# and routes: through it the kernel takes part once Strait runs with
#   dataplane: { nics: [ { name: NAME, port: dpdk, device: 'PCI ADDRESS' } ] }
# What was there before is kept in /var/lib/strait/machine, and unbind restores it. A reboot undoes
# everything too: nothing is written where it would last.
set -euo pipefail
. "$(dirname "$0")/machine.sh"

pci="$root/sys/bus/pci"
bound_to=vfio-pci

driver_of() {
  local link
  link=$(readlink "$pci/devices/$1/driver" 2>/dev/null) && echo "${link##*/}" || echo none
}

interface_of() {
  local path
  for path in "$pci/devices/$1/net/"*; do
    [ ! -e "$path" ] || echo "${path##*/}"
  done
}

# The PCI address of an interface, of a TAP device that bind made, or itself.
resolve() {
  local file link
  if [ -d "$pci/devices/$1" ]; then
    echo "$1"
  elif link=$(readlink "$root/sys/class/net/$1/device" 2>/dev/null); then
    echo "${link##*/}"
  else
    file=$(grep -lx "tap=$1" "$state_directory"/nic-* 2>/dev/null | head -1)
    [ -n "$file" ] || fail "$1 is neither an interface on PCI, a PCI address nor a bound NIC; see status"
    echo "${file##*/nic-}"
  fi
}

# Gives a device to a driver, or to the one the kernel chooses, and waits until that has it.
give() {
  local device=$1 driver=$2 tries
  if [ "$(driver_of "$device")" != none ]; then
    put "$device" "$pci/devices/$device/driver/unbind"
  fi
  put "$driver" "$pci/devices/$device/driver_override"
  put "$device" "$pci/drivers_probe"
  [ -z "$dry_run" ] || return 0
  for tries in {1..50}; do
    [ "$(driver_of "$device")" = "${driver:-$3}" ] && return
    sleep 0.1
  done
  fail "$device went to $(driver_of "$device"), not to ${driver:-$3}; dmesg says why"
}

status() {
  local path device driver interface
  for path in "$pci/devices/"*; do
    [ -e "$path/class" ] || continue
    case $(cat "$path/class") in 0x02*) ;; *) continue ;; esac
    device=${path##*/}
    driver=$(driver_of "$device")
    interface=$(interface_of "$device")
    if [ -f "$state_directory/nic-$device" ]; then
      interface=$(sed -n 's/^tap=//p' "$state_directory/nic-$device")
      interface="TAP device $interface"
    fi
    echo "$device driver=$driver ${interface:-no interface}"
  done
}

check_bindable() {
  local device=$1 interface=$2
  [ ! -f "$state_directory/nic-$device" ] || fail "$device is bound already; see status"
  [ -n "$interface" ] || fail "$device has no interface: its driver is $(driver_of "$device")"
  if [ ! -e "$pci/devices/$device/iommu_group" ] && [ -z "$no_iommu" ]; then
    fail "$device is in no IOMMU group: turn the IOMMU on (firmware; intel_iommu=on on the" \
      "kernel's command line), or add --no-iommu where every program may be trusted"
  fi
  if ip route show default | grep -q "dev $interface\b" && [ -z "$force" ]; then
    fail "the default route leads through $interface, and you may be here by it; --force does it"
  fi
}

bind() {
  local device interface name mac mtu driver addresses routes routes6 line
  device=$(resolve "$1")
  interface=$(interface_of "$device")
  check_bindable "$device" "$interface"
  name=${tap:-$interface}
  driver=$(driver_of "$device")
  mac=$(cat "$root/sys/class/net/$interface/address")
  mtu=$(cat "$root/sys/class/net/$interface/mtu")
  # Of each address only what it is: the rest is the kernel's to work out.
  addresses=$(ip -o address show dev "$interface" scope global | awk '{ print $4 }')
  routes=$(ip route show dev "$interface" | grep -Ev 'proto (kernel|ra)' || true)
  routes6=$(ip -6 route show dev "$interface" | grep -Ev 'proto (kernel|ra)' || true)
  {
    printf 'driver=%s\ninterface=%s\ntap=%s\n' "$driver" "$interface" "$name"
    while read -r line; do [ -z "$line" ] || echo "address=$line"; done <<<"$addresses"
    while read -r line; do [ -z "$line" ] || echo "route=$line"; done <<<"$routes"$'\n'"$routes6"
  } | remember "nic-$device"
  run modprobe vfio-pci
  if [ -n "$no_iommu" ] && [ ! -e "$pci/devices/$device/iommu_group" ]; then
    put 1 "$root/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
  fi
  give "$device" "$bound_to"
  run ip tuntap add dev "$name" mode tap
  run ip link set dev "$name" address "$mac" mtu "$mtu" up
  restore "$name" "$addresses" "$routes"$'\n'"$routes6"
  echo "$device is DPDK's; in the configuration:" \
    "{ name: $name, port: dpdk, device: '$device' }"
}

unbind() {
  local device file name interface driver tries
  device=$(resolve "$1")
  file="$state_directory/nic-$device"
  [ -f "$file" ] || fail "$device was not bound by this script; see status"
  name=$(sed -n 's/^tap=//p' "$file")
  interface=$(sed -n 's/^interface=//p' "$file")
  driver=$(sed -n 's/^driver=//p' "$file")
  if [ -e "$root/sys/class/net/$name/tun_flags" ]; then
    run ip link delete dev "$name"
  fi
  give "$device" "" "$driver"
  if [ -z "$dry_run" ]; then
    for tries in {1..50}; do
      [ -z "$(interface_of "$device")" ] || break
      sleep 0.1
    done
    local now
    now=$(interface_of "$device")
    [ -n "$now" ] || fail "$driver has made no interface of $device; dmesg says why"
    [ "$now" = "$interface" ] || run ip link set dev "$now" name "$interface"
  fi
  run ip link set dev "$interface" up
  restore "$interface" "$(sed -n 's/^address=//p' "$file")" "$(sed -n 's/^route=//p' "$file")"
  forget "nic-$device"
  echo "$device is the kernel's again, as $interface"
}

# Gives an interface these addresses and routes, one on each line.
restore() {
  local name=$1 line family
  while read -r line; do
    [ -z "$line" ] && continue
    case $line in
      *:*) run ip address replace "$line" dev "$name" nodad ;;
      *) run ip address replace "$line" dev "$name" ;;
    esac
  done <<<"$2"
  while read -r line; do
    [ -z "$line" ] && continue
    case $line in *:*) family=-6 ;; *) family=-4 ;; esac
    # The words of a route are words to `ip`; `linkdown` is what it says, not what it takes.
    # shellcheck disable=SC2086
    run ip $family route replace ${line// linkdown/} dev "$name"
  done <<<"$3"
}

tap= force= no_iommu= words=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --dry-run) dry_run=1 ;;
    --force) force=1 ;;
    --no-iommu) no_iommu=1 ;;
    --tap) tap=${2:?--tap needs a name} && shift ;;
    -*) fail "there is no option $1; see --help" ;;
    *) words+=("$1") ;;
  esac
  shift
done
case "${words[0]:-}:${#words[@]}" in
  status:1) status ;;
  bind:2) need_root && bind "${words[1]}" ;;
  unbind:2) need_root && unbind "${words[1]}" ;;
  *) usage >&2 && exit 2 ;;
esac
