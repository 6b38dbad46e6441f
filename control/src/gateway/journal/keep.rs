//! From the gateway's tables to entries of the journal.

use serde::Serialize;
use serde_bytes::ByteBuf;

use super::Journaling;
use super::entry::{
    Identity, KeptBinding, KeptCall, KeptDialog, KeptFlow, KeptHandshake, KeptLocation, KeptParty,
    KeptRecord, KeptRequest, KeptToken, Progress, RealmNames,
};
use crate::gateway::Gateway;
use crate::gateway::calls::{Call, CallKey, CallState, ClosingKey};
use crate::gateway::dialogs::{Dialog, Handshake, Party};
use crate::gateway::exchange::{ExchangeKey, PartOf};
use crate::gateway::io::{Flow, Transport};
use crate::gateway::limits::ENTRY_BYTES;
use crate::gateway::registrations::Binding;
use crate::gateway::serve::locations::Contact;
use crate::gateway::timer::TimerId;
use crate::gateway::token::Token;
use crate::media::SessionId;

impl Gateway {
    pub(super) fn keep_call(&self, key: CallKey) -> Option<KeptCall> {
        let call = self.calls.get(key)?;
        let answered = call.state == CallState::Answered && call.invite.is_none();
        let dialog = call.dialogs.first().and_then(|key| self.dialogs.get(*key));
        let leg = call.leg.and_then(|leg| Some((leg, self.keep_leg(leg)?)));
        let (progress, first) = match (dialog.filter(|_| answered), leg.filter(|_| answered)) {
            (Some(dialog), _) => (
                Progress::Answered(Box::new(self.keep_dialog(dialog))),
                dialog.session,
            ),
            (None, Some((leg, kept))) => {
                let session = self.controlled.legs.get(leg).map(|leg| leg.session);
                (Progress::Leg(Box::new(kept)), session)
            }
            (None, None) => match call.leg.and_then(|leg| self.keep_making(leg)) {
                Some(making) => (Progress::Making(making), None),
                None => (Progress::Calling(self.keep_invite(call)), None),
            },
        };
        // A successor waits for what is to follow a BYE, or ends the call.
        let left = dialog.and_then(Dialog::left).map(|bye| bye.at);
        let others = call.sessions.iter().copied();
        let others = others.filter(|session| Some(*session) != first);
        Some(KeptCall {
            record: KeptRecord::of(&call.record).hung_up(left),
            offered: call.offered,
            sessions: self.keep_sessions(first.into_iter().chain(others), answered),
            progress,
        })
    }

    pub(super) fn keep_closing(&self, key: ClosingKey) -> Option<KeptCall> {
        let closing = self.calls.closing(key)?;
        Some(KeptCall {
            record: KeptRecord::of(&closing.record),
            offered: false,
            progress: Progress::Over,
            sessions: self.keep_sessions(closing.sessions.iter().copied(), true),
        })
    }

    pub(super) fn keep_binding(&self, binding: &Binding) -> KeptBinding {
        KeptBinding {
            realm: binding.aor.realm.0,
            user: bytes(&binding.aor.user),
            host: bytes(&binding.aor.host),
            uri: bytes(&binding.uri),
            token: binding.token.number(),
            hops: binding
                .hops
                .iter()
                .filter_map(|hop| self.keep_token(*hop))
                .collect(),
            flow: keep_flow(binding.flow),
            call_id: bytes(&binding.call_id),
            cseq: binding.cseq,
            softswitch: binding.softswitch.map(|index| index.0),
            far_until_unix_ms: self.clock.timestamp(binding.far_until).unix_ms,
            granted_seconds: binding.granted_seconds,
            answer: bytes(&binding.answer),
        }
    }

    pub(super) fn keep_location(&self, contact: &Contact) -> KeptLocation {
        KeptLocation {
            user: bytes(&contact.user),
            uri: bytes(&contact.uri),
            path: bytes(&contact.path),
            flow: keep_flow(contact.flow),
            call_id: contact.call_id,
            cseq: contact.cseq,
            preference: contact.preference,
            registered_unix_ms: self.clock.timestamp(contact.registered).unix_ms,
            until_unix_ms: self.clock.timestamp(contact.until).unix_ms,
        }
    }

    pub(super) fn identity(&self, journal: &Journaling) -> Identity {
        let realms = self.settings.config.realms.iter().map(|realm| RealmNames {
            name: realm.name.to_string(),
            listeners: realm
                .listeners()
                .map(|(transport, address)| (Transport::from(transport) == Transport::Tcp, address))
                .collect(),
        });
        let softswitches = self.settings.config.softswitches.iter();
        let controllers = self.settings.config.controllers.iter();
        Identity {
            seed: journal.seed,
            numbers: journal.numbers,
            realms: realms.collect(),
            softswitches: softswitches.map(|s| s.name.to_string()).collect(),
            controllers: controllers.map(|c| c.name.to_string()).collect(),
        }
    }

    /// Media of calls that are not answered yet end with them: nothing is kept of it.
    fn keep_sessions(
        &self,
        sessions: impl Iterator<Item = SessionId>,
        answered: bool,
    ) -> Vec<crate::media::KeptSession> {
        let sessions = sessions.filter(|_| answered);
        sessions
            .filter_map(|session| self.media.keep(session))
            .collect()
    }

    fn keep_dialog(&self, dialog: &Dialog) -> KeptDialog {
        let until = |timer: TimerId| self.clock.timestamp(timer.due()).unix_ms;
        let inviting = dialog.inviting.zip(dialog.invite);
        KeptDialog {
            parties: [
                keep_party(&dialog.parties[0]),
                keep_party(&dialog.parties[1]),
            ],
            has_session: dialog.session.is_some(),
            direct: dialog.direct,
            agreed: dialog.agreed,
            subscribed_until_unix_ms: dialog.subscription.map(until),
            session_until_unix_ms: dialog.session_timer.map(until),
            handshakes: [0, 1].map(|side: usize| {
                let handshake = dialog.handshakes[side].as_ref();
                handshake.map(|handshake| keep_handshake(handshake, until(handshake.timer)))
            }),
            inviting: inviting.and_then(|(side, key)| Some((side, self.keep_request(key)?))),
        }
    }

    fn keep_invite(&self, call: &Call) -> Option<KeptRequest> {
        self.keep_request(call.invite?)
    }

    fn keep_request(&self, key: ExchangeKey) -> Option<KeptRequest> {
        let exchange = self.exchanges.get(key)?;
        let sent = exchange
            .client
            .and_then(|client| self.transactions.request(client));
        let beside = exchange.beside.iter().filter_map(|branch| {
            let sent = self.transactions.request(branch.client)?;
            Some((keep_flow(branch.far), bytes(sent)))
        });
        let offer = matches!(exchange.part_of, PartOf::Dialog { offer: true, .. });
        Some(KeptRequest {
            near: keep_flow(exchange.near),
            received: bytes(exchange.request.message().bytes()),
            far: keep_flow(exchange.far),
            sent: sent.map(bytes),
            beside: beside.collect(),
            offer,
        })
    }

    fn keep_token(&self, token: Token) -> Option<KeptToken> {
        let origin = self.tokens.origin(token)?;
        Some(KeptToken {
            token: token.number(),
            uri: bytes(&origin.uri),
            flow: keep_flow(origin.flow),
        })
    }
}

/// An entry as it is stored.
pub(super) fn written(entry: &impl Serialize) -> Vec<u8> {
    // Room for most calls, so that it need not grow as it fills.
    let room = Vec::with_capacity(ENTRY_BYTES);
    postcard::to_extend(entry, room).expect("entries are plain values of known length")
}

pub(super) fn keep_flow(flow: Flow) -> KeptFlow {
    KeptFlow {
        realm: flow.realm.0,
        listener: flow.listener.0,
        remote: flow.remote,
    }
}

fn keep_party(party: &Party) -> KeptParty {
    KeptParty {
        flow: keep_flow(party.flow),
        call_id: bytes(&party.call_id),
        uri: bytes(&party.uri),
        peer_uri: bytes(&party.peer_uri),
        tag: bytes(&party.tag),
        target: bytes(&party.target),
        route_set: bytes(&party.route_set),
        contact: party.contact.map(Token::number),
        cseq: party.cseq,
    }
}

fn keep_handshake(handshake: &Handshake, wait_until_unix_ms: u64) -> KeptHandshake {
    let ack = handshake.ack.as_ref();
    KeptHandshake {
        cseq: handshake.cseq,
        offered: handshake.offered,
        success: bytes(&handshake.success),
        ack: ack.map(|(flow, sent)| (keep_flow(*flow), bytes(sent))),
        wait_until_unix_ms,
    }
}

fn bytes(bytes: &[u8]) -> ByteBuf {
    ByteBuf::from(bytes)
}
