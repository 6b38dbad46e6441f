#!/usr/bin/env bash
# A ready load test: a capture as fast as packets come back, which is what the relay can take.
#   scripts/replay-flat-out.sh [udp|memory] [CAPTURE] [strait-load's further arguments]
# Without a capture: the G.711 call that SIPp brings. The report with its plots: replay-flat-out.html
set -euo pipefail
cd "$(dirname "$0")/.."
over=${1:-udp}
capture=${2:-/usr/share/sip-tester/g711a.pcap}
[ -r "$capture" ] || { echo "$capture: not there; name a capture, or: apt install sip-tester" >&2; exit 2; }
cargo build --release --quiet -p strait-load -p strait-dataplane --bins
exec target/release/strait-load replay --speed max --calls 1000 --over "$over" --capture "$capture" \
  --html replay-flat-out.html "${@:3}"
