//! Addresses as whole words: what the slot table compares and the records carry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// `::ffff:0:0/96` in the second word (RFC 4291 §2.5.5.2).
const MAPPED: u64 = 0xffff << 32;

/// An IP address in two words, IPv4 mapped into IPv6, so that one comparison serves both families.
///
/// `::` stands for "none": no party is ever heard from or sent to there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct PackedIp(pub [u64; 2]);

impl PackedIp {
    /// No address.
    pub const NONE: Self = Self([0; 2]);

    /// An IPv4 address, as it stands in a header (network byte order).
    #[inline]
    pub const fn from_v4(octets: [u8; 4]) -> Self {
        Self([0, MAPPED | u32::from_be_bytes(octets) as u64])
    }

    /// An IPv6 address, as it stands in a header (network byte order).
    #[inline]
    pub const fn from_v6(octets: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(octets);
        Self([(bits >> 64) as u64, bits as u64])
    }

    /// Whether there is no address.
    #[inline]
    pub const fn is_none(self) -> bool {
        self.0[0] == 0 && self.0[1] == 0
    }

    /// The four octets, when the address is IPv4.
    #[inline]
    pub const fn v4(self) -> Option<[u8; 4]> {
        if self.0[0] == 0 && self.0[1] >> 32 == MAPPED >> 32 {
            Some((self.0[1] as u32).to_be_bytes())
        } else {
            None
        }
    }

    /// The sixteen octets; an IPv4 address comes out mapped.
    #[inline]
    pub const fn octets(self) -> [u8; 16] {
        (((self.0[0] as u128) << 64) | self.0[1] as u128).to_be_bytes()
    }

    /// The address, or nothing for `::`.
    pub fn ip(self) -> Option<IpAddr> {
        if self.is_none() {
            return None;
        }
        Some(match self.v4() {
            Some(octets) => IpAddr::V4(Ipv4Addr::from(octets)),
            None => IpAddr::V6(Ipv6Addr::from(self.octets())),
        })
    }
}

impl From<IpAddr> for PackedIp {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => Self::from_v4(v4.octets()),
            IpAddr::V6(v6) => Self::from_v6(v6.octets()),
        }
    }
}

impl From<Option<IpAddr>> for PackedIp {
    fn from(ip: Option<IpAddr>) -> Self {
        ip.map_or(Self::NONE, Self::from)
    }
}

/// A UDP source or destination as the hot path holds it: address words and port.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Endpoint {
    /// The address.
    pub ip: PackedIp,
    /// The UDP port, host order.
    pub port: u16,
}

impl Endpoint {
    /// The socket address, or nothing when there is no address.
    pub fn socket_addr(self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.ip.ip()?, self.port))
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self {
            ip: address.ip().into(),
            port: address.port(),
        }
    }
}

impl From<Option<SocketAddr>> for Endpoint {
    fn from(address: Option<SocketAddr>) -> Self {
        address.map_or(Self::default(), Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_come_back_as_they_went_in() {
        for text in [
            "192.0.2.7",
            "0.0.0.0",
            "255.255.255.255",
            "2001:db8::1",
            "::1",
            "fe80::2",
        ] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(PackedIp::from(ip).ip(), Some(ip), "{text}");
        }
        assert_eq!(PackedIp::NONE.ip(), None);
    }

    #[test]
    fn the_mapped_form_is_the_ipv4_address() {
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        let plain: IpAddr = "192.0.2.7".parse().unwrap();
        assert_eq!(PackedIp::from(mapped), PackedIp::from(plain));
        assert_eq!(PackedIp::from(plain).v4(), Some([192, 0, 2, 7]));
        assert_eq!(PackedIp::from(plain).octets()[10..12], [0xff, 0xff]);
    }
}
