//! Checked packet views over byte slices.
//!
//! `parse` checks every length once and borrows the fixed part of a header as an array, so the
//! accessors that follow cannot fail. Nothing here knows about ports, slots or time.

pub mod checksum;
pub mod ethernet;
pub mod ipv4;
pub mod ipv6;
pub mod rtcp;
pub mod rtp;
pub mod udp;

pub use ethernet::{Ethernet, MacAddress};
pub use ipv4::Ipv4;
pub use ipv6::Ipv6;
pub use rtcp::Rtcp;
pub use rtp::Rtp;
pub use udp::Udp;

/// Why bytes are not the packet they were taken for. Each has a drop reason of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The frame ends before the header or the length it declares.
    #[error("truncated frame")]
    Truncated,
    /// Neither IPv4 nor IPv6, or more than one VLAN tag.
    #[error("not IP")]
    NotIp,
    /// The version, header length or total length of the IP header contradict each other.
    #[error("bad IP header")]
    IpHeader,
    /// The IPv4 header checksum does not verify.
    #[error("bad IPv4 header checksum")]
    IpChecksum,
    /// A fragment: only the first carries ports, so none is relayed.
    #[error("fragment")]
    Fragment,
    /// IPv6 extension headers, which no media sender has a reason to use.
    #[error("IPv6 extension header")]
    Extension,
    /// IP, but not UDP.
    #[error("not UDP")]
    NotUdp,
    /// The UDP length field contradicts the IP length.
    #[error("bad UDP length")]
    UdpLength,
    /// UDP over IPv6 without a checksum (RFC 8200 §8.1 forbids it).
    #[error("missing UDP checksum")]
    UdpChecksum,
}
