//! A description's lines, whatever ends them, and what their attributes are about.

use memchr::{memchr, memchr2};
use serde::{Deserialize, Serialize};

use crate::sip::{Span, Text};

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The letter before the equals sign; 0 for a line that is not `letter=value`.
    pub letter: u8,
    /// What follows the equals sign; the whole line where there is none.
    pub value: Text<'a>,
    /// The line with its line end, as it is removed.
    pub whole: Span,
}

/// Which way media flows, as its sender sees it (RFC 8866 §6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Direction {
    /// Both ways, also where nothing is said.
    #[default]
    SendRecv,
    /// Only from the sender of the description.
    SendOnly,
    /// Only towards the sender of the description.
    RecvOnly,
    /// Neither way.
    Inactive,
}

/// What an `a=` line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// sendrecv, sendonly, recvonly or inactive.
    Direction(Direction),
    /// Where RTCP is received (RFC 3605).
    Rtcp,
    /// RTCP shares the RTP port (RFC 5761), rtcp-mux-only included (RFC 8858).
    RtcpMux,
    /// A transport address to try, or what belongs to trying them: candidate, remote-candidates,
    /// end-of-candidates, ice-* (RFC 8839).
    Ice,
    /// Alternative addresses: altc (RFC 6947), alt and their like.
    Alternative,
    /// Addresses that packets are taken from (RFC 4570).
    SourceFilter,
    /// Any other.
    Other,
}

impl Line<'_> {
    /// What an attribute line is about; `None` for other lines.
    pub fn attribute(&self) -> Option<Attribute> {
        if self.letter != b'a' {
            return None;
        }
        let end = memchr(b':', &self.value).unwrap_or(self.value.len());
        Some(attribute(self.value[..end].trim_ascii()))
    }

    /// An attribute's value: what follows its colon.
    pub fn attribute_value(&self) -> Option<Text<'_>> {
        let colon = memchr(b':', &self.value).filter(|_| self.letter == b'a')?;
        Some(self.value.slice(colon + 1, self.value.len()))
    }
}

impl Attribute {
    /// Whether it offers addresses beside those of `c=` and `m=`.
    pub fn offers_addresses(self) -> bool {
        matches!(
            self,
            Attribute::Ice | Attribute::Alternative | Attribute::SourceFilter
        )
    }
}

impl Direction {
    /// As it is written in an attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// Whether its sender sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether its sender receives.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }
}

/// Iterates over the lines under `span`. CRLF, LF and CR each end a line.
#[derive(Clone, Debug)]
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    pos: usize,
    end: usize,
}

impl<'a> Lines<'a> {
    pub fn new(bytes: &'a [u8], span: Span) -> Self {
        Self {
            bytes,
            pos: span.start(),
            end: span.end(),
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = &self.bytes[self.pos..self.end];
        if rest.is_empty() {
            return None;
        }
        let content = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let whole = content + line_end(&rest[content..]).len();
        let has_letter = content >= 2 && rest[0].is_ascii_alphabetic() && rest[1] == b'=';
        let value_start = self.pos + if has_letter { 2 } else { 0 };
        let value = Span::new(value_start, self.pos + content);
        let line = Line {
            letter: if has_letter { rest[0] } else { 0 },
            value: Text::new(self.bytes, value),
            whole: Span::new(self.pos, self.pos + whole),
        };
        self.pos += whole;
        Some(line)
    }
}

/// The line end that `rest` starts with; empty at the end of the description.
pub(super) fn line_end(rest: &[u8]) -> &'static [u8] {
    match rest {
        [b'\r', b'\n', ..] => b"\r\n",
        [b'\n', ..] => b"\n",
        [b'\r', ..] => b"\r",
        _ => b"",
    }
}

/// Names are compared without regard to case: a candidate spelt oddly is a candidate.
fn attribute(name: &[u8]) -> Attribute {
    let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
    let starts = |text: &str| {
        name.get(..text.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(text.as_bytes()))
    };
    match name.first().map(u8::to_ascii_lowercase) {
        Some(b's') if is("sendrecv") => Attribute::Direction(Direction::SendRecv),
        Some(b's') if is("sendonly") => Attribute::Direction(Direction::SendOnly),
        Some(b'r') if is("recvonly") => Attribute::Direction(Direction::RecvOnly),
        Some(b'i') if is("inactive") => Attribute::Direction(Direction::Inactive),
        Some(b'r') if is("rtcp") => Attribute::Rtcp,
        Some(b'r') if is("rtcp-mux") || is("rtcp-mux-only") => Attribute::RtcpMux,
        Some(b'c') if is("candidate") => Attribute::Ice,
        Some(b'r') if is("remote-candidates") => Attribute::Ice,
        Some(b'e') if is("end-of-candidates") => Attribute::Ice,
        Some(b'i') if starts("ice-") => Attribute::Ice,
        Some(b'a') if starts("alt") => Attribute::Alternative,
        Some(b's') if is("source-filter") => Attribute::SourceFilter,
        _ => Attribute::Other,
    }
}
