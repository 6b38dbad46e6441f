//! How calls end: by either party, by the operator, or by Strait itself.

use strait_shared::time::Instant;

use super::Gateway;
use super::calls::CallKey;
use super::dialogs::DialogKey;
use super::due::Due;
use super::io::Output;
use super::journal::CONTROL_RESTARTED;
use super::outbound::joined;
use super::record::{EndedBy, Ending};
use super::reply::Reply;
use super::transaction::ServerId;
use crate::media::Side;
use crate::sip::{HeaderName, Message, Status};

impl Gateway {
    /// The sender of a request has cancelled it (RFC 3261 §9.2).
    pub(super) fn cancelled(&mut self, now: Instant, invite: ServerId, cancel: &Message) {
        let Some(key) = self.exchanges.of_server(invite) else {
            return;
        };
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        exchange.cancelled = true;
        let reason = joined(cancel, HeaderName::Reason, false);
        let reason = Some(&*reason).filter(|reason| !reason.is_empty());
        let beside = exchange.beside.iter().map(|branch| branch.client);
        let clients: Vec<_> = exchange.client.into_iter().chain(beside).collect();
        if clients.is_empty() {
            self.fail(now, key, Status::REQUEST_TERMINATED.into());
        }
        for client in clients {
            self.transactions
                .cancel(now, client, reason, &mut self.outputs);
        }
    }

    /// Ends a call towards both sides: with BYE where it was answered, with CANCEL and a final
    /// response where not; a gateway's leg as its controller's protocol has it.
    pub(super) fn end_call(
        &mut self,
        now: Instant,
        key: CallKey,
        by: EndedBy,
        reason: &'static str,
    ) {
        let Some(call) = self.calls.get(key) else {
            return;
        };
        let (invite, dialogs, leg) = (call.invite, call.dialogs.clone(), call.leg);
        let bye_under_way = call.record.ended.is_some();
        let status = invite.map(|_| 480);
        match invite {
            Some(exchange) => {
                self.leave_all(now, exchange);
                if let Some(exchange) = self.finish(now, exchange) {
                    let message = exchange.request.message();
                    let gone = Reply::from(Status::TEMPORARILY_UNAVAILABLE);
                    let reply = gone.with("Reason", reason_header(reason));
                    self.reply(now, exchange.server, &message, reply);
                }
            }
            // What a party's own BYE has told the other needs no second one.
            None if bye_under_way => {}
            None => {
                for dialog in dialogs {
                    self.say_bye(now, dialog, Side::Caller, reason);
                    self.say_bye(now, dialog, Side::Callee, reason);
                }
            }
        }
        if let Some(leg) = leg {
            self.say_leg_ended(now, leg, by);
        }
        self.close_call(
            now,
            key,
            Ending {
                ended_by: by,
                reason,
                status,
            },
        );
    }

    /// Takes a call out: its dialogs end, its media closes, its record follows.
    pub(super) fn close_call(&mut self, now: Instant, key: CallKey, ending: Ending) {
        let Some(call) = self.calls.get_mut(key) else {
            return;
        };
        let ended = call.record.ended.unwrap_or(self.clock.timestamp(now));
        let answered = call.record.answered.unwrap_or(ended);
        // A BYE may cross the answer on its way.
        let ended = ended.max(answered);
        call.record.ended = Some(ended);
        call.record.duration_ms = ended.unix_ms.saturating_sub(answered.unix_ms);
        call.record.ending = Some(ending);
        let (dialogs, sessions) = (std::mem::take(&mut call.dialogs), call.sessions.clone());
        if let Some(leg) = call.leg {
            self.controlled.legs.remove(leg);
        }
        if let Some(record) = self.calls.close(key) {
            self.outputs.push_back(Output::Record(Box::new(record)));
        }
        sessions
            .into_iter()
            .for_each(|session| self.media.close(now, session));
        dialogs
            .into_iter()
            .for_each(|dialog| self.leave_call(now, dialog));
    }

    /// A session timer may run (RFC 4028 §10): what a 2xx to INVITE or UPDATE says of it.
    pub(super) fn watch_session(&mut self, now: Instant, key: DialogKey, response: &Message) {
        let Some(dialog) = self.dialogs.get_mut(key) else {
            return;
        };
        let Some(call) = dialog.call else { return };
        let old = dialog.session_timer.take();
        old.map(|old| self.timers.cancel(old));
        if let Ok(Some(expires)) = response.session_expires() {
            let life = std::time::Duration::from_secs(expires.seconds.into());
            dialog.session_timer = Some(self.timers.arm(now, life, Due::SessionExpired(call)));
        }
    }

    /// A session was not refreshed in time.
    pub(super) fn session_expired(&mut self, now: Instant, key: CallKey) {
        self.counters.sessions_expired += 1;
        self.end_call(now, key, EndedBy::Strait, "session expired");
    }

    /// An earlier process took a BYE, and nobody knows whether it got through.
    pub(super) fn bye_missing(&mut self, now: Instant, key: CallKey) {
        let call = self
            .calls
            .get(key)
            .filter(|call| call.record.ended.is_some());
        let Some(call) = call else {
            return;
        };
        for dialog in call.dialogs.clone() {
            self.say_bye(now, dialog, Side::Caller, CONTROL_RESTARTED);
            self.say_bye(now, dialog, Side::Callee, CONTROL_RESTARTED);
        }
        let ending = Ending {
            ended_by: EndedBy::Strait,
            reason: CONTROL_RESTARTED,
            status: None,
        };
        self.close_call(now, key, ending);
    }

    /// A party was to show who it is, and has had its time. What it did not say again, nor take
    /// back, stands.
    pub(super) fn bye_given_up(&mut self, now: Instant, key: DialogKey, number: u32) {
        let Some(dialog) = self.dialogs.get(key) else {
            return;
        };
        let bye = dialog.left().filter(|bye| bye.number == number);
        let (Some(bye), Some(call)) = (bye, dialog.call) else {
            return;
        };
        let ended_by = match bye.by {
            Side::Caller => EndedBy::Caller,
            Side::Callee => EndedBy::Callee,
        };
        self.end_call(now, call, ended_by, "bye");
    }
}

/// RFC 3326: 480 stands for what has no code of its own.
pub(super) fn reason_header(reason: &str) -> String {
    format!("SIP;cause=480;text=\"{reason}\"")
}
