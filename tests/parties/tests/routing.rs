//! What the softswitch does with single messages: routes, hops, branches, refusals.

#![allow(clippy::unwrap_used, reason = "all of it is test")]

use std::net::SocketAddr;

use strait_parties::party::{Datagram, Party};
use strait_parties::sip::message::{Message, Start};
use strait_parties::softswitch::{Config, Softswitch};
use strait_shared::time::Instant;

const OWN: &str = "203.0.113.10:5060";
const CALLER: &str = "198.51.100.1:5060";

fn softswitch() -> Softswitch {
    Softswitch::new(
        Config::new(OWN.parse().unwrap(), "example.org", ["alice", "bob"]),
        1,
    )
}

/// A request as its sender writes it; `lines` are further headers.
fn request(method: &str, uri: &str, lines: &str) -> Message {
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bK1;rport\r\n\
         From: <sip:alice@example.org>;tag=a\r\nTo: <sip:bob@example.org>\r\nCall-ID: c1\r\n\
         CSeq: 1 {method}\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    Message::parse(text.as_bytes()).unwrap()
}

fn exchange(softswitch: &mut Softswitch, message: &Message) -> Vec<(SocketAddr, Message)> {
    let datagram = Datagram {
        source: CALLER.parse().unwrap(),
        destination: OWN.parse().unwrap(),
        payload: message.to_bytes(),
    };
    softswitch.receive(Instant::ZERO, &datagram);
    std::iter::from_fn(|| softswitch.poll_transmit())
        .map(|sent| (sent.destination, Message::parse(&sent.payload).unwrap()))
        .collect()
}

fn status(softswitch: &mut Softswitch, message: &Message) -> Option<u16> {
    let sent = exchange(softswitch, message);
    assert!(sent.len() <= 1);
    sent.first().and_then(|(_, answer)| answer.status())
}

#[test]
fn it_answers_what_is_for_itself_and_refuses_what_leads_nowhere() {
    let mut softswitch = softswitch();
    let mut ask = |method, uri, lines| status(&mut softswitch, &request(method, uri, lines));
    assert_eq!(ask("OPTIONS", "sip:example.org", ""), Some(200));
    assert_eq!(ask("OPTIONS", "sip:203.0.113.10:5060", ""), Some(200));
    assert_eq!(ask("INVITE", "sip:bob@example.org", ""), Some(480));
    assert_eq!(ask("INVITE", "sip:nobody@example.org", ""), Some(404));
    assert_eq!(ask("INVITE", "sip:bob@elsewhere.example", ""), Some(404));
    assert_eq!(
        ask("INVITE", "sip:bob@192.0.2.9", "Max-Forwards: 0\r\n"),
        Some(483)
    );
    assert_eq!(
        ask("INVITE", "sip:bob@192.0.2.9", "Max-Forwards: many\r\n"),
        Some(400)
    );
    assert_eq!(
        ask(
            "REGISTER",
            "sip:example.org",
            "Contact: <sip:a@192.0.2.9>\r\n"
        ),
        Some(401)
    );
    assert_eq!(
        ask("ACK", "sip:nobody@example.org", ""),
        None,
        "an ACK is never answered"
    );
}

#[test]
fn a_forwarded_invite_carries_route_record_hops_and_a_derived_branch() {
    let mut softswitch = softswitch();
    let lines = "Max-Forwards: 9\r\nRoute: <sip:203.0.113.10;lr>, <sip:192.0.2.7:5070;lr>\r\n";
    let sent = exchange(
        &mut softswitch,
        &request("INVITE", "sip:bob@192.0.2.9:5062", lines),
    );
    let (hop, invite) = &sent[0];
    assert_eq!(*hop, "192.0.2.7:5070".parse().unwrap());
    assert_eq!(invite.header("Max-Forwards"), Some("8"));
    assert_eq!(
        invite.items("Route").collect::<Vec<_>>(),
        ["<sip:192.0.2.7:5070;lr>"]
    );
    assert_eq!(
        invite.header("Record-Route"),
        Some("<sip:203.0.113.10:5060;lr>")
    );
    let vias: Vec<_> = invite.items("Via").collect();
    assert_eq!(vias.len(), 2);
    assert!(vias[1].contains("rport=5060") && vias[1].contains("received=198.51.100.1"));

    // CANCEL follows on the same branch; another call does not share it.
    let cancel = exchange(
        &mut softswitch,
        &request("CANCEL", "sip:bob@192.0.2.9:5062", lines),
    );
    assert_eq!(cancel[0].1.branch(), invite.branch());
    assert_eq!(cancel[0].0, *hop);
    assert!(cancel[0].1.header("Record-Route").is_none());
    let mut other = request("INVITE", "sip:bob@192.0.2.9:5062", lines);
    other.set("Via", format!("SIP/2.0/UDP {CALLER};branch=z9hG4bK2;rport"));
    assert_ne!(
        exchange(&mut softswitch, &other)[0].1.branch(),
        invite.branch()
    );

    // The response goes back where the request came from.
    let response = Message::response(invite, 180, "b");
    let back = exchange(&mut softswitch, &response);
    assert_eq!(back[0].0, CALLER.parse().unwrap());
    assert_eq!(back[0].1.items("Via").count(), 1);
    // One that is not for us goes nowhere.
    assert!(exchange(&mut softswitch, &back[0].1).is_empty());
}

#[test]
fn the_ack_to_its_own_refusal_stops_here() {
    let mut softswitch = softswitch();
    let uri = "sip:nobody@example.org";
    assert_eq!(
        status(&mut softswitch, &request("INVITE", uri, "")),
        Some(404)
    );
    let before = softswitch.counters();
    assert!(exchange(&mut softswitch, &request("ACK", uri, "")).is_empty());
    assert_eq!(softswitch.counters(), before, "swallowed, not dropped");
    let mut elsewhere = request("ACK", "sip:bob@192.0.2.9", "");
    elsewhere.set("Via", format!("SIP/2.0/UDP {CALLER};branch=z9hG4bK9;rport"));
    assert_eq!(exchange(&mut softswitch, &elsewhere).len(), 1);
    assert!(matches!(elsewhere.start, Start::Request { .. }));
}
