//! Realms: one network on one side each, with its addresses and its policies.

use std::{net::IpAddr, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    config::default_nic,
    examples,
    gateway_control::GatewayControl,
    scalar::{
        Domain, Dscp, NicName, PortRange, RealmName, SoftswitchName, VlanId, address, duration,
    },
    serve::Serve,
};

/// One network on one side: where Strait is reached in it, and how its parties are treated.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-example" = examples::REALM))]
pub struct Realm {
    /// What softswitches, records and metrics call it by.
    pub name: RealmName,
    /// Whether parties stand behind NATs: requests then go to the address a party was last heard
    /// from (RFC 5626 §5.3), elsewhere to its route set or contact (RFC 3261 §12.2.1.1).
    #[serde(default)]
    pub nat: bool,
    /// The addresses SIP is heard and sent on. At least one, or else `gateway_control`.
    #[serde(default)]
    pub signalling: Vec<SignallingAddress>,
    /// The addresses media is relayed through, of either family. At least one.
    #[schemars(length(min = 1))]
    pub media: Vec<MediaAddress>,
    /// Whose packets a media port accepts.
    #[serde(default)]
    pub latch: LatchPolicy,
    /// The DSCP that media leaves with towards this realm, 0 to 63 (RFC 2474); 46 is expedited
    /// forwarding.
    #[serde(default = "default_dscp")]
    pub dscp: Dscp,
    /// What a party may send on one stream; what is above it is dropped and counted. Without it
    /// nothing is held back.
    #[serde(default)]
    pub police: Option<Police>,
    /// A call whose expected media has all been silent for this long is ended. A duration, 5s or
    /// more; `0s` never ends one.
    #[serde(with = "duration::required", default = "default_media_timeout")]
    #[schemars(with = "duration::Text")]
    pub media_timeout: Duration,
    /// How long a port stays unused after its call, so that late packets of that call reach no
    /// other; longer, while a party of that call, or another call that came back through us, still
    /// sends to it. A duration, at most 5m.
    #[serde(with = "duration::required", default = "default_port_quarantine")]
    #[schemars(with = "duration::Text")]
    pub port_quarantine: Duration,
    /// What keeps the NAT bindings of registered parties open.
    #[serde(default)]
    pub keepalive: KeepAlive,
    /// How registrations of this realm's parties are handled.
    #[serde(default)]
    pub registration: Registration,
    /// The domain that stands for this realm's side in From and To where hosts are hidden.
    /// Without it, Strait's own address does.
    #[serde(default)]
    pub domain: Option<Domain>,
    /// What of the other side is hidden from this realm beyond what always is.
    #[serde(default)]
    pub hide: Hide,
    /// The softswitches this realm's requests go to, in order of preference. None where requests
    /// from this realm only go to registered parties, as from a core realm.
    #[serde(default)]
    pub forward_to: Vec<SoftswitchName>,
    /// What makes this realm a SIP server for domains of its own, besides or instead of a way to
    /// a softswitch.
    #[serde(default)]
    pub serve: Option<Serve>,
    /// Where gateways that a controller commands by H.248 or MGCP are met, or their controllers.
    #[serde(default)]
    pub gateway_control: Option<GatewayControl>,
}

/// One address SIP is heard and sent on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-example" = examples::SIGNALLING_ADDRESS))]
pub struct SignallingAddress {
    /// The transport.
    #[serde(default)]
    pub transport: Transport,
    /// An address of this machine, IPv4 or IPv6 (quoted in YAML).
    #[schemars(with = "address::Ip")]
    pub address: IpAddr,
    /// The port, 1 to 65535.
    #[serde(default = "default_sip_port")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: u16,
}

/// The transport of SIP messages (RFC 3261 §18).
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// One message, one datagram.
    #[default]
    Udp,
    /// Messages framed by Content-Length on a connection.
    Tcp,
}

impl Transport {
    /// The transport as the file and Via headers write it, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        }
    }
}

/// One address media is relayed through, and the ports it uses.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-example" = examples::MEDIA_ADDRESS))]
pub struct MediaAddress {
    /// An address of this machine, IPv4 or IPv6 (quoted in YAML).
    #[schemars(with = "address::Ip")]
    pub address: IpAddr,
    /// The UDP ports, both ends included: `20000-29999`. Starts even and ends odd, because RTP
    /// takes the even port of a pair and RTCP the odd one (RFC 3550 §11). A call takes one pair
    /// for each stream on each side.
    pub ports: PortRange,
    /// The VLAN that packets of this address are tagged with, 1 to 4094 (IEEE 802.1Q); `null`
    /// sends them untagged. A `udp` NIC leaves tagging to the kernel's own interfaces.
    #[serde(default)]
    pub vlan: Option<VlanId>,
    /// The NIC its packets arrive and leave by, one of `dataplane.nics`.
    #[serde(default = "default_nic")]
    pub nic: NicName,
}

/// Whose packets a media port accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LatchPolicy {
    /// Only the address and port in the party's SDP.
    Signalled,
    /// The first packet from the address in the SDP or the one the party's signalling came from,
    /// any port; from then on exactly that address and port.
    #[default]
    Restricted,
    /// The first packet from anywhere; from then on exactly its address and port, unless signalling
    /// names another one that speaks up.
    Symmetric,
}

impl From<LatchPolicy> for strait_shared::slot::LatchPolicy {
    fn from(policy: LatchPolicy) -> Self {
        match policy {
            LatchPolicy::Signalled => Self::Signalled,
            LatchPolicy::Restricted => Self::Restricted,
            LatchPolicy::Symmetric => Self::Symmetric,
        }
    }
}

/// What a party may send on one stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-example" = examples::POLICE))]
pub struct Police {
    /// Packets a second, 1 to 100000. A codec that sends every 20 ms needs 50.
    #[schemars(range(min = 1, max = 100_000))]
    pub packets_per_second: u32,
    /// Bytes a second of UDP payload, i.e. of whole RTP packets, 1000 to 125000000. G.711 in
    /// packets of 20 ms needs 8600.
    #[schemars(range(min = 1_000, max = 125_000_000))]
    pub bytes_per_second: u32,
    /// How many milliseconds' worth may come at once, 1 to 4000: what a jittery network bunches.
    #[serde(default = "default_burst_ms")]
    #[schemars(range(min = 1, max = 4_000))]
    pub burst_ms: u32,
}

impl From<Police> for strait_shared::slot::Policer {
    fn from(police: Police) -> Self {
        Self {
            packets_per_second: police.packets_per_second,
            bytes_per_second: police.bytes_per_second,
            burst_ms: police.burst_ms,
        }
    }
}

/// What keeps the NAT bindings of registered parties open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-example" = examples::KEEP_ALIVE))]
pub struct KeepAlive {
    /// The message that does it.
    pub method: KeepAliveMethod,
    /// How often. A duration, 1s to 30m; most NATs forget a UDP binding after 30s to 2m.
    #[serde(with = "duration::required")]
    #[schemars(with = "duration::Text")]
    pub interval: Duration,
}

impl Default for KeepAlive {
    fn default() -> KeepAlive {
        KeepAlive {
            method: KeepAliveMethod::None,
            interval: Duration::from_secs(25),
        }
    }
}

/// The message that keeps a NAT binding open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeepAliveMethod {
    /// None is sent.
    #[default]
    None,
    /// CRLF, which parties ignore: cheap, and opens the binding outwards only.
    Crlf,
    /// OPTIONS, which parties answer (RFC 3261 §11): refreshes the binding from inside too.
    Options,
    /// A short expiry towards the party, so that it registers again by itself.
    Register,
}

/// How registrations are handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-example" = examples::REGISTRATION))]
pub struct Registration {
    /// The shortest expiry accepted; a shorter one is answered 423 (RFC 3261 §10.3). A duration.
    #[serde(with = "duration::required")]
    #[schemars(with = "duration::Text")]
    pub minimum_expiry: Duration,
    /// The longest expiry granted; a longer one is shortened. A duration.
    #[serde(with = "duration::required")]
    #[schemars(with = "duration::Text")]
    pub maximum_expiry: Duration,
    /// Whether refreshes well within what the registrar granted are answered by Strait itself
    /// instead of being forwarded.
    pub absorb: bool,
}

impl Default for Registration {
    fn default() -> Registration {
        Registration {
            minimum_expiry: Duration::from_secs(60),
            maximum_expiry: Duration::from_secs(3600),
            absorb: true,
        }
    }
}

/// What of the other side is hidden from a realm, beyond addresses in Via, Contact,
/// Record-Route and SDP, which always are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-example" = examples::HIDE))]
pub struct Hide {
    /// Whether hosts in From and To that name the other side are replaced.
    pub from_to_hosts: bool,
    /// Whether Call-IDs that contain an address or a host are replaced.
    pub call_id: bool,
}

impl Default for Hide {
    fn default() -> Hide {
        Hide {
            from_to_hosts: true,
            call_id: true,
        }
    }
}

fn default_sip_port() -> u16 {
    5060
}

fn default_burst_ms() -> u32 {
    200
}

fn default_dscp() -> Dscp {
    Dscp::EXPEDITED_FORWARDING
}

fn default_media_timeout() -> Duration {
    Duration::from_secs(60)
}

fn default_port_quarantine() -> Duration {
    Duration::from_secs(5)
}
