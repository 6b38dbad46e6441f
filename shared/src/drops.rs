//! Why the relay drops a packet: one enum, one counter each, one name for the operator.
//!
//! Forwarded packets plus all of these are the packets that came in.

use crate::limits::DROP_REASONS_MAX;

/// Why a packet went no further.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum DropReason {
    /// Ends before the header or the length it declares.
    Truncated,
    /// Neither IPv4 nor IPv6, or more than one VLAN tag.
    NotIp,
    /// The version and lengths of its IP header contradict each other.
    IpHeader,
    /// The IPv4 header checksum is wrong.
    IpChecksum,
    /// A fragment: the relay reassembles nothing.
    Fragment,
    /// IPv6 extension headers, which the relay does not take off.
    Extension,
    /// Not UDP.
    NotUdp,
    /// The UDP length contradicts the IP length.
    UdpLength,
    /// IPv6 without a UDP checksum.
    UdpChecksum,
    /// For an address and port that is no slot, on this NIC and VLAN.
    NoSlot,
    /// From an address or port that no host can have.
    Martian,
    /// The slot is not in use: media without signalling.
    Closed,
    /// The slot's gate is shut in this direction.
    GateShut,
    /// From a source that may not send to this slot.
    SourceRefused,
    /// Another worker was latching the slot at every look.
    Latching,
    /// Over the policer's packet rate.
    PacketRate,
    /// Over the policer's byte rate.
    ByteRate,
    /// The slot has no peer, or its peer is not in use.
    NoPeer,
    /// The peer's remote is not known yet.
    NoRemote,
    /// The remote is of another IP version than the address it would be sent from.
    Family,
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
    pub const ALL: [Self; 25] = [
        Self::Truncated,
        Self::NotIp,
        Self::IpHeader,
        Self::IpChecksum,
        Self::Fragment,
        Self::Extension,
        Self::NotUdp,
        Self::UdpLength,
        Self::UdpChecksum,
        Self::NoSlot,
        Self::Martian,
        Self::Closed,
        Self::GateShut,
        Self::SourceRefused,
        Self::Latching,
        Self::PacketRate,
        Self::ByteRate,
        Self::NoPeer,
        Self::NoRemote,
        Self::Family,
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
            Self::Truncated => "truncated",
            Self::NotIp => "not_ip",
            Self::IpHeader => "ip_header",
            Self::IpChecksum => "ip_checksum",
            Self::Fragment => "fragment",
            Self::Extension => "ipv6_extension",
            Self::NotUdp => "not_udp",
            Self::UdpLength => "udp_length",
            Self::UdpChecksum => "udp_checksum",
            Self::NoSlot => "no_slot",
            Self::Martian => "martian",
            Self::Closed => "closed",
            Self::GateShut => "gate_shut",
            Self::SourceRefused => "source_refused",
            Self::Latching => "latching",
            Self::PacketRate => "packet_rate",
            Self::ByteRate => "byte_rate",
            Self::NoPeer => "no_peer",
            Self::NoRemote => "no_remote",
            Self::Family => "family",
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
