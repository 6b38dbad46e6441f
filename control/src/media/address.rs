//! Which addresses media may be sent to. SDP is hostile text: it must not aim our packets at this
//! machine, at a multicast group, or round in circles.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use strait_config::{Config, RealmIndex};
use thiserror::Error;

use super::limits::LOWEST_REMOTE_PORT;
use super::ports::Ports;
use super::side::SessionId;

/// Why media must not be sent to an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum AddressFault {
    /// 127.0.0.0/8 or ::1, where the realm's media is not on the loopback itself.
    #[error("a loopback address")]
    Loopback,
    /// A group address.
    #[error("a multicast address")]
    Multicast,
    /// 255.255.255.255, 0.0.0.0/8 or 240.0.0.0/4 (RFC 1122 §3.2.1.3, RFC 1112 §4).
    #[error("an address that is no host's")]
    NoHost,
    /// An IPv4 address written as an IPv6 one (RFC 4291 §2.5.5).
    #[error("an IPv4 address in IPv6 form")]
    Mapped,
    /// fe80::/10: means nothing without an interface (RFC 4007 §6).
    #[error("an IPv6 link-local address")]
    LinkLocal,
    /// The port of a well-known service.
    #[error("a port below {LOWEST_REMOTE_PORT}")]
    Port,
    /// A signalling address of ours or of a softswitch.
    #[error("a signalling address")]
    Signalling,
    /// One of our own media ports, where no call of this realm has it.
    #[error("one of our media ports")]
    OwnMedia,
}

/// What addresses are checked against.
#[derive(Debug)]
pub(super) struct Guard {
    signalling: HashSet<SocketAddr>,
    /// Per realm: whether its media is relayed on the loopback.
    loopback: Vec<bool>,
    realms: u16,
}

impl Guard {
    pub fn new(config: &Config) -> Self {
        let own = config.realms.iter().flat_map(|realm| &realm.signalling);
        let own = own.map(|own| SocketAddr::new(own.address, own.port));
        let softswitches = config
            .softswitches
            .iter()
            .map(|softswitch| softswitch.address);
        Self {
            signalling: own.chain(softswitches).collect(),
            loopback: (config.realms.iter())
                .map(|realm| realm.media.iter().any(|own| own.address.is_loopback()))
                .collect(),
            realms: config.realms.len() as u16,
        }
    }

    /// Checks an address that a party in `realm` named for its media in `session`.
    ///
    /// One of our own media ports is what the party is right to name when a call comes back
    /// through its softswitch, both ends behind us: then a call of this realm has the port.
    pub fn check(
        &self,
        ports: &Ports,
        realm: RealmIndex,
        session: SessionId,
        address: SocketAddr,
    ) -> Result<(), AddressFault> {
        check_ip(address.ip(), self.loopback[usize::from(realm.0)])?;
        if address.port() < LOWEST_REMOTE_PORT {
            return Err(AddressFault::Port);
        }
        if self.signalling.contains(&address) {
            return Err(AddressFault::Signalling);
        }
        if let Some(pair) = ports.layout.pair_at(realm, address) {
            let holder = ports.holder_of(pair);
            let looped = holder.is_none_or(|holder| holder.session == session);
            return if looped {
                Err(AddressFault::OwnMedia)
            } else {
                Ok(())
            };
        }
        let realms = (0..self.realms).map(RealmIndex);
        match realms
            .filter(|other| *other != realm)
            .find_map(|r| ports.layout.pair_at(r, address))
        {
            Some(_) => Err(AddressFault::OwnMedia),
            None => Ok(()),
        }
    }
}

fn check_ip(ip: IpAddr, loopback_allowed: bool) -> Result<(), AddressFault> {
    match ip {
        _ if ip.is_multicast() => Err(AddressFault::Multicast),
        _ if ip.is_loopback() && !loopback_allowed => Err(AddressFault::Loopback),
        _ if ip.is_loopback() => Ok(()),
        IpAddr::V4(v4) if is_no_host(v4) => Err(AddressFault::NoHost),
        IpAddr::V6(v6) if v6.is_unspecified() => Err(AddressFault::NoHost),
        IpAddr::V6(v6) if v6.to_ipv4().is_some() => Err(AddressFault::Mapped),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Err(AddressFault::LinkLocal),
        _ => Ok(()),
    }
}

fn is_no_host(ip: Ipv4Addr) -> bool {
    let first = ip.octets()[0];
    first == 0 || first >= 240
}
