//! Lost connections, unreachable peers, and reached bounds.

use super::*;

use Event::{ClientTerminated, ClientUnreachable};

#[test]
fn what_cannot_be_delivered_fails_unless_it_was_answered() {
    let mut bench = Bench::new();
    let silent = bench.start(udp(), "OPTIONS", "z9hG4bKa");
    let ringing = bench.start(udp(), "INVITE", "z9hG4bKb");
    bench.answer(180, "INVITE", "z9hG4bKb");
    let elsewhere = Flow {
        remote: "192.0.2.9:5060".parse().unwrap(),
        ..udp()
    };
    let other = bench.start(elsewhere, "INVITE", "z9hG4bKc");
    bench.layer.unreachable(&udp(), None);
    assert_eq!(bench.events(), [ClientUnreachable(silent)]);
    bench.layer.unreachable(&elsewhere, Some(b"z9hG4bKx"));
    assert_eq!(bench.events(), []);
    bench.layer.unreachable(&elsewhere, Some(b"z9hG4bKc"));
    assert_eq!(bench.events(), [ClientUnreachable(other)]);
    assert_eq!(
        bench.answer(486, "INVITE", "z9hG4bKb"),
        ResponseOutcome::Deliver(ringing)
    );
}

#[test]
fn a_request_follows_its_connection() {
    let mut bench = Bench::new();
    let asked = Flow {
        connection: None,
        ..tcp()
    };
    let first = bench.start(asked, "OPTIONS", "z9hG4bKa");
    let second = bench.start(asked, "INVITE", "z9hG4bKb");
    bench.layer.connected(&tcp());
    bench.answer(180, "INVITE", "z9hG4bKb");
    bench.sent();
    bench.layer.cancel(bench.now, second, None, &mut bench.out);
    assert!(matches!(&bench.out[0], Output::Send { flow, .. } if *flow == tcp()));
    bench.layer.unreachable(&asked, None);
    assert_eq!(bench.events(), []);
    bench.layer.disconnected(ConnectionId(1));
    assert_eq!(bench.events(), [ClientUnreachable(first)]);
}

#[test]
fn responses_outlive_the_connection_their_request_came_by() {
    let mut bench = Bench::new();
    let came = Flow {
        remote: "192.0.2.1:40000".parse().unwrap(),
        ..tcp()
    };
    let id = bench.new_request(came, &request("INVITE", "z9hG4bKa"));
    bench.respond(id, 180);
    bench.layer.disconnected(ConnectionId(1));
    bench.respond(id, 486);
    let flows: Vec<Flow> = bench
        .out
        .iter()
        .map(|output| match output {
            Output::Send { flow, .. } => *flow,
            other => panic!("{other:?}"),
        })
        .collect();
    let anew = Flow {
        remote: "192.0.2.1:5060".parse().unwrap(),
        connection: None,
        ..came
    };
    assert_eq!(flows, [came, anew]);
}

#[test]
fn what_does_not_fit_is_refused_and_fits_again_later() {
    let mut bench = Bench::with(Config {
        max_servers: 2,
        max_clients: 2,
        ..Config::default()
    });
    bench.new_request(udp(), &request("OPTIONS", "z9hG4bKa"));
    bench.new_request(udp(), &request("INFO", "z9hG4bKb"));
    let third = request("MESSAGE", "z9hG4bKc");
    assert_eq!(bench.receive(udp(), &third), Err(Refused::Full));
    let known = bench.receive(udp(), &request("INFO", "z9hG4bKb"));
    assert_eq!(known, Ok(RequestOutcome::Retransmission));
    bench.pass(40_000);
    bench.new_request(udp(), &third);

    let invite = bench.start(udp(), "INVITE", "z9hG4bKa");
    bench.start(udp(), "OPTIONS", "z9hG4bKb");
    let (bytes, now) = (vec![0; 10], bench.now);
    let third = info(b"z9hG4bKc", bytes, Standing::New);
    let third = bench.layer.start(now, udp(), third, &mut bench.out);
    assert_eq!(third, None);
    bench.answer(180, "INVITE", "z9hG4bKa");
    bench.sent();
    bench.layer.cancel(now, invite, None, &mut bench.out);
    assert_eq!(bench.sent(), ["CANCEL"], "a CANCEL always fits");
    bench.answer(200, "CANCEL", "z9hG4bKa");
    bench.answer(200, "OPTIONS", "z9hG4bKb");
    bench.events();
    bench.pass(45_000);
    bench.start(udp(), "INFO", "z9hG4bKc");
}

#[test]
fn kept_bytes_are_bounded() {
    let mut bench = Bench::with(Config {
        max_retained_server_bytes: 2_000,
        max_retained_client_bytes: 2_000,
        ..Config::default()
    });
    let (now, long) = (bench.now, vec![b'x'; 1_500]);
    let start = |bench: &mut Bench, branch: &[u8]| {
        let bytes = long.clone();
        let out = &mut bench.out;
        let request = info(branch, bytes, Standing::New);
        bench.layer.start(now, udp(), request, out)
    };
    let first = start(&mut bench, b"z9hG4bKa").unwrap();
    assert_eq!(start(&mut bench, b"z9hG4bKb"), None);
    bench.answer(200, "INFO", "z9hG4bKa");
    assert!(
        start(&mut bench, b"z9hG4bKb").is_some(),
        "an answered request is not kept"
    );
    assert_eq!(bench.pass(5_000).1, [(5_000, ClientTerminated(first))]);
}

#[test]
fn newcomers_leave_room_for_calls_that_stand() {
    let mut bench = Bench::with(Config {
        max_servers: 4,
        max_clients: 4,
        ..Config::default()
    });
    for (method, branch) in [
        ("INVITE", "z9hG4bKa"),
        ("OPTIONS", "z9hG4bKb"),
        ("INFO", "z9hG4bKc"),
    ] {
        bench.new_request(udp(), &request(method, branch));
        bench.start(udp(), method, branch);
    }
    let full = bench.receive(udp(), &request("MESSAGE", "z9hG4bKd"));
    assert_eq!(full, Err(Refused::Full));
    let (bytes, now) = (vec![0; 10], bench.now);
    let out = &mut bench.out;
    let mut start = |branch: &'static [u8], standing| {
        let bytes = bytes.clone();
        let layer = &mut bench.layer;
        layer.start(now, udp(), info(branch, bytes, standing), out)
    };
    assert_eq!(start(b"z9hG4bKe", Standing::New), None);
    assert!(start(b"z9hG4bKe", Standing::Known).is_some());
    assert_eq!(start(b"z9hG4bKf", Standing::Known), None);
    let cancel = bench.receive(udp(), &request("CANCEL", "z9hG4bKa"));
    assert!(matches!(cancel, Ok(RequestOutcome::Cancel { .. })));
}

fn info(branch: &[u8], bytes: Vec<u8>, standing: Standing) -> Outgoing<'_> {
    Outgoing {
        method: Method::Info,
        branch,
        bytes,
        standing,
    }
}
