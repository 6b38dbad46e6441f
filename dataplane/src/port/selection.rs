//! Which frames are the relay's, for ports that get every frame of their NIC: what `af_xdp`
//! decides in the kernel, decided here.
//!
//! A frame is media when it carries UDP, whole or as its first fragment, to one of the local
//! addresses, on that address's VLAN, and to a port of its ranges. IP options and up to
//! [`EXTENSIONS_MAX`] IPv6 extension headers are stepped over, so that the relay sees and counts
//! what it refuses. Everything else, later fragments among it, is the kernel's.

use strait_shared::geometry::Geometry;
use strait_shared::net::{Endpoint, PackedIp};
use strait_shared::slot::EgressPort;

use crate::limits::EXTENSIONS_MAX;
use crate::relay::locals::{Locals, Network};
use crate::wire::{Ethernet, ethernet, ipv4, ipv6, udp};

/// Offset and, in the first, nothing else of a fragment's place (RFC 791 §3.1, RFC 8200 §4.5).
const IPV4_OFFSET_MASK: u16 = 0x1fff;
const IPV6_OFFSET_MASK: u16 = 0xfff8;
/// IPv6 headers that may stand before UDP (RFC 8200 §4.1) and are of the same form.
const EXTENSIONS: [u8; 3] = [0, 43, 60];
const FRAGMENT: u8 = 44;

/// The local addresses that live on one NIC.
pub struct Selection {
    locals: Locals,
    nic: EgressPort,
}

impl Selection {
    /// What is `nic`'s of the addresses of `geometry`.
    pub fn new(geometry: &Geometry, nic: EgressPort) -> Self {
        Self {
            locals: Locals::new(geometry),
            nic,
        }
    }

    /// Whether the relay wants this frame.
    #[inline]
    pub fn is_media(&self, frame: &[u8]) -> bool {
        self.find(frame).is_some()
    }

    fn find(&self, frame: &[u8]) -> Option<()> {
        let link = Ethernet::parse(frame).ok()?;
        let packet = link.payload();
        let (ip, datagram) = match link.network() {
            ethernet::Network::V4 => in_ipv4(packet)?,
            ethernet::Network::V6 => in_ipv6(packet)?,
        };
        let [_, _, high, low, ..] = *datagram else {
            return None;
        };
        let to = Endpoint {
            ip,
            port: u16::from_be_bytes([high, low]),
        };
        let network = Network::new(self.nic, link.vlan());
        self.locals.find(network, to).map(drop)
    }
}

/// The destination and the octets of a UDP datagram, if the packet is one or begins one.
#[inline]
fn in_ipv4(packet: &[u8]) -> Option<(PackedIp, &[u8])> {
    let header: &[u8; ipv4::HEADER_BYTES] = packet.first_chunk()?;
    let offset = u16::from_be_bytes([header[6], header[7]]) & IPV4_OFFSET_MASK;
    if header[9] != udp::PROTOCOL || offset != 0 {
        return None;
    }
    let header_bytes = usize::from(header[0] & 0x0f) * 4;
    if header_bytes < ipv4::HEADER_BYTES {
        return None;
    }
    let to = [header[16], header[17], header[18], header[19]];
    Some((PackedIp::from_v4(to), packet.get(header_bytes..)?))
}

/// The same for IPv6.
#[inline]
fn in_ipv6(packet: &[u8]) -> Option<(PackedIp, &[u8])> {
    let (header, mut rest) = packet.split_first_chunk::<{ ipv6::HEADER_BYTES }>()?;
    let mut next = header[6];
    for _ in 0..EXTENSIONS_MAX {
        if next == udp::PROTOCOL {
            break;
        }
        let extension: &[u8; 8] = rest.first_chunk()?;
        let bytes = match next {
            FRAGMENT => {
                let offset = u16::from_be_bytes([extension[2], extension[3]]) & IPV6_OFFSET_MASK;
                (offset == 0).then_some(extension.len())?
            }
            kind if EXTENSIONS.contains(&kind) => (usize::from(extension[1]) + 1) * 8,
            _ => return None,
        };
        next = extension[0];
        rest = rest.get(bytes..)?;
    }
    let to = header.last_chunk::<16>().expect("the header is longer");
    (next == udp::PROTOCOL).then_some((PackedIp::from_v6(*to), rest))
}
