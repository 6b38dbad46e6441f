#!/usr/bin/env bash
# A ready load test: calls by SIP at a rate through a whole Strait, with a capture as their media.
#   scripts/replay-with-sip.sh [CALLS A SECOND] [CAPTURE] [strait-load's further arguments]
# Without a capture: the G.711 call that SIPp brings. The report with its plots: replay-with-sip.html
set -euo pipefail
cd "$(dirname "$0")/.."
rate=${1:-20}
capture=${2:-/usr/share/sip-tester/g711a.pcap}
[ -r "$capture" ] || { echo "$capture: not there; name a capture, or: apt install sip-tester" >&2; exit 2; }
cargo build --release --quiet --bins -p strait-load -p strait -p strait-control -p strait-dataplane
exec target/release/strait-load calls --rate "$rate" --capture "$capture" \
  --html replay-with-sip.html "${@:3}"
