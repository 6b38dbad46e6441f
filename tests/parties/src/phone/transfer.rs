//! Transfer: REFER and what it reports back (RFC 3515, RFC 5589's blind transfer).

use rsip::Method;
use strait_shared::time::Instant;

use super::{CallHandle, EndReason, Event, Offer, Phone, Purpose, State};
use crate::sip::message::Message;
use crate::sip::transaction::ServerId;

impl Phone {
    /// Asks the other side to call `user` instead. Once it says it got through, we hang up.
    pub fn transfer(&mut self, now: Instant, handle: CallHandle, user: &str) {
        let (hop, contact) = self.way_of(handle);
        let target = self.uri_of(user);
        let referred_by = format!("<{}>", self.own_uri());
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let Some(dialog) = call.dialog.as_mut() else {
            return;
        };
        let mut request = dialog.request(Method::Refer, None);
        request.push("Contact", contact);
        request.push("Refer-To", format!("<{target}>"));
        request.push("Referred-By", referred_by);
        self.send(now, request, hop, Purpose::Refer(handle), 0);
    }

    pub(super) fn referred(
        &mut self,
        now: Instant,
        handle: CallHandle,
        id: &ServerId,
        request: &Message,
    ) {
        let Some(target) = request.name_addr("Refer-To").map(|target| target.uri) else {
            self.answer(now, id, request, 400);
            return;
        };
        let mut response = Message::response(request, 202, "");
        response.push("Contact", self.contact_for(id));
        self.transactions.respond(now, id, &response);
        let to = self.place(now, &target, Offer::Early, Some(handle));
        self.notify(now, handle, 100);
        self.events
            .push_back(Event::Transferred { call: handle, to });
    }

    /// Tells whoever referred us how far the call has come.
    pub(super) fn report_transfer(&mut self, now: Instant, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let Some(referrer) = call.referrer else {
            return;
        };
        let status = match (call.state, call.end_reason) {
            (State::Established | State::Leaving, _) => 200,
            (State::Ended, Some(EndReason::Rejected(status))) => status,
            (State::Ended, Some(EndReason::NoResponse)) => 408,
            (State::Ended, _) => 487,
            (State::Calling | State::Incoming, _) => 180,
        };
        if status >= 200 {
            call.referrer = None;
        }
        self.notify(now, referrer, status);
    }

    pub(super) fn notified(
        &mut self,
        now: Instant,
        handle: CallHandle,
        id: &ServerId,
        request: &Message,
    ) {
        self.answer(now, id, request, 200);
        let fragment = String::from_utf8_lossy(&request.body);
        let status = fragment
            .strip_prefix("SIP/2.0 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|digits| digits.parse().ok());
        if let Some(status) = status {
            self.events.push_back(Event::Transfer {
                call: handle,
                status,
            });
            if (200..300).contains(&status) {
                self.hang_up(now, handle);
            }
        }
    }

    fn notify(&mut self, now: Instant, handle: CallHandle, status: u16) {
        let (hop, contact) = self.way_of(handle);
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        if call.state == State::Ended {
            return;
        }
        let Some(dialog) = call.dialog.as_mut() else {
            return;
        };
        let mut request = dialog.request(Method::Notify, None);
        request.push("Contact", contact);
        request.push("Event", "refer");
        let state = if status < 200 {
            "active;expires=60"
        } else {
            "terminated;reason=noresource"
        };
        request.push("Subscription-State", state);
        let line = format!("SIP/2.0 {}\r\n", crate::sip::message::reason_line(status));
        request.set_body("message/sipfrag;version=2.0", line);
        self.send(now, request, hop, Purpose::Untended, 0);
    }
}
