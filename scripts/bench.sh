#!/usr/bin/env bash
# Puts the same load through Strait and through what it is compared with, side by side: one
# generator, the same hosts (network namespaces joined by veth pairs), in turn, round after round.
#
#   scripts/bench.sh [options]
#
#   --quick           one round, about three minutes; otherwise five, about a quarter of an hour
#   --only NAME,...   take part: strait-udp, strait-af_xdp-native, strait-af_xdp-generic,
#                     strait-dpdk-af_packet, strait-dpdk-af_xdp (on DPDK's virtual devices),
#                     echo-native, echo-generic (the AF_XDP port without the relay), rtpengine,
#                     nftables, testpmd-af_packet, testpmd-af_xdp
#   --capture FILE    what calls play; by default the G.711 call that SIPp brings
#   --output PATH     where the results go: PATH.txt, PATH.json, PATH.html (default target/bench)
#   --help            this; and `strait-load bench --help` for more, which is passed on
#
# Needs root and two cores: one for the parties, one for what stands between them, each with what
# the kernel does for its interfaces. Those are real-time threads, and the rest runs with the
# highest priority there is, so that other work on the machine is in the way as little as can be;
# it does without the two cores meanwhile. What is not installed is left out, and said to be.
# docs/PERFORMANCE.md says what it showed.
set -euo pipefail
. "$(dirname "$0")/options.sh"
cd "$(dirname "$0")/.."
export PATH="$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin:/usr/sbin:/sbin"

capture=/usr/share/sip-tester/g711a.pcap
output=target/bench
passed=()
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) passed+=(--rounds 1) ;;
    --capture | --output)
      [ $# -ge 2 ] || fail "$1 needs a value; see --help"
      declare "${1#--}=$2"
      shift ;;
    --help | -h) usage; exit 0 ;;
    *) passed+=("$1") ;;
  esac
  shift
done
[ "$(id -u)" -eq 0 ] || fail "network namespaces need root"
[ "$(nproc)" -ge 2 ] || fail "needs two cores"
[ -r "$capture" ] || fail "$capture: not there; name one with --capture, or: apt install sip-tester"
cargo build --release --quiet -p strait-load -p strait-dataplane --bins
if pkg-config --exists 'libdpdk >= 22.11' 2>/dev/null; then
  cargo build --release --quiet --manifest-path dataplane/dpdk/Cargo.toml --target-dir target
fi
exec nice -n -20 target/release/strait-load bench --capture "$capture" --output "$output" \
  ${passed[@]+"${passed[@]}"}
