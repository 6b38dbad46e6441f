//! Registration and its refreshing (RFC 3261 §10).

use std::net::SocketAddr;
use std::time::Duration;

use rsip::Method;
use strait_shared::time::Instant;

use super::{Event, Phone, Purpose, Registering};
use crate::sip::message::Message;
use crate::sip::uri::{Uri, parameter};
use crate::sip::version::Version;

/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Which of a terminal's two signalling addresses a REGISTER leaves from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Which {
    First,
    Second,
}

/// Where a registration stands: one for each address that sends REGISTERs.
#[derive(Default)]
pub(super) struct Registration {
    call_id: Option<String>,
    sequence: u32,
    wanted: Option<Duration>,
    until: Option<Instant>,
    next: Option<Instant>,
}

impl Phone {
    /// Registers, and keeps the registration fresh until [`Phone::unregister`].
    pub fn register(&mut self, now: Instant) {
        for which in self.registering() {
            self.registrations[*which as usize].wanted = Some(self.config.expiry);
            self.send_register(now, *which, self.config.expiry);
        }
    }

    /// Gives the registration up.
    pub fn unregister(&mut self, now: Instant) {
        for which in self.registering() {
            self.registrations[*which as usize].wanted = None;
            self.send_register(now, *which, Duration::ZERO);
        }
    }

    /// Until when the registrar knows all that we register, if it does.
    pub fn registered_until(&self) -> Option<Instant> {
        let all = self.registering().iter();
        let untils = all.map(|which| self.registrations[*which as usize].until);
        untils.min().flatten()
    }

    /// Whether the registrar knows an address of ours of this version.
    pub(super) fn is_registered_in(&self, version: Version) -> bool {
        let knows = |which: &Which| {
            let bound = self.registered_from(*which);
            self.registrations[*which as usize].until.is_some()
                && bound
                    .iter()
                    .any(|address| Version::of(address.ip()) == version)
        };
        self.registering().iter().any(knows)
    }

    /// When [`Phone::register_timeout`] is wanted next.
    pub(super) fn next_registration(&self) -> Option<Instant> {
        let all = self.registrations.iter();
        all.filter_map(|registration| registration.next).min()
    }

    pub(super) fn register_timeout(&mut self, now: Instant) {
        for which in self.registering() {
            let registration = &mut self.registrations[*which as usize];
            if registration.next.is_some_and(|at| at <= now) {
                registration.next = None;
                if let Some(expiry) = registration.wanted {
                    self.send_register(now, *which, expiry);
                }
            }
        }
    }

    /// The addresses that send REGISTERs.
    fn registering(&self) -> &'static [Which] {
        match self.config.dual.as_ref().map(|dual| dual.registering) {
            None | Some(Registering::First | Registering::Together) => &[Which::First],
            Some(Registering::Second) => &[Which::Second],
            Some(Registering::Each) => &[Which::First, Which::Second],
        }
    }

    pub(super) fn register_response(&mut self, now: Instant, which: Which, response: &Message) {
        let granted = self.granted(which, response).unwrap_or_default();
        let registration = &mut self.registrations[which as usize];
        match response.status() {
            Some(100..=199) | None => {}
            Some(200..=299) => {
                if registration.wanted.is_none() || granted.is_zero() {
                    registration.until = None;
                    registration.next = None;
                    self.events.push_back(Event::Unregistered);
                    return;
                }
                registration.until = Some(now + granted);
                registration.next = Some(now + granted / 2);
                self.events.push_back(Event::Registered(granted));
            }
            Some(423) => {
                // Too brief (§10.2.8): ask for what the registrar wants at least.
                let minimum = response
                    .header("Min-Expires")
                    .and_then(|text| text.parse().ok());
                match (minimum.map(Duration::from_secs), registration.wanted) {
                    (Some(minimum), Some(wanted)) if minimum > wanted => {
                        registration.wanted = Some(minimum);
                        self.send_register(now, which, minimum);
                    }
                    _ => self.register_failed(now, which, Some(423)),
                }
            }
            Some(status) => self.register_failed(now, which, Some(status)),
        }
    }

    pub(super) fn register_failed(&mut self, now: Instant, which: Which, status: Option<u16>) {
        self.events.push_back(Event::RegistrationFailed(status));
        let registration = &mut self.registrations[which as usize];
        registration.next = registration.wanted.map(|_| now + RETRY);
    }

    /// A REGISTER went out again under the next number.
    pub(super) fn reregistered(&mut self, which: Which) {
        self.registrations[which as usize].sequence += 1;
    }

    fn send_register(&mut self, now: Instant, which: Which, expiry: Duration) {
        self.give_up_registers(which);
        let random = self.random.u64(..);
        let registration = &mut self.registrations[which as usize];
        let call_id = registration
            .call_id
            .get_or_insert_with(|| format!("{random:016x}"))
            .clone();
        registration.sequence += 1;
        let sequence = registration.sequence;
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
        request.push("CSeq", format!("{sequence} REGISTER"));
        for address in self.registered_from(which) {
            request.push("Contact", self.contact_from(address));
        }
        request.push("Expires", expiry.as_secs().to_string());
        let hop = match (which, &self.config.dual) {
            (Which::Second, Some(dual)) => dual.proxy,
            _ => self.config.proxy,
        };
        self.send(now, request, hop, Purpose::Register(which), 0);
    }

    /// REGISTERs are under way one at a time (§10.2): an earlier one, repeated after the next or
    /// answered with credentials, would bring back what that has changed.
    fn give_up_registers(&mut self, which: Which) {
        let transactions = &mut self.transactions;
        self.pending.retain(|id, pending| {
            let earlier = pending.purpose == Purpose::Register(which);
            if earlier {
                transactions.give_up(id);
            }
            !earlier
        });
    }

    /// The addresses that a REGISTER binds.
    fn registered_from(&self, which: Which) -> Vec<SocketAddr> {
        let first = self.config.signalling;
        match (which, &self.config.dual) {
            (Which::Second, Some(dual)) => vec![dual.signalling],
            (Which::First, Some(dual)) if dual.registering == Registering::Together => {
                vec![first, dual.signalling]
            }
            _ => vec![first],
        }
    }

    /// The expiry granted to all of our own contacts (§10.2.4), else the common one.
    fn granted(&self, which: Which, response: &Message) -> Option<Duration> {
        let granted = |address: SocketAddr| {
            let own = Uri::at(&self.config.user, address).to_string();
            let ours = response
                .items("Contact")
                .find(|contact| contact.contains(&own));
            let expires = ours
                .and_then(|contact| parameter(contact.split_once('>')?.1, "expires"))
                .or_else(|| response.header("Expires"))?;
            expires.parse().ok().map(Duration::from_secs)
        };
        let all = self.registered_from(which).into_iter().map(granted);
        all.min().flatten()
    }
}
