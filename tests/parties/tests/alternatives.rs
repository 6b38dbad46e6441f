//! A terminal is called in a version: it says which one it can use, or chooses among those offered.

#![allow(clippy::unwrap_used, reason = "all of it is test")]

mod terminal;

use std::sync::Arc;

use strait_parties::party::{Datagram, Party};
use strait_parties::phone::{Config, Event, Offer, Phone, Version};
use strait_parties::sip::message::Message;

use terminal::{
    NOW, OWN_V4, OWN_V6, SERVER_V4, SERVER_V6, at, connection, events, one, respond, sent, terminal,
};

/// An INVITE to a terminal, with this much of a description after `t=`.
fn invite(from: &str, to: &str, lines: &str) -> Datagram {
    let body = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n{lines}");
    let payload = format!(
        "INVITE sip:alice@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKx\r\n\
         From: <sip:bob@example.net>;tag=1\r\nTo: <sip:alice@example.net>\r\nCall-ID: c\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:bob@{from}>\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Datagram {
        source: at(from),
        destination: at(to),
        payload: payload.into_bytes(),
    }
}

#[test]
fn a_callee_that_judges_says_which_version_it_can_use() {
    let (own, server) = (at(OWN_V4), at(SERVER_V4));
    let mut config = Config::new("alice", "example.net", own, server, Arc::default());
    config.judges = true;
    let mut phone = Phone::new(config, 1);
    let lines = "c=IN IP6 2001:db8::9\r\nm=audio 4000 RTP/AVP 8\r\nm=video 4002 RTP/AVP 96\r\n";
    phone.receive(NOW, &invite(SERVER_V4, OWN_V4, lines));
    let (datagram, answer) = one(&mut phone);
    assert!(
        datagram
            .payload
            .starts_with(b"SIP/2.0 380 Alternative Service\r\n")
    );
    assert_eq!(answer.header("Contact"), None);
    assert_eq!(answer.header("Warning"), Some("301 192.0.2.1 \"Use IPv4\""));
    assert_eq!(connection(&answer), "c=IN IP4 0.0.0.0");
    let body = String::from_utf8(answer.body.clone()).unwrap();
    assert!(body.contains("m=audio 9 RTP/AVP 8\r\n") && body.contains("m=video 9 RTP/AVP 96\r\n"));
    let told = events(&mut phone);
    assert!(
        matches!(&told[..], [Event::SentElsewhere { from, usable: Version::V4 }] if from == "bob")
    );
    assert_eq!(phone.calls().count(), 0);
}

#[test]
fn a_dual_callee_answers_in_the_version_of_the_offer() {
    for (lines, expected) in [
        (
            "c=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 8\r\n",
            "c=IN IP4 192.0.2.1",
        ),
        (
            "c=IN IP6 2001:db8::9\r\nm=audio 4000 RTP/AVP 8\r\n",
            "c=IN IP6 2001:db8::1",
        ),
        // The preferred address counts, whatever the order of the lines.
        (
            "c=IN IP6 2001:db8::9\r\nm=audio 4000 RTP/AVP 8\r\n\
             a=altc:2 IP6 2001:db8::9 4000\r\na=altc:1 IP4 192.0.2.9 4002\r\na=altc:x IP4\r\n",
            "c=IN IP4 192.0.2.1",
        ),
    ] {
        let mut phone = terminal(|config, _| config.judges = true);
        phone.receive(NOW, &invite(SERVER_V6, OWN_V6, lines));
        let call = phone.calls().next().unwrap().handle();
        phone.accept(NOW, call);
        let answer = sent(&mut phone).pop().unwrap().1;
        assert_eq!(connection(&answer), expected);
        assert_eq!(
            answer.header("Contact"),
            Some("<sip:alice@[2001:db8::1]:5060>")
        );
        assert!(!String::from_utf8_lossy(&answer.body).contains("altc"));
        let stream = phone.call_at(call).unwrap().stream();
        let port = if lines.contains("4002") { 4002 } else { 4000 };
        assert_eq!(stream.remote().unwrap().port(), port);
    }
}

#[test]
fn a_terminal_of_one_version_takes_the_alternative_it_can_use() {
    let (own, server) = (at(OWN_V4), at(SERVER_V4));
    let mut config = Config::new("alice", "example.net", own, server, Arc::default());
    config.judges = true;
    let mut phone = Phone::new(config, 1);
    let lines = "c=IN IP6 2001:db8::9\r\nm=audio 4000 RTP/AVP 8\r\n\
                 a=altc:1 IP6 2001:db8::9 4000\r\na=altc:2 IP4 192.0.2.9 4002\r\n";
    phone.receive(NOW, &invite(SERVER_V4, OWN_V4, lines));
    let call = phone.calls().next().unwrap().handle();
    phone.accept(NOW, call);
    let stream = phone.call_at(call).unwrap().stream();
    assert_eq!(stream.remote(), Some(at("192.0.2.9:4002")));
}

#[test]
fn an_offer_of_both_versions_is_settled_by_the_answer() {
    for (answered, version) in [
        ("IN IP4 192.0.2.9", Version::V4),
        ("IN IP6 2001:db8::9", Version::V6),
    ] {
        let mut phone = terminal(|_, dual| dual.alternatives = true);
        let call = phone.call(NOW, "bob", Offer::Early);
        let invite = one(&mut phone);
        let body = String::from_utf8(invite.1.body.clone()).unwrap();
        let lines: Vec<&str> = body
            .lines()
            .filter(|line| line.starts_with("a=altc"))
            .collect();
        assert_eq!(
            lines,
            [
                "a=altc:1 IP6 2001:db8::1 40000",
                "a=altc:2 IP4 192.0.2.1 40000"
            ]
        );
        let mut answer = Message::response(&invite.1, 200, "t");
        answer.push("Contact", "<sip:bob@[2001:db8::100]:5060>");
        let text = format!(
            "v=0\r\no=- 1 1 {answered}\r\ns=-\r\nc={answered}\r\nt=0 0\r\n\
             m=audio 4000 RTP/AVP 8\r\n"
        );
        answer.set_body("application/sdp", text);
        respond(&mut phone, &invite, &answer);
        let call = phone.call_at(call).unwrap();
        assert_eq!(call.version(), version);
        assert_eq!(Version::of(call.stream().local().ip()), version);
    }
}
