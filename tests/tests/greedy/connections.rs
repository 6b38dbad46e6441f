//! TCP connections that stand idle, dribble, never end a message, or bring too much of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::call::Call;
use crate::sip::request;
use crate::stage::{PATIENCE, Stage, own_address};

/// Resident memory an idle connection may take, in KiB (docs/SECURITY.md).
const IDLE_CONNECTION_KIB: u64 = 4;
/// What unfinished messages may take on all connections together, in KiB: half of
/// `MAX_UNFINISHED_BYTES`, for these have brought no whole one.
const UNFINISHED_KIB: u64 = 64 * 1024;
/// What the allocator and page granularity may add to any bound, in KiB.
const SLACK_KIB: u64 = 16 * 1024;
/// `MAX_ACCEPTED_PER_SOURCE`.
const PER_SOURCE: usize = 2_000;

#[test]
fn ten_thousand_idle_connections_cost_little_and_make_room_for_others() {
    let most = descriptors().saturating_sub(500).min(10_000);
    let stage = Stage::start(&format!("tcp_connections: {most}"));
    let mut call = Call::set_up(&stage);
    let before = stage.memory_kib();
    let mut crowd = Vec::new();
    while crowd.len() < most {
        let part = (most - crowd.len()).min(PER_SOURCE / 2);
        crowd.extend(connect(&stage, part));
    }
    stage.until("all of them", |stage| stage.connections() == most as u64);
    let bound = most as u64 * IDLE_CONNECTION_KIB + SLACK_KIB;
    stage.assert_grown(&format!("{most} idle connections"), before, bound);
    call.notices_nothing(&stage);
    // Newcomers take the places of those that were silent longest.
    drop(crowd.split_off(most - 300));
    let late = connect(&stage, 400);
    stage.until("room for newcomers", |stage| {
        stage.counter("tcp_accepted") == most as u64 + 400
    });
    assert!(stage.connections() <= most as u64);
    speak(&late[399]);
    call.notices_nothing(&stage);
    drop((crowd, late));
    call.end(&stage);
    stage.until_empty();
}

#[test]
fn one_source_has_no_more_connections_than_its_share() {
    let stage = Stage::start("tcp_connections: 10000");
    let mut call = Call::set_up(&stage);
    let crowd = connect(&stage, PER_SOURCE + 50);
    stage.until("the surplus is refused", |stage| {
        stage.counter("tcp_refused_for_source") == 50
    });
    assert_eq!(stage.connections(), PER_SOURCE as u64);
    let neighbour = connect(&stage, 1);
    speak(&neighbour[0]);
    call.notices_nothing(&stage);
    drop((crowd, neighbour));
    call.end(&stage);
    stage.until_empty();
}

#[test]
fn messages_that_never_end_are_bounded_over_all_connections() {
    let stage = Stage::start("tcp_connections: 10000");
    let mut call = Call::set_up(&stage);
    let before = stage.memory_kib();
    let head = format!("OPTIONS sip:a@b SIP/2.0\r\nX: {}\r\n", "x".repeat(31_000));
    let unended = format!("{head}Content-Length: 32000\r\n\r\n{}", "y".repeat(31_000));
    let mut crowd = connect(&stage, 1_600);
    for stream in &mut crowd {
        // Some are closed while we write.
        let _ = stream.write_all(unended.as_bytes());
    }
    stage.until("too much of it", |stage| stage.counter("tcp_crowded") > 0);
    stage.assert_grown(
        "1600 messages without end",
        before,
        UNFINISHED_KIB + SLACK_KIB,
    );
    // They dribble on, and nobody minds.
    for _ in 0..3 {
        for stream in &mut crowd {
            let _ = stream.write_all(b"z");
        }
        call.notices_nothing(&stage);
    }
    stage.assert_grown("dribbling on", before, UNFINISHED_KIB + SLACK_KIB);
    drop(crowd);
    call.end(&stage);
    stage.until_empty();
}

#[test]
fn headers_without_end_are_refused_and_the_connection_closed() {
    let stage = Stage::start("tcp_connections: 10000");
    let mut call = Call::set_up(&stage);
    let before = stage.memory_kib();
    let head = request("OPTIONS", stage.access, 1, "", "");
    let head = head
        .trim_end_matches("\r\n")
        .replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    for mut stream in connect(&stage, 200) {
        let endless = format!("{head}\r\nX-Long: {}", "x".repeat(70_000));
        let _ = stream.write_all(endless.as_bytes());
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(
            answer.is_empty() || answer.starts_with("SIP/2.0 "),
            "{answer}"
        );
    }
    assert_eq!(stage.counter("tcp_unreadable"), 200);
    stage.assert_grown("200 endless headers", before, SLACK_KIB);
    call.notices_nothing(&stage);
    call.end(&stage);
    stage.until_empty();
}

/// So many connections from an address of their own.
fn connect(stage: &Stage, count: usize) -> Vec<TcpStream> {
    let from = SocketAddr::new(own_address().into(), 0);
    let connect = |_| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&from.into()).unwrap();
        socket.connect(&stage.access.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    (0..count).map(connect).collect()
}

/// A connection brings an OPTIONS for Strait itself and is answered.
fn speak(mut stream: &TcpStream) {
    let local = stream.local_addr().unwrap();
    let ask = request("OPTIONS", local, 7, "", "").replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    let ask = ask.replace("Max-Forwards: 70", "Max-Forwards: 0");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"SIP/2.0 200 ");
}

/// How many descriptors a process may have here.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    line.unwrap()
        .split_whitespace()
        .nth(3)
        .unwrap()
        .parse()
        .unwrap()
}
