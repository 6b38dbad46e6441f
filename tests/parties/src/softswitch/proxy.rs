//! Forwarding: loose routing, Record-Route, users to contacts (RFC 3261 §16.4–16.6, §16.11).

use std::net::SocketAddr;

use rsip::Method;
use strait_shared::time::Instant;

use super::{Reach, Softswitch, route_uri};
use crate::party::Datagram;
use crate::sip::digest::md5;
use crate::sip::message::{Message, Start};
use crate::sip::uri::Uri;

impl Softswitch {
    /// Takes a request onwards, or answers why not. An ACK is never answered.
    pub(super) fn route(
        &mut self,
        now: Instant,
        source: SocketAddr,
        mut request: Message,
        uri: Uri,
    ) {
        match self.next_hop(now, &mut request, &uri) {
            Ok(hop) => match self.contacts(now, &request, &uri) {
                Some(contacts) => self.fork(now, source, &request, &contacts),
                None => self.forward(request, hop),
            },
            Err(_) if request.method() == Some(Method::Ack) => self.counters.dropped += 1,
            Err(407) => {
                let challenge = self.challenge(&request).to_string();
                let mut response = self.response(&request, 407);
                response.push("Proxy-Authenticate", challenge);
                self.send_response(response);
            }
            Err(status) => self.respond(&request, status),
        }
    }

    /// Sends a response one Via back; the topmost has to be ours.
    pub(super) fn forward_response(&mut self, now: Instant, mut response: Message) {
        if self.is_response_to_fork(now, &response) {
            return;
        }
        let own = self.config.address.to_string();
        match response.pop_item("Via") {
            Some(via) if via.contains(&own) => self.send_response(response),
            _ => self.counters.dropped += 1,
        }
    }

    /// Where the request goes next, its URI, routes and hop count made ready; or the status that
    /// refuses it.
    fn next_hop(
        &mut self,
        now: Instant,
        request: &mut Message,
        uri: &Uri,
    ) -> Result<SocketAddr, u16> {
        let hops: u8 = match request.header("Max-Forwards").map(str::parse) {
            None => 70,
            Some(Ok(0)) => return Err(483),
            Some(Ok(hops)) => hops,
            Some(Err(_)) => return Err(400),
        };
        request.set("Max-Forwards", (hops - 1).to_string());
        let own_route = request.items("Route").next().and_then(route_uri);
        if own_route.is_some_and(|route| self.is_ours(&route)) {
            request.pop_item("Route");
        }
        if let Some(route) = request.items("Route").next() {
            return route_uri(route)
                .and_then(|route| route.address())
                .ok_or(400);
        }
        let begins = request.tag("To").is_none();
        let challenged = begins && request.method() == Some(Method::Invite);
        if challenged && self.config.challenge_calls {
            self.authenticated(request, "Proxy-Authorization")
                .ok_or(407u16)?;
            request.remove("Proxy-Authorization");
        }
        if self.is_ours(uri) {
            return self.reach_user(now, request, uri);
        }
        self.reach_contact(now, uri).or(uri.address()).ok_or(404)
    }

    fn reach_user(
        &self,
        now: Instant,
        request: &mut Message,
        uri: &Uri,
    ) -> Result<SocketAddr, u16> {
        let user = uri.user.as_deref().ok_or(404u16)?;
        if !self.config.users.contains_key(user) {
            return Err(404);
        }
        // The latest registration wins: one branch, as a stateless proxy must.
        let binding = self.bindings(now, user).last().ok_or(480u16)?;
        if let Start::Request { uri, .. } = &mut request.start {
            *uri = binding.contact.to_string();
        }
        match self.config.reach {
            Reach::Source => Ok(binding.source),
            Reach::Contact => binding.contact.address().ok_or(480),
        }
    }

    /// Where a new call rings, if that is in several places.
    fn contacts(
        &self,
        now: Instant,
        request: &Message,
        uri: &Uri,
    ) -> Option<Vec<(Uri, SocketAddr)>> {
        let begins = request.method() == Some(Method::Invite) && request.tag("To").is_none();
        if !self.config.forking || !begins || !self.is_ours(uri) {
            return None;
        }
        let user = uri.user.as_deref()?;
        let reached = self.bindings(now, user).filter_map(|binding| {
            let hop = match self.config.reach {
                Reach::Source => binding.source,
                Reach::Contact => binding.contact.address()?,
            };
            Some((binding.contact.clone(), hop))
        });
        let reached: Vec<_> = reached.collect();
        (reached.len() > 1).then_some(reached)
    }

    /// Within a dialog the URI is a contact: it is reached as its registration is.
    fn reach_contact(&self, now: Instant, uri: &Uri) -> Option<SocketAddr> {
        if self.config.reach == Reach::Contact {
            return None;
        }
        let user = uri.user.as_deref()?;
        self.bindings(now, user)
            .find(|binding| binding.contact == *uri)
            .map(|binding| binding.source)
    }

    fn forward(&mut self, mut request: Message, hop: SocketAddr) {
        self.add_own_headers(&mut request, 0);
        self.counters.forwarded += 1;
        self.out.push_back(Datagram {
            source: self.config.address,
            destination: hop,
            payload: request.to_bytes(),
        });
    }

    /// Record-Route, where a dialog may begin, and Via: branch number `number` of what came.
    pub(super) fn add_own_headers(&self, request: &mut Message, number: usize) {
        let method = request.method();
        let begins_dialog = matches!(
            method,
            Some(Method::Invite | Method::Subscribe | Method::Refer)
        );
        if begins_dialog && request.tag("To").is_none() {
            request.push_front("Record-Route", format!("<sip:{};lr>", self.config.address));
        }
        // CANCEL and the ACK to a failure carry their INVITE's branch, and so must ours.
        let via = request.items("Via").next().unwrap_or_default();
        let sent_by = via.split(';').next().unwrap_or_default();
        let received = format!(
            "{}|{sent_by}|{}|{number}",
            self.secret,
            request.branch().unwrap_or_default()
        );
        let branch = md5(&received);
        let own = format!("SIP/2.0/UDP {};branch=z9hG4bK{branch}", self.config.address);
        request.push_front("Via", own);
    }
}
