//! Floods of calls nobody answers or acknowledges, of provisional responses, of forks, of large
//! messages.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::call::Call;
use crate::sip::{answer, description, receive, request};
use crate::stage::{Stage, bind, own_address};

/// Resident memory a call that is being set up may take, its messages of 1 KiB included, in KiB
/// (docs/SECURITY.md).
const CALL_KIB: u64 = 32;
/// What a refused request may take as long as its retransmissions are answered, in KiB.
const REFUSED_KIB: u64 = 4;
/// What the allocator and page granularity may add to any bound, in KiB.
const SLACK_KIB: u64 = 16 * 1024;

#[test]
fn invites_nobody_answers_fill_the_calls_there_may_be_and_no_more() {
    let (calls, flood) = (300, 5_000);
    unanswered(calls, flood);
}

/// Two hundred thousand INVITEs.
#[test]
#[ignore = "a soak"]
fn soak_invites_nobody_answers() {
    unanswered(450, 200_000);
}

fn unanswered(calls: u32, flood: u32) {
    let limits = format!("calls: {calls}, calls_per_second: 100000");
    let stage = Stage::start(&limits);
    let mut call = Call::set_up(&stage);
    let before = stage.memory_kib();
    let attacker = bind(own_address());
    let local = attacker.local_addr().unwrap();
    let offer = description(SocketAddr::new(local.ip(), 4000));
    for number in 2..flood + 2 {
        let invite = request("INVITE", local, number, "", &offer);
        attacker.send_to(invite.as_bytes(), stage.access).unwrap();
        if number % 100 == 0 {
            drain(&attacker);
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    stage.until("the limit", |stage| stage.status()["calls"] == calls);
    let refused = |stage: &Stage| stage.counter("calls_over_limit");
    stage.until("refusals", |stage| refused(stage) > u64::from(flood / 10));
    let over = refused(&stage).min(150_000);
    let bound = u64::from(calls) * CALL_KIB + over * REFUSED_KIB + SLACK_KIB;
    stage.assert_grown(&format!("{flood} INVITEs, {calls} calls"), before, bound);
    call.notices_nothing(&stage);
    end_all_but_the_first(&stage);
    call.end(&stage);
    stage.until_empty();
}

#[test]
fn answers_nobody_acknowledges_hold_their_calls_alone() {
    let stage = Stage::start("calls: 100, calls_per_second: 100000");
    let mut call = Call::set_up(&stage);
    let before = stage.memory_kib();
    let attacker = bind(own_address());
    let local = attacker.local_addr().unwrap();
    let offer = description(SocketAddr::new(local.ip(), 4000));
    for number in 2..=100 {
        let invite = request("INVITE", local, number, "", &offer);
        attacker.send_to(invite.as_bytes(), stage.access).unwrap();
        let name = format!("Call-ID: INVITE-{number}\r\n");
        let is_it = |text: &str| text.starts_with("INVITE") && text.contains(&name);
        let (seen, from) = receive(&stage.switch, is_it);
        let here = stage.switch.local_addr().unwrap();
        let voice = SocketAddr::new(here.ip(), 4000);
        let extra = format!("Contact: <sip:bob@{here}>\r\nContent-Type: application/sdp\r\n");
        let accepted = answer(&seen, "200 OK", "far", &extra, &description(voice));
        stage.switch.send_to(accepted.as_bytes(), from).unwrap();
    }
    stage.until("all calls", |stage| stage.counter("answered") == 100);
    let more = request("INVITE", local, 101, "", &offer);
    drain(&attacker);
    attacker.send_to(more.as_bytes(), stage.access).unwrap();
    let (refused, _) = receive(&attacker, |text| text.contains("CSeq: 101 "));
    assert!(refused.starts_with("SIP/2.0 503 "), "{refused}");
    assert!(refused.contains("Retry-After:"), "{refused}");
    stage.assert_grown("99 answers without ACK", before, 99 * CALL_KIB + SLACK_KIB);
    call.notices_nothing(&stage);
    end_all_but_the_first(&stage);
    call.end(&stage);
    stage.until_empty();
}

#[test]
fn provisional_responses_and_forks_without_end_take_no_more_than_one_call() {
    let stage = Stage::start("calls: 100");
    let mut call = Call::set_up(&stage);
    let caller = bind(own_address());
    let local = caller.local_addr().unwrap();
    let before = stage.memory_kib();
    let offer = description(SocketAddr::new(local.ip(), 4000));
    caller
        .send_to(
            request("INVITE", local, 2, "", &offer).as_bytes(),
            stage.access,
        )
        .unwrap();
    let is_it = |text: &str| text.starts_with("INVITE") && text.contains("Call-ID: INVITE-2\r\n");
    let (seen, from) = receive(&stage.switch, is_it);
    let here = stage.switch.local_addr().unwrap();
    let voice = SocketAddr::new(here.ip(), 4000);
    let extra = format!("Contact: <sip:bob@{here}>\r\nContent-Type: application/sdp\r\n");
    let responses = stage.counter("responses");
    let mut ways = 0;
    // First from one callee, then from as many callees as there are responses.
    for number in 0..20_000u32 {
        let tag = match number < 10_000 {
            true => "far".to_owned(),
            false => format!("fork{number}"),
        };
        let early = answer(
            &seen,
            "183 Session Progress",
            &tag,
            &extra,
            &description(voice),
        );
        stage.switch.send_to(early.as_bytes(), from).unwrap();
        ways += 1;
        if number % 50 == 0 {
            drain(&caller);
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    stage.until("the flood", |stage| {
        stage.counter("responses") - responses > ways / 10
    });
    stage.assert_grown(
        "20000 responses, 10000 forks",
        before,
        8 * CALL_KIB + SLACK_KIB,
    );
    assert_eq!(stage.status()["calls"], 2);
    call.notices_nothing(&stage);
    let busy = answer(&seen, "486 Busy Here", "far", "", "");
    stage.switch.send_to(busy.as_bytes(), from).unwrap();
    receive(&caller, |text| text.starts_with("SIP/2.0 486 "));
    call.end(&stage);
    stage.until_empty();
}

#[test]
fn messages_beyond_the_limit_are_told_so_and_kept_nowhere() {
    let stage = Stage::start("message_bytes: 8000");
    let mut call = Call::set_up(&stage);
    let before = stage.memory_kib();
    let attacker = bind(own_address());
    let local = attacker.local_addr().unwrap();
    let long = format!("X-Long: {}\r\n", "x".repeat(50_000));
    for number in 2..1_002 {
        let message = request("MESSAGE", local, number, &long, "");
        attacker.send_to(message.as_bytes(), stage.access).unwrap();
        let name = format!("CSeq: {number} MESSAGE");
        let (refused, _) = receive(&attacker, |text| text.contains(&name));
        assert!(refused.starts_with("SIP/2.0 513 "), "{refused}");
    }
    stage.assert_grown("1000 messages of 50 KB", before, SLACK_KIB);
    call.notices_nothing(&stage);
    call.end(&stage);
    stage.until_empty();
}

#[test]
fn large_messages_nobody_answers_are_bounded_in_bytes() {
    unanswered_messages(1_500);
}

/// Beyond every bound.
#[test]
#[ignore = "a soak"]
fn soak_large_messages_nobody_answers() {
    unanswered_messages(30_000);
}

/// What is kept of requests under way at most, in KiB: three quarters of `MAX_EXCHANGE_BYTES` and
/// of half of `MAX_RETAINED_BYTES`.
const KEPT_KIB: u64 = (192 + 192) * 1024;

fn unanswered_messages(count: u32) {
    let stage = Stage::start("message_bytes: 65535");
    let mut call = Call::set_up(&stage);
    let before = stage.memory_kib();
    let attacker = bind(own_address());
    let local = attacker.local_addr().unwrap();
    let long = format!("X-Long: {}\r\n", "x".repeat(50_000));
    for number in 2..count + 2 {
        let message = request("MESSAGE", local, number, &long, "");
        attacker.send_to(message.as_bytes(), stage.access).unwrap();
        if number % 10 == 0 {
            drain(&attacker);
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    let kept = KEPT_KIB.min(u64::from(count) * 2 * message_kib(&long));
    // The allocator rounds what it is asked for up by a quarter at most.
    let bound = kept * 5 / 4 + u64::from(count) * REFUSED_KIB + SLACK_KIB;
    stage.assert_grown(&format!("{count} messages of 50 KB"), before, bound);
    call.notices_nothing(&stage);
    call.end(&stage);
    stage.until_empty();
}

fn message_kib(long: &str) -> u64 {
    (long.len() as u64 + 1_024) / 1_024
}

/// The operator ends what the attacker has set up.
fn end_all_but_the_first(stage: &Stage) {
    let calls = stage.ask(&["calls", "list"]).unwrap();
    for call in calls.as_array().unwrap() {
        if call["call_id"] != "INVITE-1" {
            stage.ask(&["calls", "end", &call["number"].to_string()]);
        }
    }
}

/// Reads what an attacker is answered, so that its kernel does not overflow, and drops it.
fn drain(socket: &UdpSocket) {
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 65_535];
    while socket.recv_from(&mut buffer).is_ok() {}
    socket.set_nonblocking(false).unwrap();
}
