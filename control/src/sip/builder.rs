//! Messages Strait writes itself: responses to a request, and requests of its own.

use std::fmt::Display;
use std::io::Write;

use super::fault::ParseError;
use super::limits::MAX_HEADERS;
use super::message::{Header, Message};
use super::method::Method;
use super::name::HeaderName;
use super::status::Status;

/// Writes one message to the end of a buffer: start line, headers in the order they are given,
/// then [`finish`](Builder::finish) or [`body`](Builder::body).
#[must_use = "a message ends with finish or body"]
pub struct Builder<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> Builder<'o> {
    /// A response to `request` with the headers RFC 3261 §8.2.6.2 asks for, as they were
    /// received. `to_tag` is added to To where it has none; none belongs into a 100.
    pub fn response(
        out: &'o mut Vec<u8>,
        request: &Message,
        status: Status,
        to_tag: Option<&[u8]>,
    ) -> Self {
        let has_tag = request
            .address(HeaderName::To)
            .is_ok_and(|to| to.tag().is_some());
        let to_tag = to_tag.filter(|_| !has_tag);
        let headers = request.headers().iter().copied();
        Self::status_line(out, status, status.reason()).copied(request.bytes(), headers, to_tag)
    }

    /// The response a refused request is owed, with as much of its headers as could be read;
    /// `None` where none is owed.
    pub fn refusal(out: &'o mut Vec<u8>, error: &ParseError, to_tag: &[u8]) -> Option<Self> {
        let status = error.reply()?;
        let to_tag = error.header(HeaderName::To).and_then(|to| {
            let value = &error.bytes()[to.value.start()..to.value.end()];
            let tagged = value
                .to_ascii_lowercase()
                .windows(4)
                .any(|text| text == b"tag=");
            (!tagged).then_some(to_tag)
        });
        let builder = Self::status_line(out, status, error.fault);
        Some(builder.copied(error.bytes(), error.headers(), to_tag))
    }

    /// A request with nothing but its first line.
    pub fn request(out: &'o mut Vec<u8>, method: Method, uri: &[u8]) -> Self {
        out.extend_from_slice(method.as_bytes());
        out.push(b' ');
        out.extend_from_slice(uri);
        out.extend_from_slice(b" SIP/2.0\r\n");
        Self { out }
    }

    /// The ACK for a final response other than 2xx to `invite`, as it was sent: same
    /// Request-URI, topmost Via, Route, From and Call-ID, the response's To (§17.1.1.3).
    pub fn ack(out: &'o mut Vec<u8>, invite: &Message, response: &Message) -> Self {
        let to = response
            .header(HeaderName::To)
            .map(|to| response.text(to.value).as_bytes());
        Self::hop_by_hop(out, invite, Method::Ack, to)
    }

    /// The CANCEL for `invite`, as it was sent (§9.1).
    pub fn cancel(out: &'o mut Vec<u8>, invite: &Message) -> Self {
        let to = invite
            .header(HeaderName::To)
            .map(|to| invite.text(to.value).as_bytes());
        Self::hop_by_hop(out, invite, Method::Cancel, to)
    }

    /// Adds a header.
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        self.out.extend_from_slice(value.as_ref());
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a header whose value is formatted.
    pub fn header_fmt(self, name: &str, value: impl Display) -> Self {
        write!(self.out, "{name}: {value}\r\n").expect("writing to memory does not fail");
        self
    }

    /// Ends the message without a body.
    pub fn finish(self) {
        self.out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    }

    /// Ends the message with a body.
    pub fn body(self, content_type: &str, body: &[u8]) {
        let builder = self
            .header("Content-Type", content_type)
            .header_fmt("Content-Length", body.len());
        builder.out.extend_from_slice(b"\r\n");
        builder.out.extend_from_slice(body);
    }

    fn status_line(out: &'o mut Vec<u8>, status: Status, reason: impl Display) -> Self {
        write!(out, "SIP/2.0 {status} {reason}\r\n").expect("writing to memory does not fail");
        Self { out }
    }

    fn copied(
        self,
        bytes: &[u8],
        headers: impl Iterator<Item = Header>,
        to_tag: Option<&[u8]>,
    ) -> Self {
        let mut seen = [false; COPIED.len()];
        for header in headers.take(MAX_HEADERS) {
            let Some(index) = COPIED.iter().position(|name| *name == header.name) else {
                continue;
            };
            let again = std::mem::replace(&mut seen[index], true);
            if again && header.name != HeaderName::Via {
                continue;
            }
            self.out
                .extend_from_slice(&bytes[header.line.start()..header.value.end()]);
            if let (HeaderName::To, Some(tag)) = (header.name, to_tag) {
                self.out.extend_from_slice(b";tag=");
                self.out.extend_from_slice(tag);
            }
            self.out.extend_from_slice(b"\r\n");
        }
        self
    }

    fn hop_by_hop(
        out: &'o mut Vec<u8>,
        invite: &Message,
        method: Method,
        to: Option<&[u8]>,
    ) -> Self {
        let uri = invite.request_uri().map_or(&b""[..], |uri| uri.as_bytes());
        let mut builder = Self::request(out, method, uri);
        if let Some(via) = invite.elements(HeaderName::Via).next() {
            builder = builder.header("Via", &*via.text);
        }
        for route in invite.headers_named(HeaderName::Route) {
            builder = builder.header("Route", &*invite.text(route.value));
        }
        for name in [HeaderName::From, HeaderName::CallId] {
            if let (Some(text), Some(value)) = (name.as_str(), invite.value(name)) {
                builder = builder.header(text, &*value);
            }
        }
        if let Some(to) = to {
            builder = builder.header("To", to);
        }
        if let Ok(cseq) = invite.cseq() {
            builder = builder.header_fmt("CSeq", format_args!("{} {method}", cseq.number));
        }
        builder.header("Max-Forwards", "70")
    }
}

/// What a response takes over from its request: all Vias, the first of the others; Timestamp by
/// §8.2.6.1.
const COPIED: [HeaderName; 6] = [
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::Timestamp,
];

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:b@192.0.2.2 SIP/2.0\r\n\
        v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1, SIP/2.0/TCP a\r\n\
        Via: SIP/2.0/UDP b\r\n\
        Route: <sip:r1;lr>,<sip:r2;lr>\r\n\
        From: <sip:a@x>;tag=1\r\n\
        t: <sip:b@x>\r\n\
        Call-ID: 1\r\n\
        CSeq:  7\r\n INVITE\r\n\
        Contact: <sip:a@192.0.2.1>\r\n\
        Timestamp: 54\r\n\
        Content-Length: 0\r\n\r\n";

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_response_repeats_what_the_request_is_known_by() {
        let invite = Message::parse(INVITE.as_bytes()).unwrap();
        let response = written(|out| {
            let busy = Status::new(486).unwrap();
            let builder = Builder::response(out, &invite, busy, Some(b"9"));
            builder
                .header("Retry-After", "5")
                .header_fmt("X-Count", 2)
                .finish();
        });
        assert_eq!(
            response,
            "SIP/2.0 486 Busy Here\r\n\
            v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1, SIP/2.0/TCP a\r\n\
            Via: SIP/2.0/UDP b\r\n\
            From: <sip:a@x>;tag=1\r\n\
            t: <sip:b@x>;tag=9\r\n\
            Call-ID: 1\r\n\
            CSeq:  7\r\n INVITE\r\n\
            Timestamp: 54\r\n\
            Retry-After: 5\r\nX-Count: 2\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn a_tag_is_added_once() {
        let tagged = INVITE.replace("<sip:b@x>", "<sip:b@x>;TAG=2");
        let invite = Message::parse(tagged.as_bytes()).unwrap();
        let ok = written(|out| Builder::response(out, &invite, Status::OK, Some(b"9")).finish());
        assert!(ok.contains("t: <sip:b@x>;TAG=2\r\n"));
        let trying = Message::parse(INVITE.as_bytes()).unwrap();
        let trying = written(|out| Builder::response(out, &trying, Status::TRYING, None).finish());
        assert!(trying.contains("t: <sip:b@x>\r\n"));
    }

    #[test]
    fn ack_and_cancel_take_the_path_of_the_invite() {
        let invite = Message::parse(INVITE.as_bytes()).unwrap();
        let cancel = written(|out| Builder::cancel(out, &invite).finish());
        assert_eq!(
            cancel,
            "CANCEL sip:b@192.0.2.2 SIP/2.0\r\n\
            Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
            Route: <sip:r1;lr>,<sip:r2;lr>\r\n\
            From: <sip:a@x>;tag=1\r\nCall-ID: 1\r\nTo: <sip:b@x>\r\n\
            CSeq: 7 CANCEL\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let busy = INVITE.replace("INVITE sip:b@192.0.2.2 SIP/2.0", "SIP/2.0 486 Busy");
        let busy = busy.replace("<sip:b@x>", "<sip:b@x>;tag=8");
        let busy = Message::parse(busy.as_bytes()).unwrap();
        let ack = written(|out| Builder::ack(out, &invite, &busy).finish());
        let expected = cancel
            .replace("CANCEL", "ACK")
            .replace("<sip:b@x>", "<sip:b@x>;tag=8");
        assert_eq!(ack, expected);
    }

    #[test]
    fn a_request_may_carry_a_body() {
        let info = written(|out| {
            Builder::request(out, Method::Info, b"sip:a").body("text/plain", b"hi");
        });
        assert_eq!(
            info,
            "INFO sip:a SIP/2.0\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
        );
    }

    #[test]
    fn a_refusal_answers_with_what_could_be_read() {
        let refused = |text: &str| {
            let error = Message::parse(text.as_bytes()).and_then(|message| message.check());
            let error = error.unwrap_err();
            written(|out| {
                if let Some(builder) = Builder::refusal(out, &error, b"9") {
                    builder.finish();
                }
            })
        };
        assert_eq!(
            refused(
                "\r\nINVITE sip:b SIP/2.0\r\nno colon\r\nv: SIP/2.0/UDP a\r\n\
                To: \"x <sip:b>\r\nTo: y\r\nl: 9\r\n\r\n"
            ),
            "SIP/2.0 400 Malformed Header Line\r\nv: SIP/2.0/UDP a\r\nTo: \"x <sip:b>;tag=9\r\n\
            Content-Length: 0\r\n\r\n"
        );
        let version = refused("BYE sip:b SIP/3.0\r\nVia: a\r\nt: b;tag=1\r\n\r\n");
        assert!(version.starts_with("SIP/2.0 505 Version Not Supported\r\n"));
        assert!(version.contains("t: b;tag=1\r\n"));
        for unanswerable in [
            "ACK sip:b SIP/2.0\r\nVia: a\r\nl: 9\r\n\r\n",
            "SIP/2.0 999 What\r\nVia: a\r\n\r\n",
            "INVITE sip:b SIP/2.0\r\nl: 9\r\n\r\n",
            "\0\0\0\0",
        ] {
            assert_eq!(refused(unanswerable), "", "{unanswerable}");
        }
    }
}
