//! The first line of a message (RFC 3261 §7.1, §7.2).

use memchr::{memchr, memrchr};

use super::fault::{Fault, is_response};
use super::method::Method;
use super::scanner::{is_token, number};
use super::span::{Span, Text};
use super::status::Status;

/// A message's first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// Asks for something.
    Request {
        /// What is asked for.
        method: Method<'a>,
        /// Whom it is asked of; not yet known to be a URI.
        uri: Text<'a>,
    },
    /// Answers a request.
    Response {
        /// The answer.
        status: Status,
        /// Its wording, possibly empty, in whatever encoding.
        reason: Text<'a>,
    },
}

impl<'a> StartLine<'a> {
    /// Single spaces part the three pieces of either line, and nothing follows.
    pub(crate) fn parse(bytes: &'a [u8], line: Span) -> Result<Self, Fault> {
        let text = &bytes[line.start()..line.end()];
        let space = memchr(b' ', text).ok_or(Fault::StartLine)?;
        if is_response(text) {
            return Self::status_line(bytes, line, line.start() + space);
        }
        let last = memrchr(b' ', text).expect("a first space is found above");
        check_version(&text[last + 1..])?;
        let (method, uri) = (
            &text[..space],
            text.get(space + 1..last).unwrap_or_default(),
        );
        let uri_is_plain = !uri.is_empty() && uri.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
        if !method.iter().all(|byte| is_token(*byte)) || method.is_empty() {
            return Err(Fault::StartLine);
        }
        if !uri_is_plain {
            return Err(Fault::RequestUri);
        }
        let uri = Span::new(line.start() + space + 1, line.start() + last);
        Ok(StartLine::Request {
            method: Method::new(method),
            uri: Text::new(bytes, uri),
        })
    }

    fn status_line(bytes: &'a [u8], line: Span, space: usize) -> Result<Self, Fault> {
        check_version(&bytes[line.start()..space])?;
        let rest = &bytes[space + 1..line.end()];
        let digits = memchr(b' ', rest).unwrap_or(rest.len());
        let code = number(&rest[..digits]).and_then(|code| u16::try_from(code).ok());
        let status = code.and_then(Status::new).filter(|_| digits == 3);
        let reason = Span::new((space + 1 + digits + 1).min(line.end()), line.end());
        Ok(StartLine::Response {
            status: status.ok_or(Fault::StatusCode)?,
            reason: Text::new(bytes, reason),
        })
    }
}

/// `SIP/2.0`, in any case. Another number is a version that is not supported.
fn check_version(version: &[u8]) -> Result<(), Fault> {
    if version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Ok(());
    }
    let numbers = version
        .get(4..)
        .filter(|_| is_response(version))
        .unwrap_or_default();
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let mut parts = numbers.split(|byte| *byte == b'.');
    let versioned = parts.next().is_some_and(is_number)
        && parts.next().is_some_and(is_number)
        && parts.next().is_none();
    Err(if versioned {
        Fault::Version
    } else {
        Fault::StartLine
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Message;

    fn fault(bytes: &[u8]) -> Fault {
        Message::parse(bytes).unwrap_err().fault
    }

    #[test]
    fn start_lines_are_told_apart() {
        let request = Message::parse(b"\r\n\nREFER sip:a@b sip/2.0\r\n\r\n").unwrap();
        assert_eq!(request.method(), Some(Method::Refer));
        assert_eq!(
            request.request_uri().map(|uri| uri.span()),
            Some(Span::new(6, 13))
        );
        assert_eq!(request.bytes(), b"REFER sip:a@b sip/2.0\r\n\r\n");
        for (line, status, reason) in [
            ("SIP/2.0 200 OK", 200, "OK"),
            ("sip/2.0 183 ", 183, ""),
            ("SIP/2.0 699", 699, ""),
            (
                "SIP/2.0 380 Alternative  Service",
                380,
                "Alternative  Service",
            ),
        ] {
            let text = format!("{line}\r\n\r\n");
            let message = Message::parse(text.as_bytes()).unwrap();
            let StartLine::Response {
                status: found,
                reason: phrase,
            } = message.start_line()
            else {
                panic!("{line} is a response");
            };
            assert_eq!((found.code(), phrase.as_str()), (status, Some(reason)));
        }
    }

    #[test]
    fn bad_start_lines_are_told_apart() {
        for (line, expected) in [
            ("", Fault::Empty),
            ("INVITE", Fault::StartLine),
            ("INVITE sip:a", Fault::StartLine),
            ("INVITE SIP/2.0", Fault::RequestUri),
            ("INVITE  SIP/2.0", Fault::RequestUri),
            ("INVITE  sip:a SIP/2.0", Fault::RequestUri),
            ("INVITE sip:a SIP/2.0 ", Fault::StartLine),
            ("INV(TE sip:a SIP/2.0", Fault::StartLine),
            (" INVITE sip:a SIP/2.0", Fault::StartLine),
            ("INVITE sip:a SIP/2.1", Fault::Version),
            ("INVITE sip:a SIP/2.0.1", Fault::StartLine),
            ("INVITE sip:a HTTP/1.1", Fault::StartLine),
            ("SIP/7.0 200 OK", Fault::Version),
            ("SIP/2.0 99 Low", Fault::StatusCode),
            ("SIP/2.0 0200 OK", Fault::StatusCode),
            ("SIP/2.0 4294967301 High", Fault::StatusCode),
            ("SIP/2.0 2x0 OK", Fault::StatusCode),
            ("SIP/2.0", Fault::StartLine),
        ] {
            assert_eq!(
                fault(format!("{line}\r\n\r\n").as_bytes()),
                expected,
                "{line}"
            );
        }
        assert_eq!(fault(b"INVITE sip:a SIP/2.0"), Fault::Unterminated);
        assert_eq!(fault(b"INVITE sip:a\rSIP/2.0\r\n\r\n"), Fault::StrayReturn);
    }
}
