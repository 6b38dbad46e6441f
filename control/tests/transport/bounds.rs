//! Slow, greedy and numerous peers.

use std::io::Write;
use std::net::{SocketAddr, TcpStream as BlockingStream};
use std::time::Duration;

use strait_control::gateway::io::{Flow, ListenerIndex, RealmIndex, Transport};
use strait_control::sip::limits::MAX_STREAM_BODY_BYTES;
use strait_control::transport::counters::Counter;
use strait_control::transport::limits::{
    MAX_QUEUED_BYTES, MAX_UNFINISHED_BYTES, MAX_WAITING_BYTES,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Seen, request, run};

#[test]
fn a_thousand_idle_connections_leave_room_for_those_that_speak() {
    run(50, async |bench| {
        let mut phone = TcpStream::connect(bench.v4).await.unwrap();
        phone.write_all(request("1", "").as_bytes()).await.unwrap();
        let (flow, _) = bench.memory.message().await;
        let mut idle = Vec::new();
        for count in 0..1_000u64 {
            let stream = TcpStream::connect(bench.v4).await.unwrap();
            // As many as the process may have open are kept on this side.
            if count % 4 == 0 {
                idle.push(stream);
            }
            while bench.transport.counters().get(Counter::TcpAccepted) < count + 2 {
                tokio::task::yield_now().await;
            }
            assert!(bench.transport.connections() <= 50);
        }
        assert_eq!(bench.transport.connections(), 50);
        assert!(bench.transport.counters().get(Counter::TcpEvicted) >= 200);
        bench.transport.send(&flow, b"still here".to_vec()).unwrap();
        let mut answer = [0; 10];
        phone.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"still here");
    });
}

#[test]
fn a_peer_that_reads_nothing_is_given_up() {
    run(10, async |bench| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let party = socket.connect(bench.v4).await.unwrap();
        let flow = bench.memory.connected().await;
        let message = vec![b'x'; 16 * 1024];
        // What the kernel takes on both sides varies; it is far from this much.
        let enough = 64 * MAX_QUEUED_BYTES / message.len();
        let sent = (0..enough).take_while(|_| bench.transport.send(&flow, message.clone()).is_ok());
        let sent = sent.count();
        assert!(
            sent < enough,
            "a peer that reads nothing took {sent} messages"
        );
        bench.memory.disconnected().await;
        assert_eq!(bench.transport.counters().get(Counter::TcpOverflowed), 1);
        assert_eq!(bench.transport.connections(), 0);
        drop(party);
    });
}

/// With the clock standing still until nothing else happens, waiting costs nothing.
fn closed_for_slowness(bytes: &[u8]) {
    run(10, async |bench| {
        tokio::time::pause();
        let mut party = BlockingStream::connect(bench.v4).unwrap();
        party.write_all(bytes).unwrap();
        bench.memory.disconnected().await;
        assert_eq!(bench.transport.counters().get(Counter::TcpTimedOut), 1);
        assert_eq!(bench.transport.connections(), 0);
    });
}

#[test]
fn a_connection_that_brings_nothing_is_closed() {
    closed_for_slowness(b"");
}

#[test]
fn a_connection_that_only_pings_is_closed() {
    closed_for_slowness(b"\r\n\r\n");
}

#[test]
fn a_message_that_never_ends_closes_its_connection() {
    let whole = request("1", "");
    closed_for_slowness(format!("{whole}{}", &whole[..30]).as_bytes());
}

#[test]
fn a_connection_idle_for_long_is_closed() {
    closed_for_slowness(request("1", "").as_bytes());
}

#[test]
fn what_waits_for_slow_readers_is_bounded_over_all_connections() {
    run(10_000, async |bench| {
        let message = vec![b'x'; 128 * 1024];
        // Nobody has connected before this task gives way, so that everything waits.
        let send = |port: u16| {
            let flow = Flow {
                realm: RealmIndex(0),
                listener: ListenerIndex(1),
                transport: Transport::Tcp,
                remote: SocketAddr::new(bench.v4.ip(), port),
                connection: None,
            };
            bench.transport.send(&flow, message.clone())
        };
        let taken = (10_000..20_000).take_while(|port| send(*port).is_ok());
        assert_eq!(taken.count(), MAX_WAITING_BYTES / message.len());
        let mut failed = 0;
        while failed < MAX_WAITING_BYTES / message.len() {
            failed += usize::from(matches!(bench.memory.next().await, Seen::SendFailed(..)));
        }
        assert!(send(20_001).is_ok(), "room is given back");
    });
}

#[test]
fn what_is_not_whole_is_bounded_over_all_connections() {
    run(10_000, async |bench| {
        let head = format!(
            "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: {}\r\n\r\n",
            MAX_STREAM_BODY_BYTES
        );
        let most = head.clone() + &"x".repeat(MAX_STREAM_BODY_BYTES - 1);
        let mut crowd = Vec::new();
        let crowded = || bench.transport.counters().get(Counter::TcpCrowded);
        while crowded() == 0 {
            let mut stream = TcpStream::connect(bench.v4).await.unwrap();
            stream.write_all(most.as_bytes()).await.unwrap();
            crowd.push(stream);
            assert!(crowd.len() * most.len() < MAX_UNFINISHED_BYTES, "no bound");
            tokio::task::yield_now().await;
        }
        // Who has brought a whole message before may still take its time.
        let whole = request("1", "");
        let mut phone = TcpStream::connect(bench.v4).await.unwrap();
        phone.write_all(whole.as_bytes()).await.unwrap();
        bench.memory.message().await;
        let (first, second) = whole.split_at(40);
        phone.write_all(first.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        phone.write_all(second.as_bytes()).await.unwrap();
        assert_eq!(bench.memory.message().await.1, whole);
    });
}
