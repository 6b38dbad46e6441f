#!/usr/bin/env bash
# Runs what takes too long for scripts/test.sh, says now and then how far it is, and ends with a
# table of results and the figures of each part.
#
#   scripts/soak.sh [options] [PART...]      all parts, unless some are named
#
#   --minutes N     how long the simulation runs, how long all fuzz targets together, and for how
#                   long crashes and floods begin anew (default 60)
#   --seconds N     the same in seconds, for a try
#   --seed N        the simulation's first world (default: another in every run, and printed)
#   --output DIR    where the logs go (default target/soak)
#   --list          the parts
#   --help          this
#
# Parts, in this order:
#   simulation      worlds in virtual time, one after the other, on all cores
#   floods          the greedy peers that need minutes, against the real processes
#   crashes         control and the relay killed over and over, the real processes
#   fuzz            scripts/fuzz.sh over every target
#   miri            scripts/miri.sh
#   benches         every bench, with its figures
#
# Ends with 1 when a part failed. A part that needs what is not installed is left out, and said to
# be. Ctrl-C ends the part that runs and what follows, and still prints the table.
set -euo pipefail
. "$(dirname "$0")/options.sh"
cd "$(dirname "$0")/.."
export PATH="$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin:/usr/sbin:/sbin"

all=(simulation floods crashes fuzz miri benches)
minutes=60 seconds="" seed=$(date +%s) output="$PWD/target/soak"
read_options "minutes seconds seed output" part "$@"
parts=("${chosen[@]}")
need_numbers "$minutes" "${seconds:=$((minutes * 60))}" "$seed"
command -v cargo >/dev/null || fail "cargo is missing: install a Rust toolchain, see https://rustup.rs"
mkdir -p "$output"
output="$(cd "$output" && pwd)"
cores="$(nproc)"

# Runs a test program's soaks again and again until the time is up, at least once.
again() {
  local until=$((SECONDS + seconds))
  cargo build --workspace --bins --quiet
  while :; do
    cargo test "$@" -- --ignored --nocapture --test-threads 1
    [ "$SECONDS" -lt "$until" ] || break
  done
}

run_simulation() {
  cargo run --profile soak --quiet -p strait-simulation --example soak -- \
    --seed "$seed" --hours "$(awk "BEGIN { print $seconds / 3600 }")" --threads "$cores"
}
run_floods() { again -p strait-tests --test greedy; }
run_crashes() { STRAIT_SOAK_KILLS="${STRAIT_SOAK_KILLS:-50}" again -p strait-tests --test crashes; }
run_fuzz() {
  local targets
  if ! cargo +nightly --version || ! cargo fuzz --version; then
    echo "a nightly compiler or cargo-fuzz is missing: rustup toolchain install nightly; cargo install cargo-fuzz"
    return 77
  fi
  targets="$(scripts/fuzz.sh --list | wc -l)"
  scripts/fuzz.sh --seconds $((seconds * cores / targets + 1)) --jobs "$cores"
}
run_miri() { scripts/miri.sh; }
run_benches() { cargo bench --workspace --bench '*'; }

# What of a log is figures, to be repeated at the end.
figures() {
  case "$1" in
    simulation)
      grep -E '^([0-9]+ (worlds|calls|messages|told)|longest|looks|worlds|seed|  [0-9.]+ s,|reproduce)' "$2" \
        | cut -c 1-400 | tail -n 12 || true ;;
    floods | crashes)
      sed -E 's/^test .* \.\.\. //' "$2" | grep '[0-9]' \
        | grep -vE '^(running |test result| +[A-Z][a-z]+ )' | tail -n 20 || true ;;
    fuzz) grep '^|' "$2" || true ;;
    miri) awk '/^test result:/ { n += $4 } END { print n + 0 " tests under Miri" }' "$2" ;;
    benches) grep -vE '^( *(Compiling|Finished|Running) |test .*ignored|running |test result|$)' "$2" || true ;;
  esac
}

# Now and then the last line of the log of the part that runs.
progress() {
  local said
  while sleep 30; do
    said="$(tail -n 1 "$2" | cut -c 1-120)"
    printf '%s, %d min: %s\n' "$1" $(((SECONDS - $3) / 60)) "${said:-at work}" >&2
  done
}

stopped="" running=""
stop() {
  stopped=1
  [ -z "$running" ] || kill -TERM -- "-$running" 2>/dev/null || true
}
trap stop INT TERM
table=() ended=() broken=0
for part in "${parts[@]}"; do
  log="$output/$part.log" began=$SECONDS result=passed status=0
  echo "== $part (log: $log)" >&2
  # Process groups of their own, to be ended with all that they have started.
  set -m
  (run_"$part") >"$log" 2>&1 &
  running=$!
  progress "$part" "$log" "$began" &
  watcher=$!
  set +m
  wait "$running" || status=$?
  kill -TERM -- "-$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  case "$status" in
    0) ended+=("$part") ;;
    77) result="left out: $(tail -n 1 "$log")" ;;
    *)
      if [ -n "$stopped" ]; then
        result=stopped
      else
        result=FAILED broken=1
        ended+=("$part")
        tail -n 40 "$log" >&2
      fi ;;
  esac
  table+=("$(printf '| %s | %s | %d min %d s |' "$part" "$result" \
    $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)))")
  [ -z "$stopped" ] || break
done

printf '\n| part | result | time |\n|---|---|---|\n'
printf '%s\n' "${table[@]}"
for part in "${parts[@]}"; do
  log="$output/$part.log"
  if [ -s "$log" ] && [[ " ${ended[*]:-} " == *" $part "* ]]; then
    printf '\n%s:\n' "$part"
    figures "$part" "$log" | sed 's/^/  /'
  fi
done
exit "$broken"
