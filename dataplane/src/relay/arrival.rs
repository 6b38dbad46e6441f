//! Stage 1: from a received frame to the slot it arrives at.

use strait_shared::drops::DropReason;
use strait_shared::net::{Endpoint, PackedIp};
use strait_shared::slot::SlotIndex;

use super::locals::{Local, Locals, Network, ip_sum};
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
    /// Reads the headers and finds the slot. Fills a place that is there already: building the
    /// whole and moving it would stall for the stores of its parts.
    #[inline]
    pub(super) fn parse(
        &mut self,
        frame: &Frame,
        index: FrameIndex,
        locals: &Locals,
    ) -> Result<(), DropReason> {
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
        let network = Network::new(frame.port, link.vlan());
        let (slot, local) = locals.find(network, to).ok_or(DropReason::NoSlot)?;
        if is_martian(link.network(), source) {
            return Err(DropReason::Martian);
        }
        let datagram_at = datagram.as_ptr().addr() - bytes.as_ptr().addr();
        self.frame = index;
        self.slot = slot;
        self.source = source;
        self.payload_at = (datagram_at + udp::HEADER_BYTES) as u16;
        self.payload_bytes = udp.payload().len() as u16;
        self.checksum = udp.checksum();
        self.addressing = addressing(local, to.port, source);
        Ok(())
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

/// The part of a UDP checksum that a local and a remote address and port make up.
#[inline]
pub(super) fn addressing(local: &Local, port: u16, remote: Endpoint) -> Sum {
    local
        .sum
        .plus(ip_sum(remote.ip))
        .word(port)
        .word(remote.port)
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
fn is_martian(network: ethernet::Network, source: Endpoint) -> bool {
    let [high, low] = source.ip.0;
    let ip = match network {
        ethernet::Network::V4 => !(1..224).contains(&(low as u32 >> 24)),
        // Mapped IPv4 addresses stay within hosts (RFC 4942 §2.2).
        ethernet::Network::V6 => {
            high >> 56 == 0xff || source.ip.is_none() || source.ip.v4().is_some()
        }
    };
    ip || source.port == 0
}
