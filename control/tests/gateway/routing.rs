//! Where requests go: tokens, registered users, softswitches, route sets; and where they may not.

use std::time::Duration;

use strait_control::gateway::io::{Input, Transport};

use crate::calls::{ANSWER, INVITE, answered, response, within};
use crate::registrations::{REGISTER, register};
use crate::world::{ACCESS, CONFIG, CORE, World, between, find, header, start};

/// A request out of the core for somebody.
pub fn from_core(method: &str, uri: &str, branch: &str) -> String {
    format!(
        "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{branch};rport\n\
         Max-Forwards: 70\nFrom: <sip:bob@10.0.0.1>;tag=b1\nTo: <sip:alice@10.0.0.1>\n\
         Call-ID: {branch}@10.0.0.1\nCSeq: 1 {method}\nContact: <sip:bob@10.0.0.1:5060>\n\
         Content-Length: 0\n\n"
    )
}

#[test]
fn the_core_reaches_registered_parties_and_no_others() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (asked, _) = register(&mut world, phone, REGISTER);
    let token = between(header(&asked, "Contact"), "<", ">");
    for (uri, branch) in [
        (token, "t1"),
        ("sip:alice@198.51.100.1", "t2"),
        ("sip:alice@10.0.0.1", "t3"),
    ] {
        let passed = world.send(softswitch, &from_core("MESSAGE", uri, branch));
        assert!(start(passed.only(phone)).starts_with("MESSAGE sip:alice@192.168.1.5:5060;ob "));
    }
    for (uri, branch) in [
        ("sip:carol@198.51.100.1", "n1"),
        ("sip:alice@example.org", "n2"),
        ("sip:alice@198.51.100.1;strait=0000000000000", "n3"),
        ("sip:alice@192.168.1.5", "n4"),
    ] {
        let refused = world.send(softswitch, &from_core("MESSAGE", uri, branch));
        assert_eq!(
            start(refused.only(softswitch)),
            "SIP/2.0 404 Not Found",
            "{uri}"
        );
    }
    let refused = world.send(softswitch, &from_core("REGISTER", "sip:198.51.100.1", "r1"));
    assert_eq!(
        start(refused.only(softswitch)),
        "SIP/2.0 405 Method Not Allowed"
    );
    assert!(find(refused.only(softswitch), "Allow").is_some());
}

#[test]
fn a_party_cannot_reach_another_past_the_softswitch() {
    let mut world = World::new();
    let (alice, mallory) = (
        world.phone("203.0.113.7:40001"),
        world.phone("203.0.113.66:5"),
    );
    let softswitch = world.softswitch(1);
    let (asked, _) = register(&mut world, alice, REGISTER);
    let token = between(header(&asked, "Contact"), "strait=", ">");
    let uri = format!("sip:alice@192.0.2.1;strait={token}");
    let passed = world.send(
        mallory,
        &INVITE.replace("sip:bob@192.0.2.1 SIP", &format!("{uri} SIP")),
    );
    assert!(passed.to(alice).is_empty());
    assert!(start(passed.only(softswitch)).starts_with("INVITE sip:alice@10.0.0.1;strait="));
}

#[test]
fn requests_in_the_core_follow_the_route_set() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let routed = response(&invite, "200 OK", "b1", ANSWER).replace(
        "Contact:",
        "Record-Route: <sip:10.0.0.3:5062;lr>, <sip:10.0.0.2;lr>\n\
         Record-Route: <sip:10.0.0.1;lr>\nContact:",
    );
    let ok = world.send(softswitch, &routed).only(phone).to_owned();
    assert!(find(&ok, "Record-Route").is_none());
    let ack = world.send(phone, &within(&ok, "ACK", 1, "a", "192.168.1.5"));
    let routes = "<sip:10.0.0.1;lr>, <sip:10.0.0.2;lr>, <sip:10.0.0.3:5062;lr>";
    assert_eq!(header(&ack.sent[0].text, "Route"), routes);
    assert_eq!(ack.sent[0].flow.remote, softswitch.flow.remote);
}

#[test]
fn a_strict_router_gets_what_it_expects() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    let routed = response(&invite, "200 OK", "b1", ANSWER).replace(
        "Contact:",
        "Record-Route: <sip:10.0.0.2;lr>, <sip:10.0.0.8>\nContact:",
    );
    let ok = world.send(softswitch, &routed).only(phone).to_owned();
    let ack = world.send(phone, &within(&ok, "ACK", 1, "a", "192.168.1.5"));
    assert_eq!(start(&ack.sent[0].text), "ACK sip:10.0.0.8 SIP/2.0");
    assert_eq!(
        header(&ack.sent[0].text, "Route"),
        "<sip:10.0.0.2;lr>, <sip:bob@10.0.0.1:5060>"
    );
    assert_eq!(ack.sent[0].flow.remote, "10.0.0.8:5060".parse().unwrap());
}

#[test]
fn service_route_and_path_lead_back_to_what_they_stood_for() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let request = REGISTER.replace("Expires:", "Path: <sip:edge@192.168.9.9:5080;lr>\nExpires:");
    let asked = world.send(phone, &request).only(softswitch).to_owned();
    let path = header(&asked, "Path").to_owned();
    assert!(
        path.starts_with("<sip:edge@198.51.100.1:5060;lr;strait="),
        "{path}"
    );
    let granted = crate::registrations::granted(&asked, 600)
        .replace("Server:", "Service-Route: <sip:orig@10.0.0.1;lr>\nServer:");
    let answer = world.send(softswitch, &granted).only(phone).to_owned();
    let service = header(&answer, "Service-Route").to_owned();
    world.wait(Duration::from_secs(300));
    let message = INVITE.replace("Max-Forwards", &format!("Route: {service}\nMax-Forwards"));
    let passed = world.send(phone, &message);
    assert_eq!(
        header(passed.only(softswitch), "Route"),
        "<sip:orig@10.0.0.1;lr>"
    );
    let contact = between(header(&asked, "Contact"), "<", ">");
    let down = from_core("MESSAGE", contact, "d1").replace("Max-", &format!("Route: {path}\nMax-"));
    let down = world.send(softswitch, &down);
    assert_eq!(
        header(down.only(phone), "Route"),
        "<sip:edge@192.168.9.9:5080;lr>"
    );
}

#[test]
fn dead_softswitches_are_passed_over_until_they_live_again() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    let (one, two) = (world.softswitch(1), world.softswitch(2));
    let unreachable = Input::SendFailed {
        flow: one.flow,
        branch: None,
    };
    let call = |n: u32| {
        INVITE
            .replace("inv1", &format!("inv{n}"))
            .replace("call-1@", &format!("call-{n}@"))
    };
    world.send(phone, &call(1));
    let moved = world.input(unreachable);
    assert_eq!(moved.to(two).len(), 1, "at once, not after the time out");
    assert_eq!(world.send(phone, &call(2)).to(two).len(), 1);
    world.input(Input::SendFailed {
        flow: two.flow,
        branch: None,
    });
    let refused = world.send(phone, &call(3));
    assert_eq!(
        start(refused.only(phone)),
        "SIP/2.0 503 No Softswitch Answers"
    );
    assert!(
        world
            .gateway
            .softswitches()
            .iter()
            .all(|softswitch| !softswitch.up)
    );
    world.wait(Duration::from_secs(31));
    assert_eq!(world.send(phone, &call(4)).to(one).len(), 1);
}

#[test]
fn probes_tell_who_lives() {
    let probed = CONFIG.replacen("probe: null", "probe: 10s, retry_after: 5s", 1);
    let mut world = World::with(&probed);
    let one = world.softswitch(1);
    let asked = world.wait(Duration::from_millis(1)).only(one).to_owned();
    assert_eq!(start(&asked), "OPTIONS sip:10.0.0.1 SIP/2.0");
    world.send(one, &response(&asked, "200 OK", "t", ""));
    world.wait(Duration::from_secs(45));
    assert!(
        !world.gateway.softswitches()[0].up,
        "32 s without an answer"
    );
    assert!(world.gateway.softswitches()[1].up, "never asked");
    let again = world.wait(Duration::from_secs(20));
    let again = again.last(one).to_owned();
    world.send(one, &response(&again, "405 Method Not Allowed", "t", ""));
    assert!(world.gateway.softswitches()[0].up, "any answer is one");
}

#[test]
fn a_late_answer_of_a_softswitch_that_was_given_up_is_taken_back() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    let (one, two) = (world.softswitch(1), world.softswitch(2));
    let first = world.send(phone, INVITE).only(one).to_owned();
    let second = world.wait(Duration::from_secs(4)).only(two).to_owned();
    let late = world.send(one, &response(&first, "200 OK", "late", ANSWER));
    assert!(late.to(phone).is_empty());
    assert!(
        start(late.to(one)[0]).starts_with("ACK ") && start(late.to(one)[1]).starts_with("BYE ")
    );
    let ok = world.send(two, &response(&second, "200 OK", "b1", ANSWER));
    assert_eq!(start(ok.only(phone)), "SIP/2.0 200 OK");
}

#[test]
fn a_softswitch_that_was_given_up_is_not_offered_ports_that_may_be_others_by_then() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    let (one, two) = (world.softswitch(1), world.softswitch(2));
    world.send(phone, INVITE);
    let second = world.wait(Duration::from_secs(4)).only(two).to_owned();
    let over = world.send(two, &response(&second, "486 Busy Here", "b1", ""));
    assert_eq!(start(over.only(phone)), "SIP/2.0 486 Busy Here");
    assert!(world.open.is_empty());
    assert!(world.wait(Duration::from_secs(40)).to(one).is_empty());
}

#[test]
fn a_softswitch_over_tcp_is_spoken_to_over_tcp() {
    let config = CONFIG.replacen("probe: null", "probe: null, transport: tcp", 1);
    let mut world = World::with(&config);
    let phone = world.phone("203.0.113.7:40001");
    let passed = world.send(phone, INVITE);
    let far = &passed.sent[1];
    assert_eq!(
        (far.flow.transport, far.flow.connection),
        (Transport::Tcp, None)
    );
    assert!(header(&far.text, "Via").starts_with("SIP/2.0/TCP 198.51.100.1:5060;"));
    assert!(header(&far.text, "Contact").contains(";transport=tcp;strait="));
    let connected = world.party(CORE, Transport::Tcp, "10.0.0.1:5060");
    world.input(Input::Connected {
        flow: connected.flow,
    });
    let ok = world.send(connected, &response(&far.text, "200 OK", "b1", ANSWER));
    assert_eq!(start(ok.only(phone)), "SIP/2.0 200 OK");
    assert!(
        world.wait(Duration::from_secs(5)).to(connected).is_empty(),
        "nothing is repeated"
    );
}

#[test]
fn a_call_that_comes_back_through_us_is_two_calls_of_one_name() {
    let mut world = World::new();
    let (alice, bob) = (
        world.phone("203.0.113.7:40001"),
        world.phone("203.0.113.8:40002"),
    );
    let softswitch = world.softswitch(1);
    let bob_registers = REGISTER
        .replace("alice", "bob")
        .replace("192.168.1.5", "192.168.2.6");
    let (registered, _) = register(&mut world, bob, &bob_registers);
    let target = between(header(&registered, "Contact"), "<", ">");
    // The softswitch is a proxy: same Call-ID, tags and CSeq, a Via and a Request-URI of its own.
    let out = world.send(alice, INVITE).only(softswitch).to_owned();
    let via = "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKproxy;rport";
    let spiral = out
        .replacen(start(&out), &format!("INVITE {target} SIP/2.0"), 1)
        .replacen(
            "\r\nVia:",
            &format!("\r\n{via}\r\nRecord-Route: <sip:10.0.0.1;lr>\r\nVia:"),
            1,
        );
    let back = world.send_bytes(softswitch, spiral.as_bytes());
    let ring = back.only(bob).to_owned();
    assert!(start(&ring).starts_with("INVITE sip:bob@192.168.2.6:5060;ob "));
    assert_eq!(header(&ring, "Call-ID"), header(&out, "Call-ID"));
    let ok = response(&ring, "200 OK", "b1", ANSWER)
        .replace("10.0.0.50", "192.168.2.6")
        .replace("10.0.0.1", "192.168.2.6");
    let up = world.send(bob, &ok).only(softswitch).to_owned();
    let stripped = up.replacen(
        &format!("{via};received=10.0.0.1;rport=5060"),
        "X-Gone: 1",
        1,
    );
    let stripped = stripped.replacen(
        "Via: SIP/2.0/UDP 10.0.0.1",
        "X-Gone: SIP/2.0/UDP 10.0.0.1",
        1,
    );
    let down = world.send_bytes(softswitch, stripped.as_bytes());
    let answer = down.only(alice).to_owned();
    assert_eq!(header(&answer, "Call-ID"), "call-1@192.168.1.5");
    assert_eq!(world.gateway.sizes().calls, 2);
    // ACK and BYE find their way through both, from either end.
    let ack = world.send(alice, &within(&answer, "ACK", 1, "ack", "192.168.1.5"));
    let ack = ack.only(softswitch).to_owned();
    let forwarded = ack.replacen("Via:", &format!("{via}2\r\nVia:"), 1);
    assert!(
        start(world.send_bytes(softswitch, forwarded.as_bytes()).only(bob)).starts_with("ACK ")
    );
}

#[test]
fn a_request_that_goes_in_circles_is_stopped() {
    let config = CONFIG.replace(
        "    media:\n      - { address: 198.51.100.1",
        "    forward_to: [edge]\n    media:\n      - { address: 198.51.100.1",
    ) + "  - { name: edge, realm: access, address: \"203.0.113.9:5060\", probe: null }\n";
    let mut world = World::with(&config);
    let ends = [world.phone("203.0.113.9:5060"), world.softswitch(1)];
    let mut message = INVITE.replace("bob@192.0.2.1", "bob@example.org");
    for turn in 0..4 {
        let (from, to) = (ends[turn % 2], ends[(turn + 1) % 2]);
        let out = world.send(from, &message);
        if start(out.last(from)) == "SIP/2.0 482 Loop Detected" {
            assert!(out.to(to).is_empty());
            assert!(turn > 1, "once there and back is no loop yet");
            return;
        }
        message = out.only(to).replace("\r\n", "\n");
    }
    panic!("it goes round and round");
}

#[test]
fn a_request_that_comes_twice_by_different_ways_is_merged() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    world.send(phone, INVITE);
    let twin = world.send(phone, &INVITE.replace("inv1", "inv9"));
    assert_eq!(start(twin.only(phone)), "SIP/2.0 482 Request Merged");
}

#[test]
fn parties_of_the_same_realm_on_ipv6_are_reached_on_ipv6() {
    let mut world = World::new();
    let phone = world.phone("[2001:db8:a::5]:5060");
    let request = REGISTER
        .replace("192.168.1.5", "[2001:db8:a::5]")
        .replace("192.0.2.1", "[2001:db8:a::1]");
    let (asked, answer) = register(&mut world, phone, &request);
    assert!(header(&asked, "Contact").starts_with("<sip:alice@198.51.100.1:5060;ob;strait="));
    assert!(header(&answer, "Contact").starts_with("<sip:alice@[2001:db8:a::5]:5060;ob>"));
    let target = between(header(&asked, "Contact"), "<", ">");
    let softswitch = world.softswitch(1);
    let passed = world.send(softswitch, &from_core("MESSAGE", target, "m6"));
    let message = passed.only(phone);
    assert!(header(message, "Via").starts_with("SIP/2.0/UDP [2001:db8:a::1]:5060;"));
    assert_eq!(header(message, "From"), "<sip:bob@[2001:db8:a::1]>;tag=b1");
    assert_eq!(passed.sent[0].flow.realm, ACCESS);
}

#[test]
fn who_rings_after_it_was_given_up_rings_no_longer() {
    for rings in [true, false] {
        let mut world = World::new();
        let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
        let (asked, _) = register(&mut world, phone, REGISTER);
        let target = between(header(&asked, "Contact"), "<", ">").to_owned();
        let passed = world.send(softswitch, &from_core("INVITE", &target, "i1"));
        let invite = passed.only(phone).to_owned();
        let over = world.wait(Duration::from_millis(32_100));
        assert_eq!(start(over.to(softswitch)[0]), "SIP/2.0 408 Request Timeout");
        let status = if rings { "180 Ringing" } else { "200 OK" };
        let late = response(&invite, status, "late", "");
        let late = late.replace("bob@10.0.0.1:5060", "alice@192.168.1.5:5060");
        let late = world.send(phone, &late);
        let told: Vec<&str> = late.to(phone).into_iter().map(start).collect();
        let methods = told.iter().map(|line| line.split(' ').next().unwrap());
        let expected: &[&str] = if rings { &["CANCEL"] } else { &["ACK", "BYE"] };
        assert_eq!(methods.collect::<Vec<_>>(), expected, "{late:?}");
        let outcome = world.wait(Duration::from_secs(70));
        assert_eq!(world.gateway.sizes().client_transactions, 0, "{outcome:?}");
    }
}

#[test]
fn unanswered_parties_time_out_with_408() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (asked, _) = register(&mut world, phone, REGISTER);
    let target = between(header(&asked, "Contact"), "<", ">").to_owned();
    world.send(softswitch, &from_core("INVITE", &target, "i1"));
    let over = world.wait(Duration::from_secs(33));
    assert_eq!(start(over.to(softswitch)[0]), "SIP/2.0 408 Request Timeout");
    assert_eq!(
        over.records[0].ending.as_ref().unwrap().reason,
        "setup timeout"
    );
    let _ = answered(&mut world, phone);
}
