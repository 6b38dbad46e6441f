//! Gateways and their controllers: addresses that clash with nothing, and a way from one to the
//! other.

use std::net::SocketAddr;

use super::{Judge, addresses, controller, names, realm};
use crate::{
    Config, ControlAddress, ControlProtocol, Controller, GatewayControl, Realm, Transport,
    limits::CONTROL_PORTS_MAX, path::Path,
};

pub(super) fn check(config: &Config, judge: &mut Judge<'_>) {
    for (index, settings) in config.realms.iter().enumerate() {
        if let Some(control) = &settings.gateway_control {
            let here = realm(index).key("gateway_control");
            for (number, address) in control.addresses.iter().enumerate() {
                let path = here.key("addresses").index(number);
                addresses::local(address.address, &path.key("address"), judge);
                shape(address, &path, judge);
                apart(config, (index, number), address, &path, judge);
            }
            how_many(settings, &here, judge);
            ways(config, settings, control, &here, judge);
            kept_open(settings, control, &here, judge);
        } else if settings.signalling.is_empty() {
            let message = "nothing is heard here".to_owned();
            let allowed = "`signalling` addresses, or `gateway_control`";
            judge.error(&[&realm(index).key("signalling")], message, allowed);
        }
    }
    for (index, settings) in config.controllers.iter().enumerate() {
        reachable(config, index, settings, judge);
    }
}

fn shape(address: &ControlAddress, path: &Path, judge: &mut Judge<'_>) {
    if address.port.is_some() && address.ports.is_some() {
        let message = "gateways turn to `port`, controllers to `ports`".to_owned();
        let about = [&path.key("ports"), &path.key("port")];
        judge.error(&about, message, "one of the two");
    }
    if address.protocol == ControlProtocol::Mgcp && address.transport == Transport::Tcp {
        let message = "MGCP has no TCP (RFC 3435 §3.5)".to_owned();
        judge.error(&[&path.key("transport")], message, "`udp`");
    }
}

/// No port is heard on twice, for whatever.
fn apart(
    config: &Config,
    here: (usize, usize),
    address: &ControlAddress,
    path: &Path,
    judge: &mut Judge<'_>,
) {
    let (first, last, _) = address.span();
    let port = path.key(if address.ports.is_some() {
        "ports"
    } else {
        "port"
    });
    let same = |ip, transport| ip == address.address && transport == address.transport;
    let clash = |other: Path, judge: &mut Judge<'_>| {
        let allowed = "each address, transport and port once in the file";
        let message = format!("some port here is also of {other}");
        judge.error(&[&port, &other], message, allowed);
    };
    for (index, settings) in config.realms.iter().enumerate() {
        for (number, other) in settings.signalling.iter().enumerate() {
            if same(other.address, other.transport) && (first..=last).contains(&other.port) {
                clash(realm(index).key("signalling").index(number), judge);
            }
        }
        for (number, other) in settings.media.iter().enumerate() {
            let overlap = other.ports.first() <= last && first <= other.ports.last();
            if same(other.address, Transport::Udp) && overlap {
                clash(realm(index).key("media").index(number), judge);
            }
        }
        let control = settings.gateway_control.iter().flat_map(|c| &c.addresses);
        for (number, other) in control.enumerate() {
            let (from, to, _) = other.span();
            let before = (index, number) < here;
            if before && same(other.address, other.transport) && from <= last && first <= to {
                let other = realm(index).key("gateway_control").key("addresses");
                clash(other.index(number), judge);
            }
        }
    }
}

fn how_many(settings: &Realm, here: &Path, judge: &mut Judge<'_>) {
    let addresses = settings.gateway_control.iter().flat_map(|c| &c.addresses);
    let ports: usize = addresses
        .map(|address| address.span())
        .map(|(first, last, _)| usize::from(last - first) + 1)
        .sum();
    if ports > CONTROL_PORTS_MAX {
        let message = format!("{ports} ports");
        let allowed = format!("at most {CONTROL_PORTS_MAX} in a realm");
        judge.error(&[&here.key("addresses")], message, &allowed);
    }
}

/// Gateways are brought to controllers of other realms that speak as they do.
fn ways(
    config: &Config,
    settings: &Realm,
    control: &GatewayControl,
    here: &Path,
    judge: &mut Judge<'_>,
) {
    let known: Vec<&str> = config.controllers.iter().map(|c| c.name.as_str()).collect();
    let mut protocols = Vec::new();
    for (choice, name) in control.controllers.iter().enumerate() {
        let path = here.key("controllers").index(choice);
        names::unknown(judge, &path, "controller", name.as_str(), &known);
        let found = config.controllers.iter().position(|c| &c.name == name);
        let Some(found) = found else { return };
        protocols.push(config.controllers[found].protocol);
        if config.controllers[found].realm == settings.name {
            let message = format!("`{name}` lives in this realm itself");
            let home = controller(found).key("realm");
            judge.error(&[&path, &home], message, "a controller of another realm");
        }
    }
    for (number, address) in control.addresses.iter().enumerate() {
        if address.span().2 && !protocols.contains(&address.protocol) {
            let protocol = address.protocol.as_str();
            let message = format!("no controller here speaks {protocol}");
            let path = here.key("addresses").index(number).key("protocol");
            let allowed = format!("the name of one that does in `controllers` of {here}");
            judge.error(&[&path], message, &allowed);
        }
    }
}

fn kept_open(settings: &Realm, control: &GatewayControl, here: &Path, judge: &mut Judge<'_>) {
    let gateways = control.addresses.iter().any(|address| address.span().2);
    if settings.nat && gateways && control.keepalive.is_none() {
        let message = "nothing keeps the NAT bindings of this realm's gateways open";
        judge.warning(here, message.to_owned(), "a `keepalive` such as `25s`");
    }
}

/// A controller can be sent to from its realm, and somebody is brought to it.
fn reachable(config: &Config, index: usize, settings: &Controller, judge: &mut Judge<'_>) {
    let path = controller(index).key("address");
    let at: SocketAddr = settings.address;
    if let Some(why) = addresses::unusable(at.ip()) {
        let message = format!("`{at}` {why}");
        judge.error(&[&path], message, "a unicast address and its port");
    } else if at.port() == 0 {
        judge.error(
            &[&path],
            format!("`{at}` has port 0"),
            "a port from 1 to 65535",
        );
    }
    let Some(home) = config.realms.iter().find(|r| r.name == settings.realm) else {
        return;
    };
    let fits = |address: &&ControlAddress| {
        let same = address.protocol == settings.protocol && address.transport == settings.transport;
        same && address.ports.is_some() && address.address.is_ipv4() == at.is_ipv4()
    };
    let mut own = home.gateway_control.iter().flat_map(|c| &c.addresses);
    if !own.any(|address| fits(&address)) {
        let family = if at.is_ipv4() { "IPv4" } else { "IPv6" };
        let (protocol, transport) = (settings.protocol.as_str(), settings.transport.as_str());
        let message = format!(
            "realm `{}` has no {family} address with `ports` for {protocol} over {transport}",
            settings.realm
        );
        let allowed = "one among `gateway_control.addresses` of that realm";
        judge.error(&[&path], message, allowed);
    }
    let named = |realm: &Realm| {
        let control = realm.gateway_control.iter();
        control
            .flat_map(|c| &c.controllers)
            .any(|name| name == &settings.name)
    };
    if !config.realms.iter().any(named) {
        let message = format!("no gateway is brought to `{}`", settings.name);
        let allowed = "the name in `gateway_control.controllers` of some realm";
        judge.warning(&controller(index).key("name"), message, allowed);
    }
}
