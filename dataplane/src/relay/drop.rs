//! Why a frame went no further. One enum, one counter for each: their sum and the frames sent
//! are the frames received.

use crate::wire::Fault;

/// Why a frame was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DropReason {
    /// The frame ends before the header or length it declares.
    Truncated,
    /// Neither IPv4 nor IPv6, or more than one VLAN tag.
    NotIp,
    /// A contradictory IP header.
    IpHeader,
    /// A wrong IPv4 header checksum.
    IpChecksum,
    /// A fragment.
    Fragment,
    /// IPv6 extension headers.
    Extension,
    /// Not UDP.
    NotUdp,
    /// A contradictory UDP length.
    UdpLength,
    /// IPv6 without a UDP checksum.
    UdpChecksum,
    /// Not one of our media addresses and ports, on this NIC and VLAN.
    NotLocal,
    /// No call uses the port.
    Closed,
    /// Signalling lets nothing in here now.
    Gate,
    /// A source that may not send here.
    Source,
    /// The first packet of another source was being latched at the same time.
    Latching,
    /// Over the policer's rate.
    Policed,
    /// The slot has no peer to leave from.
    NoPeer,
    /// The peer's address is not known yet.
    NoRemote,
    /// The remote is of another IP version than the address it would be sent from.
    Family,
    /// The next hop is not resolved.
    NoNextHop,
    /// Too long for the port once its headers were built.
    Oversized,
    /// Through our own addresses more often than allowed.
    Hairpin,
    /// The port it should have left by did not take it.
    Egress,
    /// A writer held the slot for too long.
    Contended,
}

impl DropReason {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 23] = [
        Self::Truncated,
        Self::NotIp,
        Self::IpHeader,
        Self::IpChecksum,
        Self::Fragment,
        Self::Extension,
        Self::NotUdp,
        Self::UdpLength,
        Self::UdpChecksum,
        Self::NotLocal,
        Self::Closed,
        Self::Gate,
        Self::Source,
        Self::Latching,
        Self::Policed,
        Self::NoPeer,
        Self::NoRemote,
        Self::Family,
        Self::NoNextHop,
        Self::Oversized,
        Self::Hairpin,
        Self::Egress,
        Self::Contended,
    ];

    /// The name in statistics and metrics.
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
            Self::NotLocal => "not_local",
            Self::Closed => "closed",
            Self::Gate => "gate",
            Self::Source => "source",
            Self::Latching => "latching",
            Self::Policed => "policed",
            Self::NoPeer => "no_peer",
            Self::NoRemote => "no_remote",
            Self::Family => "family",
            Self::NoNextHop => "no_next_hop",
            Self::Oversized => "oversized",
            Self::Hairpin => "hairpin",
            Self::Egress => "egress",
            Self::Contended => "contended",
        }
    }
}

impl From<Fault> for DropReason {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Truncated => Self::Truncated,
            Fault::NotIp => Self::NotIp,
            Fault::IpHeader => Self::IpHeader,
            Fault::IpChecksum => Self::IpChecksum,
            Fault::Fragment => Self::Fragment,
            Fault::Extension => Self::Extension,
            Fault::NotUdp => Self::NotUdp,
            Fault::UdpLength => Self::UdpLength,
            Fault::UdpChecksum => Self::UdpChecksum,
        }
    }
}

/// What happened to the frames of one worker since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames received.
    pub received: u64,
    /// Frames a port took.
    pub sent: u64,
    /// Frames dropped, in the order of [`DropReason::ALL`].
    pub dropped: [u64; DropReason::ALL.len()],
}

impl Tally {
    /// Counts one dropped frame.
    #[inline]
    pub fn drop(&mut self, reason: DropReason) {
        self.dropped[reason as usize] += 1;
    }

    /// Frames dropped for `reason`.
    pub fn count(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Frames dropped, whatever the reason.
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_the_counter_of_its_number_and_a_name_of_its_own() {
        for (number, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
            let same = DropReason::ALL.iter().filter(|other| other.name() == reason.name());
            assert_eq!(same.count(), 1);
        }
    }
}
