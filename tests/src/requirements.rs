//! What a scenario needs from the machine, and what happens where it is missing.
//!
//! Without root or a package a scenario is skipped with a printed reason. Where `CI` is set both
//! are there, so a skip would hide a fault: it fails.

use std::path::Path;

use crate::port::Port;

/// Programs the scenarios run, with the Debian package that brings each.
const PACKAGES: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("ethtool", "ethtool"),
    ("ping", "iputils-ping"),
    ("nft", "nftables"),
    ("conntrack", "conntrack"),
    ("tcpdump", "tcpdump"),
    ("tshark", "tshark"),
    ("sipp", "sip-tester"),
    ("kamailio", "kamailio"),
    ("baresip", "baresip-core"),
    ("nsd", "nsd"),
    ("erl", "erlang-base"),
    ("erlc", "erlang-base"),
    ("rtpengine", "rtpengine-daemon"),
    ("osmo-mgw", "osmo-mgw"),
    ("dpdk-testpmd", "dpdk-dev"),
];

/// True when a scenario that needs root and `programs` can run here; else says why not.
///
/// # Panics
/// Where `CI` is set and something is missing.
pub fn met(programs: &[&str]) -> bool {
    let port = Port::chosen();
    if matches!(port, Port::Native | Port::Generic) && !has_af_xdp() {
        println!("skipped: this kernel has no AF_XDP");
        return false;
    }
    let reason = missing(programs);
    there(reason.is_none(), reason.as_deref().unwrap_or_default())
}

/// True when `program` is installed, for tests that need neither root nor namespaces; else says
/// why not.
///
/// # Panics
/// Where `CI` is set and it is missing.
pub fn has(program: &str) -> bool {
    let reason = not_installed(program);
    there(reason.is_none(), reason.as_deref().unwrap_or_default())
}

/// What a test needs is there; where it is not, says why.
///
/// # Panics
/// Where `CI` is set and it is not.
pub fn there(is_there: bool, reason: &str) -> bool {
    assert!(
        is_there || std::env::var_os("CI").is_none(),
        "cannot run under CI: {reason}"
    );
    if !is_there {
        println!("skipped: {reason}");
    }
    is_there
}

/// True where the kernel has AF_XDP. No package brings it, so a skip is right even under `CI`.
pub fn has_af_xdp() -> bool {
    let protocols = std::fs::read_to_string("/proc/net/protocols").unwrap_or_default();
    protocols.lines().any(|line| line.starts_with("XDP "))
}

/// Skips the calling test unless root, namespaces and the named programs are there.
#[macro_export]
macro_rules! require {
    ($($program:expr),* $(,)?) => {
        if !$crate::requirements::met(&["ip", "nft", "tcpdump", "tshark", $($program),*]) {
            return;
        }
    };
}

fn missing(programs: &[&str]) -> Option<String> {
    if !is_root() {
        return Some("needs root for network namespaces; run scripts/test.sh as root".into());
    }
    programs.iter().find_map(|program| not_installed(program))
}

fn not_installed(program: &str) -> Option<String> {
    let packages = || PACKAGES.iter().find(|(name, _)| *name == program);
    (!installed(program)).then(|| {
        let package = packages().map_or(program, |(_, package)| package);
        format!("{program} is not installed; apt-get install {package}")
    })
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| {
        status
            .lines()
            .find_map(|line| line.strip_prefix("Uid:"))
            .and_then(|ids| ids.split_whitespace().nth(1))
            == Some("0")
    })
}

/// True when `program` is on the path.
pub fn installed(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin", "/sbin"])
        .any(|dir| Path::new(dir).join(program).exists())
}
