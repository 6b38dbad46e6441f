//! What `af_xdp` NICs need of this machine: interfaces, queues, capabilities.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{Config, Nic, PortKind};

/// The capabilities AF_XDP needs, by their numbers (`capabilities(7)`).
const CAPABILITIES: [(u32, &str); 4] = [
    (12, "CAP_NET_ADMIN"),
    (13, "CAP_NET_RAW"),
    (38, "CAP_PERFMON"),
    (39, "CAP_BPF"),
];
const NETWORK: &str = "/sys/class/net";

/// What this machine lacks for the `af_xdp` NICs of a configuration.
pub(super) fn lacking(config: &Config) -> Vec<String> {
    let bypassing = |nic: &&Nic| nic.port == PortKind::AfXdp;
    let nics: Vec<&Nic> = config.dataplane.nics.iter().filter(bypassing).collect();
    if nics.is_empty() {
        return Vec::new();
    }
    let workers = config.dataplane.workers.len();
    let mut lacks: Vec<String> = nics
        .iter()
        .filter_map(|nic| interface(nic, workers))
        .collect();
    lacks.extend(capabilities());
    lacks
}

/// The interface is there and has a queue for every worker.
fn interface(nic: &Nic, workers: usize) -> Option<String> {
    let name = nic.interface();
    let directory = Path::new(NETWORK).join(name);
    if !directory.exists() {
        return Some(format!(
            "NIC {}: there is no interface `{name}` here; `ip link` lists them",
            nic.name
        ));
    }
    let entries = fs::read_dir(directory.join("queues")).ok()?.flatten();
    let queues = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("rx-"))
        .count();
    (queues < workers).then(|| {
        format!(
            "NIC {}: `{name}` has {queues} receive queues for {workers} workers; give it more \
             (`ethtool -L {name} combined {workers}`) or configure fewer workers",
            nic.name
        )
    })
}

fn capabilities() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    let effective = u64::from_str_radix(line.trim(), 16).ok()?;
    let lacking: BTreeSet<&str> = CAPABILITIES
        .iter()
        .filter(|(number, _)| effective & 1 << number == 0)
        .map(|(_, name)| *name)
        .collect();
    let names: Vec<&str> = lacking.into_iter().collect();
    (!names.is_empty()).then(|| {
        format!(
            "`port: af_xdp` needs {}, which this user lacks; run as root, or give the service \
             `AmbientCapabilities={}`",
            names.join(", "),
            names.join(" ")
        )
    })
}
