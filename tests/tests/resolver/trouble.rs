//! Servers of the DNS that fail, refuse, are silent or answer with nonsense.

use std::net::SocketAddr;
use std::time::Duration;

use strait_control::gateway::io::LookupError;
use strait_tests::nsd::Zone;

use crate::places::{NET, ORG};
use crate::stage::{Stage, locate, require_nsd, resolver, silent, spelled};

#[tokio::test]
async fn another_server_is_asked_where_one_fails_or_refuses() {
    require_nsd!();
    let stage = Stage::new();
    let first = stage.server(&[Zone::lost("example.net")]);
    let second = stage.server(&[Zone::new("example.net", NET), Zone::new("example.org", ORG)]);
    let both = [first.addresses[0], second.addresses[0]];
    let both = resolver(&both);
    // The first answers SERVFAIL for one and REFUSED for the other.
    let net = locate(&both, "example.net").await.unwrap();
    assert_eq!(spelled(&net)[0], "tcp [2001:db8::1]:5060");
    let org = locate(&both, "example.org").await.unwrap();
    assert_eq!(spelled(&org), ["udp 198.51.100.7:5060"]);
    let first = resolver(&first.addresses);
    for host in ["example.net", "example.org"] {
        let failed = locate(&first, host).await;
        assert_eq!(failed, Err(LookupError::Failed), "{host}");
    }
}

#[tokio::test]
async fn who_is_silent_is_asked_last_from_then_on() {
    require_nsd!();
    let stage = Stage::new();
    let mute = silent();
    mute.set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    let server = stage.server(&[Zone::new("example.net", NET), Zone::new("example.org", ORG)]);
    let resolver = resolver(&[mute.local_addr().unwrap(), server.addresses[0]]);
    locate(&resolver, "example.net").await.unwrap();
    let mut heard = 0;
    while mute.recv(&mut [0; 512]).is_ok() {
        heard += 1;
    }
    assert!(heard > 0, "the first server was not asked");
    locate(&resolver, "example.org").await.unwrap();
    assert!(mute.recv(&mut [0; 512]).is_err(), "it was asked again");
}

#[tokio::test]
async fn silence_ends() {
    let mute = silent();
    let nobody = crate::stage::address();
    for server in [mute.local_addr().unwrap(), nobody] {
        let found = locate(&resolver(&[server]), "example.net").await;
        assert_eq!(found, Err(LookupError::TimedOut));
    }
}

#[tokio::test]
async fn nonsense_is_no_answer() {
    for answer in [&b""[..], b"\x00", &[0xff; 512], b"SIP/2.0 200 OK\r\n\r\n"] {
        let server = answering(answer.to_vec());
        let found = locate(&resolver(&[server]), "example.net").await;
        assert!(
            matches!(found, Err(LookupError::TimedOut | LookupError::Failed)),
            "{found:?}"
        );
    }
}

/// A server that answers every question with the same bytes after the question's number.
fn answering(bytes: Vec<u8>) -> SocketAddr {
    let socket = silent();
    let address = socket.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((_, from)) = socket.recv_from(&mut question) {
            let answer = [&question[..2], &bytes].concat();
            let _ = socket.send_to(&answer, from);
        }
    });
    address
}
