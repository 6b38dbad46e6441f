//! Responses within dialogs, and what they change.

use std::time::Duration;

use strait_shared::time::Instant;

use super::Gateway;
use super::calls::CallKey;
use super::describe::{Described, Role};
use super::dialogs::{ChallengedBye, DialogKey};
use super::due::Due;
use super::exchange::{ExchangeKey, PartOf};
use super::limits::BYE_WAIT;
use super::mapping::drop_description;
use super::opening::{is_terminated, subscription_seconds};
use super::record::{EndedBy, Ending};
use super::responses::Passing;
use crate::media::{OfferState, Side};
use crate::sip::{Message, Method, Splices, Status};

impl Gateway {
    /// The other party answered a request within a dialog.
    pub(super) fn dialog_response(&mut self, now: Instant, key: ExchangeKey, response: &Message) {
        let Some(exchange) = self.exchanges.get(key) else {
            return;
        };
        let PartOf::Dialog {
            dialog,
            from,
            offer,
        } = exchange.part_of
        else {
            return;
        };
        let status = response.status().expect("it is a response");
        let method = response.cseq().expect("it was checked for CSeq").method;
        let mut edits = Splices::new();
        let mut passing = Passing::default();
        let agreed = self.describe_reply(now, dialog, from, offer, response, &mut edits);
        if status.is_success() && agreed.is_none() {
            // Whoever accepts without an answer leaves things as they were.
            self.settle_refusal(now, dialog, offer.then_some(from), None);
        }
        if status.is_provisional() || status.is_success() {
            let refreshes = status.is_success() && is_target_refresh(method);
            passing.contact = match refreshes {
                true => self.refresh_target(now, dialog, from.other(), response),
                false => self.known_contact(dialog, from.other()),
            };
            passing.in_dialog = true;
        } else {
            self.settle_refusal(now, dialog, offer.then_some(from), Some(method));
        }
        self.after_exchange(now, key, dialog, method, response);
        let bytes = self.pass_back(now, key, response, passing, &mut edits);
        if method == Method::Invite && status.is_success() {
            self.set_inviting(dialog, None);
            self.shake_hands(now, key, dialog, from, bytes.unwrap_or_default(), response);
        }
        if let (Method::Invite | Method::Update, true) = (method, status.is_success()) {
            self.watch_session(now, dialog, response);
        }
        self.finish_if_final(now, key, status);
        if method == Method::Bye && status.is_final() {
            self.party_left(now, dialog, from, status);
        }
        let call = self.dialogs.get(dialog).and_then(|dialog| dialog.call);
        if let (Some(false), Some(call), true) = (agreed, call, status.is_success()) {
            self.end_call(now, call, EndedBy::Strait, "media refused");
        }
        if let (true, Some(call)) = (denies_call(method, status), call) {
            self.deny_call(now, dialog, call);
        }
    }

    /// A party knows nothing of a call that was answered: it has restarted, perhaps. Nobody else
    /// ends it where the other party takes no notice. Who has not acknowledged the answer may not
    /// have heard it, and still does.
    pub(super) fn deny_call(&mut self, now: Instant, dialog: DialogKey, key: CallKey) {
        let stands = self
            .calls
            .get(key)
            .is_some_and(|call| call.invite.is_none());
        let dialog = self.dialogs.get(dialog);
        let mut handshakes = dialog
            .iter()
            .flat_map(|dialog| dialog.handshakes.iter().flatten());
        if stands && handshakes.all(|handshake| handshake.ack.is_some()) {
            self.end_call(now, key, EndedBy::Strait, "party gone");
        }
    }

    /// A party's BYE has its final response: the call is over, unless the other party wants to
    /// know first who it is.
    pub(super) fn party_left(&mut self, now: Instant, key: DialogKey, from: Side, status: Status) {
        let challenged = matches!(status.code(), 401 | 407);
        let call = self.dialogs.get(key).and_then(|dialog| dialog.call);
        let Some(call) = call else { return };
        let early = self
            .calls
            .get(call)
            .is_some_and(|call| call.invite.is_some());
        if challenged || early {
            // The call goes on: until the party has shown who it is, or because this was one early
            // dialog of several (RFC 3261 §15.1.1) and the INVITE is still to be answered.
            let ended = self.calls.get_mut(call);
            let ended = ended.and_then(|call| call.record.ended.take());
            let dialog = self.dialogs.get_mut(key);
            if let (false, Some(at), Some(dialog)) = (early, ended, dialog) {
                let number = dialog.party(from).cseq;
                dialog.challenged = Some(ChallengedBye {
                    by: from,
                    number,
                    at,
                });
                self.timers
                    .arm(now, BYE_WAIT, Due::ByeChallenged(key, number));
            }
            return;
        }
        let ended_by = match from {
            Side::Caller => EndedBy::Caller,
            Side::Callee => EndedBy::Callee,
        };
        self.close_call(
            now,
            call,
            Ending {
                ended_by,
                reason: "bye",
                status: None,
            },
        );
    }

    /// Subscriptions that share or are the dialog.
    fn after_exchange(
        &mut self,
        now: Instant,
        exchange: ExchangeKey,
        dialog: DialogKey,
        method: Method,
        response: &Message,
    ) {
        let Some(status) = response.status().filter(|status| status.is_final()) else {
            return;
        };
        match method {
            Method::Subscribe | Method::Refer if status.is_success() => {
                self.accept_subscription(now, dialog, response);
            }
            Method::Notify => {
                let request = self
                    .exchanges
                    .get(exchange)
                    .map(|found| found.request.clone());
                let Some(request) = request else { return };
                let request = request.message();
                let gone = matches!(status.code(), 408 | 481 | 489);
                if is_terminated(&request) || gone {
                    self.end_subscription(now, dialog);
                } else if let Some(seconds) = subscription_seconds(&request) {
                    self.extend_subscription(now, dialog, Duration::from_secs(seconds.into()));
                }
            }
            _ => {}
        }
    }

    /// Whether the response's description could be carried out; `None` where it has none with a
    /// role.
    fn describe_reply(
        &mut self,
        now: Instant,
        key: DialogKey,
        from: Side,
        offer: bool,
        response: &Message,
        edits: &mut Splices,
    ) -> Option<bool> {
        let text = response.session_description()?;
        let dialog = self.dialogs.get(key)?;
        let session = dialog.session?;
        let status = response.status()?;
        if !status.is_provisional() && !status.is_success() {
            return None;
        }
        let by = from.other();
        let source = dialog.party(by).flow.remote.ip();
        let method = response.cseq().ok()?.method;
        let free = self.media.offer_state(session) == Some(OfferState::Stable);
        let role = match method {
            Method::Invite | Method::Update | Method::Prack if offer => Role::Answer,
            Method::Invite if free => Role::Offer,
            _ => return None,
        };
        let described = Described {
            session,
            by,
            role,
            source,
        };
        let agreed = self.describe(now, response, text, described, edits).is_ok();
        if !agreed {
            drop_description(response, text, edits);
        }
        Some(agreed)
    }

    fn known_contact(&self, key: DialogKey, side: Side) -> Option<super::token::Token> {
        self.dialogs.get(key)?.party(side).contact
    }
}

/// Whether a refusal says that its sender has no such call (RFC 3261 §12.2.1.2, RFC 5057 §5.1).
/// To some requests it may say that it has no such subscription, or no such provisional response
/// (RFC 6665 §4.1.3, RFC 3262 §3); to BYE it matters no more.
fn denies_call(method: Method, status: Status) -> bool {
    use Method::{Info, Invite, Message, Options, Update};
    status.code() == 481 && matches!(method, Invite | Update | Info | Message | Options)
}

/// Requests whose 2xx may move the remote target (RFC 3261 §12.2, RFC 6665 §4.4.1).
fn is_target_refresh(method: Method) -> bool {
    use Method::{Invite, Notify, Refer, Subscribe, Update};
    matches!(method, Invite | Update | Subscribe | Notify | Refer)
}
