//! The configuration as the gateway uses it: whose address is whose, and what it looks like.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use strait_config::{Config, ControlPort, SoftswitchIndex};

use super::io::{Flow, ListenerIndex, RealmIndex, Transport};
use crate::sip::{HostPort, Uri};

/// The default port of SIP (RFC 3261 §19.1.2).
pub const SIP_PORT: u16 = 5060;

/// What the configuration says, made ready.
#[derive(Debug)]
pub struct Settings {
    /// The configuration it was made from.
    pub config: Arc<Config>,
    realms: Vec<Realm>,
    softswitches: Vec<Softswitch>,
}

/// One realm.
#[derive(Debug)]
pub struct Realm {
    /// Its signalling addresses, in the configuration's order.
    pub listeners: Vec<Listener>,
    /// Its ports of H.248 and MGCP, which are counted on behind its listeners.
    pub control: Vec<ControlPort>,
    /// Whether a softswitch lives in it, so that its requests reach registered parties.
    pub is_core: bool,
    /// The domains it serves itself, in lower case.
    pub domains: Vec<Box<[u8]>>,
    /// Addresses that no other realm may see: our own here, and the softswitches'.
    pub hidden: Vec<IpAddr>,
}

/// One signalling address.
#[derive(Debug)]
pub struct Listener {
    /// UDP or TCP.
    pub transport: Transport,
    /// Address and port.
    pub address: SocketAddr,
    /// Host and port as in Via and Contact, IPv6 in brackets.
    pub host_port: Box<[u8]>,
    /// The host alone, and the port where it is not the default: as in From and To.
    pub authority: Box<[u8]>,
}

/// One softswitch.
#[derive(Debug)]
pub struct Softswitch {
    /// The realm it lives in.
    pub realm: RealmIndex,
    /// Where and how it is reached; `connection` is empty.
    pub flow: Flow,
    /// What URIs call it: its domain or address.
    pub authority: Box<[u8]>,
}

impl Settings {
    /// Reads a valid configuration.
    pub fn new(config: Arc<Config>) -> Self {
        let indices = 0..config.softswitches.len() as u16;
        let softswitches: Vec<Softswitch> = indices
            .map(|index| softswitch(&config, SoftswitchIndex(index)))
            .collect();
        let realms = (0..config.realms.len() as u16)
            .map(|index| realm(&config, RealmIndex(index), &softswitches))
            .collect();
        Self {
            config,
            realms,
            softswitches,
        }
    }

    /// The realm at `index`.
    pub fn realm(&self, index: RealmIndex) -> &Realm {
        &self.realms[usize::from(index.0)]
    }

    /// What the configuration says of the realm at `index`.
    pub fn realm_config(&self, index: RealmIndex) -> &strait_config::Realm {
        self.config.realm(index)
    }

    /// The signalling address a flow uses.
    pub fn listener(&self, flow: Flow) -> &Listener {
        &self.realm(flow.realm).listeners[usize::from(flow.listener.0)]
    }

    /// Whether a flow names one of our signalling addresses.
    pub fn knows(&self, flow: Flow) -> bool {
        let realm = self.realms.get(usize::from(flow.realm.0));
        realm.is_some_and(|realm| {
            usize::from(flow.listener.0) < realm.listeners.len() + realm.control.len()
        })
    }

    /// The port of H.248 or MGCP that a flow uses; `None` where it is SIP's.
    pub fn control_port(&self, flow: Flow) -> Option<ControlPort> {
        let realm = self.realm(flow.realm);
        let place = usize::from(flow.listener.0).checked_sub(realm.listeners.len())?;
        realm.control.get(place).copied()
    }

    /// A realm's ports of H.248 and MGCP, and which listener the first of them is.
    pub fn control_ports(&self, index: RealmIndex) -> (ListenerIndex, &[ControlPort]) {
        let realm = self.realm(index);
        let first = ListenerIndex(realm.listeners.len() as u16);
        (first, &realm.control)
    }

    /// The softswitch at `index`.
    pub fn softswitch(&self, index: SoftswitchIndex) -> &Softswitch {
        &self.softswitches[usize::from(index.0)]
    }

    /// All softswitches with their indices.
    pub fn softswitches(&self) -> impl Iterator<Item = (SoftswitchIndex, &Softswitch)> {
        let indices = (0u16..).map(SoftswitchIndex);
        indices.zip(&self.softswitches)
    }

    /// The softswitch at the far end of a flow: at its address, or another port of its host.
    pub fn softswitch_at(&self, flow: Flow) -> Option<SoftswitchIndex> {
        let here = || {
            self.softswitches()
                .filter(|(_, softswitch)| softswitch.realm == flow.realm)
        };
        let exact = here().find(|(_, softswitch)| softswitch.flow.remote == flow.remote);
        let host = |s: &Softswitch| s.flow.remote.ip() == flow.remote.ip();
        let found = exact.or_else(|| here().find(|(_, softswitch)| host(softswitch)));
        found.map(|(index, _)| index)
    }

    /// Whether `ip` belongs to a softswitch in `realm`.
    pub fn is_softswitch(&self, realm: RealmIndex, ip: IpAddr) -> bool {
        let lives_here = |s: &Softswitch| s.realm == realm && s.flow.remote.ip() == ip;
        self.softswitches.iter().any(lives_here)
    }

    /// Whether an address is a signalling address of ours, in whichever realm.
    pub fn is_ours(&self, address: SocketAddr) -> bool {
        let mut listeners = self.realms.iter().flat_map(|realm| &realm.listeners);
        let mut control = self.realms.iter().flat_map(|realm| &realm.control);
        listeners.any(|listener| listener.address == address)
            || control.any(|port| port.address == address)
    }

    /// The flow from our address in `realm` to a literal address; `None` where the realm has no
    /// signalling address of its family and transport.
    pub fn flow_to(
        &self,
        realm: RealmIndex,
        transport: Transport,
        remote: SocketAddr,
    ) -> Option<Flow> {
        let listener = listener_for(&self.realm(realm).listeners, transport, remote)?;
        Some(Flow {
            realm,
            listener,
            transport,
            remote,
            connection: None,
        })
    }
}

impl Realm {
    /// Whether a host and port is one of our signalling addresses here. Without a port the
    /// address alone decides.
    pub fn is_own(&self, host_port: &HostPort) -> bool {
        let Some(ip) = host_port.host.ip else {
            return false;
        };
        self.listeners.iter().any(|listener| {
            let port_fits = host_port
                .port
                .is_none_or(|p| p.number == listener.address.port());
            listener.address.ip() == ip && port_fits
        })
    }

    /// Whether a URI names one of our signalling addresses here.
    pub fn is_own_uri(&self, uri: &Uri) -> bool {
        uri.host_port
            .is_some_and(|host_port| self.is_own(&host_port))
    }
}

fn softswitch(config: &Config, index: SoftswitchIndex) -> Softswitch {
    let configured = config.softswitch(index);
    let realm = config.realm_of(index);
    let transport = configured.transport.into();
    let listeners = &config.realm(realm).signalling;
    let position = listeners.iter().position(|listener| {
        Transport::from(listener.transport) == transport
            && listener.address.is_ipv4() == configured.address.is_ipv4()
    });
    // Validation has seen to it that there is one.
    let listener = ListenerIndex(position.unwrap_or_default() as u16);
    let remote = configured.address;
    let authority = match &configured.domain {
        Some(domain) => domain.as_str().as_bytes().into(),
        None => authority(remote),
    };
    let flow = Flow {
        realm,
        listener,
        transport,
        remote,
        connection: None,
    };
    Softswitch {
        realm,
        flow,
        authority,
    }
}

fn realm(config: &Config, index: RealmIndex, softswitches: &[Softswitch]) -> Realm {
    let configured = config.realm(index);
    let listeners: Vec<Listener> = configured
        .signalling
        .iter()
        .map(|listener| {
            let address = SocketAddr::new(listener.address, listener.port);
            Listener {
                transport: listener.transport.into(),
                address,
                host_port: address.to_string().into_bytes().into(),
                authority: authority(address),
            }
        })
        .collect();
    let own = listeners.iter().map(|listener| listener.address.ip());
    let media = configured.media.iter().map(|media| media.address);
    let here = softswitches
        .iter()
        .filter(|softswitch| softswitch.realm == index);
    let mut hidden: Vec<IpAddr> = own.chain(media).collect();
    hidden.extend(here.clone().map(|softswitch| softswitch.flow.remote.ip()));
    hidden.extend(configured.listeners().map(|(_, address)| address.ip()));
    let controllers = config.controllers.iter();
    let controllers = controllers.filter(|controller| controller.realm == configured.name);
    hidden.extend(controllers.map(|controller| controller.address.ip()));
    hidden.sort();
    hidden.dedup();
    Realm {
        listeners,
        control: configured.control_ports().collect(),
        is_core: here.count() > 0,
        domains: domains(configured),
        hidden,
    }
}

fn domains(realm: &strait_config::Realm) -> Vec<Box<[u8]>> {
    let served = realm.serve.iter().flat_map(|serve| &serve.domains);
    served
        .map(|domain| domain.as_str().to_ascii_lowercase().into_bytes().into())
        .collect()
}

fn listener_for(
    listeners: &[Listener],
    transport: Transport,
    remote: SocketAddr,
) -> Option<ListenerIndex> {
    let position = listeners.iter().position(|listener| {
        listener.transport == transport && listener.address.is_ipv4() == remote.is_ipv4()
    });
    position.map(|index| ListenerIndex(index as u16))
}

fn authority(address: SocketAddr) -> Box<[u8]> {
    let text = match (address.ip(), address.port()) {
        (IpAddr::V4(ip), SIP_PORT) => ip.to_string(),
        (IpAddr::V6(ip), SIP_PORT) => format!("[{ip}]"),
        _ => address.to_string(),
    };
    text.into_bytes().into()
}
