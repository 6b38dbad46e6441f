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
            let single = SINGLE.iter().position(|name| *name == header.name);
            let again = single.is_some_and(|index| std::mem::replace(&mut seen[index], true));
            if again {
                return Err(Fault::Duplicate(header.name));
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

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "INVITE sip:b@example.com SIP/2.0\r\n\
        Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
        Max-Forwards: 70\r\n\
        From: <sip:a@example.com>;tag=1\r\n\
        To: <sip:b@example.com>\r\n\
        Call-ID: 1\r\n\
        CSeq: 1 INVITE\r\n\
        Contact: <sip:a@192.0.2.1>\r\n\r\n";

    fn fault(text: &str) -> Option<Fault> {
        let message = Message::parse(text.as_bytes()).unwrap();
        message.check().err().map(|error| error.fault)
    }

    #[test]
    fn a_plain_request_passes() {
        assert_eq!(fault(REQUEST), None);
        assert_eq!(fault(&REQUEST.replace("Max-Forwards: 70\r\n", "")), None);
        assert_eq!(
            fault(&REQUEST.replace("INVITE sip:b@example.com", "INVITE tel:1")),
            None
        );
        assert_eq!(
            fault(&REQUEST.replace("INVITE sip:b@example.com", "INVITE urn:a:b")),
            None
        );
    }

    #[test]
    fn each_mandatory_header_is_missed_and_each_single_one_found_twice() {
        for line in REQUEST.lines().skip(1).filter(|line| !line.is_empty()) {
            let name = HeaderName::new(line.split(':').next().unwrap().as_bytes());
            let without = fault(&REQUEST.replace(&format!("{line}\r\n"), ""));
            let missing = MANDATORY.contains(&name).then_some(Fault::Missing(name));
            assert_eq!(without, missing, "{line}");
            let twice = fault(&REQUEST.replace(line, &format!("{line}\r\n{line}")));
            let duplicate = SINGLE.contains(&name).then_some(Fault::Duplicate(name));
            assert_eq!(twice, duplicate, "{line}");
        }
    }

    #[test]
    fn what_a_proxy_acts_on_must_be_well_formed() {
        use HeaderName::*;
        for (from, to, expected) in [
            ("1 INVITE", "1 BYE", Fault::CSeqMismatch),
            ("1 INVITE", "x INVITE", Fault::Malformed(CSeq)),
            ("sip:b@example.com SIP", "sip:b@:x SIP", Fault::RequestUri),
            (
                "sip:b@example.com SIP",
                "sip:b@h?a=b SIP",
                Fault::RequestUri,
            ),
            ("sip:b@example.com SIP", "<sip:b@h> SIP", Fault::RequestUri),
            (
                "sip:b@example.com SIP",
                "http://h SIP",
                Fault::UnsupportedScheme,
            ),
            ("SIP/2.0/UDP a", "SIP/2.0/UDP ;;", Fault::Malformed(Via)),
            (": 70", ": 256", Fault::Malformed(MaxForwards)),
            ("<sip:a@example.com>", "a <sip:a", Fault::Malformed(From)),
            ("To: <", "To: \"<", Fault::Malformed(To)),
            ("Call-ID: 1", "Call-ID: 1 2", Fault::Malformed(CallId)),
            (
                "<sip:a@192.0.2.1>",
                "sip:a@b?c=d",
                Fault::Malformed(Contact),
            ),
            (
                "<sip:a@192.0.2.1>",
                "<sip:a@b>, ",
                Fault::Malformed(Contact),
            ),
            (
                "Contact: <sip:a@192.0.2.1>",
                "Route: *",
                Fault::Malformed(Route),
            ),
            (
                "Contact: <sip:a@192.0.2.1>",
                "c: sdp",
                Fault::Malformed(ContentType),
            ),
        ] {
            let text = REQUEST.replacen(from, to, 1);
            assert_eq!(fault(&text), Some(expected), "{to}");
        }
        assert_eq!(fault(&REQUEST.replace("<sip:a@192.0.2.1>", "*")), None);
        assert_eq!(
            fault(&REQUEST.replace("<sip:a@192.0.2.1>", "<isbn:1>")),
            None
        );
    }
}
