//! Ethernet II frames with at most one IEEE 802.1Q tag.

use super::Fault;

/// Octets of an untagged header.
pub const HEADER_BYTES: usize = 14;
/// Octets one 802.1Q tag adds.
pub const TAG_BYTES: usize = 4;

const TYPE_IPV4: u16 = 0x0800;
const TYPE_IPV6: u16 = 0x86dd;
const TYPE_VLAN: u16 = 0x8100;
const VLAN_ID_MASK: u16 = 0x0fff;

/// A 48-bit hardware address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MacAddress(pub [u8; 6]);

/// What the frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A frame whose header is complete.
#[derive(Clone, Copy, Debug)]
pub struct Ethernet<'a> {
    network: Network,
    vlan: u16,
    payload: &'a [u8],
}

impl<'a> Ethernet<'a> {
    /// Reads the header; frames that carry neither IP version are a fault.
    #[inline]
    pub fn parse(frame: &'a [u8]) -> Result<Self, Fault> {
        let (header, mut payload) = frame
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(Fault::Truncated)?;
        let mut kind = u16::from_be_bytes([header[12], header[13]]);
        let mut vlan = 0;
        if kind == TYPE_VLAN {
            let (tag, rest) = payload
                .split_first_chunk::<TAG_BYTES>()
                .ok_or(Fault::Truncated)?;
            vlan = u16::from_be_bytes([tag[0], tag[1]]) & VLAN_ID_MASK;
            kind = u16::from_be_bytes([tag[2], tag[3]]);
            payload = rest;
        }
        let network = match kind {
            TYPE_IPV4 => Network::V4,
            TYPE_IPV6 => Network::V6,
            _ => return Err(Fault::NotIp),
        };
        Ok(Self {
            network,
            vlan,
            payload,
        })
    }

    /// The IP version of the payload.
    #[inline]
    pub fn network(&self) -> Network {
        self.network
    }

    /// The VLAN identifier; 0 for an untagged frame and for a priority tag (802.1Q §9.6).
    #[inline]
    pub fn vlan(&self) -> u16 {
        self.vlan
    }

    /// What follows the header, Ethernet padding included.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Octets of the header that [`build`] writes for `vlan`.
#[inline]
pub fn header_bytes(vlan: u16) -> usize {
    if vlan == 0 {
        HEADER_BYTES
    } else {
        HEADER_BYTES + TAG_BYTES
    }
}

/// Writes a header, tagged unless `vlan` is 0, into the last [`header_bytes`] octets of `out`.
#[inline]
pub fn build(
    out: &mut [u8; HEADER_BYTES + TAG_BYTES],
    destination: MacAddress,
    source: MacAddress,
    vlan: u16,
    network: Network,
) {
    let kind = match network {
        Network::V4 => TYPE_IPV4,
        Network::V6 => TYPE_IPV6,
    };
    out[16..18].copy_from_slice(&kind.to_be_bytes());
    if vlan == 0 {
        out[4..10].copy_from_slice(&destination.0);
        out[10..16].copy_from_slice(&source.0);
    } else {
        out[0..6].copy_from_slice(&destination.0);
        out[6..12].copy_from_slice(&source.0);
        out[12..14].copy_from_slice(&TYPE_VLAN.to_be_bytes());
        out[14..16].copy_from_slice(&(vlan & VLAN_ID_MASK).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);
    const NEAR: MacAddress = MacAddress([2, 0, 0, 0, 0, 2]);

    fn built(vlan: u16, network: Network) -> Vec<u8> {
        let mut room = [0; HEADER_BYTES + TAG_BYTES];
        build(&mut room, FAR, NEAR, vlan, network);
        room[room.len() - header_bytes(vlan)..].to_vec()
    }

    #[test]
    fn what_is_built_parses_back() {
        for (vlan, network) in [(0, Network::V4), (0, Network::V6), (7, Network::V4)] {
            let frame = built(vlan, network);
            let view = Ethernet::parse(&frame).unwrap();
            assert_eq!((view.vlan(), view.network()), (vlan, network));
            assert_eq!(view.payload().len(), 0);
            assert_eq!(frame[..12], [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
        }
    }

    #[test]
    fn every_short_frame_is_truncated() {
        let frame = built(7, Network::V6);
        for length in 0..18 {
            assert_eq!(
                Ethernet::parse(&frame[..length]).unwrap_err(),
                Fault::Truncated
            );
        }
    }

    #[test]
    fn a_second_tag_and_arp_are_not_ip() {
        let mut frame = built(7, Network::V4);
        frame.extend([0; 4]);
        frame[16..18].copy_from_slice(&[0x81, 0x00]);
        assert_eq!(Ethernet::parse(&frame).unwrap_err(), Fault::NotIp);
        frame[12..14].copy_from_slice(&[0x08, 0x06]);
        assert_eq!(Ethernet::parse(&frame).unwrap_err(), Fault::NotIp);
    }

    #[test]
    fn a_priority_tag_is_untagged() {
        let frame = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x81, 0, 0xe0, 0, 8, 0];
        assert_eq!(Ethernet::parse(&frame).unwrap().vlan(), 0);
    }
}
