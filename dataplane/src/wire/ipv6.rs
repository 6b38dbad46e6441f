//! IPv6 headers (RFC 8200) directly followed by UDP.

use std::net::Ipv6Addr;

use super::{Fault, udp};

/// Octets of the fixed header.
pub const HEADER_BYTES: usize = 40;

const HOP_LIMIT: u8 = 64;
const FRAGMENT: u8 = 44;
/// Hop-by-hop, routing, ESP, AH, destination options, mobility, HIP, Shim6 (the IANA registry
/// of extension header types), fragments apart.
const EXTENSIONS: [u8; 8] = [0, 43, 50, 51, 60, 135, 139, 140];

/// A complete IPv6 packet that carries UDP.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6<'a> {
    header: &'a [u8; HEADER_BYTES],
    payload: &'a [u8],
}

impl<'a> Ipv6<'a> {
    /// Checks version, length and next header; cuts Ethernet padding off.
    #[inline]
    pub fn parse(packet: &'a [u8]) -> Result<Self, Fault> {
        let (header, rest) = packet
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(Fault::Truncated)?;
        if header[0] >> 4 != 6 {
            return Err(Fault::IpHeader);
        }
        let payload_bytes = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let payload = rest.get(..payload_bytes).ok_or(Fault::Truncated)?;
        match header[6] {
            udp::PROTOCOL => Ok(Self { header, payload }),
            FRAGMENT => Err(Fault::Fragment),
            next if EXTENSIONS.contains(&next) => Err(Fault::Extension),
            _ => Err(Fault::NotUdp),
        }
    }

    /// The sender.
    #[inline]
    pub fn source(&self) -> Ipv6Addr {
        Ipv6Addr::from(
            *self.header[8..24]
                .first_chunk::<16>()
                .expect("sixteen octets"),
        )
    }

    /// The addressee.
    #[inline]
    pub fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from(
            *self.header[24..40]
                .first_chunk::<16>()
                .expect("sixteen octets"),
        )
    }

    /// The differentiated services code point (RFC 2474).
    #[inline]
    pub fn dscp(&self) -> u8 {
        (u16::from_be_bytes([self.header[0], self.header[1]]) >> 6) as u8 & 0x3f
    }

    /// The UDP datagram.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Writes a header for `payload_bytes` of UDP, hop limit 64, flow label 0.
#[inline]
pub fn build(
    out: &mut [u8; HEADER_BYTES],
    source: Ipv6Addr,
    destination: Ipv6Addr,
    dscp: u8,
    payload_bytes: u16,
) {
    let first = 0x6000_0000 | u32::from(dscp) << 22;
    out[0..4].copy_from_slice(&first.to_be_bytes());
    out[4..6].copy_from_slice(&payload_bytes.to_be_bytes());
    out[6..8].copy_from_slice(&[udp::PROTOCOL, HOP_LIMIT]);
    out[8..24].copy_from_slice(&source.octets());
    out[24..40].copy_from_slice(&destination.octets());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet() -> Vec<u8> {
        let mut header = [0u8; HEADER_BYTES];
        let address = |last| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);
        build(&mut header, address(1), address(2), 46, 12);
        [&header[..], &[0u8; 12]].concat()
    }

    #[test]
    fn what_is_built_parses_back() {
        let mut packet = packet();
        packet.extend([0; 8]);
        let view = Ipv6::parse(&packet).unwrap();
        assert_eq!(view.source().segments()[7], 1);
        assert_eq!(view.destination().segments()[7], 2);
        assert_eq!((view.dscp(), view.payload().len()), (46, 12));
    }

    #[test]
    fn each_contradiction_has_its_fault() {
        let change = |at: usize, value: u8| {
            let mut changed = packet();
            changed[at] = value;
            Ipv6::parse(&changed).unwrap_err()
        };
        assert_eq!(change(0, 0x45), Fault::IpHeader);
        assert_eq!(change(5, 13), Fault::Truncated);
        assert_eq!(change(6, FRAGMENT), Fault::Fragment);
        assert_eq!(change(6, 6), Fault::NotUdp);
        for next in EXTENSIONS {
            assert_eq!(change(6, next), Fault::Extension);
        }
        let whole = packet();
        for length in 0..whole.len() {
            assert_eq!(Ipv6::parse(&whole[..length]).unwrap_err(), Fault::Truncated);
        }
    }
}
