//! Sending: what every request and answer of the phone carries, and credentials when asked.

use std::net::SocketAddr;

use rsip::Method;
use strait_shared::time::Instant;

use super::{Call, Pending, Phone, Purpose};
use crate::sip::digest::{Attempt, Challenge};
use crate::sip::message::{Message, Start};
use crate::sip::transaction::{ClientId, ServerId};
use crate::sip::uri::{NameAddr, Uri};

/// What a phone can be asked.
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, SUBSCRIBE, NOTIFY, MESSAGE, INFO, PRACK, UPDATE";

impl Phone {
    /// Sends the request again with credentials. Gives back its purpose, or `None` if the challenge
    /// cannot be answered.
    pub(super) fn authenticate(
        &mut self,
        now: Instant,
        id: &ClientId,
        response: &Message,
    ) -> Option<Purpose> {
        let (challenge, answer) = match response.status()? {
            401 => ("WWW-Authenticate", "Authorization"),
            _ => ("Proxy-Authenticate", "Proxy-Authorization"),
        };
        // Several challenges may stand one per line, weakest first or last: the first we can.
        let challenge = response
            .headers_named(challenge)
            .find_map(Challenge::parse)?;
        // Asked again, the secret was wrong, unless only the nonce was (RFC 7616 §3.3).
        if self.pending.get(id)?.answered > 0 && !challenge.stale {
            return None;
        }
        let Pending {
            purpose,
            mut request,
            hop,
            answered,
        } = self.pending.remove(id)?;
        let cseq = request.cseq()?;
        let number = cseq.number + 1;
        let Start::Request { uri, .. } = &request.start else {
            return None;
        };
        let credentials = challenge.answer(&Attempt {
            user: &self.config.user,
            password: &self.config.password,
            method: cseq.method,
            uri,
            cnonce: &format!("{:016x}", self.random.u64(..)),
            count: 1,
        });
        request.remove("Via");
        request.set("CSeq", format!("{number} {}", cseq.method));
        request.set(answer, credentials);
        self.send(now, request, hop, purpose, answered + 1);
        Some(purpose)
    }

    /// A request went out again under the next number: its dialog or registration has used that
    /// number too.
    pub(super) fn resent(&mut self, purpose: Purpose) {
        if let Purpose::Register(which) = purpose {
            self.reregistered(which);
        }
        if let Purpose::Reinvite(call)
        | Purpose::Update(call)
        | Purpose::Bye(call)
        | Purpose::Info(call)
        | Purpose::Refer(call) = purpose
            && let Some(call) = self.calls.get_mut(&call)
            && let Some(dialog) = call.dialog.as_mut()
        {
            dialog.sequence += 1;
        }
    }

    /// Sends a request: Via, User-Agent and a transaction are added here.
    pub(super) fn send(
        &mut self,
        now: Instant,
        mut request: Message,
        hop: SocketAddr,
        purpose: Purpose,
        answered: u8,
    ) {
        let via = self.via(hop);
        request.push_front("Via", via);
        request.set("User-Agent", "strait-parties");
        let own = self.own_towards(hop);
        let id = self.transactions.request(now, own, hop, &request);
        self.pending.insert(
            id,
            Pending {
                purpose,
                request,
                hop,
                answered,
            },
        );
    }

    pub(super) fn answer(&mut self, now: Instant, id: &ServerId, request: &Message, status: u16) {
        let tag = self
            .tag_for(id)
            .unwrap_or_else(|| format!("{:08x}", self.random.u32(..)));
        let mut response = Message::response(request, status, &tag);
        if status == 405 || request.method() == Some(Method::Options) {
            response.push("Allow", ALLOW);
        }
        self.transactions.respond(now, id, &response);
    }

    /// The tag a call has already answered under: every response to an INVITE carries the same.
    pub(super) fn tag_for(&self, id: &ServerId) -> Option<String> {
        let answered = |call: &&Call| call.server.as_ref().is_some_and(|server| server.0 == *id);
        let dialog = self.calls.values().find(answered)?.dialog.as_ref()?;
        NameAddr::parse(&dialog.local)
            .ok()?
            .tag()
            .map(str::to_owned)
    }

    pub(super) fn via(&mut self, hop: SocketAddr) -> String {
        let local = self.own_towards(hop);
        let transport = if self.config.tcp { "TCP" } else { "UDP" };
        format!(
            "SIP/2.0/{transport} {local};branch=z9hG4bK{:016x};rport",
            self.random.u64(..)
        )
    }

    /// Our Contact towards `hop`.
    pub(super) fn contact_at(&self, hop: SocketAddr) -> String {
        self.contact_from(self.own_towards(hop))
    }

    /// Our Contact in the answer to a request.
    pub(super) fn contact_for(&self, id: &ServerId) -> String {
        let local = self.transactions.local_of(id);
        self.contact_from(local.unwrap_or(self.config.signalling))
    }

    pub(super) fn contact_from(&self, own: SocketAddr) -> String {
        let uri = Uri::at(&self.config.user, own);
        match self.config.tcp {
            true => format!("<{uri};transport=tcp>"),
            false => format!("<{uri}>"),
        }
    }

    /// Where a user is asked for: in our own domain, unless another is named.
    pub(super) fn uri_of(&self, user: &str) -> Uri {
        match user.split_once('@') {
            Some((user, domain)) => Uri::of_record(user, domain),
            None => Uri::of_record(user, &self.config.domain),
        }
    }

    pub(super) fn own_uri(&self) -> Uri {
        Uri::of_record(&self.config.user, &self.config.domain)
    }
}
