//! Registration and its refreshing (RFC 3261 §10).

use std::time::Duration;

use rsip::Method;
use strait_shared::time::Instant;

use super::{Event, Phone, Purpose};
use crate::sip::message::Message;
use crate::sip::uri::{Uri, parameter};

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Where the registration stands.
#[derive(Default)]
pub(super) struct Registration {
    call_id: Option<String>,
    sequence: u32,
    wanted: Option<Duration>,
    until: Option<Instant>,
    next: Option<Instant>,
}

impl Registration {
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.next
    }
}

impl Phone {
    /// Registers, and keeps the registration fresh until [`Phone::unregister`].
    pub fn register(&mut self, now: Instant) {
        self.registration.wanted = Some(self.config.expiry);
        self.send_register(now, self.config.expiry);
    }

    /// Gives the registration up.
    pub fn unregister(&mut self, now: Instant) {
        self.registration.wanted = None;
        self.send_register(now, Duration::ZERO);
    }

    /// Until when the registrar knows us, if it does.
    pub fn registered_until(&self) -> Option<Instant> {
        self.registration.until
    }

    pub(super) fn register_timeout(&mut self, now: Instant) {
        if self.registration.next.is_some_and(|at| at <= now) {
            self.registration.next = None;
            if let Some(expiry) = self.registration.wanted {
                self.send_register(now, expiry);
            }
        }
    }

    pub(super) fn register_response(
        &mut self,
        now: Instant,
        request: &Message,
        response: &Message,
    ) {
        let cseq = request.cseq().expect("our requests carry a CSeq");
        self.registration.sequence = self.registration.sequence.max(cseq.number);
        match response.status() {
            Some(100..=199) | None => {}
            Some(200..=299) => {
                let expiry = self.granted(response).unwrap_or_default();
                if self.registration.wanted.is_none() || expiry.is_zero() {
                    self.registration.until = None;
                    self.registration.next = None;
                    self.events.push_back(Event::Unregistered);
                    return;
                }
                self.registration.until = Some(now + expiry);
                self.registration.next = Some(now + expiry / 2);
                self.events.push_back(Event::Registered(expiry));
            }
            Some(423) => {
                // Too brief (§10.2.8): ask for what the registrar wants at least.
                let minimum = response
                    .header("Min-Expires")
                    .and_then(|text| text.parse().ok());
                match (minimum.map(Duration::from_secs), self.registration.wanted) {
                    (Some(minimum), Some(wanted)) if minimum > wanted => {
                        self.registration.wanted = Some(minimum);
                        self.send_register(now, minimum);
                    }
                    _ => self.register_failed(now, Some(423)),
                }
            }
            Some(status) => self.register_failed(now, Some(status)),
        }
    }

    pub(super) fn register_failed(&mut self, now: Instant, status: Option<u16>) {
        self.events.push_back(Event::RegistrationFailed(status));
        self.registration.next = self.registration.wanted.map(|_| now + RETRY);
    }

    fn send_register(&mut self, now: Instant, expiry: Duration) {
        let random = self.random.u64(..);
        let call_id = self
            .registration
            .call_id
            .get_or_insert_with(|| format!("{random:016x}"))
            .clone();
        self.registration.sequence += 1;
        let registrar = Uri {
            user: None,
            ..self.own_uri()
        };
        let own = format!("<{}>", self.own_uri());
        let mut request = Message::request(Method::Register, &registrar);
        request.push("Max-Forwards", "70");
        request.push("From", format!("{own};tag={:08x}", self.random.u32(..)));
        request.push("To", own);
        request.push("Call-ID", call_id);
        request.push("CSeq", format!("{} REGISTER", self.registration.sequence));
        request.push("Contact", self.contact());
        request.push("Expires", expiry.as_secs().to_string());
        self.send(now, request, self.config.proxy, Purpose::Register, false);
    }

    /// The expiry granted to our own contact (§10.2.4), else the common one.
    fn granted(&self, response: &Message) -> Option<Duration> {
        let own = Uri::at(&self.config.user, self.config.signalling).to_string();
        let ours = response
            .items("Contact")
            .find(|contact| contact.contains(&own));
        let expires = ours
            .and_then(|contact| parameter(contact.split_once('>')?.1, "expires"))
            .or_else(|| response.header("Expires"))?;
        expires.parse().ok().map(Duration::from_secs)
    }
}
