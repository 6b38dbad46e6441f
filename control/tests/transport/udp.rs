//! Datagrams, both families.

use strait_control::gateway::io::{Flow, ListenerIndex, RealmIndex, Transport};
use strait_control::transport::counters::Counter;
use tokio::net::UdpSocket;

use crate::support::{Seen, own_address, request, run};

#[test]
fn a_datagram_comes_with_its_flow_and_an_answer_goes_back() {
    run(10, async |bench| {
        for (listener, ours) in [(0, bench.v4), (2, bench.v6)] {
            let party = UdpSocket::bind((ours.ip(), 0)).await.unwrap();
            party
                .send_to(request("1", "").as_bytes(), ours)
                .await
                .unwrap();
            let (flow, text) = bench.memory.message().await;
            let expected = Flow {
                realm: RealmIndex(0),
                listener: ListenerIndex(listener),
                transport: Transport::Udp,
                remote: party.local_addr().unwrap(),
                connection: None,
            };
            assert_eq!((flow, text), (expected, request("1", "")));
            assert_eq!(bench.transport.send(&flow, b"answer".to_vec()), Ok(None));
            let mut buffer = [0; 64];
            let (len, from) = party.recv_from(&mut buffer).await.unwrap();
            assert_eq!((&buffer[..len], from), (&b"answer"[..], ours));
        }
        assert_eq!(bench.transport.counters().get(Counter::UdpReceived), 2);
        assert_eq!(bench.transport.counters().get(Counter::UdpSent), 2);
    });
}

#[test]
fn line_ends_alone_keep_a_binding_alive() {
    run(10, async |bench| {
        let party = UdpSocket::bind((bench.v4.ip(), 0)).await.unwrap();
        for keep_alive in [&b"\r\n\r\n"[..], b"\r\n", b""] {
            party.send_to(keep_alive, bench.v4).await.unwrap();
            let seen = bench.memory.next().await;
            assert!(
                matches!(seen, Seen::KeepAlive(flow) if flow.remote.port() != 0),
                "{seen:?}"
            );
        }
    });
}

#[test]
fn a_large_datagram_arrives_whole() {
    run(10, async |bench| {
        let party = UdpSocket::bind((bench.v4.ip(), 0)).await.unwrap();
        let large = request("1", &"x".repeat(60_000));
        party.send_to(large.as_bytes(), bench.v4).await.unwrap();
        assert_eq!(bench.memory.message().await.1, large);
    });
}

/// The kernel's report of a closed port names the request that found it closed.
#[test]
fn a_closed_port_is_reported_with_the_branch() {
    run(10, async |bench| {
        for (listener, ours) in [(0, bench.v4), (2, bench.v6)] {
            let gone = UdpSocket::bind((ours.ip(), 0))
                .await
                .unwrap()
                .local_addr()
                .unwrap();
            let flow = Flow {
                realm: RealmIndex(0),
                listener: ListenerIndex(listener),
                transport: Transport::Udp,
                remote: gone,
                connection: None,
            };
            let bytes = request("z9hG4bKgone", "").into_bytes();
            assert_eq!(bench.transport.send(&flow, bytes), Ok(None));
            let expected = Seen::SendFailed(flow, Some(b"z9hG4bKgone".to_vec()));
            assert_eq!(bench.memory.next().await, expected);
        }
    });
}

/// One party's closed port neither fails what goes to another nor stops what comes in.
#[test]
fn a_report_harms_nobody_else() {
    run(10, async |bench| {
        let party = UdpSocket::bind((bench.v4.ip(), 0)).await.unwrap();
        let gone = std::net::SocketAddr::new(own_address().into(), 9);
        let to = |remote| Flow {
            realm: RealmIndex(0),
            listener: ListenerIndex(0),
            transport: Transport::Udp,
            remote,
            connection: None,
        };
        for _ in 0..20 {
            bench
                .transport
                .send(&to(gone), b"SIP/2.0 200 OK\r\n".to_vec())
                .ok();
            let there = to(party.local_addr().unwrap());
            assert_eq!(bench.transport.send(&there, b"there".to_vec()), Ok(None));
            party.recv(&mut [0; 64]).await.unwrap();
            party
                .send_to(request("1", "").as_bytes(), bench.v4)
                .await
                .unwrap();
            bench.memory.message().await;
        }
    });
}
