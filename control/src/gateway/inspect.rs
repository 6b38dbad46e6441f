//! What every request is checked for before anything is done with it (RFC 3261 §8.2, §16.3).

use super::Gateway;
use super::branch::{Passages, passage};
use super::io::Flow;
use super::reply::Reply;
use crate::sip::{HeaderName, Message, Method, Scheme, Status, Uri};

/// The methods Strait understands; others it passes on.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, PRACK, UPDATE, SUBSCRIBE, \
    NOTIFY, PUBLISH, REFER, INFO, MESSAGE";

/// A request that may go on, and what was found out about it.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// Its passages through us so far, this one included.
    pub passages: Passages,
}

impl Gateway {
    /// Checks a new request; an error is the answer to give.
    pub(super) fn inspect(&mut self, flow: Flow, request: &Message) -> Result<Inspected, Reply> {
        let uri = request
            .request_uri()
            .and_then(|uri| Uri::parse_at(request.bytes(), uri.span()));
        let uri = uri.ok_or(Status::BAD_REQUEST)?;
        if !matches!(uri.scheme, Scheme::Sip | Scheme::Tel | Scheme::Urn) {
            return Err(Status::UNSUPPORTED_URI_SCHEME.into());
        }
        if request.max_forwards() == Ok(Some(0)) && request.method() != Some(Method::Options) {
            return Err(Status::TOO_MANY_HOPS.into());
        }
        self.check_loop(flow, request).and_then(|passages| {
            check_extensions(request)?;
            Ok(Inspected { passages })
        })
    }

    fn check_loop(&mut self, flow: Flow, request: &Message) -> Result<Passages, Reply> {
        let mut passages = Passages::of(request, flow.realm, &self.settings);
        let this = passage(&self.passage_key, request, flow.realm);
        if passages.contain(this) {
            self.counters.loops += 1;
            return Err(Status::LOOP_DETECTED.into());
        }
        passages.push(this);
        Ok(passages)
    }
}

/// Proxy-Require asks the proxies on the way to understand something; we understand nothing
/// beyond the protocol itself.
fn check_extensions(request: &Message) -> Result<(), Reply> {
    let mut unsupported = String::new();
    for element in request.elements(HeaderName::ProxyRequire) {
        if !unsupported.is_empty() {
            unsupported.push_str(", ");
        }
        unsupported.push_str(&String::from_utf8_lossy(element.text.as_bytes()));
    }
    match unsupported.is_empty() {
        true => Ok(()),
        false => Err(Reply::from(Status::BAD_EXTENSION).with("Unsupported", unsupported)),
    }
}
