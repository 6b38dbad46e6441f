//! IPv4 headers (RFC 791). Options are skipped on receive and never sent.

use std::net::Ipv4Addr;

use super::{Fault, checksum::Sum, udp};

/// Octets of a header without options.
pub const HEADER_BYTES: usize = 20;

const VERSION_AND_LENGTH: u32 = 0x45;
/// The second word: no identification, the flag, no offset.
const DONT_FRAGMENT: u32 = 0x4000;
const FRAGMENT_MASK: u16 = 0x3fff;
const TIME_TO_LIVE: u32 = 64;

/// A complete, unfragmented IPv4 packet that carries UDP.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4<'a> {
    header: &'a [u8; HEADER_BYTES],
    payload: &'a [u8],
}

impl<'a> Ipv4<'a> {
    /// Checks header, lengths, checksum, fragmentation and protocol; cuts Ethernet padding off.
    #[inline]
    pub fn parse(packet: &'a [u8]) -> Result<Self, Fault> {
        let header = packet
            .first_chunk::<HEADER_BYTES>()
            .ok_or(Fault::Truncated)?;
        let header_bytes = usize::from(header[0] & 0x0f) * 4;
        let total_bytes = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if header[0] >> 4 != 4 || header_bytes < HEADER_BYTES || total_bytes < header_bytes {
            return Err(Fault::IpHeader);
        }
        let payload = packet
            .get(header_bytes..total_bytes)
            .ok_or(Fault::Truncated)?;
        let sum = if header_bytes == HEADER_BYTES {
            Sum::of(header)
        } else {
            Sum::of(&packet[..header_bytes])
        };
        if sum.checksum() != 0 {
            return Err(Fault::IpChecksum);
        }
        if u16::from_be_bytes([header[6], header[7]]) & FRAGMENT_MASK != 0 {
            return Err(Fault::Fragment);
        }
        if header[9] != udp::PROTOCOL {
            return Err(Fault::NotUdp);
        }
        Ok(Self { header, payload })
    }

    /// The sender.
    #[inline]
    pub fn source(&self) -> Ipv4Addr {
        Ipv4Addr::new(
            self.header[12],
            self.header[13],
            self.header[14],
            self.header[15],
        )
    }

    /// The addressee.
    #[inline]
    pub fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::new(
            self.header[16],
            self.header[17],
            self.header[18],
            self.header[19],
        )
    }

    /// The differentiated services code point (RFC 2474).
    #[inline]
    pub fn dscp(&self) -> u8 {
        self.header[1] >> 2
    }

    /// The UDP datagram.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Writes a header for `payload_bytes` of UDP: no options, never to be fragmented, time to
/// live 64. An atomic datagram needs no identification (RFC 6864 §4.1).
#[inline]
pub fn build(
    out: &mut [u8; HEADER_BYTES],
    source: Ipv4Addr,
    destination: Ipv4Addr,
    dscp: u8,
    payload_bytes: u16,
) {
    let total_bytes = HEADER_BYTES as u16 + payload_bytes;
    let first = VERSION_AND_LENGTH << 24 | u32::from(dscp) << 18 | u32::from(total_bytes);
    let third = TIME_TO_LIVE << 24 | u32::from(udp::PROTOCOL) << 16;
    let (source, destination) = (u32::from(source), u32::from(destination));
    // Summed from the values: reading back octets just written would stall for the stores.
    let sum = Sum::default()
        .double_word(first)
        .double_word(DONT_FRAGMENT)
        .double_word(third)
        .double_word(source)
        .double_word(destination);
    let third = third | u32::from(sum.checksum());
    let words = [first, DONT_FRAGMENT, third, source, destination];
    for (place, word) in out.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet() -> Vec<u8> {
        let mut header = [0u8; HEADER_BYTES];
        let (source, destination) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 2));
        build(&mut header, source, destination, 46, 12);
        [&header[..], &[0u8; 12]].concat()
    }

    fn resummed(mut packet: Vec<u8>) -> Vec<u8> {
        let header_bytes = usize::from(packet[0] & 0x0f) * 4;
        packet[10..12].copy_from_slice(&[0, 0]);
        let sum = Sum::of(&packet[..header_bytes.min(packet.len())]).checksum();
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet
    }

    #[test]
    fn what_is_built_parses_back() {
        let packet = packet();
        let view = Ipv4::parse(&packet).unwrap();
        assert_eq!(view.source(), Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(view.destination(), Ipv4Addr::new(198, 51, 100, 2));
        assert_eq!((view.dscp(), view.payload().len()), (46, 12));
    }

    #[test]
    fn padding_is_cut_and_options_are_skipped() {
        let mut padded = packet();
        padded.extend([0; 14]);
        assert_eq!(Ipv4::parse(&padded).unwrap().payload().len(), 12);

        let mut options = packet();
        options.splice(20..20, [1, 1, 1, 0]);
        options[0] = 0x46;
        options[3] += 4;
        let options = resummed(options);
        assert_eq!(Ipv4::parse(&options).unwrap().payload().len(), 12);
    }

    #[test]
    fn each_contradiction_has_its_fault() {
        let change = |at: usize, value: u8| {
            let mut changed = packet();
            changed[at] = value;
            Ipv4::parse(&resummed(changed)).unwrap_err()
        };
        assert_eq!(change(0, 0x65), Fault::IpHeader);
        assert_eq!(change(0, 0x44), Fault::IpHeader);
        assert_eq!(change(3, 19), Fault::IpHeader);
        assert_eq!(change(3, 33), Fault::Truncated);
        assert_eq!(change(6, 0x20), Fault::Fragment);
        assert_eq!(change(7, 0x01), Fault::Fragment);
        assert_eq!(change(9, 6), Fault::NotUdp);
        let mut corrupt = packet();
        corrupt[15] ^= 1;
        assert_eq!(Ipv4::parse(&corrupt).unwrap_err(), Fault::IpChecksum);
        let whole = packet();
        for length in 0..whole.len() {
            assert_eq!(Ipv4::parse(&whole[..length]).unwrap_err(), Fault::Truncated);
        }
    }
}
