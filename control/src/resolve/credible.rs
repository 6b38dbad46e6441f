//! Which addresses the DNS may send us to.
//!
//! Whoever runs a domain says where its servers are, and whoever calls names the domain: neither
//! has to be honest. An address that no server of another party can have is not an answer.

use std::net::{IpAddr, Ipv4Addr};

/// Whether addresses of this very machine are believed.
///
/// From the DNS at large they are an attack: a domain that names 127.0.0.1 would have us talk to
/// whatever listens here and trusts its own machine. Only an operator who runs the whole scene on
/// one machine means them, and then the DNS servers in the configuration are on loopback too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loopback {
    /// They are lies.
    Lie,
    /// They are meant.
    Meant,
}

/// True for an address that another party's server may have.
pub fn credible(address: IpAddr, loopback: Loopback) -> bool {
    let allowed = match address {
        IpAddr::V4(address) => {
            // 0.0.0.0/8 is this machine to the kernel (RFC 1122 §3.2.1.3); 169.254.0.0/16 is a
            // neighbour on some link or a cloud's own services (RFC 3927 §2.9), never in the DNS.
            address.octets()[0] != 0
                && !address.is_link_local()
                && address != Ipv4Addr::BROADCAST
                && address.octets()[0] < 240
        }
        // A link-local address means nothing without its link, and a mapped one is IPv4 in
        // disguise, which is not to be on any wire (RFC 4291 §2.5.5.2).
        IpAddr::V6(address) => {
            !address.is_unicast_link_local() && address.to_ipv4_mapped().is_none()
        }
    };
    allowed
        && !address.is_unspecified()
        && !address.is_multicast()
        && (loopback == Loopback::Meant || !address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_no_server_can_have_are_lies() {
        let lies = [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.255.0.9",
            "169.254.169.254",
            "224.0.1.75",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "ff02::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "::ffff:192.0.2.1",
        ];
        for lie in lies {
            assert!(!credible(lie.parse().unwrap(), Loopback::Lie), "{lie}");
        }
    }

    #[test]
    fn private_networks_have_servers_too() {
        for address in [
            "192.0.2.1",
            "10.0.0.1",
            "100.64.0.1",
            "2001:db8::1",
            "fd00::1",
        ] {
            assert!(
                credible(address.parse().unwrap(), Loopback::Lie),
                "{address}"
            );
        }
    }

    #[test]
    fn loopback_is_believed_where_it_is_meant_and_nothing_else_with_it() {
        for address in ["127.0.0.2", "::1"] {
            assert!(credible(address.parse().unwrap(), Loopback::Meant));
        }
        for lie in ["0.0.0.0", "::", "::ffff:127.0.0.1", "255.255.255.255"] {
            assert!(!credible(lie.parse().unwrap(), Loopback::Meant), "{lie}");
        }
    }
}
