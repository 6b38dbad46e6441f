//! Other domains: the softswitch that has one, and the DNS.

use std::time::Duration;

use strait_control::gateway::io::{Hop, Input, Lookup, LookupError, Transport};

use crate::serve::scene::{ALICE, BOB, Ip, last, registered, response, server};
use crate::world::{Outcome, World, start};

fn call(world: &mut World, ip: Ip, uri: &str, cseq: u32) -> Outcome {
    let alice = ALICE.party(world, ip);
    world.send(alice, &ALICE.invite(ip, uri, ip, cseq))
}

#[track_caller]
fn asked(outcome: &Outcome) -> Lookup {
    assert_eq!(outcome.lookups.len(), 1, "{outcome:#?}");
    outcome.lookups[0].clone()
}

fn hops(addresses: &[&str]) -> Result<Vec<Hop>, LookupError> {
    let hop = |address: &&str| Hop {
        transport: Transport::Udp,
        address: address.parse().unwrap(),
    };
    Ok(addresses.iter().map(hop).collect())
}

fn found(world: &mut World, lookup: &Lookup, answer: Result<Vec<Hop>, LookupError>) -> Outcome {
    let id = lookup.id;
    world.input(Input::Resolved { id, answer })
}

/// A terminal that is registered in both versions.
fn dual(serve: &str) -> World {
    let mut world = server(serve);
    registered(&mut world, ALICE, Ip::V6, &[Ip::V6, Ip::V4], 1);
    world
}

#[test]
fn figures_13_and_17_the_dns_says_where_and_in_which_version() {
    let mut world = dual("steering: { media: direct, judge: arrival }");
    let (v4, v6) = ("203.0.113.9:5060", "[2001:db8:f::9]:5060");
    let outcome = call(&mut world, Ip::V6, "sip:bob@Example.ORG", 1);
    let lookup = asked(&outcome);
    assert_eq!(
        (&*lookup.host, lookup.port, lookup.transport),
        ("example.org", None, None)
    );
    let outcome = found(&mut world, &lookup, hops(&[v4, v6]));
    let far = world.party(crate::serve::scene::HOME, Transport::Udp, v6);
    let request = outcome.only(far).to_owned();
    assert_eq!(start(&request), "INVITE sip:bob@Example.ORG SIP/2.0");
    // The far server judges in its turn.
    let told = world.send(far, &response(&request, "380 Alternative Service", "", ""));
    assert_eq!(
        start(last(&told, ALICE.party(&world, Ip::V6))),
        "SIP/2.0 380 Alternative Service"
    );
    // A far server of the other version alone: we judge.
    let outcome = call(&mut world, Ip::V6, "sip:bob@example.org", 2);
    let outcome = {
        let lookup = asked(&outcome);
        found(&mut world, &lookup, hops(&[v4]))
    };
    let told = last(&outcome, ALICE.party(&world, Ip::V6)).to_owned();
    assert_eq!(start(&told), "SIP/2.0 380 Alternative Service");
    let contact =
        crate::world::between(crate::world::header(&told, "Contact"), "<", ">").to_owned();
    let outcome = call(&mut world, Ip::V4, &contact, 3);
    let far = world.party(crate::serve::scene::HOME, Transport::Udp, v4);
    assert_eq!(
        start(outcome.only(far)),
        "INVITE sip:bob@example.org SIP/2.0"
    );
}

#[test]
fn silent_servers_are_passed_over() {
    let mut world = dual("");
    let outcome = call(&mut world, Ip::V4, "sip:bob@example.org", 1);
    let lookup = asked(&outcome);
    found(
        &mut world,
        &lookup,
        hops(&["203.0.113.9:5060", "203.0.113.10:5070"]),
    );
    let outcome = world.wait(Duration::from_secs(5));
    let second = world.party(
        crate::serve::scene::HOME,
        Transport::Udp,
        "203.0.113.10:5070",
    );
    let request = last(&outcome, second).to_owned();
    let refusal = world.send(second, &response(&request, "404 Not Found", "", ""));
    assert_eq!(
        start(last(&refusal, ALICE.party(&world, Ip::V4))),
        "SIP/2.0 404 Not Found"
    );
}

#[test]
fn a_dns_that_fails_lies_or_is_silent_gets_a_defined_answer() {
    let mut world = dual("");
    let alice = ALICE.party(&world, Ip::V4);
    for (cseq, answer, status) in [
        (1, Err(LookupError::NoSuchDomain), "404 No Such Domain"),
        (
            2,
            Err(LookupError::NoServer),
            "404 No Server For The Domain",
        ),
        (3, Err(LookupError::TimedOut), "504 DNS Time-out"),
        (4, Err(LookupError::Failed), "503 DNS Failure"),
        (5, Ok(Vec::new()), "404 No Server For The Domain"),
        // It says that we are the far server.
        (
            6,
            hops(&["192.0.2.1:5060", "[2001:db8:a::1]:5060"]),
            "404 No Server For The Domain",
        ),
    ] {
        let outcome = call(&mut world, Ip::V4, "sip:bob@example.org", cseq);
        let lookup = asked(&outcome);
        let outcome = found(&mut world, &lookup, answer);
        assert_eq!(start(last(&outcome, alice)), format!("SIP/2.0 {status}"));
        let again = found(&mut world, &lookup, hops(&["203.0.113.9:5060"]));
        assert!(again.sent.is_empty(), "an answer counts once");
    }
    let outcome = call(&mut world, Ip::V4, "sip:bob@example.org", 7);
    asked(&outcome);
    let outcome = world.wait(Duration::from_secs(6));
    assert_eq!(start(last(&outcome, alice)), "SIP/2.0 504 DNS Time-out");
    assert_eq!(world.gateway.sizes().exchanges, 0);
}

#[test]
fn a_call_is_cancelled_while_the_dns_is_asked() {
    let mut world = dual("");
    let alice = ALICE.party(&world, Ip::V4);
    let outcome = call(&mut world, Ip::V4, "sip:bob@example.org", 1);
    let lookup = asked(&outcome);
    let cancel = ALICE.invite(Ip::V4, "sip:bob@example.org", Ip::V4, 1);
    let (head, _) = cancel.split_once("Contact:").unwrap();
    let cancel = format!("{}Content-Length: 0\n\n", head.replace("INVITE", "CANCEL"));
    let outcome = world.send(alice, &cancel);
    assert_eq!(
        start(last(&outcome, alice)),
        "SIP/2.0 487 Request Terminated"
    );
    let late = found(&mut world, &lookup, hops(&["203.0.113.9:5060"]));
    assert!(late.sent.is_empty(), "{late:#?}");
}

#[test]
fn the_softswitch_that_has_the_domain_comes_before_the_dns() {
    let mut world = dual("");
    let outcome = call(&mut world, Ip::V4, "sip:bob@far.example", 1);
    let far = world.party(crate::serve::scene::HOME, Transport::Udp, "192.0.2.99:5060");
    assert_eq!(
        start(outcome.only(far)),
        "INVITE sip:bob@far.example SIP/2.0"
    );
    // And it calls in.
    let invite = BOB
        .invite(Ip::V4, "sip:alice@example.net", Ip::V4, 1)
        .replace("sip:bob@example.net>;tag", "sip:bob@far.example>;tag");
    let outcome = world.send(far, &invite);
    let alice = ALICE.party(&world, Ip::V4);
    assert_eq!(
        start(last(&outcome, alice)),
        "INVITE sip:alice@198.51.100.5:5060 SIP/2.0"
    );
}

#[test]
fn nobody_calls_through_who_is_not_at_home() {
    let mut world = dual("");
    let bob = BOB.party(&world, Ip::V4);
    let invite = BOB.invite(Ip::V4, "sip:carol@example.org", Ip::V4, 1);
    let outcome = world.send(bob, &invite);
    assert_eq!(start(last(&outcome, bob)), "SIP/2.0 403 Register First");
    let stranger = invite.replace("sip:bob@example.net>;tag", "sip:x@example.com>;tag");
    let outcome = world.send(
        bob,
        &stranger
            .replace("call-bob", "call-2")
            .replace("z9hG4bKi", "z9hG4bKj"),
    );
    assert_eq!(
        start(last(&outcome, bob)),
        "SIP/2.0 403 Not For This Server"
    );
    for (number, (user, status)) in [("nobody", "480 Not Registered"), ("", "404 Not Found")]
        .into_iter()
        .enumerate()
    {
        let at = if user.is_empty() { "" } else { "@" };
        let uri = format!("sip:{user}{at}example.net");
        let outcome = call(&mut world, Ip::V4, &uri, 20 + number as u32);
        let alice = ALICE.party(&world, Ip::V4);
        assert_eq!(start(last(&outcome, alice)), format!("SIP/2.0 {status}"));
    }
    let mut world = dual("dns: false");
    let outcome = call(&mut world, Ip::V4, "sip:bob@example.org", 30);
    assert_eq!(
        start(last(&outcome, ALICE.party(&world, Ip::V4))),
        "SIP/2.0 404 Domain Not Served"
    );
}
