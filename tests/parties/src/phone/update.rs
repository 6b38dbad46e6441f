//! UPDATE: another offer without an INVITE (RFC 3311).

use strait_shared::time::Instant;

use super::{CallHandle, Event, Phone, State};
use crate::sip::message::Message;
use crate::sip::transaction::ServerId;

impl Phone {
    /// The other side has another offer, or only wants to know that we are there.
    pub(super) fn updated(
        &mut self,
        now: Instant,
        handle: CallHandle,
        id: &ServerId,
        request: &Message,
    ) {
        let contact = self.contact();
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let offers = !request.body.is_empty();
        // Glare (RFC 3311 §5.2).
        if offers && (call.agreement.awaiting_answer || call.state != State::Established) {
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
        self.transactions.respond(now, id, &response);
    }

    pub(super) fn update_response(&mut self, now: Instant, handle: CallHandle, response: &Message) {
        let status = response.status().unwrap_or_default();
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        match status {
            200..=299 => {
                let agreed = call.take_answer(now, &response.body);
                if let Some(dialog) = call.dialog.as_mut() {
                    dialog.refresh_target(response);
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
