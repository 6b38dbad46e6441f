//! A terminal of both IP versions calls: what it registers, and what it does when a call needs the
//! other version.

#![allow(clippy::unwrap_used, reason = "all of it is test")]

mod terminal;

use std::sync::Arc;

use strait_parties::party::{Datagram, Party};
use strait_parties::phone::{Config, EndReason, Event, Offer, Phone, Registering, Version};
use strait_parties::sip::digest::{Algorithm, Challenge};
use strait_parties::sip::message::Message;

use terminal::{
    NOW, OWN_V4, OWN_V6, SERVER_V4, SERVER_V6, at, connection, events, one, respond, sent, terminal,
};

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
fn who_is_registered_in_both_changes_both() {
    let mut phone = terminal(|_, _| {});
    phone.register(NOW);
    for register in sent(&mut phone) {
        let mut accepted = Message::response(&register.1, 200, "t");
        accepted.push("Expires", "60");
        respond(&mut phone, &register, &accepted);
    }
    let again = told(&mut phone, |message| {
        message.push("Contact", "<sip:bob@[2001:db8::100]:5060>");
        body(message, "IN IP4 0.0.0.0");
    })
    .remove(0);
    assert_eq!(again.0.destination, at(SERVER_V4));
    assert_eq!(connection(&again.1), "c=IN IP4 192.0.2.1");
    assert!(
        again
            .0
            .payload
            .starts_with(b"INVITE sip:bob@example.net SIP/2.0\r\n")
    );
}

#[test]
fn who_is_registered_in_one_stays_there() {
    let mut phone = terminal(|_, dual| dual.registering = Registering::First);
    phone.register(NOW);
    let register = one(&mut phone);
    let mut accepted = Message::response(&register.1, 200, "t");
    accepted.push("Expires", "60");
    respond(&mut phone, &register, &accepted);
    let again = told(&mut phone, |message| body(message, "IN IP4 0.0.0.0")).remove(0);
    assert_eq!(again.0.destination, at(SERVER_V6));
    assert_eq!(connection(&again.1), "c=IN IP4 192.0.2.1");
    assert!(
        again
            .0
            .payload
            .starts_with(b"INVITE sip:bob@example.net SIP/2.0\r\n")
    );
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
