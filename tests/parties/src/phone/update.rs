//! UPDATE: another offer without an INVITE (RFC 3311), also before the call is answered.

use rsip::Method;
use strait_shared::time::Instant;

use super::{CallHandle, Event, Phone, Purpose, State};
use crate::sip::message::Message;
use crate::sip::transaction::ServerId;

impl Phone {
    /// Offers again while the other phone rings, with the codecs the other way round. It must have
    /// described itself in a response that we acknowledged (RFC 3311 §5.1).
    pub fn update_early(&mut self, now: Instant, handle: CallHandle) {
        let proxy = self.config.proxy;
        let call = self.calls.get_mut(&handle);
        let waits = |call: &&mut super::Call| call.state == State::Calling && !call.cancel_wanted;
        let Some(call) = call.filter(waits) else {
            return;
        };
        let settled = |early: &&super::reliable::Early| early.is_settled();
        if call.updated.is_some() || call.early.values().filter(settled).count() != 1 {
            return;
        }
        call.agreement.laws.reverse();
        let awaited = call.agreement.awaiting_answer;
        let offer = call.offer();
        call.agreement.awaiting_answer = awaited;
        let settled = call.early.iter_mut().find(|(_, early)| early.is_settled());
        let Some((tag, early)) = settled else { return };
        call.updated = Some(tag.clone());
        let hop = early.dialog.next_hop().and_then(|hop| hop.address());
        let hop = hop.unwrap_or(proxy);
        let mut request = early.dialog.request(Method::Update, None);
        request.set_body("application/sdp", offer);
        request.push("Contact", self.contact_at(hop));
        let purpose = Purpose::EarlyUpdate(handle);
        self.send(now, request, hop, purpose, 0);
    }

    /// What the phone that rings says to [`Phone::update_early`], perhaps after it has answered.
    pub(super) fn early_update_response(
        &mut self,
        now: Instant,
        handle: CallHandle,
        response: &Message,
    ) {
        let status = response.status().unwrap_or_default();
        let Some(call) = self.calls.get_mut(&handle).filter(|_| status >= 200) else {
            return;
        };
        let tag = call.updated.take();
        let with = call.dialog.as_ref().map(|dialog| dialog.is_with(response));
        match (call.state, with) {
            (State::Calling, _) if status < 300 => {
                let awaited = call.agreement.awaiting_answer;
                call.take_answer(now, &response.body);
                call.agreement.awaiting_answer = awaited;
                let early = tag.and_then(|tag| call.early.get_mut(&tag));
                if let Some(early) = early {
                    early.description.clone_from(&response.body);
                }
            }
            (State::Established, Some(true)) if status < 300 && !call.agreement.awaiting_answer => {
                call.take_answer(now, &response.body);
            }
            _ => {}
        }
    }

    /// The other side has another offer, or only wants to know that we are there.
    pub(super) fn updated(
        &mut self,
        now: Instant,
        handle: CallHandle,
        id: &ServerId,
        request: &Message,
    ) {
        let contact = self.contact_for(id);
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let offers = !request.body.is_empty();
        // Glare (RFC 3311 §5.2): an offer is under way, or the first one has no answer.
        let talks = match call.state {
            State::Incoming => call.agreement.complete,
            state => state == State::Established,
        };
        if offers && (call.agreement.awaiting_answer || !talks) {
            self.answer(now, id, request, 491);
            return;
        }
        let answer = match offers {
            true => call.take_offer(now, &request.body),
            false => None,
        };
        if offers && answer.is_none() {
            self.answer(now, id, request, 488);
            return;
        }
        if let Some(dialog) = call.dialog.as_mut() {
            dialog.refresh_target(request);
        }
        let mut response = Message::response(request, 200, "");
        response.push("Contact", contact);
        if let Some(answer) = answer {
            response.set_body("application/sdp", answer);
            self.events.push_back(Event::Renegotiated(handle));
        }
        self.agree_on_session(now, handle, Some(request), &mut response);
        self.transactions.respond(now, id, &response);
    }

    pub(super) fn update_response(
        &mut self,
        now: Instant,
        handle: CallHandle,
        request: &Message,
        response: &Message,
    ) {
        let status = response.status().unwrap_or_default();
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        match status {
            200..=299 => {
                if let Some(dialog) = call.dialog.as_mut() {
                    dialog.refresh_target(response);
                }
                let offered = !request.body.is_empty();
                let agreed = !offered || call.take_answer(now, &response.body);
                self.session_agreed(now, handle, response, true);
                if !offered {
                    return;
                }
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
}
