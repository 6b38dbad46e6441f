//! Addresses can be sent from and sent to, and signalling addresses do not clash.

use std::net::{IpAddr, SocketAddr};

use super::{Judge, realm, softswitch};
use crate::{Config, Realm, SignallingAddress, Softswitch, path::Path};

/// Why an address stands in no message and on no socket of ours; `None` when it does.
pub(super) fn unusable(ip: IpAddr) -> Option<&'static str> {
    match ip {
        _ if ip.is_unspecified() => Some("means any address, so it tells a party nothing"),
        _ if ip.is_multicast() => Some("is a multicast address"),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("is the broadcast address"),
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            Some("is an IPv4 address written as IPv6")
        }
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            Some("is link-local: it means nothing without its interface")
        }
        _ => None,
    }
}

pub(super) fn check(config: &Config, judge: &mut Judge<'_>) {
    for (index, settings) in config.realms.iter().enumerate() {
        listeners(config, index, settings, judge);
    }
    for (index, settings) in config.softswitches.iter().enumerate() {
        reachable(config, index, settings, judge);
    }
}

/// Says what is wrong with a local address.
pub(super) fn local(ip: IpAddr, path: &Path, judge: &mut Judge<'_>) {
    if let Some(why) = unusable(ip) {
        let suggestion = match ip {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map(|v4| v4.to_string()),
            IpAddr::V4(_) => None,
        };
        let allowed = "a unicast address of this machine";
        judge.suggesting(&[path], format!("`{ip}` {why}"), allowed, suggestion);
    }
}

fn listeners(config: &Config, index: usize, settings: &Realm, judge: &mut Judge<'_>) {
    for (number, address) in settings.signalling.iter().enumerate() {
        let here = listener(index, number);
        local(address.address, &here.key("address"), judge);
        if let Some(first) = earlier(config, index, number, address) {
            let message = format!(
                "{} {} is taken by {first}",
                address.transport.as_str(),
                SocketAddr::new(address.address, address.port)
            );
            let about = [&here.key("port"), &first.key("port")];
            judge.error(
                &about,
                message,
                "each address, transport and port once in the file",
            );
        }
    }
}

/// The first listener before this one that is the same.
fn earlier(config: &Config, realm: usize, number: usize, this: &SignallingAddress) -> Option<Path> {
    let all = config.realms.iter().enumerate().flat_map(|(index, realm)| {
        realm
            .signalling
            .iter()
            .enumerate()
            .map(move |(at, address)| ((index, at), address))
    });
    let mut before = all.take_while(|(place, _)| *place != (realm, number));
    before
        .find(|(_, other)| *other == this)
        .map(|((realm, at), _)| listener(realm, at))
}

/// A softswitch can be sent to from its realm.
fn reachable(config: &Config, index: usize, settings: &Softswitch, judge: &mut Judge<'_>) {
    let path = softswitch(index).key("address");
    let at = settings.address;
    if let Some(why) = unusable(at.ip()) {
        judge.error(
            &[&path],
            format!("`{at}` {why}"),
            "a unicast address and its port",
        );
    } else if at.port() == 0 {
        judge.error(
            &[&path],
            format!("`{at}` has port 0"),
            "a port from 1 to 65535",
        );
    }
    let Some(home) = config
        .realms
        .iter()
        .position(|realm| realm.name == settings.realm)
    else {
        return;
    };
    let from = &config.realms[home].signalling;
    let same = |address: &&SignallingAddress| {
        address.address.is_ipv4() == at.is_ipv4() && address.transport == settings.transport
    };
    if !from.iter().any(|address| same(&address)) {
        let family = if at.is_ipv4() { "IPv4" } else { "IPv6" };
        let transport = settings.transport.as_str();
        let message = format!(
            "realm `{}` has no {family} signalling address for {transport}",
            settings.realm
        );
        let about = [&path, &realm(home).key("signalling")];
        judge.error(
            &about,
            message,
            "the family and transport of a signalling address there",
        );
    }
    ourselves(config, &path, settings, judge);
}

/// A softswitch is not Strait itself.
fn ourselves(config: &Config, path: &Path, settings: &Softswitch, judge: &mut Judge<'_>) {
    for (index, realm) in config.realms.iter().enumerate() {
        let own = realm.signalling.iter().position(|address| {
            SocketAddr::new(address.address, address.port) == settings.address
                && address.transport == settings.transport
        });
        if let Some(number) = own {
            let message = format!(
                "`{}` is Strait itself: {}",
                settings.address,
                listener(index, number)
            );
            let about = [path, &listener(index, number).key("port")];
            judge.error(
                &about,
                message,
                "the address of another machine or another port",
            );
        }
    }
}

fn listener(realm_index: usize, number: usize) -> Path {
    realm(realm_index).key("signalling").index(number)
}
