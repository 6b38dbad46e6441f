#!/usr/bin/env bash
# Runs under Miri what holds `unsafe`: the region's memory and everything made of it, the memory
# port's frames, the buffers ports lend, the udp port's arrays. Undefined behaviour, a data race or
# a leak ends it.
#
# Miri knows no memfd, no shared mapping, no flock, no fork, no recvmmsg and no machine code: there
# the region and the frames lie on the heap, and what only those calls reach is left out.
#   scripts/miri.sh          77 when Miri is not installed
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo +nightly miri --version >/dev/null 2>&1; then
  echo "miri.sh: Miri is missing: rustup toolchain install nightly --component miri" >&2
  exit 77
fi
export MIRIFLAGS="-Zmiri-disable-isolation ${MIRIFLAGS:-}"
export PROPTEST_CASES="${PROPTEST_CASES:-4}"
cargo +nightly miri test --quiet -p strait-shared
cargo +nightly miri test --quiet -p strait-dataplane --lib -- frame:: port::memory port::udp::batch
