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

scripts/install.sh --dpdk
# Nobody builds there twice.
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0
ports=(udp native generic)
# Cargo chooses features by what it is asked for, and compiles everything anew for others: it is
# asked for the same, all the way.
programs=()
for path in tests/tests/*; do
  name=$(basename "$path" .rs)
  [ "$name" = e2e ] || programs+=(--test "$name")
done
dpdk=(--manifest-path dataplane/dpdk/Cargo.toml)

step "formatting"
cargo fmt --all --check
step "lints"
cargo clippy --workspace --all-targets --quiet -- -D warnings
step "build"
cargo build --workspace --bins --tests --quiet
if pkg-config --exists 'libdpdk >= 22.11' 2>/dev/null; then
  step "the DPDK port, a workspace of its own"
  cargo fmt --all --check "${dpdk[@]}"
  cargo clippy --workspace --all-targets --quiet "${dpdk[@]}" --target-dir target -- -D warnings
  cargo build --bins --tests --quiet "${dpdk[@]}" --target-dir target
  run_tests --workspace "${dpdk[@]}" --target-dir target --
  ports+=(dpdk)
elif [ -n "${CI:-}" ]; then
  echo "DPDK is missing, and nothing is skipped where CI is set: scripts/install.sh --dpdk" >&2
  exit 1
else
  echo "skipped: the DPDK port; as root, scripts/install.sh --dpdk installs what it needs"
fi
step "tests"
run_tests --workspace --exclude strait-tests --
if [ "${1:-}" = quick ]; then
  exit 0
fi
step "memory-order models"
scripts/model.sh
step "whole programs: crashes, floods, exit codes, the tree itself"
# Two at a time, for what measures memory and gaps.
run_tests --workspace "${programs[@]}" -- --test-threads 2
for port in "${ports[@]}"; do
  step "end to end, real programs in network namespaces, by $port"
  # Real time passes in every scenario, and little of it is the processor's.
  STRAIT_TEST_PORT="$port" run_tests --workspace --test e2e -- --test-threads 6
done
step "all passed"
