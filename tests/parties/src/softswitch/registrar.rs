//! Bindings from address-of-record to contact (RFC 3261 §10.3).

use std::net::SocketAddr;
use std::time::Duration;

use strait_shared::time::Instant;

use super::Softswitch;
use crate::sip::message::Message;
use crate::sip::uri::{NameAddr, Uri, parameter};

/// Where a user can be reached, and until when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// The Contact URI as registered.
    pub contact: Uri,
    /// Where the registration came from.
    pub source: SocketAddr,
    /// When it lapses.
    pub until: Instant,
}

impl Softswitch {
    pub(super) fn register(&mut self, now: Instant, source: SocketAddr, request: &Message) {
        let user = request.name_addr("To").and_then(|to| to.uri.user);
        let proven = self.authenticated(request, "Authorization");
        let Some(user) = user.filter(|user| proven.as_ref() == Some(user)) else {
            self.refuse(request, proven.is_some());
            return;
        };
        let common = request.header("Expires").and_then(|text| text.parse().ok());
        let contacts: Vec<String> = request.items("Contact").map(str::to_owned).collect();
        for contact in contacts {
            if contact == "*" {
                self.bindings.remove(&user);
                continue;
            }
            let Ok(contact) = NameAddr::parse(&contact) else {
                self.respond(request, 400);
                return;
            };
            let own = parameter(&contact.parameters, "expires").and_then(|text| text.parse().ok());
            let asked = own
                .or(common)
                .map_or(self.config.maximum_expiry, Duration::from_secs);
            if !asked.is_zero() && asked < self.config.minimum_expiry {
                let mut response = self.response(request, 423);
                response.push(
                    "Min-Expires",
                    self.config.minimum_expiry.as_secs().to_string(),
                );
                self.send_response(response);
                return;
            }
            self.bind(now, &user, contact.uri, source, asked);
        }
        self.counters.registrations += 1;
        self.list(now, &user, request);
    }

    /// 401 asks for credentials; 403 is for those that prove to be someone else.
    fn refuse(&mut self, request: &Message, someone_else: bool) {
        if request.header("Authorization").is_some() {
            self.counters.refused += 1;
        }
        if someone_else {
            self.respond(request, 403);
            return;
        }
        let challenge = self.challenge(request).to_string();
        let mut response = self.response(request, 401);
        response.push("WWW-Authenticate", challenge);
        self.send_response(response);
    }

    fn bind(
        &mut self,
        now: Instant,
        user: &str,
        contact: Uri,
        source: SocketAddr,
        asked: Duration,
    ) {
        let bindings = self.bindings.entry(user.to_owned()).or_default();
        bindings.retain(|binding| binding.contact != contact);
        if !asked.is_zero() {
            let until = now + asked.min(self.config.maximum_expiry);
            bindings.push(Binding {
                contact,
                source,
                until,
            });
        }
    }

    fn list(&mut self, now: Instant, user: &str, request: &Message) {
        let contacts: Vec<String> = self
            .bindings(now, user)
            .map(|binding| {
                let left = binding.until.since(now).as_secs();
                format!("<{}>;expires={left}", binding.contact)
            })
            .collect();
        let mut response = self.response(request, 200);
        for contact in contacts {
            response.push("Contact", contact);
        }
        self.send_response(response);
    }
}
