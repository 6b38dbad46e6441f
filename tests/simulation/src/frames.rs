//! Datagrams to Ethernet frames and back, by a library that is not Strait's.

use std::net::{IpAddr, SocketAddr};

use etherparse::{
    IpHeaders, IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, NetHeaders, PacketBuilder,
    PacketHeaders, VlanHeader,
};
use strait_parties::party::Datagram;

/// Strait's hardware address.
pub const STRAIT: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// The router's, behind which everyone else is.
pub const ROUTER: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// A datagram as it left a NIC.
pub struct Left {
    /// The VLAN it is tagged with.
    pub vlan: Option<u16>,
    /// The datagram.
    pub datagram: Datagram,
}

/// The frame a datagram arrives in. `None` if it mixes IP versions.
pub fn build(datagram: &Datagram, vlan: Option<u16>) -> Option<Vec<u8>> {
    let (from, to) = (datagram.source, datagram.destination);
    let ip = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let header = Ipv4Header::new(0, 64, IpNumber::UDP, from.octets(), to.octets()).ok()?;
            IpHeaders::Ipv4(header, Default::default())
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let header = Ipv6Header {
                traffic_class: 0,
                flow_label: Ipv6FlowLabel::ZERO,
                payload_length: 0,
                next_header: IpNumber::UDP,
                hop_limit: 64,
                source: from.octets(),
                destination: to.octets(),
            };
            IpHeaders::Ipv6(header, Default::default())
        }
        _ => return None,
    };
    let link = PacketBuilder::ethernet2(ROUTER, STRAIT);
    let mut out = Vec::with_capacity(datagram.payload.len() + 80);
    let (from, to) = (from.port(), to.port());
    let written = match vlan {
        Some(vlan) => {
            let tagged = link.single_vlan(vlan.try_into().ok()?).ip(ip);
            tagged.udp(from, to).write(&mut out, &datagram.payload)
        }
        None => link.ip(ip).udp(from, to).write(&mut out, &datagram.payload),
    };
    written.ok().map(|()| out)
}

/// Reads a frame that Strait sent; says what is wrong with one that no router would take.
pub fn read(frame: &[u8]) -> Result<Left, String> {
    let packet = PacketHeaders::from_ethernet_slice(frame).map_err(|error| error.to_string())?;
    let link = packet
        .link
        .as_ref()
        .and_then(|link| link.clone().ethernet2());
    if link.is_none_or(|link| link.destination != ROUTER || link.source != STRAIT) {
        return Err("wrong hardware addresses".to_owned());
    }
    let vlan = match packet.vlan() {
        None => None,
        Some(VlanHeader::Single(tag)) => Some(tag.vlan_id.value()),
        Some(VlanHeader::Double(_)) => return Err("two tags".to_owned()),
    };
    let udp = packet.transport.and_then(|transport| transport.udp());
    let udp = udp.ok_or("not UDP")?;
    let payload = packet.payload.slice().to_vec();
    let (from, to, checksum) = match packet.net {
        Some(NetHeaders::Ipv4(ip, _)) => {
            if ip.header_checksum != ip.calc_header_checksum() {
                return Err("wrong IPv4 checksum".to_owned());
            }
            let checksum = udp.calc_checksum_ipv4(&ip, &payload);
            (
                IpAddr::from(ip.source),
                IpAddr::from(ip.destination),
                checksum,
            )
        }
        Some(NetHeaders::Ipv6(ip, _)) => {
            let checksum = udp.calc_checksum_ipv6(&ip, &payload);
            (
                IpAddr::from(ip.source),
                IpAddr::from(ip.destination),
                checksum,
            )
        }
        _ => return Err("not IP".to_owned()),
    };
    let unchecked = udp.checksum == 0 && from.is_ipv4();
    if !unchecked && checksum.ok() != Some(udp.checksum) {
        return Err("wrong UDP checksum".to_owned());
    }
    let datagram = Datagram {
        source: SocketAddr::new(from, udp.source_port),
        destination: SocketAddr::new(to, udp.destination_port),
        payload,
    };
    Ok(Left { vlan, datagram })
}
