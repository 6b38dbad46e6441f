//! Servers on loopback addresses of this test process's own, and one who counts what they are
//! asked.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use strait_control::gateway::io::{Hop, Lookup, LookupError, LookupId, Transport};
use strait_control::resolve::Resolver;
use strait_tests::nsd::{self, Nsd, Zone};
use tempfile::TempDir;

/// Skips the calling test where there is no server to test against.
macro_rules! require_nsd {
    () => {
        if !strait_tests::requirements::has("nsd") {
            return;
        }
    };
}

pub(crate) use require_nsd;

/// Servers and the folder they live in.
pub struct Stage {
    directory: TempDir,
}

impl Stage {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("there is a place for temporary files");
        Self { directory }
    }

    /// Starts a server of its own for `zones`.
    pub fn server(&self, zones: &[Zone]) -> Nsd {
        nsd::start(self.directory.path(), &[address()], zones, |program| {
            Command::new(program)
        })
    }
}

/// A socket address on loopback that nobody else has.
pub fn address() -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let process = std::process::id().to_le_bytes();
    let host = COUNT.fetch_add(1, Ordering::Relaxed);
    (Ipv4Addr::new(127, process[1] | 1, process[0], host), 5353).into()
}

/// A server that hears and says nothing.
pub fn silent() -> UdpSocket {
    UdpSocket::bind(address()).expect("the address is our own")
}

/// Asks where `host` is served, by whichever transport.
pub async fn locate(resolver: &Resolver, host: &str) -> Result<Vec<Hop>, LookupError> {
    resolver.locate(&lookup(host, None, None)).await
}

pub fn lookup(host: &str, port: Option<u16>, transport: Option<Transport>) -> Lookup {
    Lookup {
        id: LookupId(0),
        host: host.into(),
        port,
        transport,
    }
}

pub fn resolver(servers: &[SocketAddr]) -> Resolver {
    Resolver::new(servers, [7; 32]).expect("servers are named")
}

/// Hops as text, `udp 192.0.2.1:5060`.
pub fn spelled(hops: &[Hop]) -> Vec<String> {
    let spell = |hop: &Hop| match hop.transport {
        Transport::Udp => format!("udp {}", hop.address),
        Transport::Tcp => format!("tcp {}", hop.address),
    };
    hops.iter().map(spell).collect()
}

/// Stands before a server, counts what it is asked, and is slow.
pub struct Counter {
    pub address: SocketAddr,
    asked: Arc<AtomicU32>,
}

impl Counter {
    /// Passes datagrams to `server`, each `delay` late.
    pub fn before(server: SocketAddr, delay: Duration) -> Self {
        let socket = silent();
        let address = socket.local_addr().expect("it is bound");
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        std::thread::spawn(move || {
            let mut question = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                count.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(delay);
                if let Some(answer) = ask(server, &question[..length]) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Self { address, asked }
    }

    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

fn ask(server: SocketAddr, question: &[u8]) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    socket.send_to(question, server).ok()?;
    let mut answer = [0; 4096];
    let length = socket.recv(&mut answer).ok()?;
    Some(answer[..length].to_vec())
}
