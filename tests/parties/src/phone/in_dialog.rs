//! What happens within an established call: hold, resume, the other side's offers, BYE.

use std::time::Duration;

use rsip::Method;
use strait_shared::time::Instant;

use super::call::OnAck;
use super::config::Hold;
use super::event::Due;
use super::{CallHandle, EndReason, Event, Phone, Purpose, State};
use crate::sip::message::Message;
use crate::sip::transaction::ServerId;

impl Phone {
    /// Puts the other side on hold.
    pub fn hold(&mut self, now: Instant, handle: CallHandle, hold: Hold) {
        self.set_hold(now, handle, Some(hold));
    }

    /// Takes the other side off hold.
    pub fn resume(&mut self, now: Instant, handle: CallHandle) {
        self.set_hold(now, handle, None);
    }

    /// Sends what we wish now to the other side. An offer under way has to be settled first
    /// (§14.1): what is wanted then goes out after it.
    pub(super) fn offer_again(&mut self, now: Instant, handle: CallHandle) {
        let call = self.calls.get(&handle);
        let waits = |call: &super::Call| call.agreement.awaiting_answer;
        match call.is_some_and(waits) {
            true => self.schedule(now + Duration::from_millis(100), handle, Due::Reoffer),
            false => self.reoffer(now, handle),
        }
    }

    /// Sends a re-INVITE, or an UPDATE, with our present wish (§14.1, RFC 3311 §5.1).
    fn reoffer(&mut self, now: Instant, handle: CallHandle) {
        let (hop, contact) = self.way_of(handle);
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        if call.state != State::Established {
            return;
        }
        let offer = call.offer();
        let Some(dialog) = call.dialog.as_mut() else {
            return;
        };
        let (method, purpose) = match self.config.updates {
            true => (Method::Update, Purpose::Update(handle)),
            false => (Method::Invite, Purpose::Reinvite(handle)),
        };
        let mut request = dialog.request(method, None);
        let session = call.session.clone();
        request.push("Contact", contact);
        request.set_body("application/sdp", offer);
        self.mention_session(&mut request, session.as_ref());
        self.send(now, request, hop, purpose, 0);
    }

    pub(super) fn reinvite_response(
        &mut self,
        now: Instant,
        handle: CallHandle,
        request: &Message,
        response: &Message,
    ) {
        let status = response.status().unwrap_or_default();
        let number = request.cseq().map_or(0, |cseq| cseq.number);
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        if call
            .ack
            .as_ref()
            .is_some_and(|(acknowledged, _)| *acknowledged == number)
        {
            self.repeat_ack(request);
            return;
        }
        match status {
            200..=299 => {
                let agreed = call.take_answer(now, &response.body);
                if let Some(dialog) = call.dialog.as_mut() {
                    dialog.refresh_target(response);
                }
                self.send_ack(handle, number, None);
                self.session_agreed(now, handle, response, true);
                if agreed {
                    self.events.push_back(Event::Renegotiated(handle));
                } else {
                    self.send_bye(now, handle);
                }
            }
            300.. => self.offer_refused(now, handle, status),
            _ => {}
        }
    }

    /// The other side does not take our offer, or not now.
    pub(super) fn offer_refused(&mut self, now: Instant, handle: CallHandle, status: u16) {
        if matches!(status, 408 | 481) {
            self.send_bye(now, handle);
            return;
        }
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        call.agreement.awaiting_answer = false;
        if status != 491 {
            call.stream.stay();
            let refused = Event::OfferRefused {
                call: handle,
                status,
            };
            self.events.push_back(refused);
            return;
        }
        // Whoever owns the Call-ID waits longer (§14.1); a caller owns it.
        let invite = call.server.as_ref().map(|(_, invite)| invite);
        let tens_ms = match invite.is_none_or(|invite| invite.tag("To").is_some()) {
            true => self.random.u64(210..=400),
            false => self.random.u64(0..200),
        };
        let wait = Duration::from_millis(tens_ms * 10);
        self.schedule(now + wait, handle, Due::Reoffer);
    }

    pub(super) fn reinvited(
        &mut self,
        now: Instant,
        handle: CallHandle,
        id: ServerId,
        request: &Message,
    ) {
        let contact = self.contact_for(&id);
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        // Glare (§14.2): our own offer is on its way, or theirs has not been settled.
        if call.agreement.awaiting_answer || call.state != State::Established {
            self.answer(now, &id, request, 491);
            return;
        }
        let text = if request.body.is_empty() {
            Some(call.offer())
        } else {
            call.take_offer(now, &request.body)
        };
        let Some(text) = text else {
            self.answer(now, &id, request, 488);
            return;
        };
        if let Some(dialog) = call.dialog.as_mut() {
            dialog.refresh_target(request);
        }
        call.server = Some((id.clone(), request.clone()));
        // Whoever makes another offer knows our answer to the first.
        call.unacknowledged = None;
        let settled = !call.agreement.awaiting_answer;
        let mut response = Message::response(request, 200, "");
        response.push("Contact", contact);
        response.set_body("application/sdp", text);
        self.agree_on_session(now, handle, Some(request), &mut response);
        self.transactions.respond(now, &id, &response);
        if settled {
            self.events.push_back(Event::Renegotiated(handle));
        }
    }

    pub(super) fn remote_bye(
        &mut self,
        now: Instant,
        handle: CallHandle,
        id: &ServerId,
        request: &Message,
    ) {
        self.answer(now, id, request, 200);
        let unanswered = self
            .calls
            .get(&handle)
            .filter(|call| call.state == State::Incoming)
            .and_then(|call| call.server.clone());
        if let Some((invite_id, invite)) = unanswered {
            // BYE within an early dialog ends the INVITE as well (§15.1.2).
            self.answer(now, &invite_id, &invite, 487);
        }
        self.end(now, handle, EndReason::RemoteHungUp);
    }

    pub(super) fn send_bye(&mut self, now: Instant, handle: CallHandle) {
        let hop = self.hop_of(handle);
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        call.state = State::Leaving;
        call.stream.stop(now);
        if let Some(then) = &mut call.unacknowledged {
            *then = OnAck::Bye;
            return;
        }
        match call.dialog.as_mut() {
            Some(dialog) => {
                let request = dialog.request(Method::Bye, None);
                self.send(now, request, hop, Purpose::Bye(handle), 0);
            }
            None => self.end(now, handle, EndReason::HungUp),
        }
    }

    fn set_hold(&mut self, now: Instant, handle: CallHandle, hold: Option<Hold>) {
        if let Some(call) = self.calls.get_mut(&handle) {
            call.agreement.hold = hold;
            self.offer_again(now, handle);
        }
    }
}
