# How scripts read their command line; sourced, not run.

# Prints the comment at the head of the script, which is its manual.
usage() { sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "$script"; }

# Says what is wrong with the command line and ends.
fail() {
  echo "${script##*/}: $*" >&2
  exit 2
}

# read_options OPTIONS KIND ARGUMENT...
# Puts the value of each of these options into the variable of its name, and the other words, each
# one of `all` and of this kind, into `chosen`; all of them when there are none.
read_options() {
  local options=" $1 " kind=$2
  shift 2
  chosen=()
  while [ $# -gt 0 ]; do
    case "$1" in
      --list) printf '%s\n' "${all[@]}"; exit 0 ;;
      --help | -h) usage; exit 0 ;;
      -*)
        [[ "$options" == *" ${1#--} "* ]] || fail "no such option: $1; see --help"
        [ $# -ge 2 ] || fail "$1 needs a value; see --help"
        declare -g "${1#--}=$2"
        shift ;;
      *)
        [[ " ${all[*]} " == *" $1 "* ]] || fail "no such $kind: $1; there are: ${all[*]}"
        chosen+=("$1") ;;
    esac
    shift
  done
  [ ${#chosen[@]} -gt 0 ] || chosen=("${all[@]}")
}

# Ends unless all of these are numbers.
need_numbers() {
  local number
  for number in "$@"; do
    [[ "$number" =~ ^[0-9]+$ ]] || fail "not a number: $number; see --help"
  done
}

script="$(cd "$(dirname "$0")" && pwd)/${0##*/}"
