//! A received message: its bytes, and where its start line, headers and body lie in them.

use super::address::Contact;
use super::address::NameAddr;
use super::elements::{Element, Elements};
use super::fault::{self, Fault, ParseError};
use super::limits::{MAX_HEADERS, MAX_MESSAGE_BYTES};
use super::lines::{Lines, physical_line, without_blank_lines};
use super::method::Method;
use super::name::HeaderName;
use super::scanner::{is_token, number};
use super::span::{Span, Text};
use super::splices::Splices;
use super::status::Status;
use super::via::Via;

/// A message's first line (RFC 3261 §7.1, §7.2).
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

/// Where one header field stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Which field it is.
    pub name: HeaderName,
    /// The name as written.
    pub name_span: Span,
    /// The value without white space at either end; folds inside are kept.
    pub value: Span,
    /// The whole line with its folds and its line end, as it is removed.
    pub line: Span,
}

/// A lexically sound message. Holds no more than offsets into the received bytes.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    start: StartLine<'a>,
    headers: [Header; MAX_HEADERS],
    header_count: usize,
    headers_end: usize,
    body: Span,
}

impl<'a> Message<'a> {
    /// Reads one datagram, or one message cut from a stream by
    /// [`Framer`](super::framing::Framer).
    ///
    /// Line ends before the start line (RFC 3261 §7.5) and bytes beyond Content-Length (§18.3)
    /// are no part of the message; all spans are offsets into [`Message::bytes`]. Checks lexical
    /// form only; [`Message::check`] asks whether the message makes sense.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError<'a>> {
        let bytes = without_blank_lines(bytes);
        Self::read(bytes).map_err(|fault| ParseError::new(fault, bytes))
    }

    /// The message's bytes: what was received, from the start line to the end of the body.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The start line.
    pub fn start_line(&self) -> StartLine<'a> {
        self.start
    }

    /// The request's method; `None` in a response.
    pub fn method(&self) -> Option<Method<'a>> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// The Request-URI as written; `None` in a response.
    pub fn request_uri(&self) -> Option<Text<'a>> {
        match self.start {
            StartLine::Request { uri, .. } => Some(uri),
            StartLine::Response { .. } => None,
        }
    }

    /// The response's status; `None` in a request.
    pub fn status(&self) -> Option<Status> {
        match self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { status, .. } => Some(status),
        }
    }

    /// All headers in order.
    pub fn headers(&self) -> &[Header] {
        &self.headers[..self.header_count]
    }

    /// The first header of that name.
    pub fn header(&self, name: HeaderName) -> Option<&Header> {
        self.headers().iter().find(|header| header.name == name)
    }

    /// All headers of that name, in order.
    pub fn headers_named(&self, name: HeaderName) -> impl Iterator<Item = &Header> {
        self.headers()
            .iter()
            .filter(move |header| header.name == name)
    }

    /// The first value of that name.
    pub fn value(&self, name: HeaderName) -> Option<Text<'a>> {
        self.header(name).map(|header| self.text(header.value))
    }

    /// The values of all headers of that name, in order, comma-separated lists taken apart.
    pub fn elements(&self, name: HeaderName) -> Elements<'a, '_> {
        Elements::new(self.bytes, self.headers(), name)
    }

    /// All Vias, topmost first, each with its place in the list.
    pub fn vias(&self) -> impl Iterator<Item = Result<(Element<'a>, Via<'a>), Fault>> {
        self.elements(HeaderName::Via).map(move |element| {
            let via = Via::parse(self.bytes, element.text.span());
            via.map(|via| (element, via))
                .ok_or(Fault::Malformed(HeaderName::Via))
        })
    }

    /// All addresses of a header that holds name-addr values (Contact without its `*`).
    pub fn addresses(
        &self,
        name: HeaderName,
    ) -> impl Iterator<Item = Result<(Element<'a>, NameAddr<'a>), Fault>> {
        self.elements(name).filter_map(move |element| {
            match Contact::parse(self.bytes, element.text.span()) {
                Some(Contact::Any) if name == HeaderName::Contact => None,
                Some(Contact::Address(address)) => Some(Ok((element, address))),
                _ => Some(Err(Fault::Malformed(name))),
            }
        })
    }

    /// The address in a header that has one: From, To, Refer-To …
    pub fn address(&self, name: HeaderName) -> Result<NameAddr<'a>, Fault> {
        let header = self.header(name).ok_or(Fault::Missing(name))?;
        NameAddr::parse(self.bytes, header.value).ok_or(Fault::Malformed(name))
    }

    /// Where headers end: the offset of the blank line, at which further ones can be inserted.
    pub fn headers_end(&self) -> usize {
        self.headers_end
    }

    /// The body, possibly empty.
    pub fn body(&self) -> Text<'a> {
        self.text(self.body)
    }

    /// The bytes under a span of this message.
    pub fn text(&self, span: Span) -> Text<'a> {
        Text::new(self.bytes, span)
    }

    /// Appends the message to `out` with `edits` applied.
    ///
    /// Where the body's length changes, or [`Splices::declare_length`] asks for it,
    /// Content-Length is set right, as a further edit; nothing else moves.
    pub fn render(&self, edits: &mut Splices, out: &mut Vec<u8>) {
        edits.settle_length(self);
        edits.apply(self.bytes, out);
    }

    fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        if bytes.is_empty() {
            return Err(Fault::Empty);
        }
        if bytes.len() > MAX_MESSAGE_BYTES {
            return Err(Fault::TooLarge);
        }
        let (content, next) = physical_line(bytes, 0)?;
        let start = StartLine::parse(bytes, Span::new(0, content))?;
        let mut message = Self {
            bytes,
            start,
            headers: [Header::default(); MAX_HEADERS],
            header_count: 0,
            headers_end: 0,
            body: Span::default(),
        };
        let body_start = message.read_headers(next)?;
        message.read_body(body_start)?;
        Ok(message)
    }

    fn read_headers(&mut self, start: usize) -> Result<usize, Fault> {
        let mut lines = Lines::new(self.bytes, start);
        for header in &mut lines {
            let slot = self
                .headers
                .get_mut(self.header_count)
                .ok_or(Fault::TooManyHeaders)?;
            *slot = header?;
            self.header_count += 1;
        }
        let (blank, body_start) = lines.end().ok_or(Fault::Unterminated)?;
        self.headers_end = blank;
        Ok(body_start)
    }

    fn read_body(&mut self, start: usize) -> Result<(), Fault> {
        let name = HeaderName::ContentLength;
        let len = content_length(self.bytes, self.headers().iter().copied())?;
        if len.is_some() && self.headers_named(name).count() > 1 {
            return Err(Fault::Duplicate(name));
        }
        let end = match len {
            Some(len) if len > self.bytes.len() - start => return Err(Fault::BodyTruncated),
            Some(len) => start + len,
            None => self.bytes.len(),
        };
        self.bytes = &self.bytes[..end];
        self.body = Span::new(start, end);
        Ok(())
    }
}

impl<'a> StartLine<'a> {
    /// Single spaces part the three pieces of either line, and nothing follows.
    fn parse(bytes: &'a [u8], line: Span) -> Result<Self, Fault> {
        let text = &bytes[line.start()..line.end()];
        let space = memchr::memchr(b' ', text).ok_or(Fault::StartLine)?;
        if fault::is_response(text) {
            return Self::status_line(bytes, line, line.start() + space);
        }
        let last = memchr::memrchr(b' ', text).expect("a first space is found above");
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
        let digits = memchr::memchr(b' ', rest).unwrap_or(rest.len());
        let code = number(&rest[..digits]).and_then(|code| u16::try_from(code).ok());
        let status = code.and_then(Status::new).filter(|_| digits == 3);
        let reason = Span::new((space + 1 + digits + 1).min(line.end()), line.end());
        Ok(StartLine::Response {
            status: status.ok_or(Fault::StatusCode)?,
            reason: Text::new(bytes, reason),
        })
    }
}

/// The body's length as its headers say; `None` where no header says it.
pub(crate) fn content_length(
    bytes: &[u8],
    headers: impl Iterator<Item = Header>,
) -> Result<Option<usize>, Fault> {
    let name = HeaderName::ContentLength;
    let mut found = None;
    for header in headers.filter(|header| header.name == name) {
        let len = number(&bytes[header.value.start()..header.value.end()]);
        let len = len.ok_or(Fault::Malformed(name))? as usize;
        if found.is_some_and(|other| other != len) {
            return Err(Fault::Duplicate(name));
        }
        found = Some(len);
    }
    Ok(found)
}

/// `SIP/2.0`, in any case. Another number is a version that is not supported.
fn check_version(version: &[u8]) -> Result<(), Fault> {
    if version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Ok(());
    }
    let numbers = version
        .get(4..)
        .filter(|_| fault::is_response(version))
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
