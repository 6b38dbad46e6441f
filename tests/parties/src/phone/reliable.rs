//! Provisional responses that are acknowledged, both sides of them (RFC 3262).

use std::time::Duration;

use rsip::Method;
use strait_shared::time::Instant;

use super::event::Due;
use super::{CallHandle, Phone, Purpose, State};
use crate::sip::dialog::Dialog;
use crate::sip::message::Message;
use crate::sip::transaction::{ServerId, T1, TRANSACTION_TIMEOUT};

/// The option tag.
const RELIABLE: &str = "100rel";

/// A provisional response of ours.
pub(super) struct Told {
    /// Its number.
    number: u32,
    response: Message,
    /// When it was first sent; nothing once it is acknowledged.
    waiting_since: Option<Instant>,
    /// Whether the call was to be answered meanwhile.
    answer_wanted: bool,
}

/// What one of the phones that ring for our call has told us so far.
pub(super) struct Early {
    pub(super) dialog: Dialog,
    /// The number of its last reliable response.
    number: u32,
    /// Its description: an answer, or an offer if we made none.
    pub(super) description: Vec<u8>,
}

impl Early {
    /// Whether a first offer and answer have completed with it.
    pub fn is_settled(&self) -> bool {
        !self.description.is_empty()
    }
}

impl Told {
    /// Whether it has a description.
    pub fn describes(&self) -> bool {
        !self.response.body.is_empty()
    }
}

impl Phone {
    /// Whether the next provisional response is to be acknowledged.
    pub(super) fn is_reliable_to(&self, handle: CallHandle) -> bool {
        let call = self.calls.get(&handle).filter(|call| call.told.is_none());
        let invite = call.and_then(|call| call.server.as_ref());
        self.config.reliable && invite.is_some_and(|(_, invite)| understands(invite))
    }

    /// Makes a provisional response reliable where the caller understands that and the phone is so
    /// set up.
    pub(super) fn make_reliable(
        &mut self,
        now: Instant,
        handle: CallHandle,
        response: &mut Message,
    ) {
        if !self.is_reliable_to(handle) {
            return;
        }
        let number = self.random.u32(1..1 << 16);
        response.push("Require", RELIABLE);
        response.push("RSeq", number.to_string());
        let told = Told {
            number,
            response: response.clone(),
            waiting_since: Some(now),
            answer_wanted: false,
        };
        if let Some(call) = self.calls.get_mut(&handle) {
            call.told = Some(told);
        }
        self.schedule(now + T1, handle, Due::Repeat(T1));
    }

    /// Whether a reliable response has yet to be acknowledged; the call is answered once it is.
    pub(super) fn answers_later(&mut self, handle: CallHandle) -> bool {
        let told = self.calls.get_mut(&handle);
        let told = told.and_then(|call| call.told.as_mut());
        let Some(told) = told.filter(|told| told.waiting_since.is_some()) else {
            return false;
        };
        told.answer_wanted = true;
        true
    }

    /// Nobody has acknowledged the response yet: it goes out again, for as long as makes sense
    /// (RFC 3262 §3).
    pub(super) fn repeat_reliably(&mut self, now: Instant, handle: CallHandle, interval: Duration) {
        let call = self.calls.get(&handle);
        let Some(call) = call.filter(|call| call.state == State::Incoming) else {
            return;
        };
        let (Some((id, _)), Some(told)) = (&call.server, &call.told) else {
            return;
        };
        let Some(since) = told.waiting_since else {
            return;
        };
        if now.since(since) >= TRANSACTION_TIMEOUT {
            self.reject(now, handle, 504);
            return;
        }
        self.transactions.respond(now, id, &told.response);
        let next = (interval * 2).min(TRANSACTION_TIMEOUT - now.since(since));
        self.schedule(now + next, handle, Due::Repeat(next));
    }

    /// Somebody acknowledges a provisional response.
    pub(super) fn acknowledged_early(
        &mut self,
        now: Instant,
        handle: CallHandle,
        id: &ServerId,
        request: &Message,
    ) {
        let acknowledged = request.header("RAck").and_then(acknowledged);
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let waiting = call
            .told
            .as_mut()
            .filter(|told| Some(told.number) == acknowledged && told.waiting_since.is_some());
        let Some(told) = waiting else {
            self.answer(now, id, request, 481);
            return;
        };
        told.waiting_since = None;
        let answer_wanted = told.answer_wanted;
        let answers = call.agreement.awaiting_answer;
        let agreed = !answers || call.take_answer(now, &request.body);
        self.answer(now, id, request, 200);
        if !agreed {
            self.reject(now, handle, 488);
        } else if answer_wanted {
            self.accept(now, handle);
        }
    }

    /// A phone that rings for our call says something that wants to be acknowledged.
    pub(super) fn told_early(
        &mut self,
        now: Instant,
        handle: CallHandle,
        request: &Message,
        response: &Message,
    ) {
        let number = response.header("RSeq").and_then(|text| text.parse().ok());
        let (Some(number), Some(tag)) = (number, response.tag("To")) else {
            return;
        };
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let Some(dialog) = Dialog::from_response(request, response) else {
            return;
        };
        let known = call.early.contains_key(&tag);
        let early = call.early.entry(tag).or_insert(Early {
            dialog,
            number,
            description: Vec::new(),
        });
        // What comes again has been acknowledged; what comes too early will come again (§4).
        if known && number != early.number.wrapping_add(1) {
            return;
        }
        early.number = number;
        if !response.body.is_empty() {
            early.description.clone_from(&response.body);
        }
        let (hop, cseq) = (early.dialog.next_hop(), request.cseq());
        let mut acknowledgement = early.dialog.request(Method::PRack, None);
        let invite = cseq.map_or(1, |cseq| cseq.number);
        acknowledgement.push("RAck", format!("{number} {invite} INVITE"));
        let offered = !call.offers && !response.body.is_empty();
        if offered && let Some(answer) = call.take_offer(now, &response.body) {
            acknowledgement.set_body("application/sdp", answer);
        }
        let hop = hop.and_then(|hop| hop.address());
        let hop = hop.unwrap_or(self.config.proxy);
        self.send(now, acknowledgement, hop, Purpose::Untended, 0);
    }

    /// The dialog of the phone that answered, as far as it was early; what it described then counts
    /// again, whatever others have described since. Whether it had.
    pub(super) fn settle_early(
        &mut self,
        now: Instant,
        handle: CallHandle,
        response: &Message,
    ) -> bool {
        let Some(call) = self.calls.get_mut(&handle) else {
            return false;
        };
        let early = response.tag("To").and_then(|tag| call.early.remove(&tag));
        call.early.clear();
        let Some(early) = early else {
            return false;
        };
        if let Some(dialog) = &mut call.dialog {
            dialog.sequence = early.dialog.sequence;
        }
        if early.description.is_empty() {
            return false;
        }
        match call.offers {
            true => call.take_answer(now, &early.description),
            false => call.take_offer(now, &early.description).is_some(),
        }
    }
}

/// Whether a response wants to be acknowledged.
pub(super) fn is_reliable(response: &Message) -> bool {
    response.items("Require").any(is_the_tag)
}

/// What an INVITE says of the phone that sends it.
pub(super) fn mention(invite: &mut Message) {
    invite.push("Supported", RELIABLE);
}

fn understands(invite: &Message) -> bool {
    let mut tags = invite.items("Supported").chain(invite.items("Require"));
    tags.any(is_the_tag)
}

fn is_the_tag(tag: &str) -> bool {
    tag.trim() == RELIABLE
}

/// The number of the response an RAck is about.
fn acknowledged(value: &str) -> Option<u32> {
    value.split_whitespace().next()?.parse().ok()
}
