//! The kernel as a relay: it forwards between the two sides and translates addresses, as a ruleset
//! of nftables says.
//!
//! Call `n` has the ports of Strait's call `n`. Connection tracking learns of a flow by its first
//! packet; both directions begin at the same moment in a test, so one packet of each flow goes
//! ahead.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto};

use super::{Legs, Through};
use crate::Failure;
use crate::hosts::{Hosts, MIDDLE_ADDRESSES};
use crate::station::Station;
use crate::wire::write;

const FIRST_PORT: u16 = 10_000;
/// Calls on one address: two ports each.
const CALLS_PER_ADDRESS: usize = 25_000;
/// Octets of the Ethernet header that a raw socket does without.
const ETHERNET_BYTES: usize = 14;
/// The packets that go ahead are sent so many at a time, which every queue has room for.
const AHEAD_BURST: usize = 64;
const AHEAD_PAUSE: Duration = Duration::from_millis(2);
const AHEAD_ARRIVES: Duration = Duration::from_millis(100);

/// By side, the party's address and the one in the middle that it sends to.
type Flow = [[SocketAddr; 2]; 2];

/// The kernel of the host in the middle.
pub struct Nftables {
    near: Station,
    flows: Vec<Flow>,
    interfaces: [String; 2],
    /// By side.
    addresses: [Vec<IpAddr>; 2],
    middle: Station,
}

impl Nftables {
    /// Has the kernel forward.
    pub fn start(hosts: &Hosts) -> Result<Self, Failure> {
        hosts.sysctl("net.ipv4.ip_forward", "1")?;
        Ok(Self {
            near: hosts.party(0),
            flows: Vec::new(),
            interfaces: [0, 1].map(|side| hosts.middle_interface(side)),
            addresses: [0, 1].map(|side| {
                let numbers = 0..MIDDLE_ADDRESSES;
                numbers
                    .map(|number| hosts.middle_address(side, number))
                    .collect()
            }),
            middle: hosts.middle(),
        })
    }

    /// The ruleset that translates all flows: the first packet of each is marked with the number
    /// of its flow, by which it gets its new source when it leaves.
    fn ruleset(&self) -> String {
        let mut text = String::from("flush ruleset\ntable ip strait_load {\n");
        let mut inward = String::from("type nat hook prerouting priority dstnat;\n");
        let mut outward = String::from("type nat hook postrouting priority srcnat;\n");
        for side in [0, 1] {
            let (name, other) = (&self.interfaces[side], &self.interfaces[1 - side]);
            let arriving = |_, flow: &Flow| pair(flow[side][1]);
            let number = |number, _: &Flow| format!("{}", number + 1);
            let map = |key: &dyn Fn(usize, &Flow) -> String,
                       value: &dyn Fn(usize, &Flow) -> String| {
                let flows = self.flows.iter().enumerate();
                let rows =
                    flows.map(|(at, flow)| format!("{} : {}", key(at, flow), value(at, flow)));
                rows.collect::<Vec<_>>().join(",\n")
            };
            let kind = "ipv4_addr . inet_service";
            let numbers = map(&arriving, &number);
            let to = map(&arriving, &|_, flow| pair(flow[1 - side][0]));
            let by = map(&number, &|_, flow| pair(flow[1 - side][1]));
            let _ = write!(
                text,
                "map number_{side} {{ type {kind} : mark; elements = {{ {numbers} }} }}\n\
                 map to_{side} {{ type {kind} : {kind}; elements = {{ {to} }} }}\n\
                 map by_{side} {{ type mark : {kind}; elements = {{ {by} }} }}\n"
            );
            let arriving = "ip daddr . udp dport map";
            let _ = writeln!(
                inward,
                "iifname {name} ct mark set {arriving} @number_{side} dnat ip to {arriving} \
                 @to_{side}"
            );
            let _ = writeln!(
                outward,
                "iifname {name} oifname {other} meta l4proto udp snat ip to ct mark map @by_{side}"
            );
        }
        let _ = write!(
            text,
            "chain inward {{ {inward} }}\nchain outward {{ {outward} }}\n}}\n"
        );
        text
    }

    /// One packet of every flow, from the near side.
    fn send_ahead(&self) -> io::Result<()> {
        let socket = self.near.within(|| {
            let flags = SocketFlags::CLOEXEC;
            let raw = Some(ipproto::RAW);
            Ok(rustix::net::socket_with(
                AddressFamily::INET,
                SocketType::RAW,
                flags,
                raw,
            )?)
        })?;
        for burst in self.flows.chunks(AHEAD_BURST) {
            for [near, _] in burst {
                let mut frame = Vec::new();
                write(&mut frame, [[0; 6]; 2], *near, b"ahead");
                let to = SocketAddr::new(near[1].ip(), 0);
                rustix::net::sendto(&socket, &frame[ETHERNET_BYTES..], SendFlags::empty(), &to)?;
            }
            std::thread::sleep(AHEAD_PAUSE);
        }
        std::thread::sleep(AHEAD_ARRIVES);
        Ok(())
    }
}

/// An address and a port as nftables concatenates them.
fn pair(address: SocketAddr) -> String {
    format!("{} . {}", address.ip(), address.port())
}

impl Through for Nftables {
    fn open(&mut self, call: usize, party: Legs) -> Result<Legs, Failure> {
        let (block, place) = (call / CALLS_PER_ADDRESS, call % CALLS_PER_ADDRESS);
        if block >= usize::from(MIDDLE_ADDRESSES) {
            return Err(Failure::Mismatch(
                "nftables: too many calls for the ports there are",
            ));
        }
        let middle = |side: usize, component| {
            let address = self.addresses[side][block];
            SocketAddr::new(address, FIRST_PORT + place as u16 * 2 + component)
        };
        let local = [0, 1].map(|side| [middle(side, 0), middle(side, 1)]);
        for component in [0, 1] {
            self.flows
                .push([0, 1].map(|side: usize| [party[side][component], local[side][component]]));
        }
        Ok(local)
    }

    fn settle(&mut self) -> Result<(), Failure> {
        if self.flows.is_empty() {
            return Ok(());
        }
        Hosts::feed_at(&self.middle, "nft", &["-f", "-"], &self.ruleset())?;
        let failed = |error: io::Error| Failure::Hosts(format!("packets ahead: {error}"));
        self.send_ahead().map_err(failed)
    }

    fn close(&mut self) -> Result<(), Failure> {
        self.flows.clear();
        Ok(())
    }
}
