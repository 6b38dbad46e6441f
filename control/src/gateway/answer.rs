//! Final responses to the INVITE that began a call: the answer, the refusal.

use strait_shared::time::Instant;

use super::calls::{CallKey, CallState};
use super::dialogs::{DialogKey, Handshake};
use super::due::Due;
use super::exchange::ExchangeKey;
use super::io::Flow;
use super::limits::ACK_WAIT;
use super::record::{EndedBy, Ending};
use super::reply::Reply;
use super::responses::Passing;
use super::{Asked, Gateway};
use crate::media::Side;
use crate::sip::{Message, Splices, Status};

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
            let by = self.refused_by(key, status);
            self.finish(now, key);
            self.call_failed(now, call, by, status);
        }
    }

    /// On whose account the callee's side refuses. Who was cancelled has not refused by itself: it
    /// was the caller's wish, or ours when nobody had answered for too long.
    fn refused_by(&self, key: ExchangeKey, status: Status) -> EndedBy {
        let exchange = self.exchanges.get(key);
        let exchange = exchange.filter(|_| status == Status::REQUEST_TERMINATED);
        let taken_back = |client| self.transactions.is_cancelled(client);
        match exchange {
            Some(exchange) if exchange.cancelled => EndedBy::Caller,
            Some(exchange) if exchange.client.is_some_and(taken_back) => EndedBy::Strait,
            _ => EndedBy::Callee,
        }
    }

    /// The call's INVITE is over without an answer.
    pub(super) fn call_failed(&mut self, now: Instant, call: CallKey, by: EndedBy, status: Status) {
        let given_up = matches!(status, Status::REQUEST_TERMINATED | Status::REQUEST_TIMEOUT);
        let reason = match by {
            EndedBy::Caller => "cancelled",
            EndedBy::Strait if given_up => "setup timeout",
            _ => "rejected",
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
        self.stop_ringing(now, key, call);
        self.stand(now, call, dialog);
        let contact = self.contact_of(now, dialog, response);
        let passing = Passing {
            contact,
            in_dialog: true,
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
            server: Some(exchange.server),
            client: Some(client),
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
        let old = dialog.handshakes[from as usize].replace(handshake);
        old.map(|old| self.timers.cancel(old.timer));
    }
}
