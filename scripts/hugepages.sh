#!/usr/bin/env bash
# Reserves huge pages, in which DPDK keeps the buffers of its NICs, and gives them back.
#
#   scripts/hugepages.sh status             how many there are, on each NUMA node
#   scripts/hugepages.sh reserve [COUNT]    at least COUNT on each node, or 256: 512 MiB of 2 MiB
#   scripts/hugepages.sh release            undoes that
#
#   --dry-run   prints what would be done, and does nothing
#   --node N    on this node alone
#   --size KIB  pages of this size, 2048 (the default) or 1048576
#
# The kernel takes the pages out of the memory that everything else uses. After some days of work
# it may not find enough that lie together: then reserve them at boot, with `hugepages=COUNT` on the
# kernel's command line. How many there were before is kept in /var/lib/strait/machine, and release
# restores it; so does a reboot.
set -euo pipefail
. "$(dirname "$0")/machine.sh"

size_kib=2048 node='*' words=()

# The directories of this size of page, one for each node.
nodes() {
  local path
  # shellcheck disable=SC2086
  for path in "$root"/sys/devices/system/node/node$node/hugepages/hugepages-${size_kib}kB; do
    [ ! -d "$path" ] || echo "$path"
  done
}

name_of() {
  local path=${1%/hugepages/*}
  echo "${path##*/}"
}

status() {
  local path
  for path in $(nodes); do
    echo "$(name_of "$path") ${size_kib} KiB: $(cat "$path/nr_hugepages") reserved," \
      "$(cat "$path/free_hugepages") free"
  done
}

reserve() {
  local count=$1 path had has
  [[ $count =~ ^[0-9]+$ ]] || fail "$count is no number of pages"
  [ -n "$(nodes)" ] || fail "this machine has no pages of $size_kib KiB on node $node"
  for path in $(nodes); do
    had=$(cat "$path/nr_hugepages")
    if [ "$had" -ge "$count" ]; then
      echo "$(name_of "$path") has $had already"
      continue
    fi
    # What there was before the first time is what release goes back to.
    if [ ! -f "$state_directory/pages-$(name_of "$path")-$size_kib" ]; then
      echo "$had" | remember "pages-$(name_of "$path")-$size_kib"
    fi
    put "$count" "$path/nr_hugepages"
    has=$(cat "$path/nr_hugepages")
    if [ -z "$dry_run" ] && [ "$has" -lt "$count" ]; then
      fail "$(name_of "$path") has memory for $has of $count pages only: free some, ask for less," \
        "or reserve them at boot (hugepages=$count on the kernel's command line)"
    fi
  done
}

release() {
  local path file
  for path in $(nodes); do
    file="pages-$(name_of "$path")-$size_kib"
    if [ -f "$state_directory/$file" ]; then
      put "$(cat "$state_directory/$file")" "$path/nr_hugepages"
      forget "$file"
    fi
  done
}

while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --dry-run) dry_run=1 ;;
    --node) node=${2:?--node needs a number} && shift ;;
    --size) size_kib=${2:?--size needs a number} && shift ;;
    -*) fail "there is no option $1; see --help" ;;
    *) words+=("$1") ;;
  esac
  shift
done
case "${words[0]:-}:${#words[@]}" in
  status:1) status ;;
  reserve:1 | reserve:2) need_root && reserve "${words[1]:-256}" ;;
  release:1) need_root && release ;;
  *) usage >&2 && exit 2 ;;
esac
