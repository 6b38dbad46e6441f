//! A transport on loopback addresses of its own, and a sink that remembers.

use std::cell::RefCell;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, Ordering};

use strait_config::Config;
use strait_control::gateway::io::{Flow, Input};
use strait_control::transport::{Sink, Transport, bind};
use tokio::sync::Notify;
use tokio::task::LocalSet;

/// What a transport brought.
#[derive(Clone, PartialEq, Debug)]
pub enum Seen {
    Message(Flow, Vec<u8>),
    KeepAlive(Flow),
    Connected(Flow),
    Disconnected(u64),
    SendFailed(Flow, Option<Vec<u8>>),
}

/// Remembers what it is given.
#[derive(Default)]
pub struct Memory {
    seen: RefCell<Vec<Seen>>,
    news: Notify,
}

impl Sink for Memory {
    fn take(&self, input: Input<'_>) {
        let seen = match input {
            Input::Message { flow, bytes } => Seen::Message(flow, bytes.to_vec()),
            Input::KeepAlive { flow } => Seen::KeepAlive(flow),
            Input::Connected { flow } => Seen::Connected(flow),
            Input::Disconnected { connection } => Seen::Disconnected(connection.0),
            Input::SendFailed { flow, branch } => Seen::SendFailed(flow, branch),
            other => panic!("no socket brings {other:?}"),
        };
        self.seen.borrow_mut().push(seen);
        self.news.notify_one();
    }
}

impl Memory {
    /// Waits for the next thing.
    pub async fn next(&self) -> Seen {
        loop {
            if !self.seen.borrow().is_empty() {
                return self.seen.borrow_mut().remove(0);
            }
            self.news.notified().await;
        }
    }

    /// Waits for the next message, passing over connections that come and go.
    pub async fn message(&self) -> (Flow, String) {
        loop {
            if let Seen::Message(flow, bytes) = self.next().await {
                return (flow, String::from_utf8(bytes).unwrap());
            }
        }
    }

    /// Waits for a connection to stand.
    pub async fn connected(&self) -> Flow {
        loop {
            if let Seen::Connected(flow) = self.next().await {
                return flow;
            }
        }
    }

    /// Waits for a connection to end.
    pub async fn disconnected(&self) -> u64 {
        loop {
            if let Seen::Disconnected(id) = self.next().await {
                return id;
            }
        }
    }
}

/// A running transport with one UDP and one TCP address of each family.
pub struct Bench {
    pub transport: Rc<Transport>,
    pub memory: Rc<Memory>,
    pub v4: SocketAddr,
    pub v6: SocketAddr,
}

/// A loopback address no other test uses.
pub fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high | 0x40, low, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A port of `::1` that is free for UDP and TCP.
fn free_port() -> u16 {
    (0..100)
        .find_map(|_| {
            let tcp = std::net::TcpListener::bind("[::1]:0").unwrap();
            let port = tcp.local_addr().unwrap().port();
            std::net::UdpSocket::bind(("::1", port))
                .is_ok()
                .then_some(port)
        })
        .expect("some port is free for both")
}

/// A configuration with these signalling addresses, media out of the way.
pub fn config(v4: SocketAddr, v6: SocketAddr, connections: u32) -> Config {
    let listener = |transport: &str, at: SocketAddr| {
        let (ip, port) = (at.ip(), at.port());
        format!("{{ transport: {transport}, address: \"{ip}\", port: {port} }}")
    };
    let text = format!(
        "realms:\n- name: access\n  signalling: [{}, {}, {}, {}]\n  \
         media: [{{ address: 127.0.0.1, ports: 20000-20001 }}]\n\
         limits: {{ tcp_connections: {connections} }}\n",
        listener("udp", v4),
        listener("tcp", v4),
        listener("udp", v6),
        listener("tcp", v6),
    );
    text.parse().unwrap_or_else(|report| panic!("{report}"))
}

/// Runs a test against a transport with room for so many connections.
pub fn run<F: Future<Output = ()>>(connections: u32, test: impl FnOnce(Bench) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(LocalSet::new().run_until(async {
        let v4 = SocketAddr::new(IpAddr::V4(own_address()), 5060);
        let v6 = SocketAddr::new("::1".parse().unwrap(), free_port());
        let config = config(v4, v6, connections);
        let memory = Rc::new(Memory::default());
        let bound = bind::bind(&config).unwrap();
        let transport = Transport::start(&config, bound, memory.clone()).unwrap();
        test(Bench {
            transport,
            memory,
            v4,
            v6,
        })
        .await;
    }));
}

/// A request with this branch and body.
pub fn request(branch: &str, body: &str) -> String {
    format!(
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch={branch}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
