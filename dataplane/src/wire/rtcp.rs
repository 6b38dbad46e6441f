//! RTCP headers (RFC 3550 §6.4) and their distinction from RTP on one port (RFC 5761 §4).

/// Octets every RTCP packet of a compound begins with, its sender's SSRC included.
pub const HEADER_BYTES: usize = 8;

const TYPE_FIRST: u8 = 192;
const TYPE_LAST: u8 = 223;

/// A payload whose first octets are an RTCP version 2 header.
#[derive(Clone, Copy, Debug)]
pub struct Rtcp<'a> {
    header: &'a [u8; HEADER_BYTES],
}

impl<'a> Rtcp<'a> {
    /// Checks the version, that the packet type is one that RFC 5761 §4 keeps for RTCP, and
    /// that the first packet of the compound is complete.
    #[inline]
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let header = payload.first_chunk::<HEADER_BYTES>()?;
        let words = usize::from(u16::from_be_bytes([header[2], header[3]])) + 1;
        let kind = header[1];
        let rtcp = header[0] >> 6 == 2 && (TYPE_FIRST..=TYPE_LAST).contains(&kind);
        (rtcp && words * 4 <= payload.len()).then_some(Self { header })
    }

    /// The packet type of the first packet: 200 sender report, 201 receiver report, …
    #[inline]
    pub fn packet_type(&self) -> u8 {
        self.header[1]
    }

    /// The SSRC of whoever sent the compound.
    #[inline]
    pub fn sender_ssrc(&self) -> u32 {
        u32::from_be_bytes([
            self.header[4],
            self.header[5],
            self.header[6],
            self.header[7],
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Rtp;

    const RECEIVER_REPORT: [u8; 8] = [0x80, 201, 0, 1, 0xde, 0xad, 0xbe, 0xef];

    #[test]
    fn a_receiver_report_is_read() {
        let view = Rtcp::parse(&RECEIVER_REPORT).unwrap();
        assert_eq!((view.packet_type(), view.sender_ssrc()), (201, 0xdead_beef));
    }

    #[test]
    fn lengths_versions_and_types_are_checked() {
        assert!(Rtcp::parse(&RECEIVER_REPORT[..7]).is_none());
        for (at, value) in [(0, 0x40), (1, 191), (1, 224), (3, 2)] {
            let mut packet = RECEIVER_REPORT;
            packet[at] = value;
            assert!(Rtcp::parse(&packet).is_none());
        }
    }

    /// Payload types 64 to 95 with the marker bit are the numbers RTCP lives on.
    #[test]
    fn on_a_shared_port_the_second_octet_decides() {
        let mut packet = [0u8; 16];
        packet[0] = 0x80;
        for kind in 0..=255u8 {
            packet[1] = kind;
            assert!(Rtp::parse(&packet).is_some());
            assert_eq!(Rtcp::parse(&packet).is_some(), (192..=223).contains(&kind));
        }
    }
}
