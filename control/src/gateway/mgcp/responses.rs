//! What came of a command: connections get their names and places, or are gone.

use strait_shared::time::Instant;

use super::commands::{STREAM, is_description};
use super::messages::Passing;
use super::{Audit, Step, Work, leg_name};
use crate::gateway::Gateway;
use crate::gateway::controlled::Role;
use crate::gateway::controlled::legs::LegKey;
use crate::gateway::record::EndedBy;
use crate::mgcp::{Message, ReturnCode};
use crate::sip::Span;

impl Gateway {
    /// Takes in a final response to `work`, with its edits; what whoever asked is told instead,
    /// where the response cannot be sent on.
    pub(super) fn mgcp_settle(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        work: Work,
        code: ReturnCode,
    ) -> Result<(), ReturnCode> {
        let key = passing.association;
        match work {
            Work::Notice(_) => {
                self.mgcp_entity_named(key, passing.flow, passing.message);
                self.mgcp_answered(passing, code);
            }
            Work::Connection(step) if code.is_success() => {
                return self.mgcp_connected(now, passing, step);
            }
            Work::Deletion(deletion) if code.is_success() || is_gone(code) => {
                self.mgcp_end(now, deletion.legs, EndedBy::Caller, "deleted");
                if deletion.ended && is_gone(code) {
                    // Its gateway has deleted it because we have told it to.
                    return Err(ReturnCode::DELETED);
                }
            }
            Work::Audit(audit) => return self.mgcp_audited(now, passing, &audit),
            work => self.mgcp_undo(now, key, work),
        }
        passing.leave_out(passing.message.descriptions());
        Ok(())
    }

    /// A call agent has answered a gateway.
    fn mgcp_answered(&mut self, passing: &Passing, code: ReturnCode) {
        let key = passing.association;
        if let Some(association) = self.controlled.associations.get(key) {
            let at = passing.flow.remote.ip();
            let answered = self.controller_at(&association.name, passing.flow.realm, at);
            if let Some((answered, _)) = answered {
                self.controller_answered(answered);
            }
        }
        if code.is_success() {
            self.mgcp_known(key);
        }
    }

    /// A connection was made or changed.
    fn mgcp_connected(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        step: Step,
    ) -> Result<(), ReturnCode> {
        let message = passing.message;
        let endpoint = endpoint_of(message, &step.endpoint);
        let said = message.connections().next();
        let said = said.map(|connection| connection.to_vec());
        let connection = said.or_else(|| step.connection.as_ref().map(|name| name.to_vec()));
        let Some(connection) = connection else {
            // Nobody could ever name it again.
            self.mgcp_undo_step(now, passing.association, &step);
            passing.leave_out(message.descriptions());
            return Ok(());
        };
        if step.fresh && self.controlled.legs.get(step.leg).is_none() {
            // It was ended here before the gateway answered.
            self.mgcp_delete(now, passing.association, &endpoint, &connection);
            return Err(ReturnCode::INSUFFICIENT_RESOURCES_NOW);
        }
        let name = leg_name(&endpoint, &connection);
        let said = [&endpoint[..], b" ", &connection[..]].concat();
        self.leg_stands(now, step.leg, &name, &said);
        self.gate_leg(now, step.leg, STREAM, step.from.1);
        if let (Some((_, remote)), Some(leg)) =
            (step.remote, self.controlled.legs.get_mut(step.leg))
        {
            leg.streams.entry(STREAM).or_default().remote = remote;
        }
        let Some((own, more)) = message.descriptions().split_first() else {
            return Ok(());
        };
        passing.leave_out(more);
        let placed = self.mgcp_local(now, passing, step.leg, *own);
        if placed.is_err() && step.fresh {
            self.end_leg(now, step.leg, EndedBy::Strait, "refused");
            self.mgcp_delete(now, passing.association, &endpoint, &connection);
        }
        placed
    }

    /// A call agent is told that nothing was done: the connection that a command of its has made
    /// goes again.
    pub(super) fn mgcp_take_back(
        &mut self,
        now: Instant,
        passing: &Passing,
        endpoint: &[u8],
        code: ReturnCode,
    ) {
        let message = passing.message;
        let endpoint = endpoint_of(message, endpoint);
        let made = message.connections().next().filter(|_| code.is_success());
        if let Some(connection) = made {
            self.mgcp_delete(now, passing.association, &endpoint, &connection);
        }
    }

    /// Where the gateway itself receives.
    fn mgcp_local(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        leg: LegKey,
        said: Span,
    ) -> Result<(), ReturnCode> {
        let text = passing.message.text(said);
        if !is_description(&text) {
            return Err(ReturnCode::INSUFFICIENT_RESOURCES_NOW);
        }
        let source = passing.flow.remote.ip();
        let placed = self.place_leg(now, leg, STREAM, Role::Gateway, source, &text);
        let ours = placed.map_err(|error| {
            self.mgcp_unplaced(now, passing, &error);
            ReturnCode::INSUFFICIENT_RESOURCES_NOW
        })?;
        passing.edits.replace(said, ours);
        Ok(())
    }

    /// What a connection is like: the gateway's own description is the first, where it was asked
    /// for (RFC 3435 §3.4).
    fn mgcp_audited(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        audit: &Audit,
    ) -> Result<(), ReturnCode> {
        let message = passing.message;
        let mut all = message.descriptions().iter().copied();
        let local = if audit.local { all.next() } else { None };
        let remote = if audit.remote { all.next() } else { None };
        passing.leave_out(&all.collect::<Vec<_>>());
        let described = |span: &Span| memchr::memmem::find(&message.text(*span), b"m=").is_some();
        let Some(leg) = audit.leg else {
            let unknown: Vec<Span> = local.into_iter().chain(remote).filter(described).collect();
            passing.leave_out(&unknown);
            return Ok(());
        };
        if let Some(local) = local.filter(described) {
            self.mgcp_local(now, passing, leg, local)?;
        }
        if let Some(remote) = remote.filter(described) {
            let text = message.text(remote);
            let named = self.name_leg(leg, STREAM, Role::Controller, &text);
            let named = named.map_err(|error| {
                self.mgcp_unplaced(now, passing, &error);
                ReturnCode::TRANSIENT
            })?;
            passing.edits.replace(remote, named);
        }
        Ok(())
    }
}

/// The endpoint that a response names, or else the one that its command has named.
fn endpoint_of(response: &Message, asked: &[u8]) -> Vec<u8> {
    let specific = response.specific_endpoints().next();
    specific.map_or_else(|| asked.to_vec(), |name| name.local.to_vec())
}

/// Whether a gateway knows nothing of what was to be deleted.
fn is_gone(code: ReturnCode) -> bool {
    [
        ReturnCode::UNKNOWN_ENDPOINT,
        ReturnCode::INCORRECT_CONNECTION,
        ReturnCode::UNKNOWN_CALL,
    ]
    .contains(&code)
}
