//! Strait's ends of TCP connections, framed and given up as its transport does it.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use strait_control::gateway::io::{
    ConnectionId, Flow, Input, ListenerIndex, RealmIndex, Transport,
};
use strait_control::sip::{Frame, Framer};
use strait_control::transport::limits::{FIRST_MESSAGE_TIMEOUT, MESSAGE_TIMEOUT};
use strait_parties::net::stream::{Connection, Segment};
use strait_parties::party::Datagram;
use strait_shared::time::Instant;

use super::Strait;

/// What answers a ping (RFC 5626 §3.5.1).
const PONG: &[u8] = b"\r\n";

/// Every connection that parties have opened.
#[derive(Default)]
pub(super) struct Streams {
    last: u64,
    open: BTreeMap<ConnectionId, Open>,
    /// Of connections that are gone.
    out: VecDeque<Datagram>,
}

struct Open {
    flow: Flow,
    own: SocketAddr,
    connection: Connection,
    framer: Framer,
    opened: Instant,
    /// Whether it has brought a whole message.
    proven: bool,
    /// When the first byte came of a message that is not whole.
    message_began: Option<Instant>,
}

/// What a connection brings.
enum News {
    Message(Vec<u8>),
    Ping,
    /// No more than this: it cannot be read on, or is gone.
    End,
}

impl Streams {
    /// Sends on a connection; false where it is gone.
    pub fn send(&mut self, now: Instant, connection: Option<ConnectionId>, bytes: &[u8]) -> bool {
        let open = connection.and_then(|id| self.open.get_mut(&id));
        let Some(open) = open else { return false };
        open.connection.send(now, bytes);
        true
    }

    /// Closes a connection: its party broke the protocol.
    pub fn close(&mut self, id: ConnectionId) {
        if let Some(open) = self.open.get_mut(&id) {
            open.connection.reset();
        }
    }

    /// Their process is dead, and its system closes them all.
    pub fn close_all(&mut self) {
        for (_, mut open) in std::mem::take(&mut self.open) {
            open.connection.reset();
            self.out.extend(open.segments());
        }
    }

    /// When something is due next.
    pub fn next_timeout(&self) -> Option<Instant> {
        let due = |open: &Open| match open.connection.is_gone() {
            true => Some(Instant::ZERO),
            false => [open.connection.next_timeout(), open.deadline()]
                .into_iter()
                .flatten()
                .min(),
        };
        self.open.values().filter_map(due).min()
    }

    /// The next segment to send.
    pub fn poll_transmit(&mut self) -> Option<Datagram> {
        let last = self.out.pop_front();
        let mut open = self.open.values_mut();
        last.or_else(|| open.find_map(|open| open.segments().next()))
    }

    /// How many connections have brought no whole message.
    pub fn unproven(&self) -> usize {
        self.open.values().filter(|open| !open.proven).count()
    }

    fn find(&self, datagram: &Datagram, id: u32) -> Option<ConnectionId> {
        let ends = (datagram.destination, datagram.source);
        let mut open = self.open.iter();
        let found = open
            .find(|(_, open)| (open.own, open.flow.remote) == ends && open.connection.id() == id);
        found.map(|(connection, _)| *connection)
    }

    fn accept(
        &mut self,
        now: Instant,
        datagram: &Datagram,
        (realm, listener): (RealmIndex, ListenerIndex),
        id: u32,
    ) -> ConnectionId {
        self.last += 1;
        let number = ConnectionId(self.last);
        let flow = Flow {
            realm,
            listener,
            transport: Transport::Tcp,
            remote: datagram.source,
            connection: Some(number),
        };
        let open = Open {
            flow,
            own: datagram.destination,
            connection: Connection::new(id),
            framer: Framer::new(),
            opened: now,
            proven: false,
            message_began: None,
        };
        self.open.insert(number, open);
        number
    }

    /// What a segment brings on its connection.
    fn take(&mut self, now: Instant, id: ConnectionId, segment: &Segment<'_>) -> Vec<News> {
        let mut news = Vec::new();
        let Some(open) = self.open.get_mut(&id) else {
            return news;
        };
        open.framer.push(open.connection.receive(now, segment));
        loop {
            match open.framer.next() {
                Ok(Some(Frame::Message(bytes))) => {
                    (open.proven, open.message_began) = (true, None);
                    news.push(News::Message(bytes.to_vec()));
                }
                Ok(Some(Frame::Ping)) => {
                    open.connection.send(now, PONG);
                    news.push(News::Ping);
                }
                Ok(Some(Frame::Pong)) => {}
                Ok(None) => break,
                Err(_) => {
                    open.connection.reset();
                    break;
                }
            }
        }
        if !open.framer.pending().is_empty() {
            open.message_began.get_or_insert(now);
        }
        if open.connection.is_gone() {
            news.push(News::End);
        }
        news
    }
}

impl Open {
    /// When it has kept us waiting for too long.
    fn deadline(&self) -> Option<Instant> {
        let first = (!self.proven).then(|| self.opened + FIRST_MESSAGE_TIMEOUT);
        let message = self.message_began.map(|began| began + MESSAGE_TIMEOUT);
        first.into_iter().chain(message).min()
    }

    /// What there is to send.
    fn segments(&mut self) -> impl Iterator<Item = Datagram> {
        let (source, destination) = (self.own, self.flow.remote);
        let payloads = std::iter::from_fn(|| self.connection.poll_transmit());
        payloads.map(move |payload| Datagram {
            source,
            destination,
            payload,
        })
    }
}

impl Strait {
    /// A segment has come to a listener for TCP.
    pub(super) fn segment_arrived(
        &mut self,
        now: Instant,
        datagram: &Datagram,
        listener: (RealmIndex, ListenerIndex),
    ) {
        let Some(segment) = Segment::parse(&datagram.payload) else {
            return;
        };
        let known = self.streams.find(datagram, segment.id);
        let id = match known {
            Some(id) => id,
            None if self.control.is_some() && segment.begins() => {
                let id = self.streams.accept(now, datagram, listener, segment.id);
                let flow = self.streams.open[&id].flow;
                self.step(now, |gateway, at| {
                    gateway.receive(at, Input::Connected { flow })
                });
                id
            }
            None if segment.is_reset() => return,
            None => {
                self.out.push_back(Datagram {
                    source: datagram.destination,
                    destination: datagram.source,
                    payload: Segment::refusal(segment.id),
                });
                return;
            }
        };
        for news in self.streams.take(now, id, &segment) {
            let Some(flow) = self.streams.open.get(&id).map(|open| open.flow) else {
                return;
            };
            match news {
                News::Message(bytes) => self.message_arrived(now, flow, &bytes),
                News::Ping => {
                    let input = Input::KeepAlive { flow };
                    self.step(now, |gateway, at| gateway.receive(at, input));
                }
                News::End => self.streams_end(now),
            }
        }
    }

    /// Repeats what is due on connections, and tells of those that are gone.
    pub(super) fn streams_timeout(&mut self, now: Instant) {
        for open in self.streams.open.values_mut() {
            open.connection.timeout(now);
            if open.deadline().is_some_and(|at| at <= now) {
                open.connection.reset();
            }
        }
        self.streams_end(now);
    }

    fn streams_end(&mut self, now: Instant) {
        let open = self.streams.open.iter();
        let gone = open.filter(|(_, open)| open.connection.is_gone());
        let gone: Vec<ConnectionId> = gone.map(|(id, _)| *id).collect();
        for connection in gone {
            if let Some(mut open) = self.streams.open.remove(&connection) {
                self.streams.out.extend(open.segments());
            }
            let input = Input::Disconnected { connection };
            self.step(now, |gateway, at| gateway.receive(at, input));
        }
    }
}
