#!/usr/bin/env bash
# Builds Strait and passes all its tests. Installs what they need (as root, by apt).
#   scripts/test.sh          everything
#   scripts/test.sh quick    without the memory-order models and the end-to-end scenarios
# What takes hours: scripts/soak.sh. What each layer proves: docs/TESTING.md.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/sbin:/sbin"

step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }
# The figures that tests print are shown, and a line for each test program.
run_tests() { cargo test "$@" --show-output 2>&1 | awk -f scripts/summary.awk; }

scripts/install.sh

step "formatting"
cargo fmt --all --check
step "lints"
cargo clippy --workspace --all-targets --quiet -- -D warnings
step "build"
cargo build --workspace --bins --quiet
step "tests"
run_tests --workspace --exclude strait-tests --
if [ "${1:-}" = quick ]; then
  exit 0
fi
step "memory-order models"
scripts/model.sh
step "end to end, real programs in network namespaces"
# Two at a time: every scenario runs several programs, and real time passes in it.
run_tests -p strait-tests -- --test-threads 2
step "all passed"
