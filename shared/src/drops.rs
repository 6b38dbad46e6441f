//! Why the relay drops a packet: one enum, one counter each, one name for the operator.
//!
//! Forwarded packets plus all of these are the packets that came in.

use crate::limits::DROP_REASONS_MAX;

/// Why a packet went no further.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum DropReason {
    /// Cut short, or a length or checksum in its headers cannot be.
    Malformed,
    /// Not UDP over IP, or with options or extension headers the relay does not take off.
    NotUdp,
    /// A fragment: the relay reassembles nothing.
    Fragment,
    /// For an address and port that is no slot.
    NoSlot,
    /// The slot is not in use: media without signalling.
    Closed,
    /// The slot's gate is shut in this direction.
    GateShut,
    /// From a source that may not send to this slot.
    SourceRefused,
    /// Over the policer's packet rate.
    PacketRate,
    /// Over the policer's byte rate.
    ByteRate,
    /// The slot has no peer, or its peer is not in use.
    NoPeer,
    /// The peer's remote is not known yet.
    NoRemote,
    /// The next hop is not resolved.
    NoAdjacency,
    /// Came back to one of our own addresses once too often.
    HairpinLimit,
    /// Longer than a frame on the way out may be.
    TooLong,
    /// The slot was being written at every look.
    Contended,
    /// The port on the way out took no more.
    TransmitFull,
}

impl DropReason {
    /// Every reason, in the order of their counters.
    pub const ALL: [Self; 16] = [
        Self::Malformed,
        Self::NotUdp,
        Self::Fragment,
        Self::NoSlot,
        Self::Closed,
        Self::GateShut,
        Self::SourceRefused,
        Self::PacketRate,
        Self::ByteRate,
        Self::NoPeer,
        Self::NoRemote,
        Self::NoAdjacency,
        Self::HairpinLimit,
        Self::TooLong,
        Self::Contended,
        Self::TransmitFull,
    ];

    /// The counter's place in the statistics page.
    #[inline(always)]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The counter's name for operators and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NotUdp => "not_udp",
            Self::Fragment => "fragment",
            Self::NoSlot => "no_slot",
            Self::Closed => "closed",
            Self::GateShut => "gate_shut",
            Self::SourceRefused => "source_refused",
            Self::PacketRate => "packet_rate",
            Self::ByteRate => "byte_rate",
            Self::NoPeer => "no_peer",
            Self::NoRemote => "no_remote",
            Self::NoAdjacency => "no_adjacency",
            Self::HairpinLimit => "hairpin_limit",
            Self::TooLong => "too_long",
            Self::Contended => "contended",
            Self::TransmitFull => "transmit_full",
        }
    }
}

const _: () = {
    assert!(DropReason::ALL.len() <= DROP_REASONS_MAX);
    let mut index = 0;
    while index < DropReason::ALL.len() {
        assert!(DropReason::ALL[index].index() == index);
        index += 1;
    }
};
