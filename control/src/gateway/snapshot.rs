//! What an operator may look at: plain values, copied out.

use std::net::SocketAddr;
use std::time::Duration;

use strait_shared::time::Instant;

use super::calls::{Call, CallKey, CallState};
use super::io::{CallNumber, RealmIndex};
use super::record::{CallRecord, StreamRecord};
use super::{Counters, Gateway};
use crate::media::{CounterReader, PortUsage};

/// A call that stands.
#[derive(Clone, PartialEq, Debug)]
pub struct CallSnapshot {
    /// How far it has come.
    pub state: CallState,
    /// What its record would say now; nothing of its end.
    pub record: CallRecord,
}

/// A registered Contact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistrationSnapshot {
    /// The address-of-record, in the registrar's terms.
    pub aor: String,
    /// The Contact as its owner wrote it.
    pub contact: String,
    /// The realm of its owner.
    pub realm: RealmIndex,
    /// Where its owner was last heard.
    pub heard: SocketAddr,
    /// The softswitch that keeps it, where it was chosen.
    pub softswitch: Option<String>,
    /// How much longer its owner believes to be registered.
    pub near_left: Duration,
    /// How much longer the registrar keeps it.
    pub far_left: Duration,
}

/// A gateway that a controller commands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GatewaySnapshot {
    /// What it calls itself.
    pub name: String,
    /// What it speaks.
    pub protocol: &'static str,
    /// The realm it is in.
    pub realm: RealmIndex,
    /// Where it was last heard.
    pub heard: SocketAddr,
    /// For how long it has said nothing.
    pub silent_for: Duration,
    /// The controller that it is brought to.
    pub controller: String,
    /// Whether that one has accepted it.
    pub registered: bool,
    /// Our address that controllers know it by.
    pub known_as: Option<SocketAddr>,
    /// How many terminations or connections with media it has.
    pub legs: usize,
}

/// A softswitch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SoftswitchSnapshot {
    /// Its name.
    pub name: String,
    /// Whether requests are sent to it.
    pub up: bool,
    /// Since when.
    pub since: Instant,
}

/// How many of everything there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Sizes {
    /// Calls, those included whose media have not reported yet.
    pub calls: usize,
    /// Dialogs.
    pub dialogs: usize,
    /// Registered Contacts.
    pub registrations: usize,
    /// Requests on their way.
    pub exchanges: usize,
    /// Bytes of those requests.
    pub exchange_bytes: usize,
    /// Server transactions.
    pub server_transactions: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Tokens.
    pub tokens: usize,
    /// Gateways that a controller commands through us.
    pub gateways: usize,
    /// Terminations and connections of theirs that have media.
    pub legs: usize,
    /// Requests of H.248 and MGCP on their way or lately answered.
    pub passages: usize,
    /// Media sessions.
    pub sessions: usize,
    /// Own timers.
    pub timers: usize,
}

impl Gateway {
    /// The calls that stand, by number.
    pub fn calls(&self, reader: &impl CounterReader) -> Vec<CallSnapshot> {
        let mut calls: Vec<CallSnapshot> = self
            .calls
            .iter()
            .map(|(_, call)| self.snapshot(call, reader))
            .collect();
        calls.sort_by_key(|call| call.record.number);
        calls
    }

    /// One call.
    pub fn call(&self, number: CallNumber, reader: &impl CounterReader) -> Option<CallSnapshot> {
        let key: CallKey = self.calls.numbered(number)?;
        Some(self.snapshot(self.calls.get(key)?, reader))
    }

    /// The registrations, by address-of-record.
    pub fn registrations(&self, now: Instant) -> Vec<RegistrationSnapshot> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let name = |index| self.settings.config.softswitch(index).name.to_string();
        let all = self
            .registrations
            .iter()
            .map(|(_, binding)| RegistrationSnapshot {
                aor: binding.aor.to_string(),
                contact: text(&binding.uri),
                realm: binding.flow.realm,
                heard: binding.flow.remote,
                softswitch: binding.softswitch.map(name),
                near_left: binding.near_until.since(now),
                far_left: binding.far_until.since(now),
            });
        let served = self.serving.locations.iter();
        let served = served.map(|(_, contact)| RegistrationSnapshot {
            aor: format!("sip:{}", text(&contact.user)),
            contact: text(&contact.uri),
            realm: contact.flow.realm,
            heard: contact.flow.remote,
            softswitch: None,
            near_left: contact.until.since(now),
            far_left: contact.until.since(now),
        });
        let mut all: Vec<RegistrationSnapshot> = all.chain(served).collect();
        all.sort_by(|a, b| (&a.aor, &a.contact).cmp(&(&b.aor, &b.contact)));
        all
    }

    /// The gateways that controllers command, by realm and name.
    pub fn gateways(&self, now: Instant) -> Vec<GatewaySnapshot> {
        let config = &self.settings.config;
        let all = self.controlled.associations.iter().map(|(key, found)| {
            let known_as = self.settings.control_port(found.far);
            GatewaySnapshot {
                name: found.name.name.to_string(),
                protocol: found.name.protocol.as_str(),
                realm: found.name.realm,
                heard: found.near.remote,
                silent_for: now.since(found.heard),
                controller: config.controller(found.controller).name.to_string(),
                registered: found.registered,
                known_as: known_as.map(|port| port.address),
                legs: self.controlled.legs.of(key).count(),
            }
        });
        let mut all: Vec<GatewaySnapshot> = all.collect();
        all.sort_by(|a, b| (a.realm, &a.name, a.heard).cmp(&(b.realm, &b.name, b.heard)));
        all
    }

    /// The softswitches, in the configuration's order.
    pub fn softswitches(&self) -> Vec<SoftswitchSnapshot> {
        let configured = self.settings.config.softswitches.iter();
        let all = configured
            .zip(&self.health)
            .map(|(configured, health)| SoftswitchSnapshot {
                name: configured.name.to_string(),
                up: health.up,
                since: health.since,
            });
        all.collect()
    }

    /// What happened since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many of everything there are now.
    pub fn sizes(&self) -> Sizes {
        let (server_transactions, client_transactions) = self.transactions.len();
        Sizes {
            calls: self.calls.len(),
            dialogs: self.dialogs.len(),
            registrations: self.registrations.len() + self.serving.locations.len(),
            exchanges: self.exchanges.len(),
            exchange_bytes: self.exchanges.bytes(),
            server_transactions,
            client_transactions,
            tokens: self.tokens.len(),
            gateways: self.controlled.associations.len(),
            legs: self.controlled.legs.len(),
            passages: self.controlled.passages.len(),
            sessions: self.media.sessions(),
            timers: self.timers.len(),
        }
    }

    /// A realm's media ports.
    pub fn port_usage(&self, now: Instant, realm: RealmIndex) -> PortUsage {
        self.media.port_usage(now, realm)
    }

    fn snapshot(&self, call: &Call, reader: &impl CounterReader) -> CallSnapshot {
        let mut record = call.record.clone();
        for session in &call.sessions {
            let running = self.media.report(*session, reader);
            record
                .streams
                .extend(running.into_iter().map(StreamRecord::from));
        }
        CallSnapshot {
            state: call.state,
            record,
        }
    }
}
