//! Whether a lexically sound message makes sense to a proxy (RFC 3261 §8.1.1, §8.2, §16.3).

use super::fault::{Fault, ParseError};
use super::message::Message;
use super::name::HeaderName;
use super::uri::{Scheme, Uri};

impl<'a> Message<'a> {
    /// Checks what every message must hold and what a proxy acts on.
    ///
    /// Headers that only the ends of a call read are not looked into: what is wrong there is for
    /// them to say. A request that fails is answered, a response dropped.
    pub fn check(&self) -> Result<(), ParseError<'a>> {
        self.find_fault()
            .map_err(|fault| ParseError::new(fault, self.bytes()))
    }

    fn find_fault(&self) -> Result<(), Fault> {
        self.check_vias()?;
        self.check_presence()?;
        if let Some(uri) = self.request_uri() {
            check_request_uri(Uri::parse_at(self.bytes(), uri.span()))?;
        }
        self.call_id()?;
        let cseq = self.cseq()?;
        if self.method().is_some_and(|method| method != cseq.method) {
            return Err(Fault::CSeqMismatch);
        }
        self.max_forwards()?;
        self.content_type()?;
        self.check_addresses()
    }

    fn check_presence(&self) -> Result<(), Fault> {
        let mut seen = [false; SINGLE.len()];
        for header in self.headers() {
            if let Some(index) = SINGLE.iter().position(|name| *name == header.name) {
                if std::mem::replace(&mut seen[index], true) {
                    return Err(Fault::Duplicate(header.name));
                }
            }
        }
        let missing = MANDATORY.iter().find(|name| self.header(**name).is_none());
        missing.map_or(Ok(()), |name| Err(Fault::Missing(*name)))
    }

    fn check_vias(&self) -> Result<(), Fault> {
        self.vias().try_for_each(|via| via.map(|_| ()))
    }

    fn check_addresses(&self) -> Result<(), Fault> {
        self.address(HeaderName::From)?;
        self.address(HeaderName::To)?;
        for name in [
            HeaderName::Contact,
            HeaderName::Route,
            HeaderName::RecordRoute,
        ] {
            self.addresses(name)
                .try_for_each(|address| address.map(|_| ()))?;
        }
        Ok(())
    }
}

/// A Request-URI has no headers (RFC 3261 §19.1.1) and a scheme that can be routed.
fn check_request_uri(uri: Option<Uri>) -> Result<(), Fault> {
    let uri = uri.ok_or(Fault::RequestUri)?;
    match uri.scheme {
        Scheme::Other => Err(Fault::UnsupportedScheme),
        _ if uri.headers.is_some() => Err(Fault::RequestUri),
        _ => Ok(()),
    }
}

/// Without Max-Forwards, which RFC 2543 elements do not send and a proxy adds (§16.6).
const MANDATORY: [HeaderName; 5] = [
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
];

/// Headers that, twice, leave open which one is meant.
const SINGLE: [HeaderName; 16] = [
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::MaxForwards,
    HeaderName::ContentLength,
    HeaderName::ContentType,
    HeaderName::Expires,
    HeaderName::RSeq,
    HeaderName::RAck,
    HeaderName::SessionExpires,
    HeaderName::ReferTo,
    HeaderName::ReferredBy,
    HeaderName::Replaces,
    HeaderName::Event,
    HeaderName::SubscriptionState,
];
