//! What holds for every input whatsoever: bodies of the fuzz targets, which the tests run over
//! the committed corpora and over generated messages. They panic where a property is broken.

use super::limits::{MAX_HEADERS, MAX_MESSAGE_BYTES};
use super::{
    Builder, Element, Frame, Framer, FramingError, HeaderName, Message, NameAddr, ParseError, Span,
    Splices, Status, Uri, escape, scan,
};

/// A datagram: what parses is kept byte for byte, its views lie within it, edits change what
/// they name, and what is answered parses.
pub fn message(bytes: &[u8]) {
    match Message::parse(bytes) {
        Ok(message) => {
            lines_follow_each_other(&message);
            views_lie_within(&message);
            renders_unchanged(&message);
            if message.bytes().len() < MAX_MESSAGE_BYTES / 4
                && message.headers().len() < MAX_HEADERS - 4
            {
                edits_change_what_they_name(&message);
                answers_parse(&message);
            }
            if let Err(error) = message.check() {
                refusal_parses(&error);
            }
        }
        Err(error) => refusal_parses(&error),
    }
}

/// A stream: the same messages come out however it is cut into pieces. The first byte says how.
pub fn framing(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else {
        return;
    };
    let whole = messages([stream].into_iter());
    let pieces = messages(stream.chunks(usize::from(*cut) % 16 + 1));
    assert_eq!(whole, pieces);
}

/// A URI: its parts lie within it in order, and angle brackets do not change it.
pub fn uri(bytes: &[u8]) {
    let Some(uri) = Uri::parse(bytes) else { return };
    assert_eq!(&*uri.text, bytes);
    let host = uri
        .host_port
        .map(|host_port| Span::new(host_port.whole.start(), host_port.whole.end()));
    let parts = [
        Some(uri.scheme_text.span()),
        uri.user.map(|user| user.span()),
        uri.password.map(|password| password.span()),
        host,
        Some(uri.params.span()),
        uri.headers.map(|headers| headers.span()),
    ];
    let ends = parts.into_iter().flatten().fold(0, |end, part| {
        assert!(end <= part.start(), "parts overlap");
        part.end()
    });
    assert!(ends <= bytes.len());
    for (name, value) in uri.header_fields() {
        let (mut plain, mut escaped, mut again) = (Vec::new(), Vec::new(), Vec::new());
        escape::unescape(&value, &mut plain);
        escape::escape_header(&plain, &mut escaped);
        escape::unescape(&escaped, &mut again);
        assert_eq!(plain, again, "{name:?}");
    }
    let bracketed = [b"\"x\" <", bytes, b">;tag=1"].concat();
    if bracketed.len() <= MAX_MESSAGE_BYTES {
        let address = NameAddr::parse(&bracketed, Span::new(0, bracketed.len()));
        let address = address.expect("a URI in angle brackets is an address");
        assert_eq!(&*address.uri.text, bytes);
        assert_eq!(address.tag().as_deref(), Some(&b"1"[..]));
    }
}

fn lines_follow_each_other(message: &Message) {
    let first = message
        .headers()
        .first()
        .map_or(message.headers_end(), |header| header.line.start());
    assert_eq!(message.bytes()[first - 1], b'\n');
    let end = message.headers().iter().fold(first, |end, header| {
        assert_eq!(header.line.start(), end);
        assert!(header.line.contains(header.name_span));
        assert!(header.line.contains(header.value));
        assert!(header.name_span.end() < header.value.start() || header.value.is_empty());
        header.line.end()
    });
    assert_eq!(end, message.headers_end());
    let body = message.body().span();
    assert!((1..=2).contains(&(body.start() - end)));
    assert_eq!(body.end(), message.bytes().len());
}

fn views_lie_within(message: &Message) {
    for header in message.headers() {
        let name = header.name;
        for element in message.elements(name) {
            assert!(element.header.value.contains(element.text.span()));
            assert!(element.header.line.contains(element.removal));
            assert!(element.removal.contains(element.text.span()));
        }
        for (element, address) in message.addresses(name).flatten() {
            assert!(element.text.span().contains(address.uri.text.span()));
            assert!(element.text.span().contains(address.params.span()));
            let params = address.params.iter();
            assert!(
                params
                    .into_iter()
                    .all(|param| address.params.span().contains(param.whole))
            );
        }
        let found = scan::addresses(message.bytes(), header.value);
        assert!(
            found
                .into_iter()
                .all(|found| header.value.contains(found.span))
        );
    }
    for (element, via) in message.vias().flatten() {
        assert!(element.text.span().contains(via.sent_by.whole));
        let _ = (
            via.unique_branch(),
            via.received(),
            via.rport(),
            via.maddr(),
            via.ttl(),
        );
    }
    let body = message.body().span();
    let description = message.session_description();
    assert!(description.is_none_or(|description| body.contains(description.span())));
}

fn renders_unchanged(message: &Message) {
    let mut rendered = Vec::new();
    message.render(&mut Splices::new(), &mut rendered);
    assert_eq!(rendered, message.bytes());
}

fn edits_change_what_they_name(message: &Message) {
    let mut edits = Splices::new();
    let bytes = message.bytes();
    let end = message.headers_end();
    edits.replace(message.body().span(), b"x");
    edits.insert_header(end, "X-Inserted", b"1");
    let mut rendered = Vec::new();
    message.render(&mut edits, &mut rendered);
    let edited = Message::parse(&rendered).expect("an edited message is a message");
    assert_eq!(&*edited.body(), b"x");
    let length = edited
        .value(HeaderName::ContentLength)
        .expect("a new body has a length");
    assert!(length.ends_with(b"1"));
    let kept = message
        .headers()
        .iter()
        .filter(|header| header.name != HeaderName::ContentLength);
    let mut after = edited.headers().iter();
    for header in kept {
        let line = &bytes[header.line.start()..header.line.end()];
        assert!(
            after.any(|other| &*edited.text(other.line) == line),
            "a line is lost"
        );
    }
    removing_an_element_leaves_the_others(message);
}

/// For the first line with several values, the first, one amid the others and the last are removed
/// in turn.
fn removing_an_element_leaves_the_others(message: &Message) {
    let list = message.headers().iter().find(|header| {
        message
            .elements(header.name)
            .filter(|element| element.header == **header)
            .count()
            > 1
    });
    let Some(list) = list else { return };
    let texts = |message: &Message| -> Vec<Vec<u8>> {
        message
            .elements(list.name)
            .map(|element| element.text.to_vec())
            .collect()
    };
    let elements: Vec<Element> = message.elements(list.name).collect();
    for index in [0, elements.len() / 2, elements.len() - 1] {
        let mut expected = texts(message);
        expected.remove(index);
        let mut edits = Splices::new();
        edits.remove(elements[index].removal);
        let mut rendered = Vec::new();
        message.render(&mut edits, &mut rendered);
        let edited = Message::parse(&rendered).expect("an edited message is a message");
        assert_eq!(texts(&edited), expected);
    }
}

fn answers_parse(message: &Message) {
    if message.status().is_some() {
        return;
    }
    let mut response = Vec::new();
    Builder::response(&mut response, message, Status::OK, Some(b"t")).finish();
    let parsed = Message::parse(&response).expect("a response of ours is a message");
    assert_eq!(parsed.status(), Some(Status::OK));
    let vias = |message: &Message| message.headers_named(HeaderName::Via).count();
    assert_eq!(vias(&parsed), vias(message));
    let (mut cancel, mut ack) = (Vec::new(), Vec::new());
    Builder::cancel(&mut cancel, message).finish();
    Builder::ack(&mut ack, message, &parsed).finish();
    for request in [cancel, ack] {
        let parsed = Message::parse(&request).expect("a request of ours is a message");
        assert_eq!(parsed.request_uri(), message.request_uri());
    }
}

fn refusal_parses(error: &ParseError) {
    let mut response = Vec::new();
    let Some(refusal) = Builder::refusal(&mut response, error, b"t") else {
        assert_eq!(error.reply(), None);
        return;
    };
    refusal.finish();
    if response.len() <= MAX_MESSAGE_BYTES && error.headers().count() < MAX_HEADERS {
        let parsed = Message::parse(&response).expect("a refusal is a message");
        assert_eq!(parsed.status(), error.reply());
    }
}

/// The messages a stream brings in these pieces, and whether it ends in an error.
fn messages<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let mut framer = Framer::new();
    let mut messages = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(message))) => messages.push(message.to_vec()),
                Ok(Some(Frame::Ping | Frame::Pong)) => {}
                Ok(None) => break,
                Err(error) => {
                    let again: FramingError = framer.next().expect_err("an error is final");
                    assert_eq!(again, error);
                    return (messages, true);
                }
            }
        }
    }
    (messages, false)
}
