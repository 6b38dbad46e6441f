//! What is refused, with what, and that nothing is left half open.

use std::time::Duration;

use strait_control::gateway::io::{CallNumber, Input, OperatorCommand};

use crate::calls::{ANSWER, INVITE, answered, response, within};
use crate::registrations::REGISTER;
use crate::world::{CONFIG, World, find, header, start};

fn call(number: u32) -> String {
    INVITE
        .replace("inv1", &format!("inv{number}"))
        .replace("call-1@", &format!("call-{number}@"))
        .replace("tag=a1", &format!("tag=a{number}"))
}

#[test]
fn calls_at_once_are_bounded() {
    let mut world = World::with(&format!("{CONFIG}limits: {{ calls: 1 }}\n"));
    let phone = world.phone("203.0.113.7:40001");
    world.send(phone, &call(1));
    let refused = world.send(phone, &call(2));
    assert_eq!(start(refused.only(phone)), "SIP/2.0 503 Too Many Calls");
    assert!(find(refused.only(phone), "Retry-After").is_some());
    assert_eq!(world.gateway.counters().calls_over_limit, 1);
}

#[test]
fn calls_a_second_are_bounded() {
    let mut world = World::with(&format!("{CONFIG}limits: {{ calls_per_second: 2 }}\n"));
    let phone = world.phone("203.0.113.7:40001");
    for number in 1..=2 {
        assert_eq!(world.send(phone, &call(number)).sent.len(), 2);
    }
    let refused = world.send(phone, &call(3));
    assert_eq!(
        start(refused.only(phone)),
        "SIP/2.0 503 Too Many Calls a Second"
    );
    world.wait(Duration::from_millis(400));
    world.wait(Duration::from_millis(200));
    let taken = world.send(phone, &call(4));
    assert_eq!(start(taken.to(phone)[0]), "SIP/2.0 100 Trying");
}

#[test]
fn exhausted_ports_leave_nothing_open() {
    let config = CONFIG.replace(
        "198.51.100.1, ports: 30000-30999",
        "198.51.100.1, ports: 30000-30001",
    );
    let mut world = World::with(&config);
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    world.send(phone, &call(1));
    assert_eq!(world.open.len(), 4);
    let refused = world.send(phone, &call(2));
    assert_eq!(start(refused.last(phone)), "SIP/2.0 503 No Media Port Left");
    assert!(find(refused.last(phone), "Retry-After").is_some());
    assert!(refused.to(softswitch).is_empty());
    assert_eq!(world.open.len(), 4);
    assert_eq!(world.gateway.sizes().calls, 1);
    assert_eq!(world.gateway.counters().media_exhausted, 1);
}

#[test]
fn a_dataplane_that_is_behind_gets_no_new_calls() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    world.gateway.set_media_backlog(true);
    let refused = world.send(phone, INVITE);
    assert_eq!(start(refused.only(phone)), "SIP/2.0 503 Media Relay Busy");
    world.gateway.set_media_backlog(false);
    assert_eq!(world.send(phone, &call(2)).sent.len(), 2);
}

#[test]
fn a_drain_takes_nothing_new_and_lets_calls_end() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (_, ok) = answered(&mut world, phone);
    world.input(Input::Operator(OperatorCommand::Drain));
    let refused = world.send(phone, &call(2));
    assert_eq!(start(refused.only(phone)), "SIP/2.0 503 Shutting Down");
    let refused = world.send(phone, REGISTER);
    assert_eq!(start(refused.only(phone)), "SIP/2.0 503 Shutting Down");
    let bye = world.send(phone, &within(&ok, "BYE", 2, "bye", "192.168.1.5:5060"));
    let over = world.send(
        softswitch,
        &response(bye.only(softswitch), "200 OK", "", ""),
    );
    assert_eq!(over.records.len(), 1);
}

#[test]
fn the_operator_ends_calls_on_both_sides() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    answered(&mut world, phone);
    let ended = world.input(Input::Operator(OperatorCommand::EndCall(CallNumber(1))));
    let (near, far) = (ended.only(phone), ended.only(softswitch));
    assert!(start(near).starts_with("BYE sip:alice@192.168.1.5:5060 "));
    assert_eq!(header(near, "CSeq"), "1 BYE");
    assert_eq!(header(far, "CSeq"), "2 BYE");
    assert!(header(far, "Reason").contains("ended by operator"));
    assert_eq!(
        ended.records[0].ending.as_ref().unwrap().reason,
        "ended by operator"
    );
    assert!(world.open.is_empty());
}

#[test]
fn the_operator_ends_a_call_that_rings() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let invite = world.send(phone, INVITE).only(softswitch).to_owned();
    world.send(softswitch, &response(&invite, "180 Ringing", "b1", ""));
    let ended = world.input(Input::Operator(OperatorCommand::EndAllCalls));
    assert!(start(ended.only(softswitch)).starts_with("CANCEL "));
    assert_eq!(
        start(ended.only(phone)),
        "SIP/2.0 480 Temporarily Unavailable"
    );
    assert!(world.open.is_empty());
    // An answer that crosses the CANCEL is taken back.
    let late = world.send(softswitch, &response(&invite, "200 OK", "b1", ANSWER));
    let sent = late.to(softswitch);
    assert!(start(sent[0]).starts_with("ACK ") && start(sent[1]).starts_with("BYE "));
    assert!(late.to(phone).is_empty());
}

#[test]
fn too_many_media_lines_are_not_acceptable() {
    let mut world = World::with(&format!("{CONFIG}limits: {{ media_lines: 2 }}\n"));
    let phone = world.phone("203.0.113.7:40001");
    let more = format!("{INVITE}m=video 4002 RTP/AVP 96\nm=video 4004 RTP/AVP 96\n");
    let refused = world.send(phone, &more);
    assert_eq!(
        start(refused.last(phone)),
        "SIP/2.0 488 Not Acceptable Here"
    );
    assert!(header(refused.last(phone), "Warning").contains("more than 2 media lines"));
    assert!(world.open.is_empty());
}

#[test]
fn too_long_a_message_is_too_long() {
    let mut world = World::with(&format!("{CONFIG}limits: {{ message_bytes: 1500 }}\n"));
    let phone = world.phone("203.0.113.7:40001");
    let long = INVITE.replace(
        "Max-Forwards",
        &format!("X-Long: {}\nMax-Forwards", "x".repeat(1500)),
    );
    let refused = world.send(phone, &long);
    assert_eq!(start(refused.only(phone)), "SIP/2.0 513 Message Too Large");
    let headers: String = (0..200).map(|n| format!("X-{n}: y\n")).collect();
    let mut world = World::new();
    let many = INVITE.replace("Max-Forwards", &format!("{headers}Max-Forwards"));
    let refused = world.send(phone, &many);
    assert_eq!(
        start(refused.only(phone)),
        "SIP/2.0 400 Too Many Header Fields"
    );
}

#[test]
fn options_for_strait_are_answered() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    let ask = |uri: &str, hops: u8, branch: &str| {
        format!(
            "OPTIONS {uri} SIP/2.0\nVia: SIP/2.0/UDP 192.168.1.5;branch=z9hG4bK{branch};rport\n\
             Max-Forwards: {hops}\nFrom: <sip:a@192.0.2.1>;tag=1\nTo: <{uri}>\n\
             Call-ID: {branch}\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n"
        )
    };
    for (uri, hops, branch) in [("sip:192.0.2.1", 70, "o1"), ("sip:bob@192.0.2.1", 0, "o2")] {
        let answer = world.send(phone, &ask(uri, hops, branch));
        assert_eq!(start(answer.only(phone)), "SIP/2.0 200 OK");
        assert!(header(answer.only(phone), "Allow").contains("INVITE"));
    }
    let passed = world.send(phone, &ask("sip:bob@192.0.2.1", 70, "o3"));
    assert_eq!(passed.to(world.softswitch(1)).len(), 1);
}
