#!/usr/bin/env bash
# A ready load test: the most calls of a capture that this machine relays with less than 0.1 % lost.
#   scripts/replay-ramp.sh [MOST CALLS] [CAPTURE] [strait-load's further arguments]
# Without a capture: the G.711 call that SIPp brings. The report with its plots: replay-ramp.html
set -euo pipefail
cd "$(dirname "$0")/.."
most=${1:-5000}
capture=${2:-/usr/share/sip-tester/g711a.pcap}
[ -r "$capture" ] || { echo "$capture: not there; name a capture, or: apt install sip-tester" >&2; exit 2; }
cargo build --release --quiet -p strait-load -p strait-dataplane --bins
exec target/release/strait-load ramp --to "$most" --capture "$capture" \
  --html replay-ramp.html "${@:3}"
