//! The headers that stand for what the kernel keeps to itself.

use std::net::IpAddr;

use strait_shared::net::{Endpoint, PackedIp};

use super::bind::Local;
use super::{FAR, NEAR};
use crate::limits::FRAME_BYTES_MAX;
use crate::wire::checksum::Sum;
use crate::wire::ethernet::{self, Network};
use crate::wire::{Ethernet, Ipv4, Ipv6, Udp, ipv4, ipv6, udp};

/// Octets of the headers of what arrives at `local`.
pub(super) fn bytes(local: &Local) -> usize {
    let ip = match local.address.ip() {
        IpAddr::V4(_) => ipv4::HEADER_BYTES,
        IpAddr::V6(_) => ipv6::HEADER_BYTES,
    };
    ethernet::header_bytes(local.vlan) + ip + udp::HEADER_BYTES
}

/// Writes the headers of a datagram from `source` whose payload lies behind them already.
pub(super) fn build(
    space: &mut [u8; FRAME_BYTES_MAX],
    local: &Local,
    source: Endpoint,
    payload_bytes: usize,
) {
    let link_bytes = ethernet::header_bytes(local.vlan);
    let (link, packet) = space.split_at_mut(link_bytes);
    let udp_bytes = (udp::HEADER_BYTES + payload_bytes) as u16;
    let port = local.address.port();
    match local.address.ip() {
        IpAddr::V4(ip) => {
            build_link(link, local.vlan, Network::V4);
            let (header, datagram) = packet.split_first_chunk_mut().expect("a long buffer");
            let from = source.ip.v4().unwrap_or_default().into();
            ipv4::build(header, from, ip, 0, udp_bytes);
            let header = datagram.first_chunk_mut().expect("a long buffer");
            udp::build(header, source.port, port, payload_bytes as u16, 0);
        }
        IpAddr::V6(ip) => {
            build_link(link, local.vlan, Network::V6);
            let (header, datagram) = packet.split_first_chunk_mut().expect("a long buffer");
            ipv6::build(header, source.ip.octets().into(), ip, 0, udp_bytes);
            let (header, payload) = datagram.split_first_chunk_mut().expect("a long buffer");
            let sum = Sum::of(&payload[..payload_bytes])
                .plus(Sum::of(&source.ip.octets()))
                .plus(Sum::of(&ip.octets()))
                .word(u16::from(udp::PROTOCOL))
                .word(udp_bytes)
                .word(udp_bytes)
                .word(source.port)
                .word(port);
            udp::build(
                header,
                source.port,
                port,
                payload_bytes as u16,
                sum.udp_checksum(),
            );
        }
    }
}

fn build_link(out: &mut [u8], vlan: u16, network: Network) {
    let mut room = [0; ethernet::HEADER_BYTES + ethernet::TAG_BYTES];
    ethernet::build(&mut room, NEAR, FAR, vlan, network);
    out.copy_from_slice(&room[room.len() - out.len()..]);
}

/// Source, destination, DSCP and payload of a frame that the relay built.
pub(super) fn parse(frame: &[u8]) -> Option<(Endpoint, Endpoint, u8, &[u8])> {
    let frame = Ethernet::parse(frame).ok()?;
    let (source, destination, dscp, datagram) = match frame.network() {
        Network::V4 => {
            let ip = Ipv4::parse(frame.payload()).ok()?;
            let pack = |ip: std::net::Ipv4Addr| PackedIp::from_v4(ip.octets());
            (
                pack(ip.source()),
                pack(ip.destination()),
                ip.dscp(),
                ip.payload(),
            )
        }
        Network::V6 => {
            let ip = Ipv6::parse(frame.payload()).ok()?;
            let pack = |ip: std::net::Ipv6Addr| PackedIp::from_v6(ip.octets());
            (
                pack(ip.source()),
                pack(ip.destination()),
                ip.dscp(),
                ip.payload(),
            )
        }
    };
    let udp = Udp::parse(datagram).ok()?;
    let endpoint = |ip, port| Endpoint { ip, port };
    Some((
        endpoint(source, udp.source_port()),
        endpoint(destination, udp.destination_port()),
        dscp,
        udp.payload(),
    ))
}
