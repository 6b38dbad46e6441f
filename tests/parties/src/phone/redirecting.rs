//! Redirection: a phone that sends its callers elsewhere, and one that is sent (RFC 3261 §8.1.3.4,
//! §13.3.1.2, §21.3).

use std::time::Duration;

use strait_shared::time::Instant;

use super::{Answer, CallHandle, EndReason, Event, Phone, State};
use crate::sip::message::Message;
use crate::sip::uri::Uri;

/// How often one call is sent on: nobody goes round in a circle.
const FOLLOWED_MAX: u8 = 3;
/// How soon a phone answers that has sent its caller to another Contact of its own.
const ANSWERS_AFTER: Duration = Duration::from_millis(400);

impl Phone {
    /// Whom callers are sent to where the phone redirects them; `None`: to another Contact of its
    /// own, where it then answers.
    pub fn set_deputy(&mut self, user: Option<&str>) {
        self.config.deputy = user.map(str::to_owned);
    }

    /// Sends the caller of an incoming call elsewhere.
    pub(super) fn redirect(&mut self, now: Instant, handle: CallHandle, status: u16) {
        let call = self.calls.get(&handle);
        let waits = call.filter(|call| call.state == State::Incoming);
        let Some((id, request)) = waits.and_then(|call| call.server.clone()) else {
            return;
        };
        let contact = match &self.config.deputy {
            Some(user) => self.uri_of(user).to_string(),
            None => {
                self.config.answering.answer = Answer::After(ANSWERS_AFTER);
                let own = self.transactions.local_of(&id);
                let own = own.unwrap_or(self.config.signalling);
                let transport = if self.config.tcp {
                    ";transport=tcp"
                } else {
                    ""
                };
                format!("{}{transport};line=2", Uri::at(&self.config.user, own))
            }
        };
        let tag = self.tag_for(&id).unwrap_or_default();
        let mut response = Message::response(&request, status, &tag);
        response.push("Contact", format!("<{contact}>"));
        self.transactions.respond(now, &id, &response);
        self.end(now, handle, EndReason::Rejected(status));
    }

    /// Calls where a 3xx says. Whether that makes sense.
    pub(super) fn follow(
        &mut self,
        now: Instant,
        handle: CallHandle,
        request: &Message,
        response: &Message,
    ) -> bool {
        let contact = response.name_addr("Contact").map(|contact| contact.uri);
        let Some((contact, call)) = contact.zip(self.calls.get_mut(&handle)) else {
            return false;
        };
        let waits = call.state == State::Calling && !call.cancel_wanted;
        if !waits || call.followed == FOLLOWED_MAX {
            return false;
        }
        call.followed += 1;
        let to = contact.user.clone().unwrap_or_default();
        call.remote_user.clone_from(&to);
        let hop = call.hop;
        self.send_again(now, handle, request, (Some(contact), hop));
        self.events.push_back(Event::SentOn { call: handle, to });
        true
    }
}
