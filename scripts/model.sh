#!/usr/bin/env bash
# Checks the rings, the slot table and the attach protocol under every interleaving that loom knows,
# and that each memory ordering, weakened, is noticed.
#   scripts/model.sh
set -euo pipefail
cd "$(dirname "$0")/.."
RUSTFLAGS="--cfg loom" cargo test -p strait-shared --lib --release --quiet --target-dir target/loom
