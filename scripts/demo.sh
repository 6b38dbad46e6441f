#!/usr/bin/env bash
# Builds Strait and places real calls through it on this machine: phones behind simulated NATs, a
# softswitch, media both ways. Needs a Rust toolchain and no privileges; arguments go to `strait demo`.
#   scripts/demo.sh [--seconds N] [--calls N] [--json] [--output DIR]
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin"

if ! command -v cargo >/dev/null; then
  echo "demo.sh: cargo is missing: install a Rust toolchain, see https://rustup.rs" >&2
  exit 1
fi
if ! command -v cc >/dev/null; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "demo.sh: a linker is missing: sudo apt-get install gcc libc6-dev" >&2
    exit 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq gcc libc6-dev >/dev/null
fi

target="${CARGO_TARGET_DIR:-$PWD/target}"
echo "building Strait (the first time this takes a few minutes)" >&2
cargo build --release --bins -p strait -p strait-control -p strait-dataplane

# A recorded call is played if there is one, a synthesised voice otherwise.
export STRAIT_TESTDATA="${STRAIT_TESTDATA:-$PWD/../shared/testdata}"
exec "$target/release/strait" demo --output "$target/demo" "$@"
