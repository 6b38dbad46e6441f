//! Stage 1: from a received frame to the slot it arrives at.

use strait_shared::drops::DropReason;
use strait_shared::net::{Endpoint, PackedIp};
use strait_shared::slot::SlotIndex;

use super::locals::{Locals, Network};
use super::tally::reason;
use crate::frame::Frame;
use crate::port::FrameIndex;
use crate::wire::checksum::Sum;
use crate::wire::{Ethernet, Fault, Ipv4, Ipv6, Udp, ethernet, udp};

/// A datagram that arrived at one of our slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) frame: FrameIndex,
    /// The slot it arrived at; after stage 2 the one it leaves from.
    pub(super) slot: SlotIndex,
    pub(super) source: Endpoint,
    pub(super) payload_at: u16,
    pub(super) payload_bytes: u16,
    /// The UDP checksum it came with, 0 for none.
    pub(super) checksum: u16,
    /// The part of the checksum that a new address and port replace.
    pub(super) addressing: Sum,
}

impl Arrival {
    /// Reads the headers and finds the slot.
    #[inline]
    pub(super) fn parse(
        frame: &Frame,
        index: FrameIndex,
        locals: &Locals,
    ) -> Result<Self, DropReason> {
        let bytes = frame.bytes();
        let link = Ethernet::parse(bytes).map_err(reason)?;
        let (source, destination, datagram) = addresses(&link).map_err(reason)?;
        let udp = Udp::parse(datagram).map_err(reason)?;
        if link.network() == ethernet::Network::V6 && udp.checksum() == 0 {
            return Err(DropReason::UdpChecksum);
        }
        let source = Endpoint {
            ip: source,
            port: udp.source_port(),
        };
        let to = Endpoint {
            ip: destination,
            port: udp.destination_port(),
        };
        let network = Network {
            port: frame.port,
            vlan: link.vlan(),
        };
        let slot = locals.find(network, to).ok_or(DropReason::NoSlot)?;
        if is_martian(&link, source) {
            return Err(DropReason::Martian);
        }
        let datagram_at = datagram.as_ptr().addr() - bytes.as_ptr().addr();
        Ok(Self {
            frame: index,
            slot,
            source,
            payload_at: (datagram_at + udp::HEADER_BYTES) as u16,
            payload_bytes: udp.payload().len() as u16,
            checksum: udp.checksum(),
            addressing: addressing(source, to),
        })
    }

    /// What the datagram carries.
    #[inline]
    pub(super) fn payload<'a>(&self, frame: &'a Frame) -> &'a [u8] {
        let at = usize::from(self.payload_at);
        &frame.bytes()[at..at + usize::from(self.payload_bytes)]
    }
}

impl Default for Arrival {
    fn default() -> Self {
        Self {
            frame: 0,
            slot: SlotIndex(0),
            source: Endpoint::default(),
            payload_at: 0,
            payload_bytes: 0,
            checksum: 0,
            addressing: Sum::default(),
        }
    }
}

/// The words of the UDP checksum that addresses and ports make up.
#[inline]
pub(super) fn addressing(from: Endpoint, to: Endpoint) -> Sum {
    ip_sum(from.ip)
        .plus(ip_sum(to.ip))
        .word(from.port)
        .word(to.port)
}

#[inline]
fn ip_sum(ip: PackedIp) -> Sum {
    Sum::default().wide(u128::from(ip.0[0]) << 64 | u128::from(ip.0[1]))
}

#[inline]
fn addresses<'a>(link: &Ethernet<'a>) -> Result<(PackedIp, PackedIp, &'a [u8]), Fault> {
    Ok(match link.network() {
        ethernet::Network::V4 => {
            let ip = Ipv4::parse(link.payload())?;
            let pack = |ip: std::net::Ipv4Addr| PackedIp::from_v4(ip.octets());
            (pack(ip.source()), pack(ip.destination()), ip.payload())
        }
        ethernet::Network::V6 => {
            let ip = Ipv6::parse(link.payload())?;
            let pack = |ip: std::net::Ipv6Addr| PackedIp::from_v6(ip.octets());
            (pack(ip.source()), pack(ip.destination()), ip.payload())
        }
    })
}

/// Whether no host can be the source (RFC 1812 §5.3.7): it would be sent to one day.
#[inline]
fn is_martian(link: &Ethernet<'_>, source: Endpoint) -> bool {
    let first = source.ip.octets();
    let ip = match (link.network(), source.ip.v4()) {
        (ethernet::Network::V4, Some([first, ..])) => first == 0 || first >= 224,
        // Mapped IPv4 addresses stay within hosts (RFC 4942 §2.2).
        (ethernet::Network::V6, Some(_)) => true,
        _ => first[0] == 0xff || source.ip.is_none(),
    };
    ip || source.port == 0
}
