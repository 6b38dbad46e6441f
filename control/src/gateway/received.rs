//! A request kept beyond the moment it came: for its responses, and to be sent elsewhere.

use crate::sip::{HeaderName, Message, Span};

/// A request as received, and where in it the headers stand that its responses repeat.
#[derive(Clone, Debug)]
pub struct Received {
    bytes: Box<[u8]>,
    from: Span,
    to: Span,
    to_has_tag: bool,
    call_id: Span,
    record_routes: Box<[Span]>,
}

impl Received {
    /// Keeps a request that passed [`Message::check`].
    pub fn new(message: &Message) -> Self {
        let span = |name| {
            message
                .header(name)
                .map_or(Span::default(), |header| header.value)
        };
        let record_routes = message.headers_named(HeaderName::RecordRoute);
        let to = message.address(HeaderName::To);
        Self {
            bytes: message.bytes().into(),
            from: span(HeaderName::From),
            to: span(HeaderName::To),
            to_has_tag: to.is_ok_and(|to| to.tag().is_some()),
            call_id: span(HeaderName::CallId),
            record_routes: record_routes.map(|header| header.line).collect(),
        }
    }

    /// The request, read again.
    pub fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).expect("it was read when it was received")
    }

    /// How long it is.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The value of From.
    pub fn from(&self) -> &[u8] {
        self.text(self.from)
    }

    /// Writes the value of To, with `tag` where it has none.
    pub fn write_to(&self, tag: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(self.text(self.to));
        if !self.to_has_tag && !tag.is_empty() {
            out.extend_from_slice(b";tag=");
            out.extend_from_slice(tag);
        }
    }

    /// The Call-ID.
    pub fn call_id(&self) -> &[u8] {
        self.text(self.call_id)
    }

    /// The Record-Route lines, each with its line end.
    pub fn record_routes(&self) -> impl Iterator<Item = &[u8]> {
        self.record_routes.iter().map(|span| self.text(*span))
    }

    fn text(&self, span: Span) -> &[u8] {
        &self.bytes[span.start()..span.end()]
    }
}
