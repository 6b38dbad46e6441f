//! Connections: accepted, opened, reused, lost.

use std::net::SocketAddr;

use strait_control::gateway::io::{Flow, ListenerIndex, RealmIndex, Transport};
use strait_control::transport::SendError;
use strait_control::transport::counters::Counter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Seen, request, run};

fn to(listener: u16, remote: SocketAddr) -> Flow {
    Flow {
        realm: RealmIndex(0),
        listener: ListenerIndex(listener),
        transport: Transport::Tcp,
        remote,
        connection: None,
    }
}

async fn read_exactly(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[test]
fn messages_are_cut_from_the_stream_however_it_is_split() {
    run(10, async |bench| {
        for (listener, ours) in [(1, bench.v4), (3, bench.v6)] {
            let mut party = TcpStream::connect(ours).await.unwrap();
            let flow = bench.memory.connected().await;
            assert_eq!(flow.listener, ListenerIndex(listener));
            assert_eq!(flow.remote, party.local_addr().unwrap());
            let (first, second) = (request("1", "body"), request("2", ""));
            party.write_all(&first.as_bytes()[..40]).await.unwrap();
            tokio::task::yield_now().await;
            let rest = format!("{}{second}{first}", &first[40..]);
            party.write_all(rest.as_bytes()).await.unwrap();
            for expected in [&first, &second, &first] {
                assert_eq!(bench.memory.message().await, (flow, expected.clone()));
            }
            assert_eq!(bench.transport.send(&flow, b"answer".to_vec()), Ok(None));
            assert_eq!(read_exactly(&mut party, 6).await, b"answer");
        }
    });
}

#[test]
fn a_ping_gets_its_pong() {
    run(10, async |bench| {
        let mut party = TcpStream::connect(bench.v4).await.unwrap();
        bench.memory.next().await;
        party.write_all(b"\r\n\r\n").await.unwrap();
        assert_eq!(read_exactly(&mut party, 2).await, b"\r\n");
        assert!(matches!(bench.memory.next().await, Seen::KeepAlive(_)));
    });
}

#[test]
fn a_connection_is_opened_for_a_message_and_used_again() {
    run(10, async |bench| {
        for (listener, ours) in [(1, bench.v4), (3, bench.v6)] {
            let softswitch = TcpListener::bind((ours.ip(), 0)).await.unwrap();
            let asked = to(listener, softswitch.local_addr().unwrap());
            assert_eq!(bench.transport.send(&asked, b"one ".to_vec()), Ok(None));
            assert_eq!(bench.transport.send(&asked, b"two ".to_vec()), Ok(None));
            let (mut stream, from) = softswitch.accept().await.unwrap();
            assert_eq!(from.ip(), ours.ip(), "it comes from our signalling address");
            let flow = bench.memory.connected().await;
            assert_eq!(
                Flow {
                    connection: None,
                    ..flow
                },
                asked
            );
            assert_eq!(
                bench.transport.send(&asked, b"three ".to_vec()),
                Ok(Some(flow))
            );
            assert_eq!(bench.transport.send(&flow, b"four".to_vec()), Ok(None));
            assert_eq!(read_exactly(&mut stream, 18).await, b"one two three four");
            stream.write_all(request("1", "").as_bytes()).await.unwrap();
            assert_eq!(bench.memory.message().await, (flow, request("1", "")));
            drop(stream);
            assert_eq!(
                bench.memory.disconnected().await,
                flow.connection.unwrap().0
            );
            assert_eq!(
                bench.transport.send(&flow, b"late".to_vec()),
                Err(SendError)
            );
        }
        assert_eq!(bench.transport.connections(), 0);
    });
}

#[test]
fn a_connection_that_cannot_be_opened_is_reported() {
    run(10, async |bench| {
        let gone = TcpListener::bind((bench.v4.ip(), 0))
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let asked = to(1, gone);
        assert_eq!(bench.transport.send(&asked, b"hello".to_vec()), Ok(None));
        assert_eq!(bench.memory.next().await, Seen::SendFailed(asked, None));
        assert_eq!(bench.transport.connections(), 0);
        assert_eq!(bench.transport.counters().get(Counter::TcpNotOpened), 1);
    });
}

#[test]
fn what_waits_is_sent_before_a_close() {
    run(10, async |bench| {
        let mut party = TcpStream::connect(bench.v4).await.unwrap();
        let flow = bench.memory.connected().await;
        bench.transport.send(&flow, b"last words".to_vec()).unwrap();
        bench.transport.close(flow.connection.unwrap());
        let mut all = Vec::new();
        party.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"last words");
        bench.memory.disconnected().await;
    });
}

#[test]
fn garbage_ends_a_connection() {
    run(10, async |bench| {
        let mut party = TcpStream::connect(bench.v4).await.unwrap();
        party
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        bench.memory.disconnected().await;
        assert_eq!(bench.transport.counters().get(Counter::TcpUnreadable), 1);
    });
}

/// What cannot be framed any more is still handed up, so that it can be answered.
#[test]
fn an_endless_head_is_handed_up_and_ends_the_connection() {
    run(10, async |bench| {
        let mut party = TcpStream::connect(bench.v4).await.unwrap();
        let endless = format!("OPTIONS sip:a@b SIP/2.0\r\n{}", "X: y\r\n".repeat(10_000));
        // It may be closed on us before all is written.
        let _ = party.write_all(endless.as_bytes()).await;
        let (_, text) = bench.memory.message().await;
        assert!(endless.starts_with(&text) && text.len() > 32 * 1024);
        bench.memory.disconnected().await;
    });
}
