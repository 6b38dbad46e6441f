//! Session timers, both sides of them (RFC 4028): who refreshes, and what happens if nobody does.

use std::time::Duration;

use rsip::Method;
use strait_shared::time::Instant;

use super::event::Due;
use super::{Call, CallHandle, EndReason, Event, Phone, Purpose, State};
use crate::sip::message::Message;
use crate::sip::transaction::ServerId;
use crate::sip::uri::parameter;

/// The option tag.
const TIMER: &str = "timer";
/// How long before its end a session that nobody refreshes is ended, at most (§10).
const MARGIN: Duration = Duration::from_secs(32);

/// A session timer that both sides have agreed on.
#[derive(Clone, Debug)]
pub(super) struct Session {
    interval: Duration,
    /// Whether refreshing is ours.
    ours: bool,
    /// How often it has been agreed on.
    number: u32,
}

impl Phone {
    /// What a request that may begin or refresh a session says of its timer.
    pub(super) fn mention_session(&self, request: &mut Message, session: Option<&Session>) {
        let wanted = session.map(|session| session.interval);
        let Some(interval) = wanted.or(self.config.session) else {
            return;
        };
        request.push("Supported", TIMER);
        let minimum = self.config.minimum_session.as_secs();
        request.push("Min-SE", minimum.to_string());
        let refresher = match session {
            None => "",
            Some(Session { ours: true, .. }) => ";refresher=uac",
            Some(Session { ours: false, .. }) => ";refresher=uas",
        };
        let seconds = interval.as_secs();
        request.push("Session-Expires", format!("{seconds}{refresher}"));
    }

    /// Whether a request wants its session refreshed more often than we put up with.
    pub(super) fn is_too_brief(&self, request: &Message) -> bool {
        let asked = interval(request);
        asked.is_some_and(|asked| asked < self.config.minimum_session)
            && request.items("Supported").any(|tag| tag.trim() == TIMER)
    }

    /// Says how often would be often enough (§6).
    pub(super) fn refuse_session(&mut self, now: Instant, id: &ServerId, request: &Message) {
        let tag = format!("{:08x}", self.random.u32(..));
        let mut response = Message::response(request, 422, &tag);
        let minimum = self.config.minimum_session.as_secs();
        response.push("Min-SE", minimum.to_string());
        self.transactions.respond(now, id, &response);
    }

    /// Calls again with the interval that the other side wants at least (§7.4). Whether that makes
    /// sense.
    pub(super) fn ask_for_longer(
        &mut self,
        now: Instant,
        handle: CallHandle,
        request: &Message,
        response: &Message,
    ) -> bool {
        let minimum = response.header("Min-SE").and_then(|text| text.parse().ok());
        let (Some(minimum), Some(cseq)) = (minimum, request.cseq()) else {
            return false;
        };
        let calls = |call: &Call| call.state == State::Calling && !call.cancel_wanted;
        let longer = interval(request).is_some_and(|before| before < Duration::from_secs(minimum));
        if !longer || !self.calls.get(&handle).is_some_and(calls) {
            return false;
        }
        let mut again = request.clone();
        again.remove("Via");
        again.set("CSeq", format!("{} INVITE", cseq.number + 1));
        again.set("Session-Expires", minimum.to_string());
        again.set("Min-SE", minimum.to_string());
        let hop = self
            .calls
            .get(&handle)
            .map_or(self.config.proxy, |call| call.hop);
        let purpose = Purpose::Invite(handle);
        self.send(now, again, hop, purpose, 0);
        true
    }

    /// We accept: what our 2xx to `request`, or to the call's first INVITE, says of the timer.
    pub(super) fn agree_on_session(
        &mut self,
        now: Instant,
        handle: CallHandle,
        request: Option<&Message>,
        response: &mut Message,
    ) {
        let Some(call) = self.calls.get(&handle) else {
            return;
        };
        let first = call.server.as_ref().map(|(_, invite)| invite);
        let Some(asked) = request.or(first).and_then(|request| {
            let refresher = refresher(request);
            interval(request).map(|interval| (interval, refresher))
        }) else {
            return;
        };
        let (interval, refresher) = asked;
        let theirs = match refresher.as_deref() {
            Some(refresher) => refresher == "uac",
            None => self.random.bool(),
        };
        let seconds = interval.as_secs();
        let name = if theirs { "uac" } else { "uas" };
        response.push("Require", TIMER);
        response.push("Session-Expires", format!("{seconds};refresher={name}"));
        self.keep_session(now, handle, interval, !theirs);
    }

    /// The other side's 2xx came: `ours` says that it was our request.
    pub(super) fn session_agreed(
        &mut self,
        now: Instant,
        handle: CallHandle,
        response: &Message,
        ours: bool,
    ) {
        let Some(interval) = interval(response) else {
            let call = self.calls.get_mut(&handle);
            call.into_iter().for_each(|call| call.session = None);
            return;
        };
        let uac = refresher(response).is_none_or(|refresher| refresher == "uac");
        self.keep_session(now, handle, interval, uac == ours);
    }

    /// A refresh is due, or has not come.
    pub(super) fn session_due(&mut self, now: Instant, handle: CallHandle, number: u32) {
        let (hop, contact) = self.way_of(handle);
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let session = call.session.clone();
        let Some(session) = session.filter(|session| session.number == number) else {
            return;
        };
        if call.state != State::Established {
            return;
        }
        if !session.ours {
            self.send_bye(now, handle);
            self.end(now, handle, EndReason::Expired);
            return;
        }
        if call.agreement.awaiting_answer {
            // What is under way refreshes as well.
            return;
        }
        if !self.config.updates {
            self.offer_again(now, handle);
            return;
        }
        let Some(dialog) = call.dialog.as_mut() else {
            return;
        };
        let mut request = dialog.request(Method::Update, None);
        request.push("Contact", contact);
        self.mention_session(&mut request, Some(&session));
        self.send(now, request, hop, Purpose::Update(handle), 0);
    }

    fn keep_session(&mut self, now: Instant, handle: CallHandle, interval: Duration, ours: bool) {
        let Some(call) = self.calls.get_mut(&handle) else {
            return;
        };
        let number = call.session.as_ref().map_or(1, |before| before.number + 1);
        call.session = Some(Session {
            interval,
            ours,
            number,
        });
        let wait = match ours {
            true => interval / 2,
            false => interval - MARGIN.min(interval / 3),
        };
        self.schedule(now + wait, handle, Due::Session(number));
        self.events.push_back(Event::Refreshed(handle));
    }
}

fn interval(message: &Message) -> Option<Duration> {
    let value = message.header("Session-Expires")?;
    let seconds = value.split(';').next()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn refresher(message: &Message) -> Option<String> {
    parameter(message.header("Session-Expires")?, "refresher").map(str::to_owned)
}
