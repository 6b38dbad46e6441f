//! What the operator's socket says and takes, as JSON. The operator's command reads these types.
//!
//! | request                | answer                                      |
//! |------------------------|---------------------------------------------|
//! | `GET /status`          | [`Status`]                                  |
//! | `GET /calls`           | list of [`Call`]                            |
//! | `GET /calls/{number}`  | [`Call`]                                    |
//! | `DELETE /calls/{number}` | nothing (202): the call is being ended    |
//! | `GET /registrations`   | list of [`Registration`]                    |
//! | `GET /gateways`        | list of [`Gateway`]                         |
//! | `POST /drain`          | nothing (202): no new calls are taken       |
//! | `GET /metrics`         | OpenMetrics text                            |
//!
//! Anything else is answered with [`Problem`] and a status that fits.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// How the whole of Strait is doing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The release that runs.
    pub version: String,
    /// The instance's name in the configuration.
    pub instance: String,
    /// Whether new calls are taken.
    pub state: State,
    /// When control started, in milliseconds since the Unix epoch.
    pub since_unix_ms: u64,
    /// Calls that stand, answered or not.
    pub calls: u64,
    /// Bindings that stand.
    pub registrations: u64,
    /// Gateways that controllers command by H.248 or MGCP.
    #[serde(default)]
    pub gateways: u64,
    /// Every softswitch, in the configuration's order.
    pub softswitches: Vec<Softswitch>,
    /// Every realm, in the configuration's order.
    pub realms: Vec<Realm>,
    /// How signalling is doing.
    pub signalling: Signalling,
    /// The way to the dataplane.
    pub dataplane: Dataplane,
    /// Every worker of the dataplane; empty while it is away.
    pub workers: Vec<Worker>,
}

/// Whether new calls are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// They are.
    Running,
    /// They are refused; what stands is let end.
    Draining,
}

/// A softswitch and whether it answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Softswitch {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is.
    pub address: SocketAddr,
    /// Whether requests are sent to it.
    pub up: bool,
}

/// A realm and what goes on in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Realm {
    /// Its name in the configuration.
    pub name: String,
    /// Its signalling addresses, as `udp 192.0.2.1:5060`.
    pub signalling: Vec<String>,
    /// RTP and RTCP port pairs that are in use.
    pub media_pairs_used: u64,
    /// RTP and RTCP port pairs there are.
    pub media_pairs: u64,
}

/// How signalling is doing.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Signalling {
    /// Requests being answered.
    pub server_transactions: u64,
    /// Requests waiting for an answer.
    pub client_transactions: u64,
    /// TCP connections that are open.
    pub connections: u64,
    /// What the gateway and the transport counted since the start, by name.
    pub counters: BTreeMap<String, u64>,
    /// From a message's arrival to the end of what it caused, in nanoseconds.
    pub latency_ns: Percentiles,
}

/// The way to the dataplane.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Dataplane {
    /// Whether its region is mapped and its workers move.
    pub attached: bool,
    /// How often it had to be attached to anew.
    pub reattached: u64,
    /// Commands that wait for room in a ring.
    pub backlog: u64,
    /// Its NICs, in the configuration's order.
    #[serde(default)]
    pub nics: Vec<Nic>,
}

/// A NIC of the dataplane.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Nic {
    /// Its name in the configuration.
    pub name: String,
    /// How frames get in and out: `udp`, `af_xdp native` …; nothing while no worker has said.
    pub access: Option<String>,
}

/// A worker and what it counted since it started.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Worker {
    /// Its number.
    pub worker: u16,
    /// Whether it still moves.
    pub alive: bool,
    /// Packets that came in.
    pub received: u64,
    /// Packets that went out.
    pub sent: u64,
    /// Packets that were dropped, by reason; reasons that never occurred are left out.
    pub drops: BTreeMap<String, u64>,
    /// Further counters, by name.
    pub counters: BTreeMap<String, u64>,
    /// From a packet's arrival to its leaving, in nanoseconds.
    pub latency_ns: Percentiles,
}

/// The shape of a distribution.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Percentiles {
    /// How many values there are.
    pub count: u64,
    /// Half are at most this.
    pub p50: u64,
    /// 90 % are at most this.
    pub p90: u64,
    /// 99 % are at most this.
    pub p99: u64,
    /// 99.9 % are at most this.
    pub p999: u64,
    /// The largest.
    pub max: u64,
}

/// One call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Its number, unique while control lives.
    pub number: u64,
    /// How far it has come.
    pub state: CallState,
    /// From, as the caller's side writes it.
    pub from: String,
    /// To, as the caller's side writes it.
    pub to: String,
    /// Call-ID on the caller's side.
    pub call_id: String,
    /// The caller's realm.
    pub caller_realm: String,
    /// The callee's realm.
    pub callee_realm: String,
    /// When the INVITE came, in milliseconds since the Unix epoch.
    pub started_unix_ms: u64,
    /// When it was answered, likewise.
    pub answered_unix_ms: Option<u64>,
    /// How long it has stood since its INVITE.
    pub duration_ms: u64,
    /// Its media, one entry a media line, side and direction of arrival.
    pub streams: Vec<Stream>,
}

/// How far a call has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallState {
    /// No answer yet.
    Ringing,
    /// Answered.
    Answered,
    /// Being ended.
    Ending,
}

/// What arrives from one side on one media line of a call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Stream {
    /// Index of its `m=` line.
    pub line: u16,
    /// `audio`, `video` …
    pub media: String,
    /// The first codec both sides kept, as in `a=rtpmap`; `None` before an answer.
    pub codec: Option<String>,
    /// Whose packets these are.
    pub side: Side,
    /// Where we listen for them.
    pub local: Option<SocketAddr>,
    /// Where the party's SDP says it is.
    pub signalled: Option<SocketAddr>,
    /// Where its packets come from, once one came.
    pub latched: Option<SocketAddr>,
    /// RTP packets accepted.
    pub packets: u64,
    /// Bytes of their UDP payloads.
    pub bytes: u64,
    /// Packets missing from the sequence.
    pub lost: u64,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter_ms: f64,
    /// Packets refused for their source.
    pub refused: u64,
    /// Packets dropped by the policer.
    pub policed: u64,
}

/// One of a call's two sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Who sent the INVITE.
    Caller,
    /// Who was called.
    Callee,
}

/// One registered contact.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Registration {
    /// The address of record, as the terminal writes it.
    pub aor: String,
    /// The terminal's contact.
    pub contact: String,
    /// The realm it is in.
    pub realm: String,
    /// Where it is reached.
    pub remote: SocketAddr,
    /// How long the binding still stands.
    pub expires_in_ms: u64,
}

/// A gateway that a controller commands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gateway {
    /// What it calls itself.
    pub name: String,
    /// `h248` or `mgcp`.
    pub protocol: String,
    /// The realm it is in.
    pub realm: String,
    /// Where it was last heard.
    pub remote: SocketAddr,
    /// For how long it has said nothing.
    pub silent_for_ms: u64,
    /// The controller that it is brought to.
    pub controller: String,
    /// Whether that one has accepted it.
    pub registered: bool,
    /// Our address that controllers know it by.
    pub known_as: Option<SocketAddr>,
    /// How many terminations or connections with media it has.
    pub legs: u64,
}

/// Why a request of the operator's could not be met.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// One sentence.
    pub problem: String,
}
