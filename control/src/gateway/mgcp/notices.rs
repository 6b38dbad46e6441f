//! A gateway's commands: who is where, which call agent is turned to, what has ended
//! (RFC 3435 §2.3.8, §2.3.12, §4.4).

use std::sync::Arc;

use strait_config::{ControlProtocol, ControllerIndex, RealmIndex};
use strait_shared::time::Instant;

use super::messages::{Leaving, Passing, is_sent_by};
use super::{AnySpeech, Notice, Speech, Work};
use crate::gateway::Gateway;
use crate::gateway::controlled::Role;
use crate::gateway::controlled::associations::{AssociationKey, GatewayName, NoAssociation};
use crate::gateway::controlled::legs::LegKey;
use crate::gateway::controlled::passages::{PassageKey, Work as AnyWork};
use crate::gateway::io::Flow;
use crate::gateway::record::EndedBy;
use crate::mgcp::{self, Command, EndpointName, Message, Own, RestartMethod, ReturnCode, Verb};
use crate::sip::Splices;

impl Gateway {
    /// The gateway that a command comes from, which is taken in where it was not known. It may
    /// speak from another address once it has said that it restarts, or was disconnected.
    pub(super) fn mgcp_gateway(
        &mut self,
        now: Instant,
        flow: Flow,
        message: &Message,
        command: &Command,
        leaving: &mut Leaving,
    ) -> Option<AssociationKey> {
        let name = gateway_name(flow, &command.endpoint)?;
        let Some(key) = self.controlled.associations.named(&name) else {
            let speech = speech(message, command);
            let taken = self.associate(now, flow, name, AnySpeech::Mgcp(speech));
            let code = match taken {
                Ok(key) => return Some(key),
                Err(NoAssociation::Controller) => ReturnCode::NOT_READY,
                Err(NoAssociation::Room | NoAssociation::Port) => {
                    ReturnCode::INSUFFICIENT_RESOURCES_NOW
                }
            };
            let transaction = command.transaction;
            let own = Own::Response { code, transaction };
            own.write(message.line_end(), leaving.to(flow));
            return None;
        };
        let restarts = command.verb == Verb::RestartInProgress;
        if !restarts && !self.is_heard_here(key, flow) {
            return None;
        }
        self.controlled.associations.heard_at(now, key, flow);
        let said = speech(message, command);
        let known = self.mgcp_speech(key)?;
        let endpoint = match command.endpoint.is_wildcard() {
            true => known.endpoint.clone(),
            false => said.endpoint.clone(),
        };
        let new = Speech {
            endpoint,
            entities: known.entities.clone(),
            told: known.told,
            ..said
        };
        if *known != new {
            *self.mgcp_speech_mut(key)? = new;
        }
        Some(key)
    }

    /// What a gateway's command will settle.
    pub(super) fn mgcp_notice(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        command: &Command,
    ) -> Result<Work, ReturnCode> {
        if !is_sent_by(command.verb, Role::Gateway) {
            return Err(ReturnCode::UNKNOWN_COMMAND);
        }
        let (key, message) = (passing.association, passing.message);
        if !message.descriptions().is_empty() {
            return Err(ReturnCode::UNSUPPORTED_DESCRIPTION);
        }
        let mut rest = match command.verb {
            Verb::RestartInProgress => {
                let gone = [RestartMethod::Restart, RestartMethod::Forced];
                if gone.contains(&message.restart_method()) {
                    let legs = self.mgcp_legs(key, &command.endpoint, None);
                    self.mgcp_end(now, legs, EndedBy::Callee, "gateway restarted");
                }
                self.mgcp_candidates(now, key)
            }
            _ => self.mgcp_others(now, key),
        };
        if command.verb == Verb::DeleteConnection {
            let legs = self.mgcp_deleted(key, message, command);
            self.mgcp_end(now, legs, EndedBy::Callee, "deleted");
        }
        rest.reverse();
        let mut received = Vec::with_capacity(message.span().len());
        message.render(&Splices::new(), &mut received);
        Ok(Work::Notice(Notice {
            received: received.into(),
            rest,
        }))
    }

    /// Brings a gateway that restarts to the call agent it was told of, or else the first that
    /// can be reached; the others.
    fn mgcp_candidates(
        &mut self,
        now: Instant,
        key: AssociationKey,
    ) -> Vec<(ControllerIndex, RealmIndex)> {
        let told = self.mgcp_speech(key).and_then(|speech| speech.told);
        let association = self.controlled.associations.get(key);
        let Some(name) = association.map(|association| association.name.clone()) else {
            return Vec::new();
        };
        let mut all = self.controllers_for(now, &name);
        let avoided = told.is_some_and(|told| self.is_avoided(now, told));
        all.sort_by_key(|(index, _)| Some(*index) != told.filter(|_| !avoided));
        if let Some(first) = all.first().copied() {
            self.mgcp_bring(key, first);
            all.remove(0);
        }
        all
    }

    /// The call agents that a gateway is not with.
    pub(super) fn mgcp_others(
        &self,
        now: Instant,
        key: AssociationKey,
    ) -> Vec<(ControllerIndex, RealmIndex)> {
        let Some(association) = self.controlled.associations.get(key) else {
            return Vec::new();
        };
        let mut all = self.controllers_for(now, &association.name);
        all.retain(|(index, _)| *index != association.controller);
        all
    }

    /// Brings a gateway to a call agent; one that it is with already is not disturbed.
    pub(super) fn mgcp_bring(
        &mut self,
        key: AssociationKey,
        (controller, realm): (ControllerIndex, RealmIndex),
    ) -> bool {
        let Some(association) = self.controlled.associations.get(key) else {
            return false;
        };
        if association.controller == controller {
            return true;
        }
        let name = association.name.clone();
        let Some(far) = self.way_to(Some(key), &name, (controller, realm), false) else {
            return false;
        };
        self.controlled.associations.move_to(key, controller, far);
        true
    }

    /// A call agent has not answered: the command goes to the next one; false where none is left.
    pub(super) fn mgcp_next_agent(
        &mut self,
        now: Instant,
        passage: PassageKey,
        (key, to): (AssociationKey, Flow),
        mut notice: Notice,
    ) -> bool {
        let Some(association) = self.controlled.associations.get(key) else {
            return false;
        };
        let silent = self.controller_at(&association.name, to.realm, to.remote.ip());
        if let Some((silent, _)) = silent {
            self.avoid_controller(now, silent);
        }
        let near = association_near(self, key);
        while let (Some(next), Some(near)) = (notice.rest.pop(), near) {
            if !self.mgcp_bring(key, next) {
                continue;
            }
            let received = notice.received.clone();
            let Some(message) = self.mgcp_again(key, near, &received) else {
                return false;
            };
            let Some(to) = self.control_way(key, Role::Controller) else {
                continue;
            };
            let patience = self.patience_with(key, notice.has_more());
            let work = AnyWork::Mgcp(Work::Notice(notice));
            self.redirect_passage(now, passage, to, message, work, patience);
            return true;
        }
        false
    }

    /// A gateway's command as the call agent gets it that the gateway is with now.
    pub(super) fn mgcp_again(
        &self,
        key: AssociationKey,
        flow: Flow,
        received: &[u8],
    ) -> Option<Arc<[u8]>> {
        let message = mgcp::messages(received).next()?.ok()?;
        let mut passing = Passing {
            association: key,
            from: Role::Gateway,
            flow,
            message: &message,
            edits: Splices::new(),
        };
        self.mgcp_translate(&mut passing);
        let mut out = Vec::with_capacity(received.len() + 64);
        message.render(&passing.edits, &mut out);
        Some(out.into())
    }

    /// Legs end.
    pub(super) fn mgcp_end(
        &mut self,
        now: Instant,
        legs: Vec<LegKey>,
        by: EndedBy,
        reason: &'static str,
    ) {
        for leg in legs {
            self.end_leg(now, leg, by, reason);
        }
    }
}

impl Notice {
    /// Whether another call agent can be tried.
    pub(super) fn has_more(&self) -> bool {
        !self.rest.is_empty()
    }
}

fn association_near(gateway: &Gateway, key: AssociationKey) -> Option<Flow> {
    let association = gateway.controlled.associations.get(key);
    association.map(|association| association.near)
}

/// What names a gateway: its domain; where that is an address, with the one it is heard from.
fn gateway_name(flow: Flow, endpoint: &EndpointName) -> Option<GatewayName> {
    let domain = endpoint.domain;
    Some(GatewayName {
        realm: flow.realm,
        protocol: ControlProtocol::Mgcp,
        name: domain.text.as_str()?.to_ascii_lowercase().into(),
        behind: domain.ip.map(|_| flow.remote.ip()),
    })
}

fn speech(message: &Message, command: &Command) -> Speech {
    let text = |text: &[u8]| -> Box<str> { String::from_utf8_lossy(text).into() };
    let endpoint = command.endpoint;
    Speech {
        version: text(&command.version),
        line_end: message.line_end(),
        domain: text(&endpoint.host),
        endpoint: match endpoint.is_wildcard() {
            true => "*".into(),
            false => text(&endpoint.local),
        },
        entities: Vec::new(),
        told: None,
    }
}
