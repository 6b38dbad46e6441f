//! Where Strait is: its addresses, their sides, the queue a packet comes to.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use strait_config::Config;
use strait_control::gateway::io::{ListenerIndex, RealmIndex, Transport};
use strait_parties::party::Datagram;

use crate::checks::Side;

pub(super) fn seed(random: &mut fastrand::Rng) -> [u8; 32] {
    let mut seed = [0; 32];
    random.fill(&mut seed);
    seed
}

/// Where signalling comes to, over what, and whose it is.
pub(super) type Listeners = BTreeMap<SocketAddr, (RealmIndex, ListenerIndex, Transport)>;

pub(super) fn listeners(config: &Config) -> Listeners {
    let mut listeners = BTreeMap::new();
    for (realm, settings) in (0..).zip(&config.realms) {
        for (number, (transport, address)) in (0..).zip(settings.listeners()) {
            let of = (RealmIndex(realm), ListenerIndex(number), transport.into());
            listeners.insert(address, of);
        }
    }
    listeners
}

pub(super) fn media(config: &Config) -> BTreeMap<IpAddr, (Side, usize)> {
    let all = config.media_addresses();
    all.map(|(_, realm, media)| (media.address, (side(realm), nic(realm))))
        .collect()
}

pub(super) fn side(realm: RealmIndex) -> Side {
    match realm.0 {
        1 => Side::Core,
        _ => Side::Access,
    }
}

/// The NIC of a realm's media.
fn nic(realm: RealmIndex) -> usize {
    match side(realm) {
        Side::Access => 0,
        Side::Core => 1,
    }
}

/// What a NIC chooses a packet's queue by: the same for a flow, as receive-side scaling does.
pub(super) fn hash(datagram: &Datagram) -> u64 {
    let mut octets = [0; 36];
    for (end, place) in [datagram.source, datagram.destination]
        .into_iter()
        .zip(octets.chunks_exact_mut(18))
    {
        let ip = match end.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        place[..16].copy_from_slice(&ip.octets());
        place[16..].copy_from_slice(&end.port().to_be_bytes());
    }
    fnv(&octets)
}

/// Fowler, Noll and Vo's hash, variant 1a.
pub(super) fn fnv(octets: &[u8]) -> u64 {
    let step = |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
    octets.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
