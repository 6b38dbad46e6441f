//! Whether this machine has what a configuration asks for: cores, addresses, descriptors, memory.
//!
//! Said apart from the rest, because a file may be checked on another machine than it runs on.

mod devices;
mod interfaces;

use std::{
    io::ErrorKind,
    net::{IpAddr, UdpSocket},
};

use rustix::process::{Resource, getrlimit};
use strait_shared::region::Region;

use crate::{Config, PortKind, geometry};

/// Descriptors a process needs beside its sockets for media and connections.
const SPARE_DESCRIPTORS: u64 = 64;

/// What this machine lacks, one sentence each, with what to do about it.
pub fn lacking(config: &Config) -> Vec<String> {
    let mut lacks = Vec::new();
    lacks.extend(cores(config));
    lacks.extend(addresses(config));
    lacks.extend(interfaces::lacking(config));
    lacks.extend(devices::lacking(config));
    lacks.extend(descriptors(config));
    lacks.extend(memory(config));
    lacks
}

fn cores(config: &Config) -> Vec<String> {
    let Ok(online) = std::fs::read_to_string("/sys/devices/system/cpu/online") else {
        return Vec::new();
    };
    let workers = config.dataplane.workers.iter().enumerate();
    workers
        .filter_map(|(index, worker)| Some((index, worker.core?)))
        .filter(|(_, core)| !contains(&online, *core))
        .map(|(index, core)| {
            let online = online.trim();
            format!(
                "dataplane.workers[{index}].core: there is no core {core} here; there are {online}"
            )
        })
        .collect()
}

/// Whether a list such as `0-3,8` contains `core`.
fn contains(list: &str, core: u16) -> bool {
    list.trim().split(',').any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let bounds = first.parse().ok().zip(last.parse().ok());
        bounds.is_some_and(|(first, last): (u16, u16)| (first..=last).contains(&core))
    })
}

/// An address can be bound here, on a port of the kernel's choice.
fn addresses(config: &Config) -> Vec<String> {
    let mut all: Vec<IpAddr> = Vec::new();
    for realm in &config.realms {
        let media = realm
            .media
            .iter()
            .filter(|media| of_kernel(config, &media.nic));
        all.extend(realm.signalling.iter().map(|signalling| signalling.address));
        let control = realm.gateway_control.iter().flat_map(|c| &c.addresses);
        all.extend(control.map(|control| control.address));
        all.extend(media.map(|media| media.address));
    }
    all.sort();
    all.dedup();
    all.retain(|ip| {
        let bound = UdpSocket::bind((*ip, 0));
        bound.is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable)
    });
    all.iter()
        .map(|ip| format!("{ip} is no address of this machine; `ip address` lists them"))
        .collect()
}

fn through_sockets(config: &Config, nic: &crate::NicName) -> bool {
    let mut nics = config.dataplane.nics.iter();
    nics.any(|settings| settings.name == *nic && settings.port == PortKind::Udp)
}

/// Whether the addresses on a NIC are the kernel's, which then answers ARP for them.
fn of_kernel(config: &Config, nic: &crate::NicName) -> bool {
    let kernel = |port: PortKind| port == PortKind::Udp || port.is_with_kernel();
    let mut nics = config.dataplane.nics.iter();
    nics.any(|settings| settings.name == *nic && kernel(settings.port))
}

/// A `udp` NIC has one socket for each media port; control has one for each connection.
fn descriptors(config: &Config) -> Vec<String> {
    let Some(hard) = getrlimit(Resource::Nofile).maximum else {
        return Vec::new();
    };
    let media = config.realms.iter().flat_map(|realm| &realm.media);
    let sockets: u64 = media
        .filter(|media| through_sockets(config, &media.nic))
        .map(|media| 2 * u64::from(media.ports.pairs()))
        .sum();
    let wanted = [
        (sockets + SPARE_DESCRIPTORS, "the dataplane"),
        (
            u64::from(config.limits.tcp_connections) + SPARE_DESCRIPTORS,
            "control",
        ),
    ];
    let short = wanted.iter().filter(|(wanted, _)| *wanted > hard);
    short
        .map(|(wanted, process)| {
            format!(
                "{process} needs {wanted} descriptors, but the hard limit is {hard}; \
                 raise LimitNOFILE of its unit, or `ulimit -Hn` as root"
            )
        })
        .collect()
}

fn memory(config: &Config) -> Option<String> {
    let region_bytes = Region::bytes_for(&geometry(config).ok()?) as u64;
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let available_bytes = line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024;
    (region_bytes > available_bytes).then(|| {
        format!(
            "the region takes {region_bytes} bytes, but {available_bytes} are available; \
             narrow the media port ranges"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_lists() {
        assert!(contains("0-3,8\n", 0) && contains("0-3,8\n", 8) && contains("0\n", 0));
        assert!(!contains("0-3,8\n", 4) && !contains("", 0));
    }

    #[test]
    fn names_what_is_not_here() {
        let config: Config = "
realms:
  - name: access
    signalling: [ { address: 203.0.113.254 } ]
    media: [ { address: 127.0.0.1, ports: 20000-20199 } ]
dataplane: { workers: [ { core: 65535 } ] }
"
        .parse()
        .expect("a configuration");
        let lacks = lacking(&config).join("\n");
        assert!(lacks.contains("there is no core 65535"), "{lacks}");
        assert!(lacks.contains("203.0.113.254 is no address"), "{lacks}");
        assert!(!lacks.contains("127.0.0.1"), "{lacks}");
    }
}
