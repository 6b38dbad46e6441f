//! Responses to the INVITE that began a call: early dialogs, the answer, the refusal.

use strait_shared::time::Instant;

use super::calls::{CallKey, CallState};
use super::describe::{Described, Role, drop_description};
use super::dialogs::{DialogKey, Handshake};
use super::due::Due;
use super::exchange::ExchangeKey;
use super::io::Flow;
use super::limits::{ACK_WAIT, MAX_EARLY_DIALOGS};
use super::outbound::joined;
use super::record::{EndedBy, Ending};
use super::reply::Reply;
use super::responses::Passing;
use super::{Asked, Gateway};
use crate::media::{SessionId, Side};
use crate::sip::{HeaderName, Message, Splices, Status};

/// An early dialog is over before the call is (RFC 6228).
const EARLY_DIALOG_TERMINATED: u16 = 199;

impl Gateway {
    /// The callee's side answered.
    pub(super) fn call_response(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        call: CallKey,
        flow: Flow,
        response: &Message,
    ) {
        let status = response.status().expect("it is a response");
        if status.is_provisional() {
            self.early_response(now, key, call, response);
        } else if status.is_success() {
            self.success(now, key, call, flow, response);
        } else {
            let passing = Passing::default();
            let mut edits = Splices::new();
            self.pass_back(now, key, response, passing, &mut edits);
            self.finish(now, key);
            self.call_failed(now, call, EndedBy::Callee, status);
        }
    }

    /// The call's INVITE is over without an answer.
    pub(super) fn call_failed(&mut self, now: Instant, call: CallKey, by: EndedBy, status: Status) {
        let (by, reason) = match status {
            Status::REQUEST_TERMINATED => (EndedBy::Caller, "cancelled"),
            Status::REQUEST_TIMEOUT if by == EndedBy::Strait => (by, "setup timeout"),
            _ => (by, "rejected"),
        };
        self.close_call(
            now,
            call,
            Ending {
                ended_by: by,
                reason,
                status: Some(status.code()),
            },
        );
    }

    fn early_response(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        call: CallKey,
        response: &Message,
    ) {
        let mut passing = Passing::default();
        let mut edits = Splices::new();
        if Self::to_tag(response).is_some() {
            let Some(dialog) = self.dialog_of(now, call, response) else {
                return;
            };
            passing.in_dialog = true;
            passing.contact = self.contact_of(now, dialog, response);
            passing.described = true;
            let described = self.describe_answer(now, call, dialog, response, &mut edits);
            if let (Err(_), Some(text)) = (described, response.session_description()) {
                drop_description(response, text, &mut edits);
            }
            if response.status() == Status::new(EARLY_DIALOG_TERMINATED) {
                self.drop_early(now, call, dialog);
            }
        }
        if let Some(call) = self.calls.get_mut(call) {
            call.state = CallState::Early;
        }
        self.pass_back(now, key, response, passing, &mut edits);
    }

    fn success(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        call: CallKey,
        flow: Flow,
        response: &Message,
    ) {
        let mut edits = Splices::new();
        let dialog = self.dialog_of(now, call, response);
        let described = match dialog {
            Some(dialog) => self.describe_answer(now, call, dialog, response, &mut edits),
            None => Err(Reply::unavailable("Too Many Dialogs")),
        };
        let (Some(dialog), Ok(())) = (dialog, &described) else {
            let reply = described
                .err()
                .unwrap_or_else(|| Reply::unavailable("No Dialog"));
            self.refuse_answer(now, key, flow, response, reply);
            return;
        };
        self.stand(now, call, dialog);
        let contact = self.contact_of(now, dialog, response);
        let passing = Passing {
            contact,
            in_dialog: true,
            described: true,
        };
        let bytes = self.pass_back(now, key, response, passing, &mut edits);
        self.shake_hands(
            now,
            key,
            dialog,
            Side::Caller,
            bytes.unwrap_or_default(),
            response,
        );
        self.watch_session(now, dialog, response);
        self.finish(now, key);
    }

    /// The 2xx cannot be passed on: whoever gave it is sent away, the caller is told.
    fn refuse_answer(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        flow: Flow,
        response: &Message,
        reply: Reply,
    ) {
        if let Some(client) = self
            .exchanges
            .get_mut(key)
            .and_then(|found| found.client.take())
        {
            self.asked.insert(client, Asked::Unwanted(Vec::new()));
            self.unwanted_response(now, flow, client, response);
        }
        self.fail(now, key, reply);
    }

    /// The dialog stands: the others of the call are over.
    fn stand(&mut self, now: Instant, key: CallKey, dialog: DialogKey) {
        if let Some(session) = self.dialogs.get(dialog).and_then(|dialog| dialog.session) {
            // A session that is gone has nothing to confirm.
            let _ = self.media.confirm(now, session);
        }
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        call.state = CallState::Answered;
        call.invite = None;
        call.record.answered = Some(self.clock.timestamp(now));
        self.counters.answered += 1;
        let losers: Vec<DialogKey> = call
            .dialogs
            .iter()
            .copied()
            .filter(|other| *other != dialog)
            .collect();
        losers
            .into_iter()
            .for_each(|loser| self.drop_early(now, key, loser));
    }

    /// Keeps what retransmissions of the 2xx and of its ACK need, and waits for the ACK.
    pub(super) fn shake_hands(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        dialog: DialogKey,
        from: Side,
        success: Vec<u8>,
        response: &Message,
    ) {
        let Some(exchange) = self.exchanges.get(key) else {
            return;
        };
        let Some(client) = exchange.client else {
            return;
        };
        let offered = {
            let session = self.dialogs.get(dialog).and_then(|dialog| dialog.session);
            let state = session.and_then(|session| self.media.offer_state(session));
            state == Some(crate::media::OfferState::Offered(from.other()))
        };
        let handshake = Handshake {
            from,
            cseq: response.cseq().map_or(0, |cseq| cseq.number),
            server: exchange.server,
            client,
            offered,
            success,
            ack: None,
            dismissed: Vec::new(),
            timer: self.timers.arm(now, ACK_WAIT, Due::AckMissing(dialog)),
        };
        self.asked.insert(client, Asked::Success(dialog));
        let Some(dialog) = self.dialogs.get_mut(dialog) else {
            return;
        };
        let old = dialog.handshake.replace(handshake);
        old.map(|old| self.timers.cancel(old.timer));
    }

    /// The dialog of a call that a response belongs to; begun where it is new.
    fn dialog_of(&mut self, now: Instant, key: CallKey, response: &Message) -> Option<DialogKey> {
        let tag = Self::to_tag(response).unwrap_or_default();
        let call = self.calls.get(key)?;
        let [caller, callee] = call.parties.clone()?;
        let found = self
            .dialogs
            .find(callee.flow.realm, &callee.call_id, tag, &caller.tag);
        if let Some((dialog, _)) = found {
            return Some(dialog);
        }
        if call.dialogs.len() >= MAX_EARLY_DIALOGS {
            return None;
        }
        let session = self.session_of_next(key)?;
        let contact = response.addresses(HeaderName::Contact).flatten().next();
        let mut callee = callee;
        callee.tag = tag.into();
        callee.target = contact.map_or(Box::default(), |(_, contact)| {
            contact.uri.text.as_bytes().into()
        });
        callee.route_set = joined(response, HeaderName::RecordRoute, true);
        let dialog = self.begin_dialog(now, [caller, callee], Some(key));
        self.dialogs.get_mut(dialog)?.session = Some(session);
        self.calls.get_mut(key)?.dialogs.push(dialog);
        Some(dialog)
    }

    /// The session of a further dialog: the one the offer was made in for the first, forks of it
    /// for the others.
    fn session_of_next(&mut self, key: CallKey) -> Option<SessionId> {
        let call = self.calls.get_mut(key)?;
        if let Some(session) = call.session.take() {
            return Some(session);
        }
        let first = *call.sessions.first()?;
        let session = self.media.fork(first).ok()?;
        self.calls.own_session(session, key);
        Some(session)
    }

    fn describe_answer(
        &mut self,
        now: Instant,
        call: CallKey,
        key: DialogKey,
        response: &Message,
        edits: &mut Splices,
    ) -> Result<(), Reply> {
        let Some(text) = response.session_description() else {
            return Ok(());
        };
        let offered = self.calls.get(call).is_some_and(|call| call.offered);
        let Some(dialog) = self.dialogs.get(key) else {
            return Ok(());
        };
        let Some(session) = dialog.session else {
            return Ok(());
        };
        let source = dialog.party(Side::Callee).flow.remote.ip();
        let role = if offered || dialog.agreed {
            Role::Answer
        } else {
            Role::Offer
        };
        let described = Described {
            session,
            by: Side::Callee,
            role,
            source,
        };
        self.describe(now, response, text, described, edits)?;
        if let (Role::Answer, Some(dialog)) = (role, self.dialogs.get_mut(key)) {
            dialog.agreed = true;
        }
        Ok(())
    }

    /// An early dialog is over while its call goes on.
    fn drop_early(&mut self, now: Instant, key: CallKey, dialog: DialogKey) {
        let session = self.dialogs.get(dialog).and_then(|dialog| dialog.session);
        session
            .into_iter()
            .for_each(|session| self.media.close(now, session));
        if let Some(call) = self.calls.get_mut(key) {
            call.dialogs.retain(|other| *other != dialog);
        }
        self.leave_call(now, dialog);
    }
}
