//! The configuration that a test brings along: two realms, and NICs of the kind asked for.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use crate::arguments::{Over, Ways};
use crate::hosts::{Hosts, MIDDLE_ADDRESSES};

const FIRST_PORT: u32 = 10_000;
const SOFTSWITCH_PORT: u16 = 5_060;
/// Calls on one address: two ports each.
const CALLS_PER_ADDRESS: usize = 25_000;
/// Octets that a policed packet may have.
const POLICED_BYTES: u64 = 1_500;
/// What a policed stream may send ahead: a sender on a busy machine catches up in bursts.
const POLICED_BURST_MS: u32 = 1_000;
/// The realms, and their NICs where they have NICs of their own.
const REALMS: [&str; 2] = ["near", "far"];

/// DPDK without huge pages, which a virtual device does not need, and without its chatter.
const DPDK_OPTIONS: &str = ", dpdk: { options: [ --no-huge, -m, '256', --log-level, '*:4' ] }";

/// What a configuration of ours is made of.
pub struct BuiltIn<'a> {
    directory: &'a Path,
    ways: &'a Ways,
    hosts: Option<&'a Hosts>,
}

impl<'a> BuiltIn<'a> {
    /// A configuration for these hosts, or for loopback addresses.
    pub fn new(directory: &'a Path, ways: &'a Ways, hosts: Option<&'a Hosts>) -> Self {
        Self {
            directory,
            ways,
            hosts,
        }
    }

    /// Strait's address `number` on one side.
    pub fn address(&self, side: usize, number: u8) -> IpAddr {
        match self.hosts {
            Some(hosts) => hosts.middle_address(side, number % MIDDLE_ADDRESSES),
            None => own_address(side as u8 + 1 + number * 2),
        }
    }

    /// Two realms with ports for so many calls, for media alone; each stream is held to so many
    /// packets a second.
    pub fn media(&self, calls: usize, workers: u16, police: Option<u32>) -> String {
        let mut text = self.beginning();
        let police = police.map(|packets| {
            let bytes = u64::from(packets) * POLICED_BYTES;
            format!(
                "    police: {{ packets_per_second: {packets}, bytes_per_second: {bytes}, \
                 burst_ms: {POLICED_BURST_MS} }}\n"
            )
        });
        let police = police.unwrap_or_default();
        for (side, name) in REALMS.into_iter().enumerate() {
            let address = self.address(side, 0);
            let nic = self.nic(side);
            let _ = write!(
                text,
                "  - name: {name}\n    signalling: [ {{ address: '{address}' }} ]\n{police}    \
                 media:\n"
            );
            for block in 0..calls.div_ceil(CALLS_PER_ADDRESS).max(1) {
                let here = (calls - block * CALLS_PER_ADDRESS).clamp(1, CALLS_PER_ADDRESS);
                let to = FIRST_PORT as usize + here * 2 - 1;
                let address = self.address(side, block as u8);
                let _ = writeln!(
                    text,
                    "      - {{ address: '{address}', ports: {FIRST_PORT}-{to}, nic: {nic} }}"
                );
            }
        }
        text + &self.end(workers)
    }

    /// A realm of phones and one of a softswitch at this address, with room for so many calls and
    /// so many a second.
    pub fn signalling(&self, softswitch: IpAddr, calls: usize, per_second: u32) -> String {
        // Asked again soon where it is not there yet when Strait comes up.
        let softswitch = SocketAddr::new(softswitch, SOFTSWITCH_PORT);
        let last = FIRST_PORT as usize + (calls * 2 - 1).min(50_000);
        let mut text = self.beginning();
        for (side, name) in REALMS.into_iter().enumerate() {
            let (address, nic) = (self.address(side, 0), self.nic(side));
            let _ = write!(
                text,
                "  - name: {name}\n    signalling: [ {{ address: '{address}' }} ]\n    \
                 media:\n      \
                 - {{ address: '{address}', ports: {FIRST_PORT}-{last}, nic: {nic} }}\n    \
                 port_quarantine: 1s\n"
            );
            if side == 0 {
                text.push_str("    forward_to: [ softswitch ]\n");
            }
        }
        let _ = write!(
            text,
            "softswitches:\n  - {{ name: softswitch, realm: far, address: \"{softswitch}\", \
             probe: 1s, retry_after: 1s }}\n\
             limits: {{ calls: {calls}, calls_per_second: {per_second} }}\n\
             records: {{ file: {}/calls.jsonl }}\n",
            self.directory.display(),
        );
        text + &self.end(1)
    }

    fn beginning(&self) -> String {
        let directory = self.directory.display();
        format!("runtime_directory: {directory}\nrealms:\n")
    }

    fn nic(&self, side: usize) -> &str {
        match self.ways.over {
            Over::Udp => "default",
            Over::Memory | Over::AfXdp | Over::Dpdk => REALMS[side],
        }
    }

    fn end(&self, workers: u16) -> String {
        let nics = match self.ways.over {
            Over::Udp => "{ name: default, port: udp }".to_owned(),
            Over::Memory => each_side(|side| format!("name: {}, port: memory", REALMS[side])),
            Over::AfXdp => each_side(|side| self.bypassing(side)),
            Over::Dpdk => each_side(|side| self.driven(side, workers)),
        };
        let dpdk = match self.ways.over {
            Over::Dpdk => DPDK_OPTIONS,
            _ => "",
        };
        let workers = vec!["{}"; usize::from(workers)].join(", ");
        format!(
            "dataplane: {{ nics: [ {nics} ], workers: [ {workers} ]{dpdk} }}\n\
             log: {{ level: warn }}\n"
        )
    }

    fn bypassing(&self, side: usize) -> String {
        let (name, interface) = (REALMS[side], self.interface(side));
        let mode = self
            .ways
            .mode
            .map(|mode| format!(", mode: {}", mode.name()));
        let mode = mode.unwrap_or_default();
        format!("name: {name}, port: af_xdp, interface: {interface}{mode}")
    }

    fn driven(&self, side: usize, workers: u16) -> String {
        let (name, interface) = (REALMS[side], self.interface(side));
        let driven = self.hosts.map(|hosts| hosts.driven_interface(side));
        let device = self
            .ways
            .device
            .with(side, &driven.unwrap_or_default(), workers);
        format!("name: {name}, port: dpdk, interface: {interface}, device: '{device}'")
    }

    /// The kernel's interface on one side.
    fn interface(&self, side: usize) -> String {
        let interface = self.hosts.map(|hosts| hosts.middle_interface(side));
        interface.unwrap_or_else(|| REALMS[side].to_owned())
    }
}

fn each_side(nic: impl Fn(usize) -> String) -> String {
    format!("{{ {} }}, {{ {} }}", nic(0), nic(1))
}

/// A loopback address of this process's own, so that several can run at once.
pub fn own_address(number: u8) -> IpAddr {
    let pid = std::process::id();
    [127, 64 + (pid >> 8) as u8 % 64, pid as u8, number].into()
}
