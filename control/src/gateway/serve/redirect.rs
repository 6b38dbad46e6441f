//! 380 Alternative Service (RFC 3261 §21.3.5): the caller is told which IP version to call in.

use std::collections::VecDeque;
use std::fmt::Write;

use strait_shared::time::Instant;

use crate::gateway::Gateway;
use crate::gateway::exchange::{ExchangeKey, PartOf};
use crate::gateway::io::{Flow, Transport};
use crate::gateway::keyed::{Key, Map, Purpose};
use crate::gateway::limits::{MAX_REDIRECTIONS, REDIRECTION_MEMORY, REDIRECTIONS_IN_A_ROW};
use crate::gateway::reply::{Body, Reply};
use crate::gateway::route::Target;
use crate::gateway::token::PARAMETER;
use crate::media::Family;
use crate::sdp::Description;
use crate::sip::{HeaderName, Message, Status, Uri};

/// How often who was redirected from whom of late.
#[derive(Debug)]
pub struct Redirections {
    key: Key,
    counts: Map<u128, u8>,
    order: VecDeque<(Instant, u128)>,
}

impl Redirections {
    /// None yet.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self {
            key: Key::new(seed, Purpose::Passages),
            counts: Map::with_hasher(Key::new(seed, Purpose::Tables)),
            order: VecDeque::new(),
        }
    }

    /// Whether one more redirection of this call is one too many: caller and callee send each
    /// other in a circle.
    fn goes_in_a_circle(&mut self, now: Instant, near: Flow, request: &Message) -> bool {
        self.expire(now);
        let uri = |name| {
            let address = request.address(name);
            address.map_or(Vec::new(), |address| address.uri.text.to_vec())
        };
        let (from, to) = (uri(HeaderName::From), uri(HeaderName::To));
        let name = self.key.hash(&[&near.realm.0.to_le_bytes(), &from, &to]);
        if self.order.len() >= MAX_REDIRECTIONS
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
        let count = self.counts.entry(name).or_insert(0);
        if *count == 0 {
            self.order.push_back((now, name));
        }
        *count = count.saturating_add(1);
        *count > REDIRECTIONS_IN_A_ROW
    }

    /// Forgets what is long past.
    pub fn expire(&mut self, now: Instant) {
        while let Some((since, name)) = self.order.front().copied() {
            if now.since(since) < REDIRECTION_MEMORY {
                break;
            }
            self.order.pop_front();
            self.counts.remove(&name);
        }
    }
}

impl Gateway {
    /// The answer to a call that cannot leave in the version it offers: what is usable is where
    /// the Contact points, what the warning says (RFC 3261 §20.43), and what the body is about.
    pub(super) fn redirection(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
        target: &Target,
        far: Flow,
        status: u16,
    ) -> Reply {
        let usable = Family::from(far.remote.ip());
        if self
            .serving
            .redirections
            .goes_in_a_circle(now, near, request)
        {
            return self.no_common_version(near, usable);
        }
        self.counters.redirected += 1;
        let status = Status::new(status).expect("configurations have statuses that are some");
        let mut reply = Reply::from(status).with("Warning", self.warning(near, usable));
        if let Some(contact) = self.alternative_contact(now, near, request, target, far) {
            reply = reply.with("Contact", contact);
        }
        let offer = request.session_description();
        let offer = offer.and_then(|text| Description::parse_at(request.bytes(), text.span()).ok());
        match offer {
            Some(offer) => reply.carrying(Body {
                content_type: "application/sdp",
                text: capabilities(&offer, usable),
            }),
            None => reply,
        }
    }

    /// A callee sent the caller elsewhere; where that has gone on for too long, the call is
    /// refused. Whether it is.
    pub(in crate::gateway) fn breaks_circle(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        status: Status,
    ) -> bool {
        let Some(exchange) = self.exchanges.get(key) else {
            return false;
        };
        let (near, far) = (exchange.near, exchange.far);
        let serves = self.settings.realm_config(near.realm).serve.is_some();
        let call = matches!(exchange.part_of, PartOf::Call(_));
        if !serves || !call || !(300..400).contains(&status.code()) {
            return false;
        }
        let received = exchange.request.clone();
        let request = received.message();
        let circles = self
            .serving
            .redirections
            .goes_in_a_circle(now, near, &request);
        if circles {
            let reply = self.no_common_version(near, far.remote.ip().into());
            self.fail(now, key, reply);
        }
        circles
    }

    /// 488: who was redirected comes back as before.
    fn no_common_version(&mut self, near: Flow, usable: Family) -> Reply {
        self.counters.circles += 1;
        let reply = Reply::from(Status::NOT_ACCEPTABLE_HERE).because("No Common IP Version");
        reply.with("Warning", self.warning(near, usable))
    }

    /// 301: incompatible network address formats.
    fn warning(&self, near: Flow, usable: Family) -> String {
        let host = String::from_utf8_lossy(&self.settings.listener(near).host_port);
        format!("301 {host} \"Use {usable}\"")
    }

    /// Our own address of the usable version, with a token that leads to where the call goes; the
    /// one it came to where the realm has none of that version.
    fn alternative_contact(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
        target: &Target,
        far: Flow,
    ) -> Option<String> {
        let text = request.request_uri()?;
        let uri = Uri::parse_at(request.bytes(), text.span())?;
        let leads_to = match target {
            Target::Party { uri, .. } => uri.to_vec(),
            Target::Softswitch(_) | Target::Server(_) => text.to_vec(),
        };
        let flow = self
            .settings
            .flow_to(near.realm, near.transport, far.remote);
        let listener = self.settings.listener(flow.unwrap_or(near));
        let host = String::from_utf8_lossy(&listener.host_port).into_owned();
        let token = self.tokens.lease(now, far, &leads_to);
        let mut contact = String::from("<sip:");
        if let Some(user) = uri.user {
            write!(contact, "{}@", String::from_utf8_lossy(&user)).expect("it fits a string");
        }
        let transport = match near.transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
        };
        write!(contact, "{host}{transport};{PARAMETER}={token}>").expect("it fits a string");
        Some(contact)
    }
}

/// A description of the usable version: the streams of the offer, each at the discard port.
fn capabilities(offer: &Description, usable: Family) -> Vec<u8> {
    let address = match usable {
        Family::V4 => "IN IP4 0.0.0.0",
        Family::V6 => "IN IP6 ::",
    };
    let mut text =
        format!("v=0\r\no=- 0 0 {address}\r\ns=-\r\nc={address}\r\nt=0 0\r\n").into_bytes();
    for media in offer.media() {
        let word = |span| offer.text(span);
        for part in [
            &b"m="[..],
            &word(media.kind),
            b" 9 ",
            &word(media.proto),
            b" ",
        ] {
            text.extend_from_slice(part);
        }
        text.extend_from_slice(word(media.formats).trim_ascii());
        text.extend_from_slice(b"\r\n");
    }
    text
}
