//! A call agent's commands on their way to a gateway: their media gets places here before the
//! gateway reads of it, so that what cannot be relayed is refused before anything is done.

use strait_shared::time::Instant;

use super::messages::{Passing, is_sent_by};
use super::{Audit, Deletion, Step, Work, leg_name};
use crate::gateway::Gateway;
use crate::gateway::controlled::Role;
use crate::gateway::controlled::associations::AssociationKey;
use crate::gateway::controlled::descriptors::DescriptorError;
use crate::gateway::controlled::legs::{LegKey, LegStream, from_each};
use crate::gateway::controlled::retracted::MakingOf;
use crate::gateway::io::LogLevel;
use crate::gateway::record::EndedBy;
use crate::media::{BySide, MediaError};
use crate::mgcp::{Command, EndpointName, Message, Mode, ParameterName, ReturnCode, Verb};

/// The one stream of a connection.
pub(super) const STREAM: u16 = 1;

impl Gateway {
    /// What a call agent's command will settle, with its edits; the code it is refused with.
    pub(super) fn mgcp_work(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        command: &Command,
    ) -> Result<Work, ReturnCode> {
        if !is_sent_by(command.verb, Role::Controller) {
            return Err(ReturnCode::UNKNOWN_COMMAND);
        }
        let (key, message) = (passing.association, passing.message);
        self.mgcp_entity_named(key, passing.flow, message);
        self.mgcp_known(key);
        let second = message.parameter(ParameterName::SecondEndpointId).is_some();
        match command.verb {
            Verb::CreateConnection | Verb::ModifyConnection if !second => {
                self.mgcp_connection(now, passing, command)
            }
            _ if !message.descriptions().is_empty() => Err(ReturnCode::UNSUPPORTED_DESCRIPTION),
            Verb::DeleteConnection => Ok(Work::Deletion(Deletion {
                legs: self.mgcp_deleted(key, message, command),
                ended: self.mgcp_has_ended(key, message, command),
            })),
            Verb::AuditConnection => Ok(Work::Audit(self.mgcp_audit(key, message, command))),
            _ => Ok(Work::Plain),
        }
    }

    /// A call agent commands the gateway, or has answered it: it may be asked whether it is there.
    pub(super) fn mgcp_known(&mut self, key: AssociationKey) {
        let association = self.controlled.associations.get(key);
        if association.is_some_and(|association| !association.registered)
            && let Some(association) = self.controlled.associations.get_mut(key)
        {
            association.registered = true;
        }
    }

    fn mgcp_connection(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        command: &Command,
    ) -> Result<Work, ReturnCode> {
        let (key, message) = (passing.association, passing.message);
        let endpoint = command.endpoint.local.to_ascii_lowercase();
        let modified = command.verb == Verb::ModifyConnection;
        let connection = message.connections().next().filter(|_| modified);
        let name = connection.map(|connection| leg_name(&endpoint, &connection));
        let known = name.as_ref();
        let known = known.and_then(|name| self.controlled.legs.named(key, name));
        let (leg, fresh) = match known {
            Some(leg) => (leg, false),
            None => {
                let group = message.call().map(|call| call.to_vec()).unwrap_or_default();
                let making = MakingOf {
                    number: command.transaction.number(),
                    endpoint: command.endpoint.local.to_vec().into(),
                };
                let begun = self.begin_leg(now, key, making, name.as_deref(), &group);
                let begun = begun.map_err(|_| ReturnCode::INSUFFICIENT_RESOURCES_NOW)?;
                (begun, true)
            }
        };
        let found = self.controlled.legs.get(leg);
        let before = found.and_then(|leg| leg.streams.get(&STREAM)).cloned();
        let LegStream { from, remote, .. } = before.unwrap_or_default();
        let mut step = Step {
            leg,
            fresh,
            endpoint: endpoint.into(),
            connection: connection.map(|connection| connection.as_bytes().into()),
            from: (from, message.mode().map_or(from, in_mode)),
            remote: None,
        };
        if let Err(code) = self.mgcp_remote(now, passing, &mut step, remote) {
            self.mgcp_undo_step(now, key, &step);
            return Err(code);
        }
        // What flows before or afterwards flows meanwhile: nobody knows when the gateway changes.
        let (before, after) = step.from;
        let meanwhile = BySide {
            caller: before.caller || after.caller,
            callee: before.callee || after.callee,
        };
        self.gate_leg(now, leg, STREAM, meanwhile);
        Ok(Work::Connection(step))
    }

    /// Where a connection's remote party is, where the command says so.
    fn mgcp_remote(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        step: &mut Step,
        before: Vec<u8>,
    ) -> Result<(), ReturnCode> {
        let message = passing.message;
        let Some((said, more)) = message.descriptions().split_first() else {
            return Ok(());
        };
        let text = message.text(*said);
        if !more.is_empty() || !is_description(&text) {
            return Err(ReturnCode::DESCRIPTION_ERROR);
        }
        let source = passing.flow.remote.ip();
        let placed = self.place_leg(now, step.leg, STREAM, Role::Controller, source, &text);
        let ours = placed.map_err(|error| self.mgcp_unplaced(now, passing, &error))?;
        passing.edits.replace(*said, ours);
        step.remote = Some((before, text.to_vec()));
        Ok(())
    }

    /// The legs that a DeleteConnection ends: a connection, a call's or all of its endpoints'.
    pub(super) fn mgcp_deleted(
        &self,
        key: AssociationKey,
        message: &Message,
        command: &Command,
    ) -> Vec<LegKey> {
        let named: Vec<_> = message.connections().collect();
        if named.is_empty() {
            let call = message.call();
            return self.mgcp_legs(key, &command.endpoint, call.as_deref());
        }
        let local = &command.endpoint.local;
        let names = named.iter().map(|connection| leg_name(local, connection));
        let legs = &self.controlled.legs;
        names.filter_map(|name| legs.named(key, &name)).collect()
    }

    /// The legs of endpoints, all of them or those of one call.
    pub(super) fn mgcp_legs(
        &self,
        key: AssociationKey,
        endpoint: &EndpointName,
        call: Option<&[u8]>,
    ) -> Vec<LegKey> {
        let fits = |leg: &crate::gateway::controlled::legs::Leg| {
            let name = leg.name.as_deref().unwrap_or_default();
            is_of(name, &leg.group, endpoint, call)
        };
        let all = self.controlled.legs.of(key);
        all.filter(|(_, leg)| fits(leg))
            .map(|(key, _)| key)
            .collect()
    }

    /// Whether a DeleteConnection is about a leg that ended here.
    fn mgcp_has_ended(&self, key: AssociationKey, message: &Message, command: &Command) -> bool {
        let Some(association) = self.controlled.associations.get(key) else {
            return false;
        };
        let mut ended = association.ended.iter();
        let local = &command.endpoint.local;
        let named: Vec<_> = message.connections().collect();
        let named: Vec<_> = named.iter().map(|name| leg_name(local, name)).collect();
        let call = message.call();
        ended.any(|ended| match named.is_empty() {
            true => is_of(
                &ended.name,
                &ended.group,
                &command.endpoint,
                call.as_deref(),
            ),
            false => named.iter().any(|named| **named == *ended.name),
        })
    }

    fn mgcp_audit(&self, key: AssociationKey, message: &Message, command: &Command) -> Audit {
        let connection = message.connections().next();
        let name = connection.map(|connection| leg_name(&command.endpoint.local, &connection));
        let asked = |code: &str| {
            let all = message.parameter(ParameterName::RequestedInfo);
            let text = all.map(|all| all.as_bytes()).unwrap_or_default();
            let mut words = text.split(|byte| *byte == b',');
            words.any(|word| word.trim_ascii().eq_ignore_ascii_case(code.as_bytes()))
        };
        Audit {
            leg: name.and_then(|name| self.controlled.legs.named(key, &name)),
            local: asked("LC"),
            remote: asked("RC"),
        }
    }

    /// A command was not carried out: what it has begun ends, what it has changed is as before.
    pub(super) fn mgcp_undo(&mut self, now: Instant, key: AssociationKey, work: Work) {
        if let Work::Connection(step) = work {
            self.mgcp_undo_step(now, key, &step);
        }
    }

    pub(super) fn mgcp_undo_step(&mut self, now: Instant, key: AssociationKey, step: &Step) {
        if step.fresh {
            return self.end_leg(now, step.leg, EndedBy::Strait, "refused");
        }
        let found = self.controlled.associations.get(key);
        let source = found.map(|association| association.far.remote.ip());
        if let (Some((before, _)), Some(source)) = (&step.remote, source)
            && !before.is_empty()
        {
            // It was taken before, so that it can be again; if not, nothing flows there.
            let _ = self.place_leg(now, step.leg, STREAM, Role::Controller, source, before);
        }
        self.gate_leg(now, step.leg, STREAM, step.from.0);
    }

    /// The code for media that finds no place here.
    pub(super) fn mgcp_unplaced(
        &mut self,
        now: Instant,
        passing: &Passing,
        error: &DescriptorError,
    ) -> ReturnCode {
        let (at, text) = (passing.flow.remote, error.to_string());
        self.log(now, LogLevel::Info, || {
            format!("media described by {at} in MGCP is refused: {text}")
        });
        match error {
            DescriptorError::Unreadable(_) => ReturnCode::DESCRIPTION_ERROR,
            DescriptorError::Media(MediaError::Exhausted { .. }) => {
                ReturnCode::INSUFFICIENT_RESOURCES_NOW
            }
            DescriptorError::Media(_) | DescriptorError::Streams => {
                ReturnCode::UNSUPPORTED_DESCRIPTION
            }
        }
    }
}

/// Whether a connection is at an endpoint, and of a call where one is named.
fn is_of(name: &[u8], group: &[u8], endpoint: &EndpointName, call: Option<&[u8]>) -> bool {
    let local = name.split(|byte| *byte == b' ').next().unwrap_or_default();
    endpoint.covers(local) && call.is_none_or(|call| group.eq_ignore_ascii_case(call))
}

/// Whether a text begins as session descriptions do (RFC 8866 §5).
pub(super) fn is_description(text: &[u8]) -> bool {
    text.starts_with(b"v=")
}

/// Whose media flows in a mode (RFC 3435 §3.2.2.6): the line's own loops have none of the
/// network's, the network's loops send back what comes.
fn in_mode(mode: Mode) -> BySide<bool> {
    let (gateway, remote) = match mode {
        Mode::SendOnly => (true, false),
        Mode::ReceiveOnly => (false, true),
        Mode::SendReceive | Mode::Conference | Mode::NetworkLoopBack | Mode::NetworkTest => {
            (true, true)
        }
        Mode::Inactive | Mode::LoopBack | Mode::ContinuityTest => (false, false),
        // Nobody knows what an extension does.
        Mode::Other => (true, true),
    };
    from_each(gateway, remote)
}
