//! Gateways that a controller commands, by H.248 or MGCP: where Strait stands between the two.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
    examples,
    realm::{Realm, Transport},
    resolved::RealmIndex,
    scalar::{ControllerName, PortRange, RealmName, address, duration},
};

/// The port of H.248 in its text encoding (ITU-T H.248.1 Annex D).
const H248_PORT: u16 = 2944;

/// The port of H.248 in its binary encoding.
const H248_BINARY_PORT: u16 = 2945;

/// The port on which a call agent hears MGCP (RFC 3435 §3.5).
const MGCP_AGENT_PORT: u16 = 2727;

/// Where gateways and controllers of H.248 or MGCP are met in a realm.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-example" = examples::GATEWAY_CONTROL))]
pub struct GatewayControl {
    /// The addresses of either protocol. At least one.
    #[schemars(length(min = 1))]
    pub addresses: Vec<ControlAddress>,
    /// The controllers that this realm's gateways are brought to, in order of preference. None in
    /// a realm of controllers.
    pub controllers: Vec<ControllerName>,
    /// How often a gateway behind a NAT is asked whether it is there, which keeps the NAT's binding
    /// open: `AuditValue` on `ROOT` (H.248) or AUEP (MGCP). A duration, 1s to 30m; `null` never
    /// asks.
    #[serde(with = "duration::optional")]
    #[schemars(with = "Option<duration::Text>")]
    pub keepalive: Option<Duration>,
}

/// One address that H.248 or MGCP is heard and sent on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-example" = examples::CONTROL_ADDRESS))]
pub struct ControlAddress {
    /// The protocol.
    pub protocol: ControlProtocol,
    /// The transport; MGCP has `udp` alone.
    #[serde(default)]
    pub transport: Transport,
    /// An address of this machine, IPv4 or IPv6 (quoted in YAML).
    #[schemars(with = "address::Ip")]
    pub address: IpAddr,
    /// Where gateways turn to, as to their controller: the port, 1 to 65535. Without it and without
    /// `ports`: 2944 for H.248, 2727 for MGCP.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<u16>,
    /// Where controllers turn to, as to their gateways: ports, both ends included, such as
    /// `30000-30999`. Each gateway gets one for itself, by which controllers tell them apart.
    #[serde(default)]
    pub ports: Option<PortRange>,
}

/// The protocols by which controllers command gateways.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ControlProtocol {
    /// ITU-T H.248.1, also called Megaco.
    H248,
    /// RFC 3435.
    Mgcp,
}

impl ControlProtocol {
    /// As the file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            ControlProtocol::H248 => "h248",
            ControlProtocol::Mgcp => "mgcp",
        }
    }
}

/// A controller of gateways: a media gateway controller (H.248) or a call agent (MGCP).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-example" = examples::CONTROLLER))]
pub struct Controller {
    /// What `controllers` of a realm call it by; also its name in records and the log.
    pub name: ControllerName,
    /// The realm it is reached in.
    pub realm: RealmName,
    /// What it speaks.
    pub protocol: ControlProtocol,
    /// Its address and port: `"10.0.0.20:2944"`, quoted in YAML. The realm needs an address with
    /// `ports` of the same protocol, family and transport.
    #[schemars(with = "address::Socket")]
    pub address: SocketAddr,
    /// The port that binary messages of H.248 are sent to, 1 to 65535. Without it 2945 where
    /// `address` has 2944, else the one of `address`.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535))]
    pub binary_port: Option<u16>,
    /// What messages to it are sent over.
    #[serde(default)]
    pub transport: Transport,
    /// How long a gateway's registration may stay without an answer before the next controller is
    /// tried. A duration, 1s to 1m.
    #[serde(with = "duration::required", default = "default_failover_after")]
    #[schemars(with = "duration::Text")]
    pub failover_after: Duration,
    /// How long a controller that did not answer is tried last. A duration, 1s or more.
    #[serde(with = "duration::required", default = "default_retry_after")]
    #[schemars(with = "duration::Text")]
    pub retry_after: Duration,
}

/// Index of a controller in the configuration's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ControllerIndex(pub u16);

/// One port that H.248 or MGCP is heard on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ControlPort {
    /// The protocol.
    pub protocol: ControlProtocol,
    /// The transport.
    pub transport: Transport,
    /// Address and port.
    pub address: SocketAddr,
    /// Whether gateways turn to it; otherwise controllers do.
    pub for_gateways: bool,
}

impl ControlAddress {
    /// The first and the last port, and whether gateways turn to them.
    pub fn span(&self) -> (u16, u16, bool) {
        match (self.ports, self.port) {
            (Some(ports), _) => (ports.first(), ports.last(), false),
            (None, port) => {
                let usual = match self.protocol {
                    ControlProtocol::H248 => H248_PORT,
                    ControlProtocol::Mgcp => MGCP_AGENT_PORT,
                };
                let port = port.unwrap_or(usual);
                (port, port, true)
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = ControlPort> + use<> {
        let Self {
            protocol,
            transport,
            address,
            ..
        } = *self;
        let (first, last, for_gateways) = self.span();
        (first..=last).map(move |port| ControlPort {
            protocol,
            transport,
            address: SocketAddr::new(address, port),
            for_gateways,
        })
    }
}

impl Controller {
    /// Where binary messages of H.248 are sent.
    pub fn binary_address(&self) -> SocketAddr {
        let usual = match self.address.port() {
            H248_PORT => H248_BINARY_PORT,
            port => port,
        };
        SocketAddr::new(self.address.ip(), self.binary_port.unwrap_or(usual))
    }
}

impl fmt::Display for ControlAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (protocol, transport) = (self.protocol.as_str(), self.transport.as_str());
        let (first, last, _) = self.span();
        let address = SocketAddr::new(self.address, first);
        write!(f, "{protocol} {transport} {address}")?;
        if last > first {
            write!(f, "-{last}")?;
        }
        Ok(())
    }
}

impl Realm {
    /// All that signalling is heard on: the addresses of SIP, then the ports of H.248 and MGCP.
    pub fn listeners(&self) -> impl Iterator<Item = (Transport, SocketAddr)> {
        let sip = self.signalling.iter();
        let sip = sip.map(|at| (at.transport, SocketAddr::new(at.address, at.port)));
        let control = self.control_ports();
        sip.chain(control.map(|port| (port.transport, port.address)))
    }

    /// The same for people to read, ranges of ports as one: `udp 192.0.2.1:5060`,
    /// `h248 udp 10.0.0.1:30000-30999`.
    pub fn heard_on(&self) -> Vec<String> {
        let sip = self.signalling.iter();
        let sip = sip.map(|at| (at.transport.as_str(), SocketAddr::new(at.address, at.port)));
        let sip = sip.map(|(transport, address)| format!("{transport} {address}"));
        let control = self.gateway_control.iter().flat_map(|c| &c.addresses);
        sip.chain(control.map(ToString::to_string)).collect()
    }

    /// The ports of H.248 and MGCP, in the file's order.
    pub fn control_ports(&self) -> impl Iterator<Item = ControlPort> {
        let addresses = self.gateway_control.iter().flat_map(|c| &c.addresses);
        addresses.flat_map(ControlAddress::all)
    }
}

impl Config {
    /// The controller at `index`.
    ///
    /// # Panics
    /// When `index` is not from this configuration.
    pub fn controller(&self, index: ControllerIndex) -> &Controller {
        &self.controllers[usize::from(index.0)]
    }

    /// The controllers that gateways of `realm` are brought to by `protocol`, in order of
    /// preference, with the realms they live in.
    pub fn controllers_of(
        &self,
        realm: RealmIndex,
        protocol: ControlProtocol,
    ) -> Vec<(ControllerIndex, RealmIndex)> {
        let chosen = self.realm(realm).gateway_control.iter();
        let names = chosen.flat_map(|control| &control.controllers);
        let found = names.filter_map(|name| {
            let at = self.controllers.iter().position(|c| &c.name == name)?;
            let home = &self.controllers[at].realm;
            let home = self.realms.iter().position(|realm| &realm.name == home)?;
            let fits = self.controllers[at].protocol == protocol;
            fits.then_some((ControllerIndex(at as u16), RealmIndex(home as u16)))
        });
        found.collect()
    }
}

fn default_failover_after() -> Duration {
    Duration::from_secs(8)
}

fn default_retry_after() -> Duration {
    Duration::from_secs(30)
}
