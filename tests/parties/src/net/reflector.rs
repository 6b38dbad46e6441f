//! A STUN server, and the one STUN request a phone makes (RFC 8489): "which address do you see me
//! at?". No authentication, no attributes but XOR-MAPPED-ADDRESS.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use strait_shared::time::Instant;

use crate::party::{Datagram, Party};

const COOKIE: u32 = 0x2112_A442;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const HEADER_BYTES: usize = 20;

/// Ties an answer to its request.
pub type TransactionId = [u8; 12];

/// Answers every binding request with the address it came from.
#[derive(Default)]
pub struct Reflector {
    out: VecDeque<Datagram>,
}

impl Party for Reflector {
    fn receive(&mut self, _now: Instant, datagram: &Datagram) {
        let Some((BINDING_REQUEST, transaction, _)) = header(&datagram.payload) else {
            return;
        };
        self.out.push_back(Datagram {
            source: datagram.destination,
            destination: datagram.source,
            payload: answer(transaction, datagram.source),
        });
    }

    fn timeout(&mut self, _now: Instant) {}

    fn next_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        self.out.pop_front()
    }
}

/// A binding request.
pub fn request(transaction: TransactionId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(&BINDING_REQUEST.to_be_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes.extend_from_slice(&COOKIE.to_be_bytes());
    bytes.extend_from_slice(&transaction);
    bytes
}

/// The address in a binding answer, with the transaction it answers. `None` for anything else.
pub fn reflected(bytes: &[u8]) -> Option<(TransactionId, SocketAddr)> {
    let (BINDING_SUCCESS, transaction, mut attributes) = header(bytes)? else {
        return None;
    };
    loop {
        let head: &[u8; 4] = attributes.first_chunk()?;
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let value = attributes.get(4..4 + length)?;
        if kind == XOR_MAPPED_ADDRESS {
            return Some((transaction, unmask(value, transaction)?));
        }
        attributes = attributes.get(4 + length.next_multiple_of(4)..)?;
    }
}

fn header(bytes: &[u8]) -> Option<(u16, TransactionId, &[u8])> {
    let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let cookie = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    let transaction = header[8..].try_into().expect("twelve bytes are left");
    let kind = u16::from_be_bytes([header[0], header[1]]);
    let attributes = bytes.get(HEADER_BYTES..HEADER_BYTES + length)?;
    (cookie == COOKIE).then_some((kind, transaction, attributes))
}

fn answer(transaction: TransactionId, seen: SocketAddr) -> Vec<u8> {
    let mask = mask(transaction);
    let mut value = vec![0, if seen.is_ipv4() { 1 } else { 2 }];
    value.extend_from_slice(&(seen.port() ^ (COOKIE >> 16) as u16).to_be_bytes());
    let octets = match seen.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    value.extend(octets.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    let length = value.len() as u16;
    let mut bytes = request(transaction);
    bytes[..2].copy_from_slice(&BINDING_SUCCESS.to_be_bytes());
    bytes[2..4].copy_from_slice(&(length + 4).to_be_bytes());
    bytes.extend_from_slice(&XOR_MAPPED_ADDRESS.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend(value);
    bytes
}

fn unmask(value: &[u8], transaction: TransactionId) -> Option<SocketAddr> {
    let head: &[u8; 4] = value.first_chunk()?;
    let port = u16::from_be_bytes([head[2], head[3]]) ^ (COOKIE >> 16) as u16;
    let octets: Vec<u8> = value[4..]
        .iter()
        .zip(mask(transaction))
        .map(|(byte, mask)| byte ^ mask)
        .collect();
    let ip = match head[1] {
        1 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?)),
        2 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn mask(transaction: TransactionId) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&COOKIE.to_be_bytes());
    mask[4..].copy_from_slice(&transaction);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reflector_tells_what_it_sees() {
        let transaction = *b"twelve bytes";
        for source in ["198.51.100.7:61234", "[2001:db8::7]:61234"] {
            let source: SocketAddr = source.parse().unwrap();
            let mut reflector = Reflector::default();
            let destination = "192.0.2.3:3478".parse().unwrap();
            let payload = request(transaction);
            reflector.receive(
                Instant::ZERO,
                &Datagram {
                    source,
                    destination,
                    payload,
                },
            );
            let answer = reflector.poll_transmit().unwrap();
            assert_eq!((answer.source, answer.destination), (destination, source));
            assert_eq!(reflected(&answer.payload), Some((transaction, source)));
            for cut in 0..answer.payload.len() {
                assert_eq!(reflected(&answer.payload[..cut]), None);
            }
        }
    }

    #[test]
    fn the_vector_of_rfc_5769_is_read() {
        // §2.2 of RFC 5769, cut down to the header and XOR-MAPPED-ADDRESS: 192.0.2.1:32853.
        let bytes = [
            0x01, 0x01, 0x00, 0x0c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
            0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47,
            0xe1, 0x12, 0xa6, 0x43,
        ];
        assert_eq!(
            reflected(&bytes).unwrap().1,
            "192.0.2.1:32853".parse().unwrap()
        );
    }
}
