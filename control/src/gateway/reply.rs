//! Responses Strait gives itself.

use std::fmt::Write;

use strait_shared::time::Instant;

use super::Gateway;
use super::io::{Flow, Output};
use super::limits::RETRY_AFTER_SECONDS;
use super::transaction::ServerId;
use super::transaction::way_back::WayBack;
use crate::sip::{Header, HeaderName, Message, ParseError, Status};

/// A final response of our own: status, and the header lines it needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The status.
    pub status: Status,
    /// Its wording; the usual one where empty.
    pub reason: String,
    /// Further header lines, each with its line end.
    pub headers: String,
    /// What it carries.
    pub body: Option<Body>,
}

/// A body of our own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    /// As in Content-Type.
    pub content_type: &'static str,
    /// All of it.
    pub text: Vec<u8>,
}

impl From<Status> for Reply {
    fn from(status: Status) -> Self {
        Self {
            status,
            reason: String::new(),
            headers: String::new(),
            body: None,
        }
    }
}

impl Reply {
    /// Adds a header.
    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        write!(self.headers, "{name}: {value}\r\n").expect("strings take all that is written");
        self
    }

    /// Says why.
    pub fn because(mut self, reason: impl ToString) -> Self {
        self.reason = reason.to_string();
        self
    }

    /// Gives it a body.
    pub fn carrying(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }

    /// 503 with Retry-After.
    pub fn unavailable(reason: &str) -> Self {
        let reply = Reply::from(Status::SERVICE_UNAVAILABLE).because(reason);
        reply.with("Retry-After", RETRY_AFTER_SECONDS)
    }
}

impl Gateway {
    /// Answers a request. Nothing is sent where it has its final response.
    pub(super) fn reply(
        &mut self,
        now: Instant,
        server: ServerId,
        request: &Message,
        reply: impl Into<Reply>,
    ) {
        let reply = reply.into();
        let Some(way) = self.transactions.way_back(server) else {
            return;
        };
        let tag = (!reply.status.is_provisional()).then(|| self.unique.next());
        let bytes = write(&reply, &way.vias, request.bytes(), request.headers(), tag);
        self.transactions
            .respond(now, server, reply.status, bytes, &mut self.outputs);
    }

    /// Answers a request that no transaction was made of.
    pub(super) fn reply_stateless(&mut self, flow: Flow, request: &Message, reply: Reply) {
        let way = self.transactions.stateless_way_back(request, flow);
        let tag = Some(self.unique.next());
        let bytes = write(&reply, &way.vias, request.bytes(), request.headers(), tag);
        self.outputs.push_back(Output::Send {
            flow: way.flow,
            bytes,
        });
    }

    /// Answers what could not be read, where a response is owed.
    pub(super) fn refuse(&mut self, flow: Flow, error: &ParseError) {
        let Some(status) = error.reply() else {
            self.counters.malformed_dropped += 1;
            return;
        };
        self.counters.malformed_answered += 1;
        let symmetric = self.settings.realm_config(flow.realm).nat;
        let way = WayBack::of_headers(error.bytes(), error.headers(), flow, symmetric);
        let headers: Vec<Header> = error.headers().collect();
        let reply = Reply::from(status).because(error.fault);
        let tag = Some(self.unique.next());
        let bytes = write(&reply, &way.vias, error.bytes(), &headers, tag);
        self.outputs.push_back(Output::Send {
            flow: way.flow,
            bytes,
        });
    }
}

/// A response to the request that `headers` belong to (RFC 3261 §8.2.6).
fn write(
    reply: &Reply,
    vias: &[u8],
    request: &[u8],
    headers: &[Header],
    tag: Option<u64>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + vias.len());
    let reason = if reply.reason.is_empty() {
        reply.status.reason()
    } else {
        &reply.reason
    };
    out.extend_from_slice(format!("SIP/2.0 {} {reason}\r\n", reply.status).as_bytes());
    out.extend_from_slice(vias);
    for header in headers
        .iter()
        .filter(|header| is_echoed(header.name, reply.status))
    {
        let name = header.name.as_str().expect("it is a known name").as_bytes();
        let value = &request[header.value.start()..header.value.end()];
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        if let (HeaderName::To, Some(tag), false) = (header.name, tag, has_tag(value)) {
            out.extend_from_slice(format!(";tag={tag:016x}").as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(reply.headers.as_bytes());
    let Some(body) = &reply.body else {
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        return out;
    };
    let (kind, length) = (body.content_type, body.text.len());
    let lines = format!("Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
    out.extend_from_slice(lines.as_bytes());
    out.extend_from_slice(&body.text);
    out
}

/// Timestamp belongs into a 100 alone (RFC 3261 §8.2.6.1).
fn is_echoed(name: HeaderName, status: Status) -> bool {
    let always = [
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
        HeaderName::CSeq,
    ];
    always.contains(&name) || (name == HeaderName::Timestamp && status == Status::TRYING)
}

/// Whether a To value has a tag, readable otherwise or not.
fn has_tag(to: &[u8]) -> bool {
    let after_uri = to
        .iter()
        .rposition(|byte| *byte == b'>')
        .map_or(to, |end| &to[end..]);
    after_uri
        .windows(5)
        .any(|text| text.eq_ignore_ascii_case(b";tag="))
}
