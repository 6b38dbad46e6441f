//! One SIP message: a start line, headers in order, a body.

use std::fmt::Write as _;

use rsip::{Method, SipMessage, StatusCode};

use super::uri::{NameAddr, Uri, split_list};

/// The first line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Start {
    /// A request line.
    Request {
        /// What is asked.
        method: Method,
        /// The Request-URI, as written.
        uri: String,
    },
    /// A status line; the reason phrase follows from the code.
    Response(u16),
}

/// A SIP message. Header names keep the spelling they came with; looking them up ignores case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The first line.
    pub start: Start,
    headers: Vec<(String, String)>,
    /// The body, as many bytes as Content-Length says.
    pub body: Vec<u8>,
}

/// Why a datagram is not a message these parties understand.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MessageError {
    /// `rsip` refused it, or it is not text.
    #[error("not a SIP message: {0}")]
    Syntax(String),
    /// A header every message needs is missing or unreadable.
    #[error("header {0} is missing or unreadable")]
    Header(&'static str),
}

/// The number and method of a CSeq header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CSeq {
    /// The sequence number.
    pub number: u32,
    /// The method of the request.
    pub method: Method,
}

impl Message {
    /// An empty request.
    pub fn request(method: Method, uri: &Uri) -> Self {
        let start = Start::Request {
            method,
            uri: uri.to_string(),
        };
        Self {
            start,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// The response to `request` with the headers RFC 3261 §8.2.6.2 has copied. A To without a tag
    /// gets `tag`, unless the response is 100.
    pub fn response(request: &Self, status: u16, tag: &str) -> Self {
        let mut response = Self {
            start: Start::Response(status),
            headers: Vec::new(),
            body: Vec::new(),
        };
        for (name, value) in &request.headers {
            let same = |wanted: &str| name.eq_ignore_ascii_case(wanted);
            if same("To") && status > 100 && NameAddr::parse(value).is_ok_and(|a| a.tag().is_none())
            {
                response.push("To", format!("{value};tag={tag}"));
            } else if ["Via", "From", "To", "Call-ID", "CSeq"]
                .into_iter()
                .any(same)
                || (same("Record-Route") && (101..300).contains(&status))
            {
                response.push(name, value.clone());
            }
        }
        response
    }

    /// Reads one message from a datagram. Never panics.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let syntax = |what: &str| MessageError::Syntax(what.to_owned());
        let text = std::str::from_utf8(bytes).map_err(|_| syntax("not UTF-8"))?;
        let line = text.lines().next().ok_or_else(|| syntax("empty"))?;
        // `rsip` refuses IPv6 literals: it reads the request line with a stand-in for the URI.
        let (uri, readable) = match line
            .strip_suffix(" SIP/2.0")
            .and_then(|l| l.split_once(' '))
        {
            Some((method, uri)) if !uri.is_empty() => {
                let rest = &text[method.len() + 1 + uri.len()..];
                (
                    Some(uri.to_owned()),
                    format!("{method} sip:stand-in.invalid{rest}"),
                )
            }
            _ => (None, text.to_owned()),
        };
        let parsed = SipMessage::try_from(readable).map_err(|error| syntax(&error.to_string()))?;
        let (start, headers, body) = match (parsed, uri) {
            (SipMessage::Request(request), Some(uri)) => (
                Start::Request {
                    method: request.method,
                    uri,
                },
                request.headers,
                request.body,
            ),
            (SipMessage::Response(response), _) => (
                Start::Response(response.status_code.code()),
                response.headers,
                response.body,
            ),
            (SipMessage::Request(_), None) => return Err(syntax("no Request-URI")),
        };
        let headers = headers
            .into_iter()
            .filter_map(|header| {
                let text = header.to_string();
                let (name, value) = text.split_once(':')?;
                Some((name.to_owned(), value.trim().to_owned()))
            })
            .collect();
        let mut message = Self {
            start,
            headers,
            body,
        };
        message.check()?;
        message.cut_body();
        Ok(message)
    }

    /// Appends a header.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Puts a header before all others, as a proxy does with Via, Route and Record-Route.
    pub fn push_front(&mut self, name: &str, value: impl Into<String>) {
        self.headers.insert(0, (name.to_owned(), value.into()));
    }

    /// Replaces every header of that name with one.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        match self
            .headers
            .iter()
            .position(|(own, _)| own.eq_ignore_ascii_case(name))
        {
            Some(at) => {
                let kept = self.headers[at].0.clone();
                self.remove(name);
                self.headers.insert(at, (kept, value.into()));
            }
            None => self.push(name, value),
        }
    }

    /// Removes every header of that name.
    pub fn remove(&mut self, name: &str) {
        self.headers
            .retain(|(own, _)| !own.eq_ignore_ascii_case(name));
    }

    /// Takes the first item off a list header (Via, Route) wherever lines and commas divide it.
    pub fn pop_item(&mut self, name: &str) -> Option<String> {
        let at = self
            .headers
            .iter()
            .position(|(own, _)| own.eq_ignore_ascii_case(name))?;
        let (first, rest) = {
            let mut items = split_list(&self.headers[at].1);
            (
                items.next()?.to_owned(),
                items.collect::<Vec<_>>().join(", "),
            )
        };
        if rest.is_empty() {
            self.headers.remove(at);
        } else {
            self.headers[at].1 = rest;
        }
        Some(first)
    }

    /// Sets the body and its type.
    pub fn set_body(&mut self, content_type: &str, body: impl Into<Vec<u8>>) {
        self.set("Content-Type", content_type);
        self.body = body.into();
    }

    /// The bytes to send, Content-Length last.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = match &self.start {
            Start::Request { method, uri } => format!("{method} {uri} SIP/2.0\r\n"),
            Start::Response(status) => format!("SIP/2.0 {}\r\n", reason_line(*status)),
        };
        for (name, value) in &self.headers {
            if !name.eq_ignore_ascii_case("Content-Length") {
                text.push_str(name);
                text.push_str(": ");
                text.push_str(value);
                text.push_str("\r\n");
            }
        }
        write!(text, "Content-Length: {}\r\n\r\n", self.body.len())
            .expect("writing to a string cannot fail");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Every header of that name, one line each.
    pub fn headers_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Every item of a list header, across lines.
    pub fn items<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers_named(name).flat_map(split_list)
    }

    /// The method, for a request.
    pub fn method(&self) -> Option<Method> {
        match &self.start {
            Start::Request { method, .. } => Some(*method),
            Start::Response(_) => None,
        }
    }

    /// The status, for a response.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response(status) => Some(status),
        }
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or_default()
    }

    /// The CSeq.
    pub fn cseq(&self) -> Option<CSeq> {
        let mut words = self.header("CSeq")?.split_whitespace();
        let number = words.next()?.parse().ok()?;
        let method = words.next()?.parse().ok()?;
        Some(CSeq { number, method })
    }

    /// From, To, Contact or another header holding a name-addr.
    pub fn name_addr(&self, name: &str) -> Option<NameAddr> {
        NameAddr::parse(split_list(self.header(name)?).next()?).ok()
    }

    /// The tag of From or To.
    pub fn tag(&self, name: &str) -> Option<String> {
        self.name_addr(name)?.tag().map(str::to_owned)
    }

    /// The branch of the topmost Via.
    pub fn branch(&self) -> Option<&str> {
        super::uri::parameter(self.items("Via").next()?, "branch")
    }

    fn check(&self) -> Result<(), MessageError> {
        for name in ["Via", "From", "To", "Call-ID"] {
            if self.header(name).is_none() {
                return Err(MessageError::Header(name));
            }
        }
        if self.cseq().is_none() {
            return Err(MessageError::Header("CSeq"));
        }
        Ok(())
    }

    /// On UDP, bytes beyond Content-Length are discarded (RFC 3261 §18.3).
    fn cut_body(&mut self) {
        if let Some(length) = self
            .header("Content-Length")
            .and_then(|text| text.parse().ok())
        {
            self.body.truncate(length);
        }
    }
}

/// Status code and reason phrase.
pub fn reason_line(status: u16) -> String {
    match StatusCode::from(status) {
        // `rsip` has words of its own for it.
        StatusCode::AlternativeService => "380 Alternative Service".to_owned(),
        StatusCode::Other(code, reason) => format!("{code} {reason}"),
        known => known.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:bob@[2001:db8::2]:5062;x=[1] SIP/2.0\r\n\
        Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bKa;rport,SIP/2.0/UDP h;branch=z9hG4bKb\r\n\
        X-Own: one, two\r\nMax-Forwards: 70\r\nTo: <sip:bob@example.org>\r\n\
        From: <sip:alice@example.org>;tag=1\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n\
        Content-Length: 3\r\n\r\nabcd";

    #[test]
    fn a_request_with_ipv6_literals_is_read_and_written() {
        let message = Message::parse(INVITE.as_bytes()).unwrap();
        assert_eq!(message.method(), Some(Method::Invite));
        assert_eq!(message.branch(), Some("z9hG4bKa"));
        assert_eq!(
            message.cseq(),
            Some(CSeq {
                number: 7,
                method: Method::Invite
            })
        );
        assert_eq!(message.body, b"abc");
        let again = Message::parse(&message.to_bytes()).unwrap();
        assert_eq!(again.start, message.start);
        assert_eq!(again.header("X-Own"), Some("one, two"));
    }

    #[test]
    fn list_items_leave_from_the_top() {
        let mut message = Message::parse(INVITE.as_bytes()).unwrap();
        assert!(message.pop_item("Via").unwrap().contains("z9hG4bKa"));
        assert_eq!(message.branch(), Some("z9hG4bKb"));
        assert!(message.pop_item("via").is_some());
        assert_eq!(message.pop_item("Via"), None);
    }

    #[test]
    fn a_response_copies_what_it_must_and_tags_to() {
        let request = Message::parse(INVITE.as_bytes()).unwrap();
        let response = Message::response(&request, 180, "t");
        assert_eq!(response.tag("To").as_deref(), Some("t"));
        assert!(response.header("X-Own").is_none());
        assert!(Message::response(&request, 100, "t").tag("To").is_none());
        let bytes = response.to_bytes();
        assert!(bytes.starts_with(b"SIP/2.0 180 Ringing\r\n"));
        assert_eq!(Message::parse(&bytes).unwrap().status(), Some(180));
    }

    #[test]
    fn rubbish_is_an_error() {
        for bytes in [
            &b""[..],
            b"\r\n\r\n",
            b"\xff\xfe",
            b"INVITE  SIP/2.0\r\n\r\n",
            b"hello",
        ] {
            assert!(Message::parse(bytes).is_err());
        }
        let headless = INVITE.replace("CSeq: 7 INVITE\r\n", "");
        assert_eq!(
            Message::parse(headless.as_bytes()),
            Err(MessageError::Header("CSeq"))
        );
    }
}
