//! Endpoints, notified entities and addresses, as the other side may read them: a gateway's
//! address becomes ours towards the call agents, a call agent's becomes ours towards gateways.
//! Names that are no addresses stay.

use std::net::{IpAddr, SocketAddr};

use strait_config::ControllerIndex;

use super::messages::Passing;
use super::{Entity, Speech};
use crate::gateway::Gateway;
use crate::gateway::controlled::Role;
use crate::gateway::controlled::associations::AssociationKey;
use crate::gateway::io::Flow;
use crate::mgcp::{EndpointName, Message, NotifiedEntity, edits};
use crate::sip::{Span, Splices, scan};

/// Entities of one gateway that are remembered.
const MAX_ENTITIES: usize = 8;

/// What an entity is called that has no name of its own.
const UNNAMED: &str = "ca";

impl Gateway {
    /// Records what makes a message name nobody of its sender's side.
    pub(super) fn mgcp_translate(&self, passing: &mut Passing) {
        let (key, message) = (passing.association, passing.message);
        let (Some(speech), Some(shown)) = (
            self.mgcp_speech(key),
            self.control_address(key, passing.from.other()),
        ) else {
            return;
        };
        let own = message.command().map(|command| command.endpoint);
        for endpoint in own.into_iter().chain(message.specific_endpoints()) {
            match passing.from {
                Role::Gateway => hide_gateway(&endpoint, shown, &mut passing.edits),
                Role::Controller if endpoint.domain.ip.is_some() => {
                    let host = endpoint.host.span();
                    passing.edits.replace(host, speech.domain.as_bytes());
                }
                Role::Controller => {}
            }
        }
        if let Some(entity) = message.notified_entity() {
            match passing.from {
                Role::Gateway => self.mgcp_entity_said(key, &entity, &mut passing.edits),
                Role::Controller => show_entity(speech, &entity, shown, &mut passing.edits),
            }
        }
        self.mgcp_hide(passing, shown.ip());
    }

    /// A call agent has named somebody who is to be told: it is remembered under the name that
    /// the gateway will read, and the gateway is brought to whoever that is.
    pub(super) fn mgcp_entity_named(&mut self, key: AssociationKey, flow: Flow, message: &Message) {
        let Some(entity) = message.notified_entity() else {
            return;
        };
        let Some(association) = self.controlled.associations.get(key) else {
            return;
        };
        let at = |ip: IpAddr| self.controller_at(&association.name, flow.realm, ip);
        let literal = entity.domain.ip.and_then(at);
        let Some(named) = literal.or_else(|| at(flow.remote.ip())) else {
            return;
        };
        let (controller, moves) = (named.0, association.controller != named.0);
        let said = String::from_utf8_lossy(&entity.text).into_owned();
        let Some(speech) = self.mgcp_speech(key) else {
            return;
        };
        let known = speech.entities.last().is_some_and(|last| {
            *last.said == *said && last.controller == controller && speech.told == Some(controller)
        });
        if !known && let Some(speech) = self.mgcp_speech_mut(key) {
            speech.name(&entity, said, controller);
        }
        if moves {
            self.mgcp_bring(key, named);
        }
    }

    /// Where a gateway's command goes: to whom it names, or the call agent it is with.
    pub(super) fn mgcp_agent(&self, key: AssociationKey, message: &Message) -> Option<Flow> {
        let association = self.controlled.associations.get(key)?;
        let speech = self.mgcp_speech(key)?;
        let entity = message.notified_entity();
        let known = entity.and_then(|entity| speech.entity(&entity));
        let named = known.map(|known| known.controller);
        let another = named.filter(|named| *named != association.controller);
        let Some(another) = another else {
            return self.control_way(key, Role::Controller);
        };
        let name = &association.name;
        let all = self
            .settings
            .config
            .controllers_of(name.realm, name.protocol);
        let found = all.into_iter().find(|(index, _)| *index == another)?;
        self.way_to(Some(key), name, found, false)
    }

    /// A gateway names whom it tells: as the call agent has named it, or where it is.
    fn mgcp_entity_said(&self, key: AssociationKey, entity: &NotifiedEntity, edits: &mut Splices) {
        let speech = self.mgcp_speech(key);
        if let Some(known) = speech.and_then(|speech| speech.entity(entity)) {
            edits.replace(entity.text.span(), known.said.as_bytes());
        } else if let Some(association) = self.controlled.associations.get(key) {
            edits::entity(edits, entity, association.far.remote);
        }
    }

    /// Puts our address wherever else in a message its sender's side is named.
    fn mgcp_hide(&self, passing: &mut Passing, shown: IpAddr) {
        let Some(association) = self.controlled.associations.get(passing.association) else {
            return;
        };
        let side = match passing.from {
            Role::Gateway => association.near,
            Role::Controller => association.far,
        };
        let mut hidden = self.settings.realm(side.realm).hidden.clone();
        hidden.extend([side.remote.ip(), passing.flow.remote.ip()]);
        let domain = self.mgcp_speech(passing.association);
        let domain = domain.map_or(&b""[..], |speech| speech.domain.as_bytes());
        if passing.from == Role::Gateway {
            let own = scan::addresses(domain, Span::new(0, domain.len()));
            hidden.extend(own.map(|found| found.ip));
        }
        let message = passing.message;
        let entity = message.notified_entity().map(|entity| entity.domain);
        let endpoint = message.command().map(|command| command.endpoint.domain);
        let named = entity.into_iter().chain(endpoint);
        hidden.extend(named.filter_map(|domain| domain.ip));
        // What we say of ourselves on the other side is no secret there.
        hidden.retain(|ip| *ip != shown);
        let head = Span::new(message.span().start(), message.parameter_lines().end());
        for found in scan::addresses(message.bytes(), head) {
            if hidden.contains(&found.ip) && !passing.edits.touches(found.span) {
                let text = match shown.is_ipv4() || bracketed(message, found.span) {
                    true => shown.to_string(),
                    false => format!("[{shown}]"),
                };
                passing.edits.replace(found.span, text);
            }
        }
    }
}

impl Speech {
    /// The entity that a gateway names.
    fn entity(&self, entity: &NotifiedEntity) -> Option<&Entity> {
        let local = entity
            .local
            .map(|local| local.as_bytes())
            .unwrap_or_default();
        let named = |known: &&Entity| known.shown.as_bytes().eq_ignore_ascii_case(local);
        self.entities.iter().rev().find(named)
    }

    /// Remembers an entity under a name that no other has.
    fn name(&mut self, entity: &NotifiedEntity, said: String, controller: ControllerIndex) {
        self.told = Some(controller);
        let known = self.entities.iter().position(|known| *known.said == *said);
        let shown = match known {
            Some(at) => self.entities.remove(at).shown,
            None => {
                let local = entity.local.filter(|local| is_plain(local));
                let local = local.map(|local| String::from_utf8_lossy(&local).into_owned());
                let local = local.unwrap_or_else(|| UNNAMED.to_owned());
                let taken = |name: &str| {
                    let mut all = self.entities.iter();
                    all.any(|known| known.shown.eq_ignore_ascii_case(name))
                };
                let numbered = (2..).map(|number| format!("{local}-{number}"));
                let mut names = std::iter::once(local.clone()).chain(numbered);
                let free = names.find(|name| !taken(name));
                free.unwrap_or(local).into()
            }
        };
        if self.entities.len() >= MAX_ENTITIES {
            self.entities.remove(0);
        }
        self.entities.push(Entity {
            shown,
            said: said.into(),
            controller,
        });
    }
}

/// A call agent is named as ourselves, under the name that leads back to it.
fn show_entity(speech: &Speech, entity: &NotifiedEntity, shown: SocketAddr, edits: &mut Splices) {
    let said = |known: &&Entity| known.said.as_bytes() == &*entity.text;
    let local = speech.entities.iter().rev().find(said);
    let local = local.map_or(UNNAMED, |known| &known.shown);
    let (ip, port) = (shown.ip(), shown.port());
    edits.replace_fmt(entity.text.span(), format_args!("{local}@[{ip}]:{port}"));
}

/// A gateway that names itself by its address is named by ours; by a port too, where it has one.
fn hide_gateway(endpoint: &EndpointName, shown: SocketAddr, edits: &mut Splices) {
    match (endpoint.domain.ip, endpoint.port) {
        (None, _) => {}
        (Some(_), None) => edits::domain(edits, &endpoint.domain, shown.ip()),
        (Some(_), Some(_)) => {
            let (ip, port) = (shown.ip(), shown.port());
            edits.replace_fmt(endpoint.host.span(), format_args!("[{ip}]:{port}"));
        }
    }
}

/// Whether a local name is one, and hides no address.
fn is_plain(local: &[u8]) -> bool {
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_/".contains(byte);
    let whole = Span::new(0, local.len());
    local.iter().all(name) && scan::addresses(local, whole).next().is_none()
}

fn bracketed(message: &Message, span: Span) -> bool {
    span.start() > 0 && message.bytes()[span.start() - 1] == b'['
}
