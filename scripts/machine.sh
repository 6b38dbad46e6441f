# What the scripts that prepare a machine for DPDK share; sourced, not run.
#
# STRAIT_ROOT stands before /sys, /proc and the state directory, for tests on a made-up machine.

root="${STRAIT_ROOT:-}"
state_directory="$root/var/lib/strait/machine"
dry_run=

# Says why and ends.
fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# Prints what is done, and does it unless this is a dry run.
run() {
  echo "+ $*"
  [ -n "$dry_run" ] || "$@"
}

# Writes a word into a file of the kernel's.
put() {
  echo "+ echo $1 > $2"
  [ -n "$dry_run" ] || echo "$1" >"$2" || fail "the kernel refuses $1 for $2"
}

# Everything that changes the machine needs root, on a real one.
need_root() {
  [ -n "$dry_run" ] || [ -n "$root" ] || [ "$(id -u)" -eq 0 ] ||
    fail "needs root; --dry-run shows what would be done"
}

# Prints the comment at the head of the script, which is its manual.
usage() {
  awk 'NR > 1 && /^#/ { sub(/^# ?/, ""); print; next } NR > 1 { exit }' "$0"
}

# Keeps what is read from standard input under a name.
remember() {
  echo "+ remember in $state_directory/$1"
  if [ -n "$dry_run" ]; then
    cat >/dev/null
  else
    mkdir -p "$state_directory"
    cat >"$state_directory/$1"
  fi
}

forget() {
  run rm -f "$state_directory/$1"
}
