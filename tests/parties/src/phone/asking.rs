//! Requests that no call hangs on: MESSAGE (RFC 3428), OPTIONS (RFC 3261 §11), and INFO within a
//! call (RFC 6086, as DTMF is told).

use rsip::Method;
use strait_shared::time::Instant;

use super::{CallHandle, Event, Phone, Purpose, State};
use crate::sip::message::Message;
use crate::sip::transaction::ServerId;

impl Phone {
    /// Sends a text to a user of the own domain, or `user@domain`.
    pub fn text(&mut self, now: Instant, user: &str, text: &str) {
        let mut request = self.outside(Method::Message, user);
        request.set_body("text/plain", text);
        self.send(now, request, self.config.proxy, Purpose::Asked, 0);
    }

    /// Asks a user's phone what it can do.
    pub fn ask(&mut self, now: Instant, user: &str) {
        let mut request = self.outside(Method::Options, user);
        request.push("Accept", "application/sdp");
        self.send(now, request, self.config.proxy, Purpose::Asked, 0);
    }

    /// Tells the other side of a call something that is no media.
    pub fn info(&mut self, now: Instant, handle: CallHandle, text: &str) {
        let (hop, contact) = self.way_of(handle);
        let call = self.calls.get_mut(&handle);
        let Some(call) = call.filter(|call| call.state == State::Established) else {
            return;
        };
        let Some(dialog) = call.dialog.as_mut() else {
            return;
        };
        let mut request = dialog.request(Method::Info, None);
        request.push("Contact", contact);
        request.set_body("application/dtmf-relay", text);
        self.send(now, request, hop, Purpose::Info(handle), 0);
    }

    /// Somebody says something, in a call or outside.
    pub(super) fn told(&mut self, now: Instant, id: &ServerId, request: &Message) {
        self.answer(now, id, request, 200);
        let from = request.name_addr("From").and_then(|from| from.uri.user);
        if let (Some(from), false) = (from, request.body.is_empty()) {
            let text = String::from_utf8_lossy(&request.body).into_owned();
            self.events.push_back(Event::Told { from, text });
        }
    }

    pub(super) fn asked_response(&mut self, request: &Message, response: &Message) {
        let (Some(method), Some(status)) = (request.method(), response.status()) else {
            return;
        };
        if status >= 200 {
            let text = String::from_utf8_lossy(&request.body).into_owned();
            let answered = Event::Answered {
                method,
                text,
                status,
            };
            self.events.push_back(answered);
        }
    }

    /// A request outside of dialogs, as every one begins.
    pub(super) fn outside(&mut self, method: Method, user: &str) -> Message {
        let target = self.uri_of(user);
        let mut request = Message::request(method, &target);
        let (tag, call_id) = (self.random.u32(..), self.random.u64(..));
        request.push("Max-Forwards", "70");
        request.push("From", format!("<{}>;tag={tag:08x}", self.own_uri()));
        request.push("To", format!("<{target}>"));
        request.push("Call-ID", format!("{call_id:016x}"));
        request.push("CSeq", format!("1 {method}"));
        request.push("Contact", self.contact_at(self.config.proxy));
        request
    }
}
