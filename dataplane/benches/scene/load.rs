//! What benches of the relay have in common: calls, the order packets come in, how time is told.

use std::net::SocketAddr;
use std::time::Duration;

use strait_dataplane::limits::BURST;
use strait_dataplane::port::FrameIndex;
use strait_dataplane::worker::Worker;
use strait_shared::command::{Command, CommandId, NextHop};
use strait_shared::geometry::Geometry;
use strait_shared::region::ControlEnd;
use strait_shared::slot::{
    AdjacencyIndex, Forwarding, Generation, LatchPolicy, Policer, SlotIndex,
};

/// 20 ms of G.711 with its RTP header: 214 octets in an untagged IPv4 frame.
pub const PAYLOAD_BYTES: usize = 172;
/// A whole burst.
pub const ALL: [FrameIndex; BURST] = {
    let mut all = [0; BURST];
    let mut index = 0;
    while index < BURST {
        all[index] = index as FrameIndex;
        index += 1;
    }
    all
};
/// No stream of a bench is held back, but every packet is held against it.
const POLICER: Policer = Policer {
    packets_per_second: 1_000_000_000,
    bytes_per_second: 4_000_000_000,
    burst_ms: 4_000,
};

/// The order in which packets visit calls (xorshift).
pub struct Order(u64);

impl Order {
    /// The same in every run.
    pub fn new() -> Self {
        Self(0x2545_f491_4f6c_dd1d)
    }

    /// The next of so many.
    pub fn next(&mut self, of: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % of as u64) as usize
    }
}

/// What is on for every slot: source check, policer, statistics, DSCP.
pub fn forwarding(peer: SlotIndex, remote: SocketAddr) -> Forwarding {
    Forwarding {
        peer: Some(peer),
        accept: true,
        policy: LatchPolicy::Restricted,
        signalled: Some(remote),
        send_before_latch: true,
        dscp: 46,
        policer: Some(POLICER),
        silence_timeout_ms: 60_000,
        clock_hz: 8_000,
        ..Forwarding::default()
    }
}

/// Gives every address a next hop and opens these slots.
pub fn open(
    control: &mut ControlEnd,
    worker: &mut Worker,
    geometry: &Geometry,
    slots: impl Iterator<Item = (SlotIndex, Forwarding)>,
) {
    let addresses = geometry.addresses().iter().enumerate();
    let adjacencies = addresses.map(|(index, address)| Command::Adjacency {
        index: AdjacencyIndex(index as u16),
        next_hop: Some(NextHop {
            egress_port: address.egress_port,
            mac: [2; 6],
        }),
    });
    let opened = slots.map(|(slot, forwarding)| Command::Open {
        slot,
        generation: Generation(1),
        forwarding,
    });
    for command in adjacencies.chain(opened) {
        let record = command.encode(CommandId(1));
        while control.commands[0].push(&record).is_err() {
            worker.breathe();
        }
    }
    while worker.breathe() {}
}

/// Everything that arrived was sent.
pub fn check(worker: &Worker) {
    let tally = worker.tally();
    let lost = tally.all_dropped();
    assert_eq!((tally.received, lost), (tally.sent, 0), "{tally:?}");
}

/// The best decile's and the median time a packet, in nanoseconds, of turns of so many.
pub fn per_packet(mut turns: Vec<Duration>, packets: usize) -> [f64; 2] {
    turns.sort();
    [10, 2].map(|part| turns[turns.len() / part].as_nanos() as f64 / packets as f64)
}
