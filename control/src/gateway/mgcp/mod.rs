//! MGCP between gateways and their call agents (RFC 3435): what is read of a datagram, whom it
//! goes on to, and what it makes of media.
//!
//! * `messages`: each message of a datagram, there and back
//! * `notices`: a gateway's commands: who is where, and which call agent is turned to
//! * `commands`, `responses`: a call agent's commands and what came of them, with their media
//! * `names`: endpoints, notified entities and addresses, as the other side may read them
//! * `says`: what we say ourselves

mod commands;
mod messages;
mod names;
mod notices;
mod responses;
mod says;

use std::sync::Arc;

use strait_config::{ControllerIndex, RealmIndex};

use super::Gateway;
use super::controlled::associations::{AssociationKey, Speech as AnySpeech};
use super::controlled::legs::LegKey;
use crate::media::BySide;
use crate::mgcp::LineEnd;

/// How a gateway speaks MGCP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Speech {
    /// `MGCP 1.0`, and its profile.
    pub version: Box<str>,
    /// What ends its lines.
    pub line_end: LineEnd,
    /// Its domain as it writes it.
    pub domain: Box<str>,
    /// One of its endpoints, `*` until one is known.
    pub endpoint: Box<str>,
    /// Who is to be told what happens there, the one named last at the end.
    pub entities: Vec<Entity>,
    /// The call agent that was named last.
    pub told: Option<ControllerIndex>,
}

/// Somebody who is to be told, under another name on each side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entity {
    /// What the gateway calls it: a local name, ours being the domain.
    pub shown: Box<str>,
    /// What the call agents call it.
    pub said: Box<str>,
    /// Who that is.
    pub controller: ControllerIndex,
}

/// What the response to a command will settle.
#[derive(Debug)]
pub enum Work {
    /// Nothing.
    Plain,
    /// A gateway has something to say, and whoever is asked first may not answer.
    Notice(Notice),
    /// A connection is made or changed.
    Connection(Step),
    /// Connections are deleted.
    Deletion(Deletion),
    /// What a connection is like.
    Audit(Audit),
}

/// A gateway's command on its way.
#[derive(Debug)]
pub struct Notice {
    /// The message as the gateway sent it, for the next call agent.
    received: Arc<[u8]>,
    /// Who may be tried yet, the first one last.
    rest: Vec<(ControllerIndex, RealmIndex)>,
}

/// A connection that a command makes or changes.
#[derive(Debug)]
pub struct Step {
    leg: LegKey,
    /// The leg was begun for it.
    fresh: bool,
    /// The endpoint's local name, in lower case.
    endpoint: Box<[u8]>,
    /// The connection, where the command names it.
    connection: Option<Box<[u8]>>,
    /// Whose media flows before, and afterwards.
    from: (BySide<bool>, BySide<bool>),
    /// Where the remote party was before and is afterwards, as the call agent says it, if that
    /// changes.
    remote: Option<(Vec<u8>, Vec<u8>)>,
}

/// Connections that a call agent deletes.
#[derive(Debug)]
pub struct Deletion {
    /// The legs that end.
    legs: Vec<LegKey>,
    /// Others that it is about ended here before: the gateway need not know them.
    ended: bool,
}

/// What a call agent wants to know of a connection's media (RFC 3435 §2.3.11).
#[derive(Debug)]
pub struct Audit {
    leg: Option<LegKey>,
    /// Where the gateway receives.
    local: bool,
    /// Where its remote party does.
    remote: bool,
}

impl Gateway {
    fn mgcp_speech(&self, key: AssociationKey) -> Option<&Speech> {
        match &self.controlled.associations.get(key)?.speech {
            AnySpeech::Mgcp(speech) => Some(speech),
            AnySpeech::H248(_) => None,
        }
    }

    fn mgcp_speech_mut(&mut self, key: AssociationKey) -> Option<&mut Speech> {
        match &mut self.controlled.associations.get_mut(key)?.speech {
            AnySpeech::Mgcp(speech) => Some(speech),
            AnySpeech::H248(_) => None,
        }
    }
}

/// What a leg is called: its endpoint, and its connection there; in lower case both.
fn leg_name(endpoint: &[u8], connection: &[u8]) -> Vec<u8> {
    let mut name = endpoint.to_ascii_lowercase();
    name.push(b' ');
    name.extend(connection.to_ascii_lowercase());
    name
}
