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
    /// One of our own media ports, where no other call of this realm has it.
    #[error("one of our media ports")]
    OwnMedia,
    /// Any other port of an address of ours, which some service of this machine may have.
    #[error("an address of our own")]
    OwnHost,
    /// A softswitch of another realm.
    #[error("an address of another realm")]
    OtherRealm,
}

/// What addresses are checked against.
#[derive(Debug)]
pub(super) struct Guard {
    signalling: HashSet<SocketAddr>,
    /// Our own addresses that no softswitch shares, those of the loopback left out: there
    /// parties, softswitches and we are told apart by ports alone.
    own: HashSet<IpAddr>,
    /// Softswitches off the loopback, each with its realm.
    softswitches: HashSet<(IpAddr, RealmIndex)>,
    /// Per realm: whether its media is relayed on the loopback.
    loopback: Vec<bool>,
    realms: u16,
}

impl Guard {
    pub fn new(config: &Config) -> Self {
        let own = config.realms.iter().flat_map(|realm| realm.listeners());
        let own = own.map(|(_, address)| address);
        let softswitches = config
            .softswitches
            .iter()
            .map(|softswitch| softswitch.address);
        let controllers = config.controllers.iter().map(|c| c.address);
        Self {
            signalling: own.chain(softswitches).chain(controllers).collect(),
            own: own_addresses(config),
            softswitches: softswitch_addresses(config).collect(),
            loopback: (config.realms.iter())
                .map(|realm| realm.media.iter().any(|own| own.address.is_loopback()))
                .collect(),
            realms: config.realms.len() as u16,
        }
    }

    /// Checks an address that a party in `realm` named for its media in a session; `group` is that
    /// session and those that share its ports.
    ///
    /// One of our own media ports is what the party is right to name when a call comes back
    /// through its softswitch, both ends behind us: then another call of this realm has the port.
    pub fn check(
        &self,
        ports: &Ports,
        realm: RealmIndex,
        group: &[SessionId],
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
            let looped = holder.is_none_or(|holder| group.contains(&holder.session));
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
            None => self.check_host(realm, address.ip()),
        }
    }

    fn check_host(&self, realm: RealmIndex, ip: IpAddr) -> Result<(), AddressFault> {
        if self.own.contains(&ip) {
            return Err(AddressFault::OwnHost);
        }
        let in_realm = |number| self.softswitches.contains(&(ip, RealmIndex(number)));
        match in_realm(realm.0) || !(0..self.realms).any(in_realm) {
            true => Ok(()),
            false => Err(AddressFault::OtherRealm),
        }
    }
}

fn own_addresses(config: &Config) -> HashSet<IpAddr> {
    let realms = config.realms.iter();
    let own = realms.flat_map(|realm| {
        let signalling = realm.listeners().map(|(_, own)| own.ip());
        signalling.chain(realm.media.iter().map(|own| own.address))
    });
    let shared: HashSet<IpAddr> = softswitch_addresses(config).map(|(ip, _)| ip).collect();
    own.filter(|ip| !ip.is_loopback() && !shared.contains(ip))
        .collect()
}

fn softswitch_addresses(config: &Config) -> impl Iterator<Item = (IpAddr, RealmIndex)> {
    let softswitches = config.softswitches.iter().map(|s| (s.address, &s.realm));
    let controllers = config.controllers.iter().map(|c| (c.address, &c.realm));
    let all = softswitches.chain(controllers);
    let all = all.filter_map(|(address, home)| {
        let mut realms = config.realms.iter();
        let realm = realms.position(|realm| &realm.name == home)?;
        Some((address.ip(), RealmIndex(realm as u16)))
    });
    all.filter(|(ip, _)| !ip.is_loopback())
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
