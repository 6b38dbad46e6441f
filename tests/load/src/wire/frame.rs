//! Ethernet frames that carry a party's datagrams, written and read by a library that shares no
//! code with the relay.

use std::net::{IpAddr, SocketAddr};

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};

const TIME_TO_LIVE: u8 = 64;

/// Appends the frame of a datagram between these hardware addresses and these addresses; whether
/// there can be one.
pub fn write(
    frame: &mut Vec<u8>,
    [own_mac, peer_mac]: [[u8; 6]; 2],
    [from, to]: [SocketAddr; 2],
    payload: &[u8],
) -> bool {
    let link = PacketBuilder::ethernet2(own_mac, peer_mac);
    let network = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => link.ipv4(from.octets(), to.octets(), TIME_TO_LIVE),
        (IpAddr::V6(from), IpAddr::V6(to)) => link.ipv6(from.octets(), to.octets(), TIME_TO_LIVE),
        _ => unreachable!("a side's addresses are of one family"),
    };
    let datagram = network.udp(from.port(), to.port());
    datagram.write(frame, payload).is_ok()
}

/// Source and payload of a frame whose checksums are right.
pub fn datagram(frame: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let sliced = SlicedPacket::from_ethernet(frame).ok()?;
    let TransportSlice::Udp(udp) = sliced.transport? else {
        return None;
    };
    let (header, payload) = (udp.to_header(), udp.payload());
    let (source, checksum): (IpAddr, _) = match sliced.net? {
        NetSlice::Ipv4(ip) => {
            let ip = ip.header().to_header();
            if ip.header_checksum != ip.calc_header_checksum() {
                return None;
            }
            (ip.source.into(), header.calc_checksum_ipv4(&ip, payload))
        }
        NetSlice::Ipv6(ip) => {
            let ip = ip.header().to_header();
            (ip.source.into(), header.calc_checksum_ipv6(&ip, payload))
        }
        NetSlice::Arp(_) => return None,
    };
    let sound = header.checksum == checksum.ok()?;
    sound.then(|| (SocketAddr::new(source, udp.source_port()), payload))
}
