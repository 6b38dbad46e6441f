//! What holds for every datagram whatsoever: the body of the fuzz target, which the tests run
//! over the committed corpus. It panics where a property is broken.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::limits::{MAX_DATAGRAM_BYTES, MAX_MESSAGES, MAX_PARAMETERS};
use super::{Malformed, Message, Own, ParameterName, Start, edits, messages};
use crate::sip::{Span, Splices};

const RELAY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const PORT: u16 = 2727;

/// A datagram: its messages make up all of it, unchanged they leave as they came, edits change
/// what they name and nothing else, and what is answered can be read.
pub fn datagram(bytes: &[u8]) {
    let mut whole = Vec::new();
    let (mut end, mut count, mut sound) = (0, 0, true);
    for read in messages(bytes) {
        count += 1;
        match read {
            Ok(message) => {
                parts_follow_each_other(&message, end, sound);
                end = message.span().end();
                message.render(&Splices::new(), &mut whole);
                changes_what_is_named(&message);
                stands_alone(&message);
            }
            Err(malformed) => {
                sound = false;
                assert!(malformed.at <= bytes.len());
                answer_can_be_read(&malformed);
            }
        }
    }
    assert!((1..=MAX_MESSAGES + 1).contains(&count));
    assert!(!sound || whole == bytes);
}

fn parts_follow_each_other(message: &Message, end: usize, sound: bool) {
    assert!(message.bytes().len() <= MAX_DATAGRAM_BYTES);
    assert!(!sound || message.separator.start() == end);
    assert_eq!(message.separator.end(), message.whole.start());
    let head = message.start_line().to(message.parameter_lines());
    let mut at = message.parameter_lines().start();
    assert!(message.whole.contains(head));
    for parameter in message.parameters() {
        assert_eq!(parameter.line.start(), at);
        assert!(
            parameter
                .line
                .contains(parameter.code.span().to(parameter.value.span()))
        );
        at = parameter.line.end();
    }
    assert_eq!(at, message.parameter_lines().end(), "a line is lost");
    assert!(message.parameters().count() <= MAX_PARAMETERS);
    for description in message.descriptions() {
        assert!(at <= description.start() && !description.is_empty());
        at = description.end();
    }
    assert!(at <= message.whole.end());
}

/// A message means the same without the others of its datagram.
fn stands_alone(message: &Message) {
    let mut alone = Vec::new();
    message.render(&Splices::new(), &mut alone);
    let mut read = messages(&alone);
    let again = read.next().and_then(Result::ok);
    let again = again.expect("what was a message is one on its own");
    assert!(read.next().is_none());
    assert!(says_the_same(message, &again));
}

/// Everything a proxy may replace is replaced, and nothing else has changed.
fn changes_what_is_named(message: &Message) {
    if message.bytes().len() > MAX_DATAGRAM_BYTES / 4 {
        return;
    }
    let mut changes = Splices::new();
    if let Start::Command(command) = message.start() {
        edits::domain(&mut changes, &command.endpoint.domain, RELAY);
    }
    for endpoint in message.specific_endpoints() {
        edits::domain(&mut changes, &endpoint.domain, RELAY);
    }
    if let Some(entity) = message.notified_entity() {
        edits::entity(&mut changes, &entity, SocketAddr::new(RELAY, PORT));
    }
    let mut changed = Vec::new();
    message.render(&changes, &mut changed);
    let read = messages(&changed).next().and_then(Result::ok);
    let read = read.expect("a message that was changed is one");
    let command = read.command().map(|command| command.endpoint.domain.ip);
    assert!(command.is_none_or(|ip| ip == Some(RELAY)));
    let mut endpoints = read.specific_endpoints();
    assert!(endpoints.all(|endpoint| endpoint.domain.ip == Some(RELAY)));
    if let Some(entity) = read.notified_entity() {
        assert_eq!((entity.domain.ip, entity.port), (Some(RELAY), Some(PORT)));
    }
    assert!(says_the_same(message, &read));
}

/// Whether two messages differ in nothing but domains and entities.
fn says_the_same(one: &Message, other: &Message) -> bool {
    let named = |name| {
        matches!(
            name,
            ParameterName::NotifiedEntity
                | ParameterName::SpecificEndpointId
                | ParameterName::SecondEndpointId
        )
    };
    let same_start = match (one.start(), other.start()) {
        (Start::Command(one), Start::Command(other)) => {
            one.verb.as_str() == other.verb.as_str()
                && one.transaction == other.transaction
                && one.endpoint.local == other.endpoint.local
                && *one.version == *other.version
        }
        (Start::Response(one), Start::Response(other)) => one == other,
        _ => false,
    };
    let mut pairs = one.parameters().zip(other.parameters());
    let same_lines = pairs.all(|(one, other)| {
        one.name == other.name && (named(one.name) || *one.value == *other.value)
    });
    let text = |message: &Message, span: &Span| message.text(*span).to_vec();
    let (mine, theirs) = (one.descriptions(), other.descriptions());
    let mut descriptions = mine.iter().zip(theirs);
    same_start
        && same_lines
        && one.parameters().count() == other.parameters().count()
        && mine.len() == theirs.len()
        && descriptions.all(|(mine, theirs)| text(one, mine) == text(other, theirs))
}

fn answer_can_be_read(malformed: &Malformed) {
    let Some((transaction, code)) = malformed.answer else {
        return;
    };
    let mut answer = Vec::new();
    let own = Own::Response { code, transaction };
    own.write(super::LineEnd::default(), &mut answer);
    let read = messages(&answer).next().and_then(Result::ok);
    let response = read.and_then(|message| message.response());
    let response = response.expect("an answer is a response");
    assert_eq!((response.code, response.transaction), (code, transaction));
}
