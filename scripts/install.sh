#!/usr/bin/env bash
# Installs the Debian packages that Strait's tests run against. As root it installs what is missing;
# otherwise it says what is missing and succeeds, so that what needs none of it goes on.
#   scripts/install.sh           what the tests of the default build need
#   scripts/install.sh --dpdk    also DPDK and what its port is built with
set -euo pipefail

# program:package
needed=(
  cc:build-essential ip:iproute2 ethtool:ethtool ping:iputils-ping nft:nftables conntrack:conntrack
  tcpdump:tcpdump tshark:tshark sipp:sip-tester kamailio:kamailio baresip:baresip-core python3:python3
  nsd:nsd rtpengine:rtpengine-daemon erl:erlang-base osmo-mgw:osmo-mgw
)
export PATH="$PATH:/usr/sbin:/sbin"

missing=()
libraries=()
compgen -G '/usr/lib/erlang/lib/megaco-*/ebin' >/dev/null || libraries+=(erlang-megaco)
# Headers of Erlang's libraries are a package of their own.
compgen -G '/usr/lib/erlang/lib/megaco-*/include/megaco.hrl' >/dev/null || libraries+=(erlang-dev)
if [ "${1:-}" = --dpdk ]; then
  needed+=(pkg-config:pkg-config dpdk-testpmd:dpdk-dev)
  pkg-config --exists 'libdpdk >= 22.11' 2>/dev/null || libraries+=(libdpdk-dev)
  # Not libclang-cpp, which other packages bring and no binding generator can use.
  compgen -G '/usr/lib/llvm-*/lib/libclang.so' >/dev/null || libraries+=(libclang-dev)
fi
for pair in "${needed[@]}"; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
missing+=("${libraries[@]}")
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "missing packages: ${missing[*]}" >&2
  echo "what needs them is skipped; to run it too: sudo apt-get install ${missing[*]}" >&2
  exit 0
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
# Debian starts servers as services at once; the tests start their own.
for service in kamailio nsd rtpengine-daemon epmd.socket epmd osmo-mgw; do
  if command -v systemctl >/dev/null && systemctl is-active -q "$service" 2>/dev/null; then
    systemctl disable -q --now "$service" || true
  fi
done
