//! Rate limits: the generic cell rate algorithm (ITU-T I.371 annex A, virtual scheduling), once
//! for packets and once for bytes. A packet must conform to both, or neither clock moves.

use crate::slot::Policer;
use crate::sync::Ordering::Relaxed;
use crate::table::SlotRef;
use crate::table::view::load;
use crate::table::words::{high, low, pack};
use crate::time::Instant;

/// Parts of a nanosecond that a byte's cost is counted in.
const COST_PARTS: u64 = 256;
const NS_PER_SECOND: u64 = 1_000_000_000;

/// A policer as the hot path uses it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PolicerView {
    packet_interval_ns: u32,
    byte_cost: u32,
    tolerance_ns: u32,
}

/// What came of holding a packet against its slot's rates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rate {
    /// Within both rates.
    Conforms,
    /// Too many packets.
    TooManyPackets,
    /// Too many bytes.
    TooManyBytes,
}

impl PolicerView {
    #[inline(always)]
    pub(super) fn new(packet_word: u64, byte_word: u64) -> Option<Self> {
        let view = Self {
            packet_interval_ns: low(packet_word),
            byte_cost: low(byte_word),
            tolerance_ns: high(packet_word),
        };
        (view.packet_interval_ns != 0).then_some(view)
    }
}

impl SlotRef<'_> {
    /// Holds a packet of `bytes` UDP payload against the slot's rates, and charges it if it
    /// conforms. For the worker the flow lands on.
    #[inline]
    pub fn police(&self, policer: &PolicerView, now: Instant, bytes: u32) -> Rate {
        let now = now.as_nanos();
        let latest = now.saturating_add(u64::from(policer.tolerance_ns));
        let [packet_time, byte_time] = &self.words.arrival_times;
        let (due_packet, due_byte) = (load(packet_time), load(byte_time));
        if due_packet > latest {
            return Rate::TooManyPackets;
        }
        if due_byte > latest {
            return Rate::TooManyBytes;
        }
        let cost = u64::from(bytes) * u64::from(policer.byte_cost) / COST_PARTS;
        let interval = u64::from(policer.packet_interval_ns);
        packet_time.store(due_packet.max(now).saturating_add(interval), Relaxed);
        byte_time.store(due_byte.max(now).saturating_add(cost), Relaxed);
        Rate::Conforms
    }
}

/// The two configuration words of a policer, the stream's RTP clock beside it.
pub(super) fn words(policer: Option<Policer>, clock_hz: u32) -> [u64; 2] {
    let Some(policer) = policer else {
        return [0, pack(0, clock_hz)];
    };
    let interval = NS_PER_SECOND / u64::from(policer.packets_per_second);
    let cost = NS_PER_SECOND * COST_PARTS / u64::from(policer.bytes_per_second);
    let tolerance = u64::from(policer.burst_ms) * 1_000_000;
    // The record's limits keep all three below 2³². At least 1, for 0 means no policer.
    let narrow = |ns: u64| u32::try_from(ns.max(1)).unwrap_or(u32::MAX);
    [
        pack(narrow(interval), narrow(tolerance)),
        pack(narrow(cost), clock_hz),
    ]
}
