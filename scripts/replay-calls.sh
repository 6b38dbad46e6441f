#!/usr/bin/env bash
# A ready load test: replays a capture as many calls at once, in real time, and checks every packet.
#   scripts/replay-calls.sh [CALLS] [CAPTURE] [strait-load's further arguments]
# Without a capture: the G.711 call that SIPp brings. The report with its plots: replay-calls.html
set -euo pipefail
cd "$(dirname "$0")/.."
calls=${1:-500}
capture=${2:-/usr/share/sip-tester/g711a.pcap}
[ -r "$capture" ] || { echo "$capture: not there; name a capture, or: apt install sip-tester" >&2; exit 2; }
cargo build --release --quiet -p strait-load -p strait-dataplane --bins
exec target/release/strait-load replay --calls "$calls" --capture "$capture" \
  --html replay-calls.html "${@:3}"
