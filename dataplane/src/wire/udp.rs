//! UDP headers (RFC 768).

use super::Fault;

/// Octets of the header.
pub const HEADER_BYTES: usize = 8;
/// The IP protocol number.
pub const PROTOCOL: u8 = 17;

/// A datagram whose length field agrees with what the IP header left for it.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    header: &'a [u8; HEADER_BYTES],
    payload: &'a [u8],
}

impl<'a> Udp<'a> {
    /// Checks the length field. Octets beyond it are surplus (RFC 9868) and cut off.
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Fault> {
        let header = datagram
            .first_chunk::<HEADER_BYTES>()
            .ok_or(Fault::UdpLength)?;
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let payload = datagram.get(HEADER_BYTES..length).ok_or(Fault::UdpLength)?;
        Ok(Self { header, payload })
    }

    /// The sender's port.
    #[inline]
    pub fn source_port(&self) -> u16 {
        u16::from_be_bytes([self.header[0], self.header[1]])
    }

    /// The addressee's port.
    #[inline]
    pub fn destination_port(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// The checksum; 0 when the sender left it out.
    #[inline]
    pub fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.header[6], self.header[7]])
    }

    /// What the datagram carries.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Writes a header for `payload_bytes` of payload.
#[inline]
pub fn build(
    out: &mut [u8; HEADER_BYTES],
    source_port: u16,
    destination_port: u16,
    payload_bytes: u16,
    checksum: u16,
) {
    let length = HEADER_BYTES as u16 + payload_bytes;
    let fields = [source_port, destination_port, length, checksum];
    let packed = fields
        .iter()
        .fold(0u64, |packed, &field| packed << 16 | u64::from(field));
    *out = packed.to_be_bytes();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_parses_back_without_the_surplus() {
        let mut datagram = [0u8; 13];
        build(datagram.first_chunk_mut().unwrap(), 1000, 2000, 3, 0xbeef);
        let view = Udp::parse(&datagram).unwrap();
        assert_eq!((view.source_port(), view.destination_port()), (1000, 2000));
        assert_eq!((view.checksum(), view.payload().len()), (0xbeef, 3));
    }

    #[test]
    fn lengths_that_contradict_are_faults() {
        let mut datagram = [0u8; 10];
        for length in [0u16, 7, 11, 0xffff] {
            datagram[4..6].copy_from_slice(&length.to_be_bytes());
            assert_eq!(Udp::parse(&datagram).unwrap_err(), Fault::UdpLength);
        }
        assert_eq!(Udp::parse(&datagram[..7]).unwrap_err(), Fault::UdpLength);
    }
}
