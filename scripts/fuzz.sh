#!/usr/bin/env bash
# Grows the corpora of the fuzz targets, minimises them, and says in a table what was seen.
#
#   scripts/fuzz.sh [options] [TARGET...]      all targets, unless some are named
#
#   --seconds N     how long each target runs (default 60)
#   --runs N        how many inputs each target is given instead, however long that takes
#   --jobs N        targets at a time (default: one for each core)
#   --sanitizer S   address (default) or none, which is several times as fast and enough for the
#                   targets without unsafe code: message framing uri authorization sdp configuration
#                   journal gateway controlled h248_text h248_binary h248_tpkt mgcp
#   --output DIR    where corpora grow and logs and crashes go (default target/fuzz)
#   --adopt N       afterwards bring the corpora in tests/fuzz/corpus up to N files each: from the
#                   minimised ones up to 1 KiB, evenly over their sizes; files stay that have a name
#   --list          the targets
#   --help          this
#
# What each target checks, and how a crash is reproduced: docs/FUZZING.md. Ends with 1 when an input
# broke something, and names it.
set -euo pipefail
. "$(dirname "$0")/options.sh"
cd "$(dirname "$0")/.."
export PATH="$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin"

all=(tests/fuzz/fuzz_targets/*.rs)
all=("${all[@]##*/}")
all=("${all[@]%.rs}")
seconds=60 runs="" jobs="$(nproc)" sanitizer=address output="$PWD/target/fuzz" adopt=0
read_options "seconds runs jobs sanitizer output adopt" target "$@"
targets=("${chosen[@]}")
need_numbers "$seconds" "${runs:-0}" "$jobs" "$adopt"

command -v cargo >/dev/null || fail "cargo is missing: install a Rust toolchain, see https://rustup.rs"
cargo +nightly --version >/dev/null 2>&1 \
  || fail "a nightly compiler is missing: rustup toolchain install nightly --profile minimal"
cargo fuzz --version >/dev/null 2>&1 || fail "cargo-fuzz is missing: cargo install cargo-fuzz --locked"

mkdir -p "$output"
output="$(cd "$output" && pwd)"
mkdir -p "$output"/{grown,minimised,logs,crashes}
host="$(rustc +nightly -vV | sed -n 's/^host: //p')"
binaries="$PWD/tests/fuzz/target"
[ "$sanitizer" = address ] || binaries="$binaries/$sanitizer"

echo "building ${#targets[@]} targets (the first time this takes several minutes)" >&2
for target in "${targets[@]}"; do
  cargo +nightly fuzz build --fuzz-dir tests/fuzz --sanitizer "$sanitizer" --target-dir "$binaries" \
    "$target" 2>"$output/logs/$target.build" \
    || { tail -n 40 "$output/logs/$target.build" >&2; fail "target $target does not build"; }
done

binary() { echo "$binaries/$host/release/$1"; }
committed() { echo "$PWD/tests/fuzz/corpus/$1"; }

# One target: grow, then minimise.
grow() {
  local target="$1" grown="$output/grown/$1" limit=(-max_total_time="$seconds")
  [ -z "$runs" ] || limit=(-runs="$runs")
  mkdir -p "$grown"
  nice -n 19 "$(binary "$target")" "${limit[@]}" -max_len=4096 -timeout=20 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$output/crashes/$target-" \
    "$grown" "$(committed "$target")" >"$output/logs/$target" 2>&1 || return 0
  rm -f "$output/logs/$target.running"
  rm -rf "$output/minimised/$target"
  mkdir -p "$output/minimised/$target"
  nice -n 19 "$(binary "$target")" -merge=1 "$output/minimised/$target" \
    "$(committed "$target")" "$grown" >"$output/logs/$target.merge" 2>&1 || true
}

# The last value of a figure in a target's log: `figure message cov`.
figure() {
  { grep -E '^#[0-9]+' "$output/logs/$1" | grep -oE "$2: [0-9]+" || true; } | tail -n 1 | grep -oE '[0-9]+$' || echo -
}
statistic() { sed -n "s/^stat::$2: *//p" "$output/logs/$1" | tail -n 1; }
crashes() { find "$output/crashes" -type f -name "$1-*" -newer "$output/logs/started" | wc -l; }

progress() {
  while sleep 10; do
    for target in "${targets[@]}"; do
      # Of those that run, the last line of the log.
      if [ -f "$output/logs/$target.running" ]; then
        printf '%-14s %s\n' "$target" "$({ grep -E '^#[0-9]+' "$output/logs/$target" || true; } | tail -n 1)" >&2
      fi
    done
  done
}

touch "$output/logs/started"
rm -f "$output"/logs/*.running
progress &
watcher=$!
trap 'kill "$watcher" 2>/dev/null || true' EXIT
for target in "${targets[@]}"; do
  while [ "$(jobs -rp | grep -cv "^$watcher$" || true)" -ge "$jobs" ]; do sleep 1; done
  touch "$output/logs/$target.running"
  { grow "$target"; rm -f "$output/logs/$target.running"; } &
done
for job in $(jobs -rp); do
  [ "$job" = "$watcher" ] || wait "$job"
done

# Files whose name is a hash were found by the fuzzer; those with a name of their own stay.
if [ "$adopt" -gt 0 ]; then
  for target in "${targets[@]}"; do
    into="$(committed "$target")"
    find "$into" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
    room=$((adopt - $(find "$into" -type f | wc -l)))
    [ "$room" -gt 0 ] && [ -d "$output/minimised/$target" ] || continue
    find "$output/minimised/$target" -type f -size -1025c -printf '%s %p\n' | sort -n | cut -d' ' -f2 \
      | awk -v room="$room" '{ file[NR] = $0 }
          END { for (i = 1; i <= room && i <= NR; i++) print file[NR <= room ? i : int((i - 0.5) * NR / room) + 1] }' \
      | xargs -r -I{} cp {} "$into/"
  done
fi

printf '\n| target | inputs | inputs/s | edges | features | corpus | crashes |\n|---|---|---|---|---|---|---|\n'
broken=0
for target in "${targets[@]}"; do
  found="$(crashes "$target")"
  broken=$((broken + found))
  printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$target" \
    "$(statistic "$target" number_of_executed_units)" "$(statistic "$target" average_exec_per_sec)" \
    "$(figure "$target" cov)" "$(figure "$target" ft)" \
    "$(find "$output/minimised/$target" -type f 2>/dev/null | wc -l)" "$found"
done
if [ "$broken" -gt 0 ]; then
  echo "inputs that broke something:"
  find "$output/crashes" -type f -newer "$output/logs/started"
  exit 1
fi
