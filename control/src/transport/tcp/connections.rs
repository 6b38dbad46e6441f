//! All connections: accepted ones bounded, asked-for ones opened, ended ones forgotten.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use socket2::{SockRef, TcpKeepalive};
use strait_config::Config;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::connection::{Connection, Surroundings};
use super::framing::Framing;
use super::pool::Pool;
use super::table::Table;
use crate::gateway::io::{ConnectionId, Flow, Input};
use crate::transport::counters::{Counter, Counters};
use crate::transport::limits::{
    CONNECT_TIMEOUT, MAX_ACCEPTED_PER_SOURCE, READ_BYTES, TCP_PROBE_AFTER, TCP_PROBE_INTERVAL,
};
use crate::transport::{SendError, Sink};

/// The connections of the process.
pub(in crate::transport) struct Connections {
    table: RefCell<Table>,
    max: usize,
    /// By realm and listener: the address that connections are opened from, and what they carry.
    local: Vec<Vec<(SocketAddr, Framing)>>,
    sink: Rc<dyn Sink>,
    counters: Rc<Counters>,
    scratch: RefCell<Vec<u8>>,
    /// What all connections have queued for slow readers.
    waiting: Pool,
    /// What all connections hold of messages that are not whole yet.
    unfinished: Pool,
}

impl Connections {
    pub fn new(config: &Config, sink: Rc<dyn Sink>, counters: Rc<Counters>) -> Self {
        let any_port = |(_, address): (_, SocketAddr)| SocketAddr::new(address.ip(), 0);
        let of_realm = |realm: &strait_config::Realm| {
            let local = realm.listeners().map(any_port);
            local.zip(Framing::all(realm)).collect()
        };
        Self {
            table: RefCell::default(),
            max: config.limits.tcp_connections as usize,
            local: config.realms.iter().map(of_realm).collect(),
            sink,
            counters,
            scratch: RefCell::new(vec![0; READ_BYTES]),
            waiting: Pool::default(),
            unfinished: Pool::default(),
        }
    }

    /// Takes in a connection a peer has opened, if its source has not too many.
    pub fn accepted(self: &Rc<Self>, stream: TcpStream, flow: Flow) {
        if self.table.borrow().accepted_from(flow.remote) >= MAX_ACCEPTED_PER_SOURCE {
            self.counters.count(Counter::TcpRefusedForSource);
            return;
        }
        self.counters.count(Counter::TcpAccepted);
        let framing = self.local[usize::from(flow.realm.0)][usize::from(flow.listener.0)].1;
        let connection = self.add(flow, framing, true);
        tokio::task::spawn_local(self.clone().serve(connection, stream));
    }

    /// Sends on the connection the flow names, or on one to its remote, or on a new one.
    pub fn send(self: &Rc<Self>, flow: &Flow, bytes: Vec<u8>) -> Result<Option<Flow>, SendError> {
        let standing = match flow.connection {
            Some(id) => Some(self.table.borrow().get(id).cloned().ok_or(SendError)?),
            None => self.table.borrow().to(flow).cloned(),
        };
        self.counters.count(Counter::TcpSent);
        if let Some(connection) = standing {
            connection.send(bytes)?;
            let is_news = flow.connection.is_none() && connection.is_open();
            return Ok(is_news.then(|| *connection.flow()));
        }
        let local = self.local.get(usize::from(flow.realm.0)).ok_or(SendError)?;
        let (local, framing) = *local.get(usize::from(flow.listener.0)).ok_or(SendError)?;
        let connection = self.add(*flow, framing, false);
        connection.send(bytes)?;
        tokio::task::spawn_local(self.clone().connect(connection, local));
        Ok(None)
    }

    pub fn close(&self, id: ConnectionId) {
        if let Some(connection) = self.table.borrow().get(id) {
            connection.close();
        }
    }

    pub fn len(&self) -> usize {
        self.table.borrow().len()
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    fn add(&self, flow: Flow, framing: Framing, accepted: bool) -> Rc<Connection> {
        let mut table = self.table.borrow_mut();
        if table.len() >= self.max
            && let Some(least) = table.least_worth()
        {
            self.counters.count(Counter::TcpEvicted);
            // Its task tells the sink; it makes room at once.
            table.remove(least.id());
            least.close_now();
        }
        let connection = Rc::new(Connection::new(
            table.next_id(),
            flow,
            framing,
            accepted,
            self.waiting.share(),
        ));
        table.insert(connection.clone());
        connection
    }

    async fn connect(self: Rc<Self>, connection: Rc<Connection>, local: SocketAddr) {
        let opening = timeout(CONNECT_TIMEOUT, open(local, connection.flow().remote));
        let opened = tokio::select! {
            opened = opening => opened.ok().and_then(Result::ok),
            () = connection.given_up() => None,
        };
        match opened {
            Some(stream) => {
                self.counters.count(Counter::TcpOpened);
                self.serve(connection, stream).await;
            }
            None => {
                self.counters.count(Counter::TcpNotOpened);
                self.table.borrow_mut().remove(connection.id());
                let flow = Flow {
                    connection: None,
                    ..*connection.flow()
                };
                self.sink.take(Input::SendFailed { flow, branch: None });
            }
        }
    }

    async fn serve(self: Rc<Self>, connection: Rc<Connection>, stream: TcpStream) {
        prepare(&stream);
        connection.open(stream);
        self.sink.take(Input::Connected {
            flow: *connection.flow(),
        });
        let (sink, counters, scratch) = (&*self.sink, &*self.counters, &self.scratch);
        let unfinished = &self.unfinished;
        connection
            .serve(&Surroundings {
                sink,
                counters,
                scratch,
                unfinished,
            })
            .await;
        if connection.overflowed() {
            self.counters.count(Counter::TcpOverflowed);
        }
        self.table.borrow_mut().remove(connection.id());
        self.sink.take(Input::Disconnected {
            connection: connection.id(),
        });
    }
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

async fn open(local: SocketAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = match local {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.bind(local)?;
    socket.connect(remote).await
}

/// Small messages leave at once, and a peer that vanished is noticed. A stream that takes neither
/// is already gone, which reading it will show.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let probing = TcpKeepalive::new()
        .with_time(TCP_PROBE_AFTER)
        .with_interval(TCP_PROBE_INTERVAL);
    let _ = SockRef::from(stream).set_tcp_keepalive(&probing);
}
