//! A datagram's octets become messages.
//!
//! Lines end in CRLF or LF; a carriage return elsewhere is a fault, since whoever receives it
//! next might read a line end there.

use memchr::memchr;
use thiserror::Error;

use super::limits::{
    MAX_ACKNOWLEDGED_RANGES, MAX_DATAGRAM_BYTES, MAX_DESCRIPTIONS, MAX_IDENTIFIER_BYTES,
    MAX_MESSAGES, MAX_PARAMETERS,
};
use super::message::{Command, Message, Parameter, Response, Start};
use super::model::{ParameterName, ReturnCode, TransactionId, TransactionRange, Verb};
use super::name::{EndpointName, NotifiedEntity};
use crate::sip::{Span, Text};

/// What is wrong with octets that should be a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Fault {
    /// Longer than any datagram.
    #[error("datagram too long")]
    TooLong,
    /// More messages than [`MAX_MESSAGES`].
    #[error("too many messages")]
    TooManyMessages,
    /// Nothing stands there.
    #[error("no message")]
    Empty,
    /// A carriage return that ends no line.
    #[error("stray carriage return")]
    StrayReturn,
    /// Neither a verb nor a code.
    #[error("neither command nor response")]
    StartLine,
    /// No transaction number of 1 to 999 999 999.
    #[error("malformed transaction number")]
    Transaction,
    /// No endpoint's name.
    #[error("malformed endpoint name")]
    Endpoint,
    /// Not a version that is known.
    #[error("unknown protocol version")]
    Version,
    /// A line that is no parameter.
    #[error("malformed parameter line")]
    ParameterLine,
    /// More lines than [`MAX_PARAMETERS`].
    #[error("too many parameters")]
    TooManyParameters,
    /// A parameter stands twice that may stand once.
    #[error("parameter stands twice")]
    Duplicate,
    /// The value of a parameter that a proxy must know is none.
    #[error("malformed parameter value")]
    Value,
    /// More session descriptions than [`MAX_DESCRIPTIONS`].
    #[error("too many session descriptions")]
    TooManyDescriptions,
}

/// Octets that are no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{fault} at octet {at}")]
pub struct Malformed {
    /// Why.
    pub fault: Fault,
    /// How far reading came, from the start of the datagram.
    pub at: usize,
    /// What the sender is told: where it is a command whose number can be read.
    pub answer: Option<(TransactionId, ReturnCode)>,
}

/// The messages of a datagram in order, what is none among them (RFC 3435 §3.5.5). Where there
/// are too many, the first that is too much is the last to be told of.
pub fn messages(bytes: &[u8]) -> impl Iterator<Item = Result<Message<'_>, Malformed>> {
    let mut chunks = Chunks {
        bytes: bytes.get(..MAX_DATAGRAM_BYTES).unwrap_or(bytes),
        next: Some(Span::default()),
    };
    let mut count = 0;
    std::iter::from_fn(move || {
        if bytes.len() > MAX_DATAGRAM_BYTES {
            chunks.next.take()?;
            return Some(Err(unanswered(Fault::TooLong, 0)));
        }
        let (separator, whole) = chunks.next()?;
        count += 1;
        if count > MAX_MESSAGES {
            chunks.next = None;
            return Some(Err(unanswered(Fault::TooManyMessages, whole.start())));
        }
        Some(message(bytes, separator, whole))
    })
}

/// The parameter lines under `section`, up to the first that is none.
pub(super) fn parameters(
    bytes: &[u8],
    section: Span,
) -> impl Iterator<Item = Result<Parameter<'_>, Fault>> {
    Lines::new(bytes, section).map(move |line| parameter(bytes, &line))
}

/// The elements of a comma-separated list, without blanks, but for empty ones.
pub(super) fn list(text: Text<'_>) -> impl Iterator<Item = Text<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let end = memchr(b',', &text[at..]).map_or(text.len(), |end| at + end);
            let element = trimmed(text.slice(at, end));
            at = end + 1;
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    })
}

/// A decimal number that fills `text`.
pub(super) fn number(text: &[u8]) -> Option<u32> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = digits.then(|| std::str::from_utf8(text).ok()).flatten()?;
    text.parse().ok()
}

/// A transaction, or a first and a last one.
pub(super) fn transaction_range(text: &[u8]) -> Option<TransactionRange> {
    let mut ends = text.splitn(2, |byte| *byte == b'-');
    let first = transaction(ends.next()?.trim_ascii())?;
    let last = match ends.next() {
        Some(last) => transaction(last.trim_ascii())?,
        None => first,
    };
    (first <= last).then_some(first..=last)
}

fn message(bytes: &[u8], separator: Span, whole: Span) -> Result<Message<'_>, Malformed> {
    let mut lines = Lines::new(bytes, whole);
    let Some(first) = lines.find(|line| !line.content.is_empty()) else {
        return Err(unanswered(Fault::Empty, whole.start()));
    };
    let line = Text::new(bytes, first.content);
    let start = start(line)?;
    let refused = |fault| refused(fault, line, first.content.start());
    let mut message = Message {
        bytes,
        separator,
        whole,
        start,
        start_line: first.content,
        parameters: Span::at(lines.at),
        descriptions: [Span::default(); MAX_DESCRIPTIONS],
        description_count: 0,
    };
    let head_end = lines.find(|line| line.content.is_empty());
    let parameters_end = head_end
        .as_ref()
        .map_or(whole.end(), |line| line.whole.start());
    message.parameters = Span::new(message.parameters.start(), parameters_end);
    if let Some(stray) = stray_return(bytes, whole) {
        return Err(Malformed {
            at: stray,
            ..refused(Fault::StrayReturn)
        });
    }
    check_parameters(&message).map_err(refused)?;
    while let Some(first) = lines.next() {
        if first.content.is_empty() {
            continue;
        }
        let last = lines.by_ref().take_while(|line| !line.content.is_empty());
        let description = first
            .whole
            .to(last.last().map_or(first.whole, |line| line.whole));
        let slot = message.descriptions.get_mut(message.description_count);
        *slot.ok_or_else(|| refused(Fault::TooManyDescriptions))? = description;
        message.description_count += 1;
    }
    Ok(message)
}

/// Each line is a parameter, and those a proxy must know can be read and stand but once.
fn check_parameters(message: &Message) -> Result<(), Fault> {
    let (mut seen, mut count, mut ranges) = (0u32, 0, 0);
    for parameter in parameters(message.bytes, message.parameters) {
        let parameter = parameter?;
        count += 1;
        if count > MAX_PARAMETERS {
            return Err(Fault::TooManyParameters);
        }
        let bit = 1 << parameter.name as u32;
        if parameter.name.stands_once() && seen & bit != 0 {
            return Err(Fault::Duplicate);
        }
        seen |= bit;
        let value = parameter.value;
        let sound = match parameter.name {
            ParameterName::NotifiedEntity => {
                value.is_empty() || NotifiedEntity::read(value).is_some()
            }
            ParameterName::SpecificEndpointId | ParameterName::SecondEndpointId => {
                EndpointName::read(value).is_some()
            }
            ParameterName::ResponseAck => list(value).all(|range| {
                ranges += 1;
                ranges <= MAX_ACKNOWLEDGED_RANGES && transaction_range(&range).is_some()
            }),
            ParameterName::CallId | ParameterName::SecondConnectionId => identifier(&value),
            ParameterName::ConnectionId => list(value).all(|one| identifier(&one)),
            _ => true,
        };
        if !sound {
            return Err(Fault::Value);
        }
    }
    Ok(())
}

/// A call's or connection's name; `$` has the gateway choose one, and an audit may show none.
fn identifier(text: &[u8]) -> bool {
    text.len() <= MAX_IDENTIFIER_BYTES && text.iter().all(u8::is_ascii_graphic)
}

fn parameter<'a>(bytes: &'a [u8], line: &Line) -> Result<Parameter<'a>, Fault> {
    let text = Text::new(bytes, line.content);
    let colon = memchr(b':', &text).ok_or(Fault::ParameterLine)?;
    // An extension within a package is named `package/parameter`.
    let code = trimmed(text.slice(0, colon));
    if code.is_empty() || !code.iter().all(u8::is_ascii_graphic) || is_blank(text[0]) {
        return Err(Fault::ParameterLine);
    }
    Ok(Parameter {
        name: ParameterName::new(&code),
        code,
        value: trimmed(text.slice(colon + 1, text.len())),
        line: line.whole,
    })
}

fn start(line: Text<'_>) -> Result<Start<'_>, Malformed> {
    let refused = |fault, at: Text| refused(fault, line, at.span().start());
    let mut words = Words { rest: line };
    let first = words.next();
    let number = words.next();
    let transaction = transaction(&number).ok_or_else(|| refused(Fault::Transaction, number))?;
    if let [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9'] = *first {
        let code = ReturnCode(
            first
                .iter()
                .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')),
        );
        let package = words.rest.starts_with(b"/").then(|| words.next());
        return Ok(Start::Response(Response {
            code,
            transaction,
            package: package.map(|package| package.slice(1, package.len())),
            comment: trimmed(words.rest),
        }));
    }
    let verb = Verb::read(first).ok_or_else(|| refused(Fault::StartLine, first))?;
    let name = words.next();
    let endpoint = EndpointName::read(name).ok_or_else(|| refused(Fault::Endpoint, name))?;
    let version = trimmed(words.rest);
    if !is_known_version(&version) {
        return Err(refused(Fault::Version, version));
    }
    Ok(Start::Command(Command {
        verb,
        transaction,
        endpoint,
        version,
    }))
}

/// `MGCP 1.0` or what came before it, and the profile's name where one follows.
fn is_known_version(text: &[u8]) -> bool {
    let mut words = text
        .split(|byte| is_blank(*byte))
        .filter(|word| !word.is_empty());
    let protocol = words.next().unwrap_or_default();
    let version = words.next().unwrap_or_default();
    protocol.eq_ignore_ascii_case(b"MGCP") && matches!(version, [b'0' | b'1', b'.', b'0'..=b'9'])
}

/// What is wrong with a message that starts with this line: answered where the line is that of a
/// command with a number, and not answered where it might be a response.
fn refused(fault: Fault, line: Text, at: usize) -> Malformed {
    let mut words = Words { rest: line };
    let (first, number) = (words.next(), words.next());
    let command = first.first().is_some_and(u8::is_ascii_alphabetic);
    let code = match fault {
        Fault::Version => ReturnCode::INCOMPATIBLE_VERSION,
        _ => ReturnCode::PROTOCOL_ERROR,
    };
    let answer = transaction(&number).filter(|_| command);
    Malformed {
        fault,
        at,
        answer: answer.map(|transaction| (transaction, code)),
    }
}

fn unanswered(fault: Fault, at: usize) -> Malformed {
    Malformed {
        fault,
        at,
        answer: None,
    }
}

fn transaction(text: &[u8]) -> Option<TransactionId> {
    TransactionId::new(number(text)?)
}

/// The first carriage return that no line feed follows.
fn stray_return(bytes: &[u8], span: Span) -> Option<usize> {
    let text = &bytes[span.start()..span.end()];
    let mut returns = memchr::memchr_iter(b'\r', text);
    let stray = returns.find(|at| text.get(at + 1) != Some(&b'\n'))?;
    Some(span.start() + stray)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trimmed(text: Text<'_>) -> Text<'_> {
    let first = text.iter().position(|byte| !is_blank(*byte));
    let last = text.iter().rposition(|byte| !is_blank(*byte));
    text.slice(first.unwrap_or(0), last.map_or(0, |last| last + 1))
}

/// Words between blanks.
struct Words<'a> {
    rest: Text<'a>,
}

impl<'a> Words<'a> {
    /// The next one; an empty one at the end.
    fn next(&mut self) -> Text<'a> {
        let end = self.rest.iter().position(|byte| is_blank(*byte));
        let end = end.unwrap_or(self.rest.len());
        let word = self.rest.slice(0, end);
        let after = &self.rest[end..];
        let blanks = after.iter().take_while(|byte| is_blank(**byte)).count();
        self.rest = self.rest.slice(end + blanks, self.rest.len());
        word
    }
}

struct Line {
    /// Without its line end.
    content: Span,
    whole: Span,
}

/// The lines under a span; the last one may lack its end.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8], span: Span) -> Self {
        Self {
            bytes,
            at: span.start(),
            end: span.end(),
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        if self.at >= self.end {
            return None;
        }
        let rest = &self.bytes[self.at..self.end];
        let (length, next) = match memchr(b'\n', rest) {
            Some(feed) => (feed, feed + 1),
            None => (rest.len(), rest.len()),
        };
        let length = length - usize::from(rest[..length].ends_with(b"\r"));
        let line = Line {
            content: Span::new(self.at, self.at + length),
            whole: Span::new(self.at, self.at + next),
        };
        self.at += next;
        Some(line)
    }
}

/// The messages of a datagram, cut at lines with a lone dot: each with the separator before it.
struct Chunks<'a> {
    bytes: &'a [u8],
    /// The separator of the next one; nothing at the end.
    next: Option<Span>,
}

impl Iterator for Chunks<'_> {
    type Item = (Span, Span);

    fn next(&mut self) -> Option<(Span, Span)> {
        let separator = self.next.take()?;
        let rest = Span::new(separator.end(), self.bytes.len());
        let dot = Lines::new(self.bytes, rest).find(|line| {
            let content = &self.bytes[line.content.start()..line.content.end()];
            content.trim_ascii() == b"."
        });
        self.next = dot.as_ref().map(|line| line.whole);
        let end = dot.map_or(rest.end(), |line| line.whole.start());
        Some((separator, Span::new(rest.start(), end)))
    }
}

#[cfg(test)]
mod tests;
