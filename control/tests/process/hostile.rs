//! Garbage, crowds, and a dataplane that does not keep up.

use std::io::Write;
use std::net::TcpStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::calls::invite;
use crate::strait::{Place, Strait, receive};
use crate::worker::Worker;

#[test]
fn garbage_is_answered_or_dropped_and_harms_nobody() {
    let strait = Strait::start();
    let phone = strait.phone();
    let to = strait.place.access;
    for garbage in [
        &b"\x00\x01\x02"[..],
        b"hello",
        b"SIP/2.0 999 x\r\n\r\n",
        &[0xff; 60_000],
    ] {
        phone.send_to(garbage, to).unwrap();
    }
    let owed =
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: what\r\n\r\n";
    phone.send_to(owed.as_bytes(), to).unwrap();
    receive(&phone, |text| text.starts_with("SIP/2.0 400 "));
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(&[0xff; 10_000]).unwrap();
    strait.until("the stream's end", |strait| {
        strait.counter("tcp_unreadable") == 1
    });
    assert_eq!(strait.counter("malformed_answered"), 1);
    assert_eq!(strait.get("/status")["state"], "running");
}

#[test]
fn a_thousand_idle_connections_are_bounded() {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: most,
            maximum: most,
        },
    )
    .unwrap();
    let limits = "calls: 1000, tcp_connections: 100";
    let strait = Strait::start_at(Place {
        limits,
        ..Place::new()
    });
    let crowd: Vec<TcpStream> = (0..1_000)
        .map(|_| TcpStream::connect(strait.place.access).unwrap())
        .collect();
    strait.until("all of them", |strait| {
        strait.counter("tcp_accepted") == 1_000
    });
    assert_eq!(strait.get("/status")["signalling"]["connections"], 100);
    assert_eq!(strait.counter("tcp_evicted"), 900);
    drop(crowd);
}

#[test]
fn without_a_dataplane_new_calls_are_refused_until_it_is_back() {
    let mut strait = Strait::start();
    let phone = strait.phone();
    strait.server = None;
    strait.until("the loss is noticed", |strait| {
        strait.get("/status")["dataplane"]["attached"] == false
    });
    phone
        .send_to(invite(&phone, 1).as_bytes(), strait.place.access)
        .unwrap();
    let (refused, _) = receive(&phone, |text| text.starts_with("SIP/2.0 503 "));
    assert!(refused.contains("Retry-After:"), "{refused}");
    strait.server = Some(strait.place.serve(&strait.region));
    strait.until("the return", |strait| {
        strait.get("/status")["dataplane"]["attached"] == true
    });
    phone
        .send_to(invite(&phone, 2).as_bytes(), strait.place.access)
        .unwrap();
    receive(&strait.switch, |text| text.starts_with("INVITE"));
}

#[test]
fn a_ring_that_is_full_refuses_new_calls_until_there_is_room() {
    let limits = "calls: 10000, calls_per_second: 100000";
    let mut strait = Strait::start_at(Place {
        limits,
        ..Place::new()
    });
    // The worker moves, but takes nothing.
    strait.worker = None;
    let mut idle = Worker::new(&strait.region, 0);
    let phone = strait.phone();
    let refused = (1..10_000).find_map(|number| {
        idle.stay_alive();
        phone
            .send_to(invite(&phone, number).as_bytes(), strait.place.access)
            .unwrap();
        let (first, _) = receive(&phone, |_| true);
        (!first.starts_with("SIP/2.0 100")).then_some(first)
    });
    let refused = refused.expect("no ring is this large");
    assert!(refused.starts_with("SIP/2.0 503 "), "{refused}");
    assert!(refused.contains("Retry-After:"), "{refused}");
    assert_eq!(strait.counter("media_backlog"), 1);
    assert!(
        strait.get("/status")["dataplane"]["backlog"]
            .as_u64()
            .unwrap()
            > 0
    );
    let _running = crate::worker::Running::start(idle);
    strait.until("room", |strait| {
        strait.get("/status")["dataplane"]["backlog"] == 0
    });
    phone
        .send_to(invite(&phone, 20_000).as_bytes(), strait.place.access)
        .unwrap();
    receive(&phone, |text| {
        text.starts_with("SIP/2.0 100") && text.contains("CSeq: 20000 ")
    });
}
