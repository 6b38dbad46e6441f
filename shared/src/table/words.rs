//! The exact layout of a slot.
//!
//! | word | content | low bits first |
//! |---|---|---|
//! | 0 | sequence | odd while the owner writes |
//! | 1 | flags | see [`flag`]; 14-19 DSCP, 20-31 VLAN (0 none), 32-63 slot whose port is used |
//! | 2 | links | 0-31 peer slot, 32-47 adjacency, 48-63 local address |
//! | 3 | latch | see `latch` |
//! | 4, 5 | remote | address, IPv4 mapped (its port is in the latch word) |
//! | 6 | packet policer | 0-31 interval in ns (0 none), 32-63 tolerance in ns |
//! | 7 | byte policer | 0-31 cost of a byte in 1/256 ns, 32-63 RTP clock in Hz |
//! | 8 | packets | |
//! | 9 | bytes | |
//! | 10 | last seen | ns |
//! | 11, 12 | theoretical arrival times | packets, bytes; ns |
//! | 13 | RTP source | 0-31 SSRC, 32-63 extended highest sequence (0 none heard) |
//! | 14 | RTP timing | 0-31 jitter in 1/16 ticks, 32-63 transit in ticks |
//! | 15 | RTP loss | 0-31 lost base, 32-63 disordered |
//! | 16, 17 | signalled address | |
//! | 18, 19 | signalling source | |
//! | 20 | ports | 0-15 signalled port, 32-63 next sibling |
//! | 21 | use | 0-31 generation, 32-63 silence timeout in ms |
//! | 22 | refused | |
//! | 23 | policed | |
//!
//! Absent slots are all ones. Words 0-2, 6, 7 and 16-21 are the configuration.

use crate::slot::SlotIndex;
use crate::sync::AtomicU64;

#[cfg_attr(not(loom), repr(C, align(64)))]
pub(crate) struct SlotWords {
    pub(super) sequence: AtomicU64,
    pub(super) flags: AtomicU64,
    pub(super) links: AtomicU64,
    pub(super) latch: AtomicU64,
    pub(super) remote: [AtomicU64; 2],
    pub(super) packet_policer: AtomicU64,
    pub(super) byte_policer: AtomicU64,

    pub(super) packets: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) last_seen: AtomicU64,
    pub(super) arrival_times: [AtomicU64; 2],
    pub(super) rtp_source: AtomicU64,
    pub(super) rtp_timing: AtomicU64,
    pub(super) rtp_loss: AtomicU64,

    pub(super) signalled: [AtomicU64; 2],
    pub(super) signalling_source: [AtomicU64; 2],
    pub(super) ports: AtomicU64,
    pub(super) usage: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) policed: AtomicU64,
}

/// Bits of the flags word.
pub(super) mod flag {
    pub const OPEN: u64 = 1 << 0;
    pub const ACCEPT: u64 = 1 << 1;
    pub const POLICY_SHIFT: u32 = 2;
    pub const POLICY_MASK: u64 = 0b11 << POLICY_SHIFT;
    pub const SEND_BEFORE_LATCH: u64 = 1 << 4;
    pub const RTCP: u64 = 1 << 5;
    pub const RTCP_MUX: u64 = 1 << 6;
    /// The signalled address is one of our own.
    pub const HAIRPIN: u64 = 1 << 7;
    /// The owner has reported silence.
    pub const SILENT: u64 = 1 << 8;
    /// A worker died while it wrote the configuration; closed until it is written again.
    pub const HALF_WRITTEN: u64 = 1 << 9;
    pub const DSCP_SHIFT: u32 = 14;
    pub const VLAN_SHIFT: u32 = 20;
    pub const PORT_OF_SHIFT: u32 = 32;
}

/// No slot.
pub(super) const NO_SLOT: u32 = u32::MAX;

pub(super) fn pack(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

#[inline(always)]
pub(super) fn low(word: u64) -> u32 {
    word as u32
}

#[inline(always)]
pub(super) fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

pub(super) fn slot_or_none(slot: Option<SlotIndex>) -> u32 {
    slot.map_or(NO_SLOT, |slot| slot.0)
}

#[inline(always)]
pub(super) fn some_slot(index: u32) -> Option<SlotIndex> {
    (index != NO_SLOT).then_some(SlotIndex(index))
}

#[cfg(not(loom))]
impl SlotWords {
    /// Where each part lies, for the layout hash.
    pub(crate) const OFFSETS: [usize; 8] = [
        std::mem::offset_of!(SlotWords, flags),
        std::mem::offset_of!(SlotWords, latch),
        std::mem::offset_of!(SlotWords, remote),
        std::mem::offset_of!(SlotWords, packet_policer),
        std::mem::offset_of!(SlotWords, packets),
        std::mem::offset_of!(SlotWords, rtp_source),
        std::mem::offset_of!(SlotWords, signalled),
        std::mem::offset_of!(SlotWords, policed),
    ];
}

#[cfg(not(loom))]
const _: () = {
    use crate::limits::{SLOT_BYTES, SLOT_WORDS};
    assert!(size_of::<SlotWords>() == SLOT_BYTES);
    assert!(std::mem::offset_of!(SlotWords, packets) == 64);
    assert!(std::mem::offset_of!(SlotWords, signalled) == 128);
    assert!(std::mem::offset_of!(SlotWords, policed) == (SLOT_WORDS - 1) * 8);
};

#[cfg(loom)]
impl SlotWords {
    /// A closed slot whose sequence and epoch wrap at the next step.
    pub(crate) fn about_to_wrap() -> Self {
        let word = || AtomicU64::new(0);
        Self {
            sequence: AtomicU64::new(u64::MAX - 1),
            flags: word(),
            links: word(),
            latch: AtomicU64::new(u64::from(u32::MAX) << 32),
            remote: [word(), word()],
            packet_policer: word(),
            byte_policer: word(),
            packets: word(),
            bytes: word(),
            last_seen: word(),
            arrival_times: [word(), word()],
            rtp_source: word(),
            rtp_timing: word(),
            rtp_loss: word(),
            signalled: [word(), word()],
            signalling_source: [word(), word()],
            ports: word(),
            usage: word(),
            refused: word(),
            policed: word(),
        }
    }
}
