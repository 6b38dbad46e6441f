//! RTP fixed headers (RFC 3550 §5.1).

/// Octets of the fixed header.
pub const HEADER_BYTES: usize = 12;

/// A payload whose first octets are an RTP version 2 header.
#[derive(Clone, Copy, Debug)]
pub struct Rtp<'a> {
    header: &'a [u8; HEADER_BYTES],
}

impl<'a> Rtp<'a> {
    /// Checks the version and that the CSRC list fits. `None`: some other protocol
    /// (keep-alive, STUN, T.38), which is relayed without statistics.
    #[inline]
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let header = payload.first_chunk::<HEADER_BYTES>()?;
        let sources = usize::from(header[0] & 0x0f);
        let complete = payload.len() >= HEADER_BYTES + sources * 4;
        (header[0] >> 6 == 2 && complete).then_some(Self { header })
    }

    /// The payload type, 0 to 127.
    #[inline]
    pub fn payload_type(&self) -> u8 {
        self.header[1] & 0x7f
    }

    /// The sequence number.
    #[inline]
    pub fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// The sampling instant, in units of the payload's clock rate.
    #[inline]
    pub fn timestamp(&self) -> u32 {
        u32::from_be_bytes([
            self.header[4],
            self.header[5],
            self.header[6],
            self.header[7],
        ])
    }

    /// The synchronisation source.
    #[inline]
    pub fn ssrc(&self) -> u32 {
        u32::from_be_bytes([
            self.header[8],
            self.header[9],
            self.header[10],
            self.header[11],
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: [u8; 16] = [
        0x80, 0x88, 1, 2, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4,
    ];

    #[test]
    fn the_fields_are_where_the_rfc_puts_them() {
        let view = Rtp::parse(&PACKET).unwrap();
        assert_eq!((view.payload_type(), view.sequence()), (8, 0x0102));
        assert_eq!((view.timestamp(), view.ssrc()), (160, 0xdead_beef));
    }

    #[test]
    fn other_protocols_and_short_lists_are_not_rtp() {
        assert!(Rtp::parse(&PACKET[..11]).is_none());
        assert!(Rtp::parse(&[0u8; 20]).is_none());
        let mut sources = PACKET;
        sources[0] |= 2;
        assert!(Rtp::parse(&sources).is_none());
        sources[0] = 0x81;
        assert!(Rtp::parse(&sources).is_some());
    }
}
