//! A received message: its bytes, and where its start line, headers and body lie in them.

use std::fmt;

use super::address::{Contact, NameAddr};
use super::elements::{Element, Elements};
use super::fault::{Fault, ParseError};
use super::limits::{MAX_HEADERS, MAX_MESSAGE_BYTES};
use super::lines::{Lines, physical_line, without_blank_lines};
use super::method::Method;
use super::name::HeaderName;
use super::scanner::number;
use super::span::{Span, Text};
use super::splices::Splices;
use super::start_line::StartLine;
use super::status::Status;
use super::via::Via;

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
#[derive(Clone)]
pub struct Message<'a> {
    bytes: &'a [u8],
    start: StartLine<'a>,
    headers: [Header; MAX_HEADERS],
    header_count: usize,
    headers_end: usize,
    body: Span,
    /// From and To, which everybody asks for, taken apart once.
    from: Option<NameAddr<'a>>,
    to: Option<NameAddr<'a>>,
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
        let address = match name {
            HeaderName::From => self.from,
            HeaderName::To => self.to,
            _ => NameAddr::parse(self.bytes, header.value),
        };
        address.ok_or(Fault::Malformed(name))
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
            from: None,
            to: None,
        };
        let body_start = message.read_headers(next)?;
        message.read_body(body_start)?;
        message.from = message.first_address(HeaderName::From);
        message.to = message.first_address(HeaderName::To);
        Ok(message)
    }

    fn first_address(&self, name: HeaderName) -> Option<NameAddr<'a>> {
        NameAddr::parse(self.bytes, self.header(name)?.value)
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

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.bytes))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(bytes: &[u8]) -> Fault {
        Message::parse(bytes).unwrap_err().fault
    }

    #[test]
    fn the_body_is_as_long_as_it_says() {
        let body = |head: &str| {
            let text = format!("BYE sip:a SIP/2.0\r\n{head}\r\n0123456789");
            Message::parse(text.as_bytes())
                .map(|message| message.body().len())
                .map_err(|error| error.fault)
        };
        let name = HeaderName::ContentLength;
        assert_eq!(body(""), Ok(10));
        assert_eq!(body("l: 4\r\n"), Ok(4));
        assert_eq!(body("CONTENT-length:\r\n 010\r\n"), Ok(10));
        assert_eq!(body("l: 11\r\n"), Err(Fault::BodyTruncated));
        assert_eq!(
            body("l: 4\r\nContent-Length: 4\r\n"),
            Err(Fault::Duplicate(name))
        );
        assert_eq!(
            body("l: 4\r\nContent-Length: 5\r\n"),
            Err(Fault::Duplicate(name))
        );
        for value in ["-1", "", "4 4", "4,4", "99999999999999999999", "4;a"] {
            assert_eq!(
                body(&format!("l: {value}\r\n")),
                Err(Fault::Malformed(name)),
                "{value}"
            );
        }
    }

    #[test]
    fn bounds_hold() {
        let headers = |count: usize| {
            let lines = "X: y\r\n".repeat(count);
            format!("BYE sip:a SIP/2.0\r\n{lines}\r\n")
        };
        assert!(Message::parse(headers(MAX_HEADERS).as_bytes()).is_ok());
        assert_eq!(
            fault(headers(MAX_HEADERS + 1).as_bytes()),
            Fault::TooManyHeaders
        );
        let mut long = b"BYE sip:a SIP/2.0\r\n\r\n".to_vec();
        long.resize(MAX_MESSAGE_BYTES, b'x');
        assert!(Message::parse(&long).is_ok());
        long.push(b'x');
        let error = Message::parse(&long).unwrap_err();
        assert_eq!(
            (error.fault, error.fault.status().code()),
            (Fault::TooLarge, 513)
        );
    }
}
