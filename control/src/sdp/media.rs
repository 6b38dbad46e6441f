//! The lines of a description that name addresses and ports.

use std::net::IpAddr;

use super::description::Error;
use super::line::{Direction, Line};
use crate::sip::{Span, Text};

/// `o=username id version IN family address` (RFC 8866 §5.2). Some phones put spaces into the
/// username, so the parts are counted from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The line with its end.
    pub line: Span,
    /// The session's id.
    pub session_id: Span,
    /// The version, which grows with every change.
    pub version: Span,
    /// `IP4` or `IP6`.
    pub family: Span,
    /// The address or name.
    pub address: Span,
}

/// `c=IN family address` (RFC 8866 §5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The line with its end.
    pub line: Span,
    /// `IP4` or `IP6`.
    pub family: Span,
    /// The address or name, a multicast TTL and count (`/127/3`) included.
    pub address: Span,
    /// The address where it is one; a name is `None`.
    pub ip: Option<IpAddr>,
}

/// `a=rtcp:port [IN family address]` (RFC 3605).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtcp {
    /// The line with its end.
    pub line: Span,
    /// The port's digits.
    pub port_span: Span,
    /// The port.
    pub port: u16,
    /// The address, where one is named.
    pub connection: Option<Connection>,
}

/// One media description: its `m=` line (RFC 8866 §5.14) and what belongs to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Media {
    /// The `m=` line with its end.
    pub line: Span,
    /// The `m=` line and all lines up to the next one.
    pub section: Span,
    /// `audio`, `video`, `image` …
    pub kind: Span,
    /// The port's digits.
    pub port_span: Span,
    /// The port; 0 where the media is refused or withdrawn.
    pub port: u16,
    /// The digits of how many ports are meant (`49170/2`).
    pub port_count: Option<Span>,
    /// `RTP/AVP`, `UDP/TLS/RTP/SAVPF`, `udptl` …
    pub proto: Span,
    /// The formats, parted by spaces; possibly none.
    pub formats: Span,
    /// Its own `c=`, the first of several.
    pub connection: Option<Connection>,
    /// Its `a=rtcp`.
    pub rtcp: Option<Rtcp>,
    /// Its `a=rtcp-mux` line.
    pub rtcp_mux: Option<Span>,
    /// Its direction attribute and its line.
    pub direction: Option<(Direction, Span)>,
    pub(super) title_end: usize,
}

impl Media {
    /// Where a `c=` line of its own belongs: after `m=` and `i=`.
    pub fn connection_at(&self) -> usize {
        self.title_end
    }

    pub(super) fn parse(line: &Line) -> Result<Self, Error> {
        let mut words = Words::new(line.value);
        let mut word = || words.next().ok_or(Error::Media);
        let (kind, ports, proto) = (word()?, word()?, word()?);
        let slash = memchr::memchr(b'/', &ports);
        let port_text = ports.slice(0, slash.unwrap_or(ports.len()));
        Ok(Self {
            line: line.whole,
            section: line.whole,
            kind: kind.span(),
            port_span: port_text.span(),
            port: port(&port_text).ok_or(Error::Media)?,
            port_count: slash.map(|slash| ports.slice(slash + 1, ports.len()).span()),
            proto: proto.span(),
            formats: words.rest().span(),
            title_end: line.whole.end(),
            ..Self::default()
        })
    }
}

impl Origin {
    pub(super) fn parse(line: &Line) -> Result<Self, Error> {
        let mut last = [None; 6];
        for word in Words::new(line.value) {
            last.rotate_left(1);
            last[5] = Some(word);
        }
        let [
            Some(_),
            Some(session_id),
            Some(version),
            Some(_),
            Some(family),
            Some(address),
        ] = last
        else {
            return Err(Error::Origin);
        };
        Ok(Self {
            line: line.whole,
            session_id: session_id.span(),
            version: version.span(),
            family: family.span(),
            address: address.span(),
        })
    }
}

impl Connection {
    pub(super) fn parse(line: &Line) -> Result<Self, Error> {
        let words = Words::new(line.value);
        Self::read(line.whole, words).ok_or(Error::Connection)
    }

    fn read(line: Span, mut words: Words) -> Option<Self> {
        let (_network, family, address) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() {
            return None;
        }
        let base = memchr::memchr(b'/', &address).unwrap_or(address.len());
        let ip = address
            .slice(0, base)
            .as_str()
            .and_then(|text| text.parse().ok());
        Some(Self {
            line,
            family: family.span(),
            address: address.span(),
            ip,
        })
    }
}

impl Rtcp {
    pub(super) fn parse(line: &Line) -> Result<Self, Error> {
        let value = line.attribute_value().ok_or(Error::Rtcp)?;
        let mut words = Words::new(value);
        let port_text = words.next().ok_or(Error::Rtcp)?;
        let connection = match words.rest().is_empty() {
            true => None,
            false => Some(Connection::read(line.whole, words).ok_or(Error::Rtcp)?),
        };
        Ok(Self {
            line: line.whole,
            port_span: port_text.span(),
            port: port(&port_text).ok_or(Error::Rtcp)?,
            connection,
        })
    }
}

/// What spaces part; several in a row count as one.
#[derive(Clone)]
struct Words<'a> {
    text: Text<'a>,
    pos: usize,
}

impl<'a> Words<'a> {
    fn new(text: Text<'a>) -> Self {
        Self { text, pos: 0 }
    }

    /// What is left, without blanks at either end.
    fn rest(&self) -> Text<'a> {
        let end = self.text.trim_ascii_end().len();
        let start = self.text[self.pos..]
            .iter()
            .take_while(|byte| is_blank(byte))
            .count();
        let start = self.pos + start;
        self.text.slice(start.min(end), end)
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Text<'a>;

    fn next(&mut self) -> Option<Text<'a>> {
        let rest = self.rest();
        let len = rest.iter().position(is_blank).unwrap_or(rest.len());
        self.pos = rest.span().start() - self.text.span().start() + len;
        (len > 0).then(|| rest.slice(0, len))
    }
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn port(digits: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| digits.parse().ok())?
}
