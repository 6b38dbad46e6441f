//! Frames out of the fuzzer's bytes, and what must hold for those that leave.

use std::net::IpAddr;

use strait_shared::fuzz::Bytes;
use strait_shared::slot::EgressPort;

use crate::frame::Frame;
use crate::limits::FRAME_BYTES_MAX;
use crate::wire::checksum::Sum;
use crate::wire::{Ethernet, Ipv4, Ipv6, MacAddress, Udp, ethernet, ipv4, ipv6, udp};

pub(super) const OWN_V4: &str = "192.0.2.1";
pub(super) const OWN_V6: &str = "2001:db8::1";
pub(super) const FIRST_PORT: u16 = 4_000;
/// Everybody's addresses.
pub(super) const IPS: [&str; 6] = [
    OWN_V4,
    "203.0.113.7",
    "203.0.113.8",
    OWN_V6,
    "2001:db8:7::7",
    "2001:db8:7::8",
];

/// How a frame came to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Built {
    /// With headers as a sender makes them, and a right checksum or none.
    Well,
    /// Octets as they came.
    Raw,
}

/// Fills a frame.
pub(super) fn fill(frame: &mut Frame, bytes: &mut Bytes) -> Built {
    frame.port = EgressPort(0);
    let kind = bytes.byte();
    if kind.is_multiple_of(4) {
        let length = usize::from(bytes.u16()) % FRAME_BYTES_MAX;
        assert!(frame.fill(bytes.take(length)));
        return Built::Raw;
    }
    let versions = if kind & 8 == 0 { 0..3 } else { 3..6 };
    let ips = &IPS[versions];
    let parse = |ip: &&str| -> IpAddr { ip.parse().expect("a literal") };
    let (from, to) = (parse(bytes.pick(ips)), parse(&ips[0]));
    let ports = [
        FIRST_PORT + bytes.below(5) as u16,
        FIRST_PORT + bytes.below(5) as u16,
    ];
    let payload = payload(bytes);
    assert!(frame.fill(&build(from, to, ports, &payload, kind & 16 == 0)));
    Built::Well
}

/// RTP, RTCP or anything.
fn payload(bytes: &mut Bytes) -> Vec<u8> {
    let kind = bytes.byte();
    if kind.is_multiple_of(4) {
        return bytes.take(usize::from(kind)).to_vec();
    }
    let mut payload = vec![0x80, if kind & 1 == 0 { 8 } else { 200 + kind / 4 % 5 }];
    payload.extend(u16::from(bytes.byte()).wrapping_mul(255).to_be_bytes());
    payload.extend(u32::from(bytes.byte()).to_be_bytes());
    payload.extend(u32::from(bytes.byte() % 4).to_be_bytes());
    payload.resize(12 + usize::from(kind), 0xd5);
    payload
}

fn build(from: IpAddr, to: IpAddr, ports: [u16; 2], payload: &[u8], sums: bool) -> Vec<u8> {
    let length = payload.len() as u16;
    let udp_bytes = length + udp::HEADER_BYTES as u16;
    let checksum = match (sums, from) {
        (false, IpAddr::V4(_)) => 0,
        _ => checksum(from, to, ports, payload),
    };
    let mut link = [0; ethernet::HEADER_BYTES + ethernet::TAG_BYTES];
    let network = match from {
        IpAddr::V4(_) => ethernet::Network::V4,
        IpAddr::V6(_) => ethernet::Network::V6,
    };
    ethernet::build(
        &mut link,
        MacAddress::default(),
        MacAddress([2; 6]),
        0,
        network,
    );
    let mut frame = link[ethernet::TAG_BYTES..].to_vec();
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut header = [0; ipv4::HEADER_BYTES];
            ipv4::build(&mut header, from, to, 46, udp_bytes);
            frame.extend(header);
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut header = [0; ipv6::HEADER_BYTES];
            ipv6::build(&mut header, from, to, 46, udp_bytes);
            frame.extend(header);
        }
        _ => unreachable!("both of one version"),
    }
    let mut header = [0; udp::HEADER_BYTES];
    udp::build(&mut header, ports[0], ports[1], length, checksum);
    frame.extend(header);
    frame.extend(payload);
    frame
}

/// What must hold for a frame that leaves.
pub(super) fn check(frame: &[u8], built: Built) {
    let link = Ethernet::parse(frame).expect("an Ethernet frame leaves");
    let (from, to, datagram): (IpAddr, IpAddr, _) = match link.network() {
        ethernet::Network::V4 => {
            let ip = Ipv4::parse(link.payload()).expect("an IPv4 packet leaves");
            (ip.source().into(), ip.destination().into(), ip.payload())
        }
        ethernet::Network::V6 => {
            let ip = Ipv6::parse(link.payload()).expect("an IPv6 packet leaves");
            (ip.source().into(), ip.destination().into(), ip.payload())
        }
    };
    let udp = Udp::parse(datagram).expect("a UDP datagram leaves");
    let own: [IpAddr; 2] = [OWN_V4, OWN_V6].map(|ip| ip.parse().expect("a literal"));
    assert!(own.contains(&from), "from {from}, which is not ours");
    if built == Built::Well && udp.checksum() != 0 {
        let ports = [udp.source_port(), udp.destination_port()];
        let right = checksum(from, to, ports, udp.payload());
        assert_eq!(udp.checksum() % 0xffff, right % 0xffff);
    }
}

/// RFC 768, RFC 8200 §8.1.
fn checksum(from: IpAddr, to: IpAddr, ports: [u16; 2], payload: &[u8]) -> u16 {
    let of = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => Sum::of(&ip.octets()),
        IpAddr::V6(ip) => Sum::of(&ip.octets()),
    };
    let length = payload.len() as u16 + udp::HEADER_BYTES as u16;
    Sum::of(payload)
        .plus(of(from))
        .plus(of(to))
        .word(length)
        .word(length)
        .word(udp::PROTOCOL.into())
        .word(ports[0])
        .word(ports[1])
        .udp_checksum()
}
