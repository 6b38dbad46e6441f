//! What Strait says for itself, and under which name.

use std::sync::Arc;

use strait_shared::time::Instant;

use super::Speech;
use super::requests::context_named;
use super::transactions::descriptor;
use crate::gateway::Gateway;
use crate::gateway::controlled::Role;
use crate::gateway::controlled::associations::AssociationKey;
use crate::gateway::controlled::ended::EndedLeg;
use crate::gateway::controlled::limits::GIVE_UP;
use crate::gateway::controlled::passages::{Asking, PassageName, Work as AnyWork};
use crate::gateway::io::Flow;
use crate::gateway::record::EndedBy;
use crate::h248::{
    Body, ContextId, Encoding, ErrorCode, Message, MessageId, Own, OwnMessage, OwnTermination,
    ServiceChangeReason, TransactionId, TransactionKind,
};

impl Gateway {
    /// The sender that a message from `from` shows on the other side, where it is not its own.
    pub(super) fn h248_shown(&self, key: AssociationKey, from: Role) -> Option<MessageId> {
        let speech = self.h248_speech(key)?;
        let real = match from {
            Role::Gateway => Some(&speech.gateway),
            Role::Controller => speech.controller.as_ref(),
        };
        let named = matches!(real, Some(MessageId::Domain { .. } | MessageId::Device(_)));
        let ours = || self.h248_own_id(key, from.other());
        if named { None } else { ours() }
    }

    /// Our own address towards a gateway or its controller.
    pub(super) fn h248_own_id(&self, key: AssociationKey, towards: Role) -> Option<MessageId> {
        self.control_address(key, towards).map(own_id)
    }

    /// Says something to a gateway or its controller, where it is reached.
    pub(super) fn h248_say(&mut self, key: AssociationKey, to: Role, what: Own) {
        if let Some(flow) = self.control_way(key, to) {
            self.h248_say_to(key, to, flow, what);
        }
    }

    /// Says something to a gateway or its controller there; the message.
    pub(super) fn h248_say_to(
        &mut self,
        key: AssociationKey,
        to: Role,
        flow: Flow,
        what: Own,
    ) -> Option<Arc<[u8]>> {
        let bytes = self.h248_written(key, to, what)?;
        let message = Arc::from(bytes.as_slice());
        self.say(flow, bytes);
        Some(message)
    }

    /// A message of our own to a gateway or its controller.
    fn h248_written(&self, key: AssociationKey, to: Role, what: Own) -> Option<Vec<u8>> {
        let Speech {
            encoding,
            version,
            gateway,
            controller,
            ..
        } = self.h248_speech(key)?;
        // Whoever it comes from on the other side, or we ourselves.
        let sender = self.h248_shown(key, to.other()).or_else(|| match to {
            Role::Gateway => controller.clone(),
            Role::Controller => Some(gateway.clone()),
        })?;
        let own = OwnMessage {
            encoding: *encoding,
            version: *version,
            sender: &sender,
            what,
        };
        let mut bytes = Vec::with_capacity(128);
        own.write(&mut bytes);
        Some(bytes)
    }

    /// Refuses a request.
    pub(super) fn h248_refuse(
        &mut self,
        passing: &super::transactions::Passing,
        id: TransactionId,
        code: ErrorCode,
    ) {
        let said = Own::Refusal {
            transaction: id,
            error: descriptor(code, reason(code)),
        };
        self.h248_say_to(passing.association, passing.from, passing.flow, said);
    }

    /// Refuses each request of a message from somebody we have no association with.
    pub(super) fn h248_refuse_all(&mut self, flow: Flow, message: &Message, code: ErrorCode) {
        let Body::Transactions(all) = &message.content.body else {
            return;
        };
        // One refusal a message: a stranger is not worth more.
        let mut requests = all.iter().filter_map(|this| match this.kind {
            TransactionKind::Request { id, .. } => Some(id),
            _ => None,
        });
        if let Some(transaction) = requests.next() {
            let what = Own::Refusal {
                transaction,
                error: descriptor(code, reason(code)),
            };
            self.h248_tell(flow, message.encoding(), message.content.version, what);
        }
    }

    /// Answers what could not be read.
    pub(super) fn h248_answer_unread(&mut self, flow: Flow, bytes: &[u8], what: Own) {
        self.h248_tell(flow, Encoding::begun_by(bytes), 1, what);
    }

    fn h248_tell(&mut self, flow: Flow, encoding: Encoding, version: u16, what: Own) {
        let Some(port) = self.settings.control_port(flow) else {
            return;
        };
        let own = OwnMessage {
            encoding,
            version,
            sender: &own_id(port.address),
            what,
        };
        let mut bytes = Vec::with_capacity(128);
        own.write(&mut bytes);
        self.say(flow, bytes);
    }

    /// Asks a gateway whether it is there.
    pub(in crate::gateway) fn h248_ask(&mut self, now: Instant, key: AssociationKey) {
        let work = AnyWork::KeepAlive;
        self.h248_request_of_ours(now, (key, Role::Gateway), work, Own::AuditRoot);
    }

    /// What a controller is told whose command was taken back.
    pub(in crate::gateway) fn h248_retracted(
        &self,
        key: AssociationKey,
        number: u32,
    ) -> Option<Vec<u8>> {
        let refusal = Own::Refusal {
            transaction: TransactionId(number),
            error: descriptor(ErrorCode::INTERNAL, "control was restarted"),
        };
        self.h248_written(key, Role::Controller, refusal)
    }

    /// A leg has ended here. Its controller hears that the termination has gone out of service: it
    /// is the one to clean up the context, and subtracts it at least (§7.2.8). Until it does, the
    /// gateway sends nothing there.
    pub(in crate::gateway) fn h248_leg_ended(&mut self, now: Instant, ended: &EndedLeg) {
        let Some(context) = context_named(&ended.group) else {
            return;
        };
        let (key, name) = (ended.association, ended.name.clone());
        let termination = OwnTermination { context, name };
        let reason = match ended.by {
            EndedBy::Operator => ServiceChangeReason::TakenOut,
            _ => ServiceChangeReason::LayerLost,
        };
        let gone = termination.clone();
        let forced = |transaction| Own::Forced {
            transaction,
            termination: gone,
            reason,
        };
        self.h248_request_of_ours(now, (key, Role::Controller), AnyWork::Farewell, forced);
        let streams = ended.streams.clone();
        if !streams.is_empty() {
            let silence = |transaction| Own::Silence {
                transaction,
                termination,
                streams,
            };
            self.h248_request_of_ours(now, (key, Role::Gateway), AnyWork::Farewell, silence);
        }
    }

    /// Has a gateway subtract a termination that its controller knows nothing of.
    pub(super) fn h248_subtract(
        &mut self,
        now: Instant,
        key: AssociationKey,
        context: ContextId,
        name: &[u8],
    ) {
        let name = name.into();
        let subtract = |transaction| Own::Subtract {
            transaction,
            termination: OwnTermination { context, name },
        };
        self.h248_request_of_ours(now, (key, Role::Gateway), AnyWork::Farewell, subtract);
    }

    /// Sends a request of our own to a gateway or its controller.
    fn h248_request_of_ours(
        &mut self,
        now: Instant,
        (key, to): (AssociationKey, Role),
        work: AnyWork,
        what: impl FnOnce(TransactionId) -> Own,
    ) {
        if let Some(question) = self.own_question(key, to) {
            self.h248_request_as(now, question, work, what);
        }
    }

    /// Sends a request of that name there.
    pub(in crate::gateway) fn h248_request_as(
        &mut self,
        now: Instant,
        (name, to): (PassageName, Flow),
        work: AnyWork,
        what: impl FnOnce(TransactionId) -> Own,
    ) {
        let what = what(TransactionId(name.number));
        let asked = name.asker.other();
        if let Some(message) = self.h248_say_to(name.association, asked, to, what) {
            let asking = Asking {
                name,
                from: None,
                to,
                message,
                work,
                patience: GIVE_UP,
                restart: None,
            };
            self.begin_passage(now, asking);
        }
    }
}

fn own_id(address: std::net::SocketAddr) -> MessageId {
    MessageId::Address {
        ip: address.ip(),
        port: Some(address.port()),
    }
}

/// What a code means, for people.
fn reason(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::PROTOCOL => "another transaction of this message has that number",
        ErrorCode::BEFORE_SERVICE_CHANGE => "register with ServiceChange on ROOT first",
        ErrorCode::UNAUTHORIZED_ENTITY => "not from there",
        ErrorCode::SERVICE_UNAVAILABLE => "no way to the other side",
        ErrorCode::INSUFFICIENT_RESOURCES => "no room",
        ErrorCode::BAD_PROPERTY_VALUE => "media cannot be sent there",
        _ => "refused",
    }
}
