//! The called side of a call until it is established (RFC 3261 §13.3, §9.2).

use rsip::Method;
use strait_shared::time::Instant;

use super::call::OnAck;
use super::event::Due;
use super::reliable::Told;
use super::{Answer, CallHandle, EndReason, Event, Phone, State};
use crate::sip::dialog::Dialog;
use crate::sip::message::Message;
use crate::sip::transaction::ServerId;

impl Phone {
    /// Answers an incoming call.
    pub fn accept(&mut self, now: Instant, handle: CallHandle) {
        if self.answers_later(handle) {
            return;
        }
        self.respond_with_description(now, handle, 200);
        let Some(call) = self
            .calls
            .get(&handle)
            .filter(|call| call.state == State::Incoming)
        else {
            return;
        };
        // With a late offer nothing is agreed before the ACK brings the answer.
        let complete = call.agreement.complete;
        let call = self.calls.get_mut(&handle).expect("it was just seen");
        call.state = State::Established;
        call.unacknowledged = Some(OnAck::Talk);
        if complete {
            self.events.push_back(Event::Established(handle));
        }
    }

    /// Rejects an incoming call with a final status.
    pub fn reject(&mut self, now: Instant, handle: CallHandle, status: u16) {
        let Some(call) = self
            .calls
            .get(&handle)
            .filter(|call| call.state == State::Incoming)
        else {
            return;
        };
        if let Some((id, request)) = call.server.clone() {
            self.answer(now, &id, &request, status);
        }
        self.end(now, handle, EndReason::Rejected(status));
    }

    pub(super) fn invited(&mut self, now: Instant, id: ServerId, request: &Message) {
        let from = request.name_addr("From").and_then(|from| from.uri.user);
        let tag = format!("{:08x}", self.random.u32(..));
        let (Some(from), Some(dialog)) = (from, Dialog::from_request(request, &tag)) else {
            self.answer(now, &id, request, 400);
            return;
        };
        if self.is_too_brief(request) {
            self.refuse_session(now, &id, request);
            return;
        }
        let version = match self.judge(request) {
            Ok(version) => version,
            Err(usable) => return self.send_elsewhere(now, &id, request, usable),
        };
        let handle = self.add_call(now, State::Incoming, &from, request.call_id(), version);
        let call = self
            .calls
            .get_mut(&handle)
            .expect("the call was just added");
        call.dialog = Some(dialog);
        call.server = Some((id, request.clone()));
        let behaviour = self.config.answering;
        self.events
            .push_back(Event::Incoming { call: handle, from });
        self.schedule(now + behaviour.ring_after, handle, Due::Ring);
        match behaviour.answer {
            Answer::After(wait) => self.schedule(now + wait, handle, Due::Answer),
            Answer::Reject(status, wait) => {
                self.schedule(now + wait, handle, Due::Reject(status));
            }
            Answer::Redirect(status, wait) => {
                self.schedule(now + wait, handle, Due::Redirect(status));
            }
            Answer::Never => {}
        }
    }

    pub(super) fn ring(&mut self, now: Instant, handle: CallHandle) {
        // Where we make the offer, the first reliable response has it (RFC 3262 §5).
        let offers = self.is_reliable_to(handle) && !self.was_offered(handle);
        if self.config.answering.early_media || offers {
            self.respond_with_description(now, handle, 183);
        } else if let Some((id, mut response)) = self.provisional(handle, 180) {
            self.make_reliable(now, handle, &mut response);
            self.transactions.respond(now, &id, &response);
        }
    }

    pub(super) fn cancelled(&mut self, now: Instant, id: &ServerId, cancel: &Message) {
        let matches = |request: &Message| {
            request.branch() == cancel.branch() && request.call_id() == cancel.call_id()
        };
        let found = self.calls.values().find_map(|call| {
            let (invite_id, invite) = call.server.as_ref()?;
            matches(invite).then(|| (call.handle, call.state, invite_id.clone(), invite.clone()))
        });
        let Some((handle, state, invite_id, invite)) = found else {
            self.answer(now, id, cancel, 481);
            return;
        };
        self.answer(now, id, cancel, 200);
        // After the final response a CANCEL has no effect (§9.2).
        if state == State::Incoming {
            self.answer(now, &invite_id, &invite, 487);
            self.end(now, handle, EndReason::Cancelled);
        }
    }

    /// The ACK to one of our 2xx, to the first INVITE or a later one.
    pub(super) fn acknowledged(&mut self, now: Instant, ack: &Message) {
        let Some(handle) = self.call_of(ack) else {
            return;
        };
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let Some((id, invite)) = &call.server else {
            return;
        };
        if invite.cseq().map(|cseq| cseq.number) != ack.cseq().map(|cseq| cseq.number) {
            return;
        }
        self.transactions.acknowledged(id);
        if call.unacknowledged.take() == Some(OnAck::Bye) {
            self.send_bye(now, handle);
            return;
        }
        if call.agreement.awaiting_answer && !ack.body.is_empty() {
            let first = !call.agreement.complete;
            if call.take_answer(now, &ack.body) {
                let established = Event::Established(handle);
                let event = if first {
                    established
                } else {
                    Event::Renegotiated(handle)
                };
                self.events.push_back(event);
            } else {
                self.send_bye(now, handle);
            }
        }
    }

    /// Sends 183 or 200 with our description: the answer to an early offer, or our own offer.
    fn respond_with_description(&mut self, now: Instant, handle: CallHandle, status: u16) {
        let Some((id, mut response)) = self.provisional(handle, status) else {
            return;
        };
        let reliable = status < 200 && self.is_reliable_to(handle);
        let call = self
            .calls
            .get_mut(&handle)
            .expect("a provisional response has its call");
        let has_described = status >= 200 && call.told.as_ref().is_some_and(Told::describes);
        let offer = call
            .server
            .as_ref()
            .map(|(_, request)| request.body.clone());
        let offer = offer.unwrap_or_default();
        // What was acknowledged is not repeated.
        let text = match (offer.is_empty(), call.repeated()) {
            _ if has_described => None,
            (false, Some(answered)) => Some(answered),
            (false, None) => call.take_offer(now, &offer),
            // Our own offer belongs in the 2xx; a 183 must not carry one unreliably (RFC 3261
            // §13.2.1).
            (true, _) if status < 200 && !reliable => None,
            (true, _) => Some(call.offer()),
        };
        match text {
            Some(text) => response.set_body("application/sdp", text),
            None if status < 200 || has_described => {}
            None => {
                self.reject(now, handle, 488);
                return;
            }
        }
        if status < 200 {
            self.make_reliable(now, handle, &mut response);
        } else {
            self.agree_on_session(now, handle, None, &mut response);
        }
        self.transactions.respond(now, &id, &response);
    }

    fn was_offered(&self, handle: CallHandle) -> bool {
        let call = self.calls.get(&handle);
        let invite = call.and_then(|call| call.server.as_ref());
        invite.is_some_and(|(_, invite)| !invite.body.is_empty())
    }

    /// A response to the INVITE of a call not yet answered, in its dialog.
    fn provisional(&self, handle: CallHandle, status: u16) -> Option<(ServerId, Message)> {
        let call = self
            .calls
            .get(&handle)
            .filter(|call| call.state == State::Incoming)?;
        let (id, request) = call.server.as_ref()?;
        let local = crate::sip::uri::NameAddr::parse(&call.dialog.as_ref()?.local).ok()?;
        let mut response = Message::response(request, status, local.tag()?);
        response.push("Contact", self.contact_for(id));
        debug_assert_eq!(request.method(), Some(Method::Invite));
        Some((id.clone(), response))
    }
}
