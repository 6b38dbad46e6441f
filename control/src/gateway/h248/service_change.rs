//! ServiceChange (H.248.1 §7.2.8, §11): gateways that come, go and change their controllers.

use std::net::SocketAddr;
use std::sync::Arc;

use strait_config::ControllerIndex;
use strait_shared::time::Instant;

use super::transactions::Passing;
use super::{AnySpeech, Registration, Speech, Work};
use crate::gateway::Gateway;
use crate::gateway::controlled::Role;
use crate::gateway::controlled::associations::{AssociationKey, GatewayName, NoAssociation};
use crate::gateway::controlled::passages::{PassageKey, Work as AnyWork};
use crate::gateway::io::Flow;
use crate::h248::{
    Action, Body, Command, CommandKind, Content, Edits, ErrorCode, Message, MessageId, Replacement,
    ServiceChange, ServiceChangeAddress, ServiceChangeMethod, TransactionKind,
};

/// Whether a message has a gateway say that it wants to be commanded.
pub(super) fn registers(content: &Content) -> bool {
    let Body::Transactions(all) = &content.body else {
        return false;
    };
    all.iter().any(|this| match &this.kind {
        TransactionKind::Request { actions, .. } => registration(actions).is_some(),
        _ => false,
    })
}

/// How a gateway says that it wants to be commanded: about itself, by a method that brings it.
fn registration(actions: &[Action]) -> Option<ServiceChangeMethod> {
    let mut changes = changes(actions).filter(|(command, _)| is_root(command));
    changes.find_map(|(_, change)| {
        change.method.filter(|method| {
            matches!(
                method,
                ServiceChangeMethod::Restart
                    | ServiceChangeMethod::Disconnected
                    | ServiceChangeMethod::Handoff
                    | ServiceChangeMethod::Failover
            )
        })
    })
}

/// Whether a gateway says that it begins anew.
pub(super) fn restarts(actions: &[Action]) -> bool {
    changes(actions).any(|(command, change)| {
        is_root(command) && change.method == Some(ServiceChangeMethod::Restart)
    })
}

fn changes(actions: &[Action]) -> impl Iterator<Item = (&Command, &ServiceChange)> {
    let commands = actions.iter().flat_map(|action| &action.commands);
    commands.filter_map(|command| {
        let service = command.kind == CommandKind::ServiceChange;
        let change = command.service_change.as_ref().filter(|_| service)?;
        Some((command, change))
    })
}

fn is_root(command: &Command) -> bool {
    command.terminations.iter().any(|name| name.is_root())
}

impl Gateway {
    /// Takes in a gateway that was not known.
    pub(super) fn h248_associate(
        &mut self,
        now: Instant,
        flow: Flow,
        message: &Message,
        name: GatewayName,
    ) -> Result<AssociationKey, ErrorCode> {
        let speech = Speech {
            encoding: message.encoding(),
            version: message.content.version,
            gateway: message.content.sender.value.clone(),
            controller: None,
            told: None,
        };
        self.associate(now, flow, name, AnySpeech::H248(speech))
            .map_err(|error| match error {
                NoAssociation::Controller => ErrorCode::SERVICE_UNAVAILABLE,
                NoAssociation::Room | NoAssociation::Port => ErrorCode::INSUFFICIENT_RESOURCES,
            })
    }

    /// What a gateway's request will settle, with its edits.
    pub(super) fn h248_from_gateway_request(
        &mut self,
        now: Instant,
        passing: &mut Passing,
        actions: &[Action],
    ) -> Result<Work, ErrorCode> {
        let key = passing.association;
        for (command, change) in changes(actions) {
            self.h248_heard_at(key, passing.flow, change);
            let gone = matches!(
                change.method,
                Some(ServiceChangeMethod::Restart | ServiceChangeMethod::Forced)
            );
            if gone && is_root(command) {
                self.end_legs_of(now, key, "gateway restarted");
            }
        }
        let Some(method) = registration(actions) else {
            self.h248_hide_addresses(passing, actions);
            return Ok(Work::Plain);
        };
        let rest = self.h248_candidates(now, key, method);
        self.h248_hide_addresses(passing, actions);
        Ok(Work::Registration(Registration {
            received: passing.message.bytes().into(),
            rest,
        }))
    }

    /// What comes of a gateway's ServiceChange, with the edits of its reply: whom it is to turn to
    /// stays between us and the controllers.
    pub(super) fn h248_registered(
        &mut self,
        passing: &mut Passing,
        actions: &[Action],
        registration: bool,
    ) {
        let key = passing.association;
        for (_, change) in changes(actions) {
            let turned_to = change.controller.as_ref().map(|to| to.value.clone());
            self.h248_told(key, turned_to.as_ref());
            let Some(association) = self.controlled.associations.get_mut(key) else {
                return;
            };
            let said = change.address.as_ref().map(|address| &address.value);
            if let Some(at) = said.and_then(|said| elsewhere(association.far.remote, said)) {
                association.far.remote = at;
            }
            association.registered |= registration && turned_to.is_none();
            let controller = association.controller;
            self.controller_answered(controller);
        }
        self.h248_hide_addresses(passing, actions);
    }

    /// A controller gives its gateways to another.
    pub(super) fn h248_handed_off(&mut self, passing: &mut Passing, actions: &[Action]) {
        for (_, change) in changes(actions) {
            let turned_to = change.controller.as_ref().map(|to| to.value.clone());
            self.h248_told(passing.association, turned_to.as_ref());
        }
        self.h248_hide_addresses(passing, actions);
    }

    /// Brings a registration to the next controller; false where none is left.
    pub(super) fn h248_next_controller(
        &mut self,
        now: Instant,
        passage: PassageKey,
        mut registration: Registration,
    ) -> bool {
        let Some(found) = self.controlled.passages.get(passage) else {
            return false;
        };
        let key = found.name.association;
        while let Some(next) = registration.rest.pop() {
            let received = registration.received.clone();
            let Some(message) = self.h248_brought_to(key, next, &received) else {
                continue;
            };
            let Some(to) = self.control_way(key, Role::Controller) else {
                continue;
            };
            let patience = self.patience_with(key, registration.has_more());
            let work = AnyWork::H248(Work::Registration(registration));
            self.redirect_passage(now, passage, to, message, work, patience);
            return true;
        }
        false
    }

    /// Brings a gateway to the first of the controllers that may be tried; the others.
    fn h248_candidates(
        &mut self,
        now: Instant,
        key: AssociationKey,
        method: ServiceChangeMethod,
    ) -> Vec<(ControllerIndex, strait_config::RealmIndex)> {
        let Some(association) = self.controlled.associations.get(key) else {
            return Vec::new();
        };
        let (name, current) = (association.name.clone(), association.controller);
        let binary = association.speech.is_binary();
        let told = self
            .h248_speech_mut(key)
            .and_then(|speech| speech.told.take());
        let mut all = self.controllers_for(now, &name);
        // Who was told whom to turn to turns to it; who leaves a controller that failed does not
        // come back to it first.
        all.sort_by_key(|(index, _)| match told {
            Some(told) => *index != told,
            None => method == ServiceChangeMethod::Failover && *index == current,
        });
        all.reverse();
        while let Some(next) = all.pop() {
            if let Some(far) = self.way_to(Some(key), &name, next, binary) {
                self.h248_bring(key, next.0, far);
                break;
            }
        }
        all
    }

    /// Brings a gateway to a controller; one that it is with already is not disturbed.
    fn h248_bring(&mut self, key: AssociationKey, controller: ControllerIndex, far: Flow) {
        let Some(association) = self.controlled.associations.get_mut(key) else {
            return;
        };
        let same = association.controller == controller && association.far.realm == far.realm;
        if !same || association.far.remote.ip() != far.remote.ip() {
            association.registered = false;
            self.controlled.associations.move_to(key, controller, far);
            if let Some(speech) = self.h248_speech_mut(key) {
                speech.controller = None;
            }
        }
    }

    /// A registration as the next controller gets it.
    fn h248_brought_to(
        &mut self,
        key: AssociationKey,
        next: (ControllerIndex, strait_config::RealmIndex),
        received: &[u8],
    ) -> Option<Arc<[u8]>> {
        let association = self.controlled.associations.get(key)?;
        let (name, binary) = (association.name.clone(), association.speech.is_binary());
        let far = self.way_to(Some(key), &name, next, binary)?;
        self.h248_bring(key, next.0, far);
        let message = Message::parse(received).ok()?;
        let Body::Transactions(all) = &message.content.body else {
            return None;
        };
        let mut edits = Edits::new();
        for this in all {
            match &this.kind {
                TransactionKind::Request { actions, .. } if registration(actions).is_some() => {
                    self.h248_hide(key, Role::Gateway, actions, &mut edits);
                }
                _ => edits.set(this.site, Replacement::Nothing),
            }
        }
        if let Some(shown) = self.h248_shown(key, Role::Gateway) {
            edits.set(message.content.sender.site, Replacement::MessageId(shown));
        }
        let mut out = Vec::with_capacity(received.len() + 64);
        message.render(&edits, &mut out);
        Some(out.into())
    }

    /// Where a gateway says that it is to be reached: believed where no NAT changes it, and only
    /// of the address it is heard from.
    fn h248_heard_at(&mut self, key: AssociationKey, flow: Flow, change: &ServiceChange) {
        let nat = self.settings.realm_config(flow.realm).nat;
        let said = change.address.as_ref().map(|address| &address.value);
        let at = said.and_then(|said| elsewhere(flow.remote, said));
        let at = at.filter(|at| !nat && at.ip() == flow.remote.ip() && flow.connection.is_none());
        if let (Some(remote), Some(association)) = (at, self.controlled.associations.get_mut(key)) {
            association.near.remote = remote;
        }
    }

    /// The controller that a gateway was told to turn to.
    fn h248_told(&mut self, key: AssociationKey, turned_to: Option<&MessageId>) {
        let Some(MessageId::Address { ip, .. }) = turned_to else {
            return;
        };
        let Some(association) = self.controlled.associations.get(key) else {
            return;
        };
        let (realm, protocol) = (association.name.realm, association.name.protocol);
        let config = &self.settings.config;
        let all = config.controllers_of(realm, protocol).into_iter();
        let found = all.map(|(index, _)| index);
        let found: Vec<_> = found
            .filter(|at| config.controller(*at).address.ip() == *ip)
            .collect();
        if let Some(speech) = self.h248_speech_mut(key) {
            speech.told = found.first().copied();
        }
    }

    fn h248_hide_addresses(&self, passing: &mut Passing, actions: &[Action]) {
        let (key, from) = (passing.association, passing.from);
        self.h248_hide(key, from, actions, &mut passing.edits);
    }

    /// Puts our own addresses where a ServiceChange names its sender's, or another controller's.
    fn h248_hide(&self, key: AssociationKey, from: Role, actions: &[Action], edits: &mut Edits) {
        let Some(ours) = self.h248_own_id(key, from.other()) else {
            return;
        };
        let port = match ours {
            MessageId::Address { port, .. } => port.unwrap_or_default(),
            _ => 0,
        };
        for (_, change) in changes(actions) {
            if let Some(address) = &change.address {
                let hidden = match address.value {
                    ServiceChangeAddress::Port(_) => ServiceChangeAddress::Port(port),
                    ServiceChangeAddress::Elsewhere(_) => {
                        ServiceChangeAddress::Elsewhere(ours.clone())
                    }
                };
                edits.set(address.site, Replacement::Address(hidden));
            }
            if let Some(controller) = &change.controller {
                edits.set(controller.site, Replacement::MessageId(ours.clone()));
            }
        }
    }
}

/// The address that a ServiceChange names, seen from where its sender is.
fn elsewhere(heard: SocketAddr, said: &ServiceChangeAddress) -> Option<SocketAddr> {
    match said {
        ServiceChangeAddress::Port(0) => None,
        ServiceChangeAddress::Port(port) => Some(SocketAddr::new(heard.ip(), *port)),
        ServiceChangeAddress::Elsewhere(MessageId::Address { ip, port }) => {
            let port = port.filter(|port| *port != 0).unwrap_or(heard.port());
            Some(SocketAddr::new(*ip, port))
        }
        ServiceChangeAddress::Elsewhere(_) => None,
    }
}
