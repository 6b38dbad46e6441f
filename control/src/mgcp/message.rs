//! What one message says, and where in its datagram.

use super::limits::MAX_DESCRIPTIONS;
use super::model::{
    Mode, ParameterName, RestartMethod, ReturnCode, TransactionId, TransactionRange, Verb,
};
use super::name::{EndpointName, NotifiedEntity};
use super::own::LineEnd;
use super::read;
use crate::sip::{Span, Splices, Text};

/// One message of a datagram. Spans are offsets into the datagram.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub(super) bytes: &'a [u8],
    /// The line with the dot before it; empty at the first.
    pub(super) separator: Span,
    /// From its first line to its last.
    pub(super) whole: Span,
    pub(super) start: Start<'a>,
    pub(super) start_line: Span,
    pub(super) parameters: Span,
    pub(super) descriptions: [Span; MAX_DESCRIPTIONS],
    pub(super) description_count: usize,
}

/// A message's first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start<'a> {
    /// Something is to be done (RFC 3435 §3.2.1).
    Command(Command<'a>),
    /// What came of it (RFC 3435 §3.3).
    Response(Response<'a>),
}

/// A command's first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Command<'a> {
    /// What is to be done.
    pub verb: Verb<'a>,
    /// Its number.
    pub transaction: TransactionId,
    /// At which endpoint.
    pub endpoint: EndpointName<'a>,
    /// `MGCP 1.0`, and the profile's name where there is one.
    pub version: Text<'a>,
}

/// A response's first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Response<'a> {
    /// What came of the command.
    pub code: ReturnCode,
    /// The command's number.
    pub transaction: TransactionId,
    /// The package that knows what the code means.
    pub package: Option<Text<'a>>,
    /// For people.
    pub comment: Text<'a>,
}

/// A parameter line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameter<'a> {
    /// Which it is.
    pub name: ParameterName,
    /// Its code as written.
    pub code: Text<'a>,
    /// Its value without white space at either end.
    pub value: Text<'a>,
    /// The line with its line end.
    pub line: Span,
}

impl<'a> Message<'a> {
    /// The first line.
    pub fn start(&self) -> Start<'a> {
        self.start
    }

    /// The first line of a command; nothing in a response.
    pub fn command(&self) -> Option<Command<'a>> {
        match self.start {
            Start::Command(command) => Some(command),
            Start::Response(_) => None,
        }
    }

    /// The first line of a response; nothing in a command.
    pub fn response(&self) -> Option<Response<'a>> {
        match self.start {
            Start::Command(_) => None,
            Start::Response(response) => Some(response),
        }
    }

    /// The number of the command, or of the one that is answered.
    pub fn transaction(&self) -> TransactionId {
        match self.start {
            Start::Command(command) => command.transaction,
            Start::Response(response) => response.transaction,
        }
    }

    /// The parameter lines in order.
    pub fn parameters(&self) -> impl Iterator<Item = Parameter<'a>> + use<'a> {
        read::parameters(self.bytes, self.parameters).map_while(Result::ok)
    }

    /// The value of the first parameter of that name.
    pub fn parameter(&self, name: ParameterName) -> Option<Text<'a>> {
        let found = self.parameters().find(|parameter| parameter.name == name);
        found.map(|parameter| parameter.value)
    }

    /// Who is to be told, where somebody is named. An empty value, which means whoever sent the
    /// last command, is nobody.
    pub fn notified_entity(&self) -> Option<NotifiedEntity<'a>> {
        NotifiedEntity::read(self.parameter(ParameterName::NotifiedEntity)?)
    }

    /// The endpoints that a response names: one for which a wildcard stood, or all that were
    /// asked for; those of the second endpoint included.
    pub fn specific_endpoints(&self) -> impl Iterator<Item = EndpointName<'a>> + use<'a> {
        let named = self.parameters().filter(|parameter| {
            matches!(
                parameter.name,
                ParameterName::SpecificEndpointId | ParameterName::SecondEndpointId
            )
        });
        named.filter_map(|parameter| EndpointName::read(parameter.value))
    }

    /// The call.
    pub fn call(&self) -> Option<Text<'a>> {
        self.parameter(ParameterName::CallId)
    }

    /// The connections: one, or in an endpoint's audit all it has.
    pub fn connections(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        let lines = self
            .parameters()
            .filter(|parameter| parameter.name == ParameterName::ConnectionId);
        lines.flat_map(|line| read::list(line.value))
    }

    /// Which way media may flow, where it is said.
    pub fn mode(&self) -> Option<Mode> {
        let text = self.parameter(ParameterName::ConnectionMode)?;
        Some(Mode::new(&text))
    }

    /// How endpoints go into or out of service; `restart` where nothing is said.
    pub fn restart_method(&self) -> RestartMethod {
        let text = self.parameter(ParameterName::RestartMethod);
        text.map_or(RestartMethod::Restart, |text| RestartMethod::new(&text))
    }

    /// After how many seconds they do.
    pub fn restart_delay(&self) -> Option<u32> {
        read::number(&self.parameter(ParameterName::RestartDelay)?)
    }

    /// Why, by its number: 900 for a fault of the hardware.
    pub fn reason(&self) -> Option<ReturnCode> {
        let text = self.parameter(ParameterName::ReasonCode)?;
        let digits = text.get(..3)?;
        read::number(digits).map(|code| ReturnCode(code as u16))
    }

    /// The responses that have arrived at the sender.
    pub fn acknowledged(&self) -> impl Iterator<Item = TransactionRange> + use<'a> {
        let lines = self
            .parameters()
            .filter(|parameter| parameter.name == ParameterName::ResponseAck);
        lines
            .flat_map(|line| read::list(line.value))
            .filter_map(|range| read::transaction_range(&range))
    }

    /// The receiver of this response shall say that it has arrived: it carries a ResponseAck
    /// without a value (RFC 3435 §3.5.6).
    pub fn asks_acknowledgement(&self) -> bool {
        self.response().is_some()
            && self
                .parameter(ParameterName::ResponseAck)
                .is_some_and(|value| value.is_empty())
    }

    /// The session descriptions: of two, the first is the gateway's own (RFC 3435 §3.4).
    pub fn descriptions(&self) -> &[Span] {
        &self.descriptions[..self.description_count]
    }

    /// Where the first line stands, without its line end.
    pub fn start_line(&self) -> Span {
        self.start_line
    }

    /// Where the parameter lines stand.
    pub fn parameter_lines(&self) -> Span {
        self.parameters
    }

    /// All of it.
    pub fn span(&self) -> Span {
        self.whole
    }

    /// The datagram.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes under a span of the datagram.
    pub fn text(&self, span: Span) -> Text<'a> {
        Text::new(self.bytes, span)
    }

    /// What ends its first line.
    pub fn line_end(&self) -> LineEnd {
        match self.bytes.get(self.start_line.end()) {
            Some(b'\n') => LineEnd::Lf,
            _ => LineEnd::CrLf,
        }
    }

    /// Appends the message to a datagram with `edits` applied, which lie within it; behind
    /// another one, after the line with the dot that stood before it.
    pub fn render(&self, edits: &Splices, out: &mut Vec<u8>) {
        if !out.is_empty() {
            match self.separator.is_empty() {
                true => self.line_end().write_line(b".", out),
                false => self.write_separator(out),
            }
        }
        edits.apply_within(self.bytes, self.whole, out);
    }

    fn write_separator(&self, out: &mut Vec<u8>) {
        if !out.ends_with(b"\n") {
            out.extend_from_slice(self.line_end().as_bytes());
        }
        out.extend_from_slice(&self.text(self.separator));
    }
}
