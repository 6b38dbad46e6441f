//! Commands out of the fuzzer's bytes: mostly such as control gives.

use std::net::{IpAddr, SocketAddr};

use strait_shared::command::{Command, NextHop};
use strait_shared::fuzz::Bytes;
use strait_shared::slot::{
    AdjacencyIndex, EgressPort, Forwarding, Generation, LatchPolicy, Policer, SlotIndex,
};

use super::frames;

/// One more than there are slots, so that one number is nobody's.
const SLOTS: usize = 11;

/// Some command.
pub(super) fn command(bytes: &mut Bytes) -> Command {
    let slot = SlotIndex(bytes.below(SLOTS) as u32);
    let generation = Generation(1 + bytes.below(3) as u32);
    match bytes.byte() % 8 {
        0..=3 => Command::Open {
            slot,
            generation,
            forwarding: forwarding(bytes),
        },
        4 | 5 => Command::Update {
            slot,
            generation,
            forwarding: forwarding(bytes),
            rearm: bytes.flag(),
        },
        6 => Command::Close { slot, generation },
        _ => Command::Adjacency {
            index: AdjacencyIndex(bytes.below(3) as u16),
            next_hop: bytes.flag().then(|| NextHop {
                egress_port: EgressPort(bytes.byte() % 2),
                mac: [2, 0, 0, 0, 0, bytes.byte()],
            }),
        },
    }
}

fn forwarding(bytes: &mut Bytes) -> Forwarding {
    let flags = bytes.byte();
    let set = |bit: u8| flags >> bit & 1 == 1;
    let odd = bytes.byte();
    let maybe = |bit: u8| odd >> bit & 1 == 1;
    Forwarding {
        peer: link(bytes, set(0)),
        accept: set(1),
        policy: *bytes.pick(&[
            LatchPolicy::Symmetric,
            LatchPolicy::Restricted,
            LatchPolicy::Signalled,
        ]),
        signalled: set(2).then(|| remote(bytes)),
        signalling_source: set(3).then(|| remote(bytes).ip()),
        send_before_latch: set(4),
        rtcp: set(5),
        rtcp_mux: set(6),
        dscp: bytes.byte() % 64,
        vlan: maybe(0).then(|| 1 + bytes.u16() % 4094),
        policer: maybe(1).then(|| Policer {
            packets_per_second: 1 + bytes.u32() % 1_000_000,
            bytes_per_second: 64 + bytes.u32() % 1_000_000,
            burst_ms: u32::from(bytes.u16()) % 4_001,
        }),
        silence_timeout_ms: u32::from(bytes.byte()) * 100,
        next_sibling: link(bytes, maybe(2)),
        port_of: link(bytes, maybe(3)),
        adjacency: maybe(4).then(|| AdjacencyIndex(bytes.below(3) as u16)),
        clock_hz: if set(7) { 8_000 } else { 0 },
    }
}

fn link(bytes: &mut Bytes, present: bool) -> Option<SlotIndex> {
    present.then(|| SlotIndex(bytes.below(SLOTS) as u32))
}

/// Somebody's address, or one of our own.
fn remote(bytes: &mut Bytes) -> SocketAddr {
    let ip: IpAddr = bytes.pick(&frames::IPS).parse().expect("a literal");
    SocketAddr::new(ip, frames::FIRST_PORT + bytes.below(4) as u16)
}
