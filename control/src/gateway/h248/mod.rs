//! H.248 between gateways and their controllers (ITU-T H.248.1): what is read of a message, whom
//! it goes on to, and what it makes of media.
//!
//! * `transactions`: each transaction of a message there and back
//! * `service_change`: who is where, and who commands whom
//! * `requests`, `replies`: commands and what came of them, with their media
//! * `says`: what we say ourselves

mod plan;
mod replies;
mod requests;
mod says;
mod service_change;
mod transactions;

use std::sync::Arc;

use strait_config::{ControlProtocol, ControllerIndex, RealmIndex};
use strait_shared::time::Instant;

use self::plan::Plan;
use super::Gateway;
use super::controlled::Role;
use super::controlled::associations::{AssociationKey, GatewayName, Speech as AnySpeech};
use super::io::Flow;
use crate::h248::{Encoding, ErrorCode, ErrorDescriptor, Message, MessageId, Own};

/// How a gateway speaks H.248.
#[derive(Clone, Debug)]
pub struct Speech {
    /// How it encodes its messages.
    pub encoding: Encoding,
    /// The protocol's version that it speaks.
    pub version: u16,
    /// What it calls itself.
    pub gateway: MessageId,
    /// What its controller calls itself, once it has been heard.
    pub controller: Option<MessageId>,
    /// The controller that it was told to turn to.
    pub told: Option<ControllerIndex>,
}

/// What the answer to a request of H.248 will settle.
#[derive(Debug)]
pub enum Work {
    /// A gateway's request, which is no registration.
    Plain,
    /// A gateway wants to be commanded.
    Registration(Registration),
    /// A controller's commands.
    Commands(Plan),
}

/// A registration on its way.
#[derive(Debug)]
pub struct Registration {
    /// The message as the gateway sent it, for the next controller.
    received: Arc<[u8]>,
    /// Who may be tried yet, the first one last.
    rest: Vec<(ControllerIndex, RealmIndex)>,
}

impl Gateway {
    /// A message on a port of H.248.
    pub(super) fn h248_message(&mut self, now: Instant, flow: Flow, from: Role, bytes: &[u8]) {
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(error) => {
                self.counters.malformed_answered += 1;
                let said = Own::MessageError(ErrorDescriptor {
                    code: error.code,
                    text: error.to_string().into(),
                });
                return self.h248_answer_unread(flow, bytes, said);
            }
        };
        match from {
            Role::Gateway => self.h248_from_gateway(now, flow, &message),
            Role::Controller => self.h248_from_controller(now, flow, &message),
        }
    }

    fn h248_from_gateway(&mut self, now: Instant, flow: Flow, message: &Message) {
        let content = &message.content;
        let name = gateway_name(flow, &content.sender.value);
        let registers = service_change::registers(content);
        let known = self.controlled.associations.named(&name);
        let Some(key) = known.filter(|key| registers || self.is_heard_here(*key, flow)) else {
            if !registers || known.is_some() {
                let code = match known {
                    Some(_) => ErrorCode::UNAUTHORIZED_ENTITY,
                    None => ErrorCode::BEFORE_SERVICE_CHANGE,
                };
                self.counters.strangers += 1;
                return self.h248_refuse_all(flow, message, code);
            }
            return match self.h248_associate(now, flow, message, name) {
                Ok(key) => self.h248_transactions(now, key, Role::Gateway, flow, message),
                Err(code) => self.h248_refuse_all(flow, message, code),
            };
        };
        self.controlled.associations.heard_at(now, key, flow);
        let (encoding, version) = (message.encoding(), content.version);
        let spoken = self.h248_speech(key);
        let same = spoken.is_some_and(|s| (s.encoding, s.version) == (encoding, version));
        if let Some(speech) = self.h248_speech_mut(key).filter(|_| !same) {
            (speech.encoding, speech.version) = (encoding, version);
        }
        self.h248_transactions(now, key, Role::Gateway, flow, message);
    }

    fn h248_from_controller(&mut self, now: Instant, flow: Flow, message: &Message) {
        let key = self.controlled.associations.on_port(flow);
        let Some(key) = key else {
            self.counters.strangers += 1;
            return self.h248_refuse_all(flow, message, ErrorCode::UNAUTHORIZED_ENTITY);
        };
        let association = self.controlled.associations.get(key);
        let name = association.map(|association| association.name.clone());
        if !name.is_some_and(|name| self.is_controller_of(&name, flow)) {
            // Whoever is no controller is not told that there is a gateway.
            self.counters.strangers += 1;
            return;
        }
        let sender = &message.content.sender.value;
        let known = self
            .h248_speech(key)
            .and_then(|speech| speech.controller.as_ref());
        if known != Some(sender)
            && let Some(speech) = self.h248_speech_mut(key)
        {
            speech.controller = Some(sender.clone());
        }
        if let Some(association) = self.controlled.associations.watch(key)
            && association.far.remote.ip() == flow.remote.ip()
            && flow.connection.is_some()
        {
            association.far.connection = flow.connection;
        }
        self.h248_transactions(now, key, Role::Controller, flow, message);
    }

    fn h248_speech(&self, key: AssociationKey) -> Option<&Speech> {
        let association = self.controlled.associations.get(key)?;
        match &association.speech {
            AnySpeech::H248(speech) => Some(speech),
            AnySpeech::Mgcp(_) => None,
        }
    }

    fn h248_speech_mut(&mut self, key: AssociationKey) -> Option<&mut Speech> {
        let association = self.controlled.associations.get_mut(key)?;
        match &mut association.speech {
            AnySpeech::H248(speech) => Some(speech),
            AnySpeech::Mgcp(_) => None,
        }
    }
}

/// What names a gateway: what it calls itself; where that is an address, with the one it is heard
/// from.
fn gateway_name(flow: Flow, sender: &MessageId) -> GatewayName {
    let name = |text: String| text.to_ascii_lowercase().into_boxed_str();
    let (name, behind) = match sender {
        MessageId::Address { ip, port } => {
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            (name(format!("[{ip}]{port}")), Some(flow.remote.ip()))
        }
        MessageId::Domain { name: domain, port } => {
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            (name(format!("<{domain}>{port}")), None)
        }
        MessageId::Device(device) => (name(device.to_string()), None),
        MessageId::Mtp(octets) => {
            let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            (name(format!("mtp{{{hex}}}")), None)
        }
    };
    GatewayName {
        realm: flow.realm,
        protocol: ControlProtocol::H248,
        name,
        behind,
    }
}
