#!/usr/bin/env bash
# Checks the rings, the slot table, the latch and the hand-over of the region under every
# interleaving that loom knows, and that each memory ordering, weakened, is noticed.
#   scripts/model.sh
set -euo pipefail
cd "$(dirname "$0")/.."

run() {
  RUSTFLAGS="--cfg loom" RUST_BACKTRACE=0 cargo test --quiet --release --lib \
    --target-dir "${CARGO_TARGET_DIR:-target}/loom" "$@" -- --nocapture --test-threads 1
}

run -p strait-shared
run -p strait-models
