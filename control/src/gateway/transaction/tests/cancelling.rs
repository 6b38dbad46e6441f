//! CANCEL, RFC 3261 §9, from both ends.

use super::*;

const HOUR: u64 = 3_600_000;

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    let mut bench = Bench::new();
    let id = bench.start(udp(), "INVITE", "z9hG4bKa");
    bench.layer.cancel(bench.now, id, None, &mut bench.out);
    assert_eq!(bench.sent(), ["INVITE"]);
    assert_eq!(
        bench.answer(100, "INVITE", "z9hG4bKa"),
        ResponseOutcome::Deliver(id)
    );
    assert_eq!(bench.sent(), ["CANCEL"]);
    assert_eq!(
        bench.answer(200, "CANCEL", "z9hG4bKa"),
        ResponseOutcome::Absorbed
    );
    assert_eq!(
        bench.answer(487, "INVITE", "z9hG4bKa"),
        ResponseOutcome::Deliver(id)
    );
    assert_eq!(bench.sent(), ["ACK"]);
    assert_eq!(
        bench.pass(HOUR),
        (vec![], vec![(32_000, Event::ClientTerminated(id))])
    );
    assert_eq!(bench.layer.len(), (0, 0));
}

#[test]
fn a_cancel_repeats_the_invite_and_says_why() {
    let mut bench = Bench::new();
    let id = bench.start(udp(), "INVITE", "z9hG4bKa");
    bench.answer(180, "INVITE", "z9hG4bKa");
    bench.sent();
    let reason = Some(&b"SIP;cause=200;text=\"Call completed elsewhere\""[..]);
    bench.layer.cancel(bench.now, id, reason, &mut bench.out);
    let Some(Output::Send { bytes, flow }) = bench.out.pop_front() else {
        panic!("no CANCEL")
    };
    assert_eq!(flow, udp());
    let cancel = Message::parse(&bytes).unwrap();
    cancel.check().unwrap();
    let invite = request("INVITE", "z9hG4bKa");
    let invite = Message::parse(invite.as_bytes()).unwrap();
    use crate::sip::HeaderName::{CallId, From, Reason, To, Via};
    assert_eq!(
        cancel.request_uri().as_deref(),
        invite.request_uri().as_deref()
    );
    for name in [Via, From, To, CallId] {
        assert_eq!(cancel.value(name).as_deref(), invite.value(name).as_deref());
    }
    assert_eq!(cancel.cseq().unwrap().number, 1);
    assert_eq!(cancel.value(Reason).as_deref(), reason);
}

#[test]
fn a_final_response_that_comes_first_makes_a_cancel_needless() {
    let mut bench = Bench::new();
    let id = bench.start(udp(), "INVITE", "z9hG4bKa");
    bench.layer.cancel(bench.now, id, None, &mut bench.out);
    bench.sent();
    assert_eq!(
        bench.answer(200, "INVITE", "z9hG4bKa"),
        ResponseOutcome::Deliver(id)
    );
    assert_eq!(bench.pass(HOUR).0, vec![]);
}

#[test]
fn a_cancelled_invite_without_final_response_is_given_up() {
    let mut bench = Bench::new();
    let id = bench.start(udp(), "INVITE", "z9hG4bKa");
    bench.answer(180, "INVITE", "z9hG4bKa");
    bench.pass(1_000);
    bench.layer.cancel(bench.now, id, None, &mut bench.out);
    bench.sent();
    assert_eq!(
        bench.answer(200, "CANCEL", "z9hG4bKa"),
        ResponseOutcome::Absorbed
    );
    let (sent, ended) = bench.pass(HOUR);
    assert_eq!(sent, vec![]);
    assert_eq!(ended, [(33_000, Event::ClientTimeout(id))]);
    assert_eq!(bench.layer.len(), (0, 0));
}

#[test]
fn an_invite_is_answered_where_it_was_cancelled_from() {
    let proxied = "Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKb\r\nFrom: ";
    for (direct, expected) in [(true, 6060), (false, 5060)] {
        let mut bench = Bench::new();
        let mut invite = request("INVITE", "z9hG4bKa").replace("branch", "rport;branch");
        if !direct {
            invite = invite.replace("From: ", proxied);
        }
        let invite = bench.new_request(udp(), &invite);
        // The sender's NAT has rebound.
        let mut moved = udp();
        moved.remote.set_port(6060);
        let cancel = request("CANCEL", "z9hG4bKa").replace("branch", "rport;branch");
        let outcome = bench.receive(moved, &cancel);
        assert!(matches!(outcome, Ok(RequestOutcome::Cancel { .. })));
        bench.respond(invite, 487);
        let sent = bench.out.drain(..).find_map(|output| match output {
            Output::Send { flow, .. } => Some(flow.remote.port()),
            _ => None,
        });
        assert_eq!(sent, Some(expected), "direct: {direct}");
    }
}

#[test]
fn who_cancels_from_elsewhere_hears_the_answer_that_it_missed() {
    let mut bench = Bench::new();
    let invite = bench.new_request(tcp(), &request("INVITE", "z9hG4bKa"));
    bench.respond(invite, 503);
    bench.sent();
    let mut again = tcp();
    again.remote.set_port(6060);
    again.connection = Some(ConnectionId(2));
    let outcome = bench.receive(again, &request("CANCEL", "z9hG4bKa"));
    assert!(matches!(outcome, Ok(RequestOutcome::Cancel { .. })));
    assert_eq!(bench.sent(), ["503"]);
}

#[test]
fn a_received_cancel_names_its_invite() {
    let mut bench = Bench::new();
    let invite = bench.new_request(udp(), &request("INVITE", "z9hG4bKa"));
    let outcome = bench.receive(udp(), &request("CANCEL", "z9hG4bKa"));
    let Ok(RequestOutcome::Cancel {
        invite: found,
        cancel,
    }) = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(found, invite);
    assert!(bench.layer.is_unanswered(invite));
    assert!(bench.respond(cancel, 200));
    assert!(bench.respond(invite, 487));
    assert!(!bench.layer.is_unanswered(invite));
    assert_eq!(bench.sent(), ["200", "487"]);
    let again = bench.receive(udp(), &request("CANCEL", "z9hG4bKa"));
    assert_eq!(again, Ok(RequestOutcome::Retransmission));
    assert_eq!(bench.sent(), ["200"]);
}
