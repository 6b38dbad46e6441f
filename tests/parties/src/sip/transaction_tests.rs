//! Each machine of RFC 3261 §17 as a user agent meets it: when things are repeated and when not.

use super::*;
use crate::sip::uri::Uri;

const OWN: &str = "192.0.2.1:5060";
const PEER: &str = "192.0.2.2:5060";

fn request(method: Method) -> Message {
    let mut request = Message::request(method, &Uri::of_record("bob", "example.org"));
    request.push("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKb1;rport");
    request.push("From", "<sip:alice@example.org>;tag=a");
    request.push("To", "<sip:bob@example.org>");
    request.push("Call-ID", "c1");
    request.push("CSeq", format!("1 {method}"));
    request
}

/// When, in milliseconds, datagrams leave in the `seconds` after the first, and what expires.
fn play(transactions: &mut Transactions, seconds: u64) -> (Vec<u64>, Vec<Expired>) {
    let (mut sent, mut expired) = (Vec::new(), Vec::new());
    let end = Instant::from_millis(seconds * 1000);
    let mut now = Instant::ZERO;
    loop {
        while transactions.poll_transmit().is_some() {
            sent.push(now.as_millis());
        }
        match transactions.next_timeout().filter(|next| *next <= end) {
            Some(next) => now = next,
            None => return (sent, expired),
        }
        expired.extend(transactions.timeout(now));
    }
}

fn started(method: Method) -> (Transactions, ClientId) {
    let mut transactions = Transactions::default();
    let (own, peer) = (OWN.parse().unwrap(), PEER.parse().unwrap());
    let id = transactions.request(Instant::ZERO, own, peer, &request(method));
    (transactions, id)
}

fn arrived(method: Method) -> (Transactions, ServerId) {
    let mut transactions = Transactions::default();
    let (own, peer) = (OWN.parse().unwrap(), PEER.parse().unwrap());
    match transactions.receive(Instant::ZERO, peer, own, &request(method)) {
        Arrival::New(id) => (transactions, id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_invite_nobody_answers_doubles_until_timer_b() {
    let (mut transactions, id) = started(Method::Invite);
    let (sent, expired) = play(&mut transactions, 100);
    assert_eq!(sent, [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    assert_eq!(expired, [Expired::NoResponse(id)]);
}

#[test]
fn another_request_is_repeated_at_most_every_t2_until_timer_f() {
    let (mut transactions, id) = started(Method::Bye);
    let (sent, expired) = play(&mut transactions, 100);
    assert_eq!(sent[..5], [0, 500, 1500, 3500, 7500]);
    assert_eq!(sent.last(), Some(&31_500));
    assert_eq!((sent.len(), expired), (11, vec![Expired::NoResponse(id)]));
}

#[test]
fn a_provisional_response_rests_an_invite_for_as_long_as_it_rings() {
    let (mut transactions, id) = started(Method::Invite);
    let ringing = Message::response(&request(Method::Invite), 180, "t");
    assert_eq!(transactions.response(Instant::ZERO, &ringing), Some(id));
    assert_eq!(play(&mut transactions, 3600), (vec![0], vec![]));
}

#[test]
fn a_refusal_is_acknowledged_each_time_and_told_once() {
    let (mut transactions, id) = started(Method::Invite);
    let busy = Message::response(&request(Method::Invite), 486, "t");
    assert_eq!(transactions.response(Instant::ZERO, &busy), Some(id));
    assert_eq!(transactions.response(Instant::ZERO, &busy), None);
    transactions.poll_transmit();
    for _ in 0..2 {
        let ack = Message::parse(&transactions.poll_transmit().unwrap().payload).unwrap();
        assert_eq!(ack.method(), Some(Method::Ack));
        assert_eq!(ack.branch(), Some("z9hG4bKb1"));
        assert_eq!(
            (ack.tag("To").as_deref(), ack.cseq().unwrap().number),
            (Some("t"), 1)
        );
    }
    assert_eq!(play(&mut transactions, 100), (vec![], vec![]));
}

#[test]
fn every_success_is_told_so_that_its_ack_can_be_repeated() {
    let (mut transactions, id) = started(Method::Invite);
    let success = Message::response(&request(Method::Invite), 200, "t");
    for _ in 0..3 {
        assert_eq!(
            transactions.response(Instant::ZERO, &success),
            Some(id.clone())
        );
    }
    let (mut transactions, id) = started(Method::Bye);
    let success = Message::response(&request(Method::Bye), 200, "t");
    assert_eq!(transactions.response(Instant::ZERO, &success), Some(id));
    assert_eq!(transactions.response(Instant::ZERO, &success), None);
}

#[test]
fn a_final_answer_to_an_invite_is_repeated_until_acknowledged() {
    for status in [200, 486] {
        let (mut transactions, id) = arrived(Method::Invite);
        let answer = Message::response(&request(Method::Invite), status, "t");
        transactions.respond(Instant::ZERO, &id, &answer);
        let (sent, expired) = play(&mut transactions, 100);
        assert_eq!(sent[..6], [0, 500, 1500, 3500, 7500, 11_500]);
        assert_eq!(expired, [Expired::NoAck(id)]);

        let (mut transactions, id) = arrived(Method::Invite);
        transactions.respond(Instant::ZERO, &id, &answer);
        if status == 200 {
            transactions.acknowledged(&id);
        } else {
            let (own, peer) = (OWN.parse().unwrap(), PEER.parse().unwrap());
            let ack = request(Method::Ack);
            let arrival = transactions.receive(Instant::ZERO, peer, own, &ack);
            assert_eq!(arrival, Arrival::Absorbed);
        }
        assert_eq!(play(&mut transactions, 100), (vec![0], vec![]));
    }
}

#[test]
fn a_request_seen_again_gets_the_same_answer_and_no_second_hearing() {
    let (mut transactions, id) = arrived(Method::Bye);
    let (own, peer) = (OWN.parse().unwrap(), PEER.parse().unwrap());
    let again = |transactions: &mut Transactions| {
        transactions.receive(Instant::ZERO, peer, own, &request(Method::Bye))
    };
    assert_eq!(again(&mut transactions), Arrival::Absorbed);
    assert_eq!(
        transactions.poll_transmit(),
        None,
        "nothing has been answered yet"
    );
    let answer = Message::response(&request(Method::Bye), 200, "t");
    transactions.respond(Instant::ZERO, &id, &answer);
    assert_eq!(again(&mut transactions), Arrival::Absorbed);
    assert_eq!(transactions.poll_transmit(), transactions.poll_transmit());
    // Once forgotten it is new again.
    assert_eq!(play(&mut transactions, 33).1, []);
    assert!(matches!(again(&mut transactions), Arrival::New(_)));
}

#[test]
fn an_unanswered_invite_is_remembered_while_it_rings() {
    let (mut transactions, _) = arrived(Method::Invite);
    assert_eq!(play(&mut transactions, 600), (vec![], vec![]));
    let (own, peer) = (OWN.parse().unwrap(), PEER.parse().unwrap());
    let later = Instant::from_millis(600_000);
    let invite = request(Method::Invite);
    assert_eq!(
        transactions.receive(later, peer, own, &invite),
        Arrival::Absorbed
    );
}
