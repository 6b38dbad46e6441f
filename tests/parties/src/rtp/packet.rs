//! The RTP packet (RFC 3550 §5.1), without padding, extension or contributing sources when built;
//! tolerant of all three when read.

use super::FRAME_BYTES;

/// Length of the fixed header in bytes.
pub const HEADER_BYTES: usize = 12;

/// A synchronisation source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ssrc(pub u32);

/// One packet, its payload borrowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// Set on the first packet after a silence.
    pub marker: bool,
    /// What the payload is, as the session description says.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Sampling instant in units of the clock rate.
    pub timestamp: u32,
    /// Whose stream it is.
    pub ssrc: Ssrc,
    /// The media.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet; `None` if it is not RTP version 2 or is cut short.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        if header[0] >> 6 != 2 || is_rtcp(bytes) {
            return None;
        }
        let mut start = HEADER_BYTES + 4 * usize::from(header[0] & 0x0f);
        if header[0] & 0x10 != 0 {
            let words: &[u8; 4] = bytes.get(start..)?.first_chunk()?;
            start += 4 + 4 * usize::from(u16::from_be_bytes([words[2], words[3]]));
        }
        let padding = if header[0] & 0x20 != 0 {
            usize::from(*bytes.last()?)
        } else {
            0
        };
        let end = bytes.len().checked_sub(padding)?;
        Some(Self {
            marker: header[1] & 0x80 != 0,
            payload_type: header[1] & 0x7f,
            sequence: u16::from_be_bytes([header[2], header[3]]),
            timestamp: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            ssrc: Ssrc(u32::from_be_bytes([
                header[8], header[9], header[10], header[11],
            ])),
            payload: bytes.get(start..end)?,
        })
    }

    /// The bytes to send.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + FRAME_BYTES);
        bytes.push(0x80);
        bytes.push(u8::from(self.marker) << 7 | self.payload_type);
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.timestamp.to_be_bytes());
        bytes.extend_from_slice(&self.ssrc.0.to_be_bytes());
        bytes.extend_from_slice(self.payload);
        bytes
    }
}

/// Whether a datagram on a shared port is RTCP (RFC 5761 §4): packet types 192 to 223.
pub fn is_rtcp(bytes: &[u8]) -> bool {
    matches!(bytes, [first, kind, ..] if first >> 6 == 2 && (192..=223).contains(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_survives_the_wire() {
        let packet = Packet {
            marker: true,
            payload_type: 8,
            sequence: 65535,
            timestamp: u32::MAX,
            ssrc: Ssrc(0x1234_5678),
            payload: &[0xd5; 160],
        };
        assert_eq!(Packet::parse(&packet.to_bytes()), Some(packet));
    }

    #[test]
    fn contributors_extension_and_padding_are_skipped() {
        let mut bytes = vec![0xb1, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
        bytes.extend([0, 0, 0, 7]); // one contributing source
        bytes.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]); // an extension of one word
        bytes.extend([42, 0, 0, 3]); // one byte of media, three of padding
        assert_eq!(Packet::parse(&bytes).unwrap().payload, [42]);
        for cut in 0..bytes.len() - 1 {
            let _ = Packet::parse(&bytes[..cut]);
        }
        assert_eq!(Packet::parse(&[0x40; 40]), None);
    }

    #[test]
    fn rtcp_is_told_from_rtp() {
        assert!(is_rtcp(&[0x80, 200, 0, 6]));
        assert!(!is_rtcp(&[0x80, 8, 0, 6]));
        assert!(Packet::parse(&[0x80, 200, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0]).is_none());
    }
}
