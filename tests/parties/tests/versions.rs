//! A terminal of both IP versions, one message at a time: what it registers, what it does when a
//! call needs the other version, and when it is the one to say so.

#![allow(clippy::unwrap_used, reason = "all of it is test")]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use strait_parties::party::{Datagram, Party};
use strait_parties::phone::{Config, Dual, EndReason, Event, Offer, Phone, Registering, Version};
use strait_parties::sip::digest::{Algorithm, Challenge};
use strait_parties::sip::message::Message;
use strait_shared::time::Instant;

const SERVER_V6: &str = "[2001:db8::100]:5060";
const SERVER_V4: &str = "192.0.2.100:5060";
const OWN_V6: &str = "[2001:db8::1]:5060";
const OWN_V4: &str = "192.0.2.1:5060";
const NOW: Instant = Instant::from_millis(1_000);

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    at(text).ip()
}

/// A terminal that calls over IPv6 and speaks IPv4 too.
fn terminal(set_up: impl FnOnce(&mut Config, &mut Dual)) -> Phone {
    let voices = Arc::default();
    let (own, server) = (at(OWN_V6), at(SERVER_V6));
    let mut config = Config::new("alice", "example.net", own, server, voices);
    let mut dual = Dual {
        signalling: at(OWN_V4),
        proxy: at(SERVER_V4),
        media: ip(OWN_V4),
        registering: Registering::Each,
        alternatives: false,
    };
    set_up(&mut config, &mut dual);
    config.dual = Some(dual);
    Phone::new(config, 5)
}

/// What a phone has sent, read.
fn sent(phone: &mut Phone) -> Vec<(Datagram, Message)> {
    std::iter::from_fn(|| phone.poll_transmit())
        .filter_map(|datagram| Some((datagram.clone(), Message::parse(&datagram.payload).ok()?)))
        .collect()
}

fn one(phone: &mut Phone) -> (Datagram, Message) {
    let mut all = sent(phone);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// Answers what a phone has sent, from where it was sent to.
fn respond(phone: &mut Phone, to: &(Datagram, Message), response: &Message) {
    let datagram = Datagram {
        source: to.0.destination,
        destination: to.0.source,
        payload: response.to_bytes(),
    };
    phone.receive(NOW, &datagram);
}

fn events(phone: &mut Phone) -> Vec<Event> {
    std::iter::from_fn(|| phone.poll_event()).collect()
}

fn connection(message: &Message) -> String {
    let body = String::from_utf8(message.body.clone()).unwrap();
    body.lines()
        .find(|line| line.starts_with("c="))
        .unwrap()
        .to_owned()
}

/// Calls, and is told 380 with what `say` adds; gives back what it sends then, beside the ACK.
fn told(phone: &mut Phone, say: impl Fn(&mut Message)) -> Vec<(Datagram, Message)> {
    phone.call(NOW, "bob", Offer::Early);
    let invite = one(phone);
    assert_eq!(invite.0.destination, at(SERVER_V6));
    assert_eq!(connection(&invite.1), "c=IN IP6 2001:db8::1");
    let mut alternative = Message::response(&invite.1, 380, "t");
    say(&mut alternative);
    respond(phone, &invite, &alternative);
    let mut all = sent(phone);
    let ack = all
        .iter()
        .position(|(_, message)| message.cseq().unwrap().method.to_string() == "ACK");
    all.remove(ack.expect("a final answer is acknowledged"));
    all
}

/// What somebody adds to an answer.
type Saying<'a> = &'a dyn Fn(&mut Message);

fn body(message: &mut Message, version: &str) {
    let text = format!(
        "v=0\r\no=- 0 0 {version}\r\ns=-\r\nc={version}\r\nt=0 0\r\nm=audio 9 RTP/AVP 0 8\r\n"
    );
    message.set_body("application/sdp", text);
}

#[test]
fn each_version_registers_by_itself_or_both_at_once() {
    let mut phone = terminal(|_, _| {});
    phone.register(NOW);
    let both = sent(&mut phone);
    let ways: Vec<_> = both
        .iter()
        .map(|(datagram, _)| (datagram.source, datagram.destination))
        .collect();
    assert_eq!(
        ways,
        [(at(OWN_V6), at(SERVER_V6)), (at(OWN_V4), at(SERVER_V4))]
    );
    let contacts: Vec<_> = both
        .iter()
        .map(|(_, m)| m.header("Contact").unwrap())
        .collect();
    assert_eq!(
        contacts,
        [
            "<sip:alice@[2001:db8::1]:5060>",
            "<sip:alice@192.0.2.1:5060>"
        ]
    );
    assert_ne!(both[0].1.call_id(), both[1].1.call_id());

    let mut phone = terminal(|_, dual| dual.registering = Registering::Together);
    phone.register(NOW);
    let register = one(&mut phone).1;
    let contacts: Vec<_> = register.items("Contact").collect();
    assert_eq!(
        contacts,
        [
            "<sip:alice@[2001:db8::1]:5060>",
            "<sip:alice@192.0.2.1:5060>"
        ]
    );

    for (registering, server) in [
        (Registering::First, SERVER_V6),
        (Registering::Second, SERVER_V4),
    ] {
        let mut phone = terminal(|_, dual| dual.registering = registering);
        phone.register(NOW);
        assert_eq!(one(&mut phone).0.destination, at(server));
    }
}

#[test]
fn both_registrations_are_answered_challenged_and_renewed() {
    let mut phone = terminal(|_, _| {});
    phone.register(NOW);
    for register in sent(&mut phone) {
        let challenge = |stale| Challenge {
            realm: "example.net".into(),
            nonce: format!("nonce {stale}"),
            algorithm: Algorithm::Sha256,
            qop: true,
            opaque: None,
            stale,
        };
        let mut asked = register;
        for stale in [false, true] {
            let mut refused = Message::response(&asked.1, 401, "t");
            // An algorithm that nobody knows is passed over.
            refused.push(
                "WWW-Authenticate",
                "Digest realm=\"x\", nonce=\"y\", algorithm=SHA3",
            );
            refused.push("WWW-Authenticate", challenge(stale).to_string());
            respond(&mut phone, &asked, &refused);
            let answered = one(&mut phone);
            assert_eq!(answered.0.destination, asked.0.destination);
            let credentials = answered.1.header("Authorization").unwrap();
            let method = rsip::Method::Register;
            assert!(challenge(stale).accepts(credentials, "secret of alice", method));
            asked = answered;
        }
        assert_eq!(phone.registered_until(), None, "not both");
        let mut accepted = Message::response(&asked.1, 200, "t");
        accepted.push(
            "Contact",
            format!("{};expires=60", asked.1.header("Contact").unwrap()),
        );
        respond(&mut phone, &asked, &accepted);
    }
    assert!(phone.registered_until().is_some());
    let next = phone.next_timeout().unwrap();
    phone.timeout(next);
    assert_eq!(sent(&mut phone).len(), 2, "both are renewed");
}

#[test]
fn a_wrong_secret_is_not_tried_again() {
    let mut phone = terminal(|_, dual| dual.registering = Registering::First);
    phone.register(NOW);
    let mut register = one(&mut phone);
    for _ in 0..2 {
        let mut refused = Message::response(&register.1, 401, "t");
        refused.push(
            "WWW-Authenticate",
            "Digest realm=\"x\", nonce=\"y\", qop=\"auth\"",
        );
        respond(&mut phone, &register, &refused);
        if let Some(again) = sent(&mut phone).pop() {
            register = again;
        }
    }
    assert_eq!(events(&mut phone), [Event::RegistrationFailed(Some(401))]);
}

#[test]
fn contact_warning_and_body_each_say_enough() {
    let contact = |message: &mut Message| {
        message.push("Contact", "<sip:bob@192.0.2.100:5060;strait=abc>");
    };
    let warning = |message: &mut Message| {
        message.push("Warning", "301 [2001:db8::100]:5060 \"Use IPv4\"");
    };
    let ways: [(Saying, &str); 4] = [
        (
            &|message| contact(message),
            "sip:bob@192.0.2.100:5060;strait=abc",
        ),
        (&|message| warning(message), "sip:bob@example.net"),
        (
            &|message| body(message, "IN IP4 0.0.0.0"),
            "sip:bob@example.net",
        ),
        (&|_| {}, "sip:bob@example.net"),
    ];
    for (say, target) in ways {
        let mut phone = terminal(|_, _| {});
        let again = told(&mut phone, say).remove(0);
        assert_eq!(again.0.source, at(OWN_V4));
        assert_eq!(again.0.destination, at(SERVER_V4));
        assert_eq!(connection(&again.1), "c=IN IP4 192.0.2.1");
        assert_eq!(
            again.1.header("Contact"),
            Some("<sip:alice@192.0.2.1:5060>")
        );
        let text = String::from_utf8(again.0.payload.clone()).unwrap();
        assert!(
            text.starts_with(&format!("INVITE {target} SIP/2.0\r\n")),
            "{text}"
        );
        assert_eq!(again.1.cseq().unwrap().number, 2);
        let called = events(&mut phone);
        assert!(
            matches!(
                called[..],
                [Event::CalledAgain {
                    usable: Version::V4,
                    ..
                }]
            ),
            "{called:?}"
        );
    }
}

#[test]
fn media_may_change_and_signalling_stay() {
    // The callee judged: its server is still reached over IPv6.
    let mut phone = terminal(|_, _| {});
    let again = told(&mut phone, |message| {
        message.push("Contact", "<sip:bob@[2001:db8::100]:5060>");
        body(message, "IN IP4 0.0.0.0");
    })
    .remove(0);
    assert_eq!(again.0.destination, at(SERVER_V6));
    assert_eq!(
        again.1.header("Contact"),
        Some("<sip:alice@[2001:db8::1]:5060>")
    );
    assert_eq!(connection(&again.1), "c=IN IP4 192.0.2.1");
}

#[test]
fn nobody_goes_round_in_a_circle() {
    let mut phone = terminal(|_, _| {});
    let say = |message: &mut Message, version: &str| {
        message.push("Warning", format!("301 192.0.2.100 \"Use {version}\""));
    };
    let again = told(&mut phone, |message| say(message, "IPv4")).remove(0);
    let mut back = Message::response(&again.1, 380, "t");
    say(&mut back, "IPv6");
    respond(&mut phone, &again, &back);
    assert_eq!(sent(&mut phone).len(), 1, "an ACK and no more");
    let ended = events(&mut phone).pop();
    let rejected = EndReason::Rejected(380);
    assert!(matches!(ended, Some(Event::Ended { reason, .. }) if reason == rejected));
}

#[test]
fn who_speaks_one_version_cannot_follow() {
    let (own, server) = (at(OWN_V6), at(SERVER_V6));
    let config = Config::new("alice", "example.net", own, server, Arc::default());
    let mut phone = Phone::new(config, 1);
    let none = told(&mut phone, |message| body(message, "IN IP4 0.0.0.0"));
    assert!(none.is_empty());
    let ended = events(&mut phone).pop();
    assert!(matches!(
        ended,
        Some(Event::Ended {
            reason: EndReason::Rejected(380),
            ..
        })
    ));
}

#[test]
fn another_status_counts_where_a_warning_says_why() {
    for (status, warning, follows) in [
        (488, Some("301 h \"Use IPv4\""), true),
        (488, Some("304 h \"Media type not available\""), false),
        (488, None, false),
        (302, None, false),
    ] {
        let mut phone = terminal(|_, _| {});
        phone.call(NOW, "bob", Offer::Early);
        let invite = one(&mut phone);
        let mut refused = Message::response(&invite.1, status, "t");
        if let Some(warning) = warning {
            refused.push("Warning", warning);
        }
        respond(&mut phone, &invite, &refused);
        assert_eq!(
            sent(&mut phone).len(),
            1 + usize::from(follows),
            "{status} {warning:?}"
        );
    }
}

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
    assert_eq!(answer.header("Contact"), Some("<sip:alice@192.0.2.1:5060>"));
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
