//! What strangers try beside what [`crate::stranger`] does: every method there is, over IPv6 too;
//! reports in other people's names; and connections that bring garbage, halves of messages, a byte
//! now and then, or headers without end.

use std::net::{IpAddr, SocketAddr};

use strait_control::sip::limits::MAX_STREAM_HEAD_BYTES;
use strait_parties::net::stream::{Connection, Segment};
use strait_parties::party::Datagram;
use strait_shared::time::Instant;

use crate::checks::{FORGED, SharedChecks};
use crate::configuration::{self, DOMAIN, FIRST_PORT};

/// Connections at once; older ones are left to themselves.
const CONNECTIONS_MAX: usize = 12;
/// Methods of all kinds (RFC 3261, 3262, 3265, 3311, 3428, 3515, 3903, 6086).
const METHODS: [&str; 11] = [
    "INVITE",
    "OPTIONS",
    "INFO",
    "MESSAGE",
    "SUBSCRIBE",
    "NOTIFY",
    "UPDATE",
    "PRACK",
    "REFER",
    "PUBLISH",
    "DANCE",
];

/// A stranger's second hand.
pub struct Intruder {
    /// Where it is, IPv4 and IPv6.
    own: [SocketAddr; 2],
    /// Where its media comes from: nowhere that signals.
    elsewhere: [IpAddr; 2],
    last_port: u16,
    users: usize,
    checks: SharedChecks,
    random: fastrand::Rng,
    open: Vec<Line>,
}

/// A connection, and what it is for.
struct Line {
    own: SocketAddr,
    remote: SocketAddr,
    connection: Connection,
    manner: Manner,
    sent: usize,
}

/// How a connection is used.
#[derive(Clone, Copy)]
enum Manner {
    Garbage,
    Half,
    Dribble,
    Endless,
}

impl Intruder {
    /// Somebody at two addresses, with media from elsewhere.
    pub fn new(
        own: [SocketAddr; 2],
        elsewhere: [IpAddr; 2],
        last_port: u16,
        users: usize,
        checks: SharedChecks,
        seed: u64,
    ) -> Self {
        Self {
            own,
            elsewhere,
            last_port,
            users,
            checks,
            random: fastrand::Rng::with_seed(seed),
            open: Vec::new(),
        }
    }

    /// Tries something; what it sends.
    pub fn strike(&mut self, now: Instant) -> Vec<Datagram> {
        match self.random.u8(..10) {
            0..3 => vec![self.request()],
            3..6 => vec![self.spray()],
            6 => self.connect(now),
            _ => self.go_on(now),
        }
    }

    /// A segment has come; what it answers. Nothing where it is for somebody else.
    pub fn receive(&mut self, now: Instant, datagram: &Datagram) -> Option<Vec<Datagram>> {
        let ends = (datagram.destination, datagram.source);
        let segment = Segment::parse(&datagram.payload)?;
        let mine = |line: &&mut Line| {
            (line.own, line.remote) == ends && line.connection.id() == segment.id
        };
        let line = self.open.iter_mut().find(mine)?;
        line.connection.receive(now, &segment);
        let answer = line.segments();
        self.open.retain(|line| !line.connection.is_gone());
        Some(answer)
    }

    /// A request of any method, within no dialog or in somebody's.
    fn request(&mut self) -> Datagram {
        let method = METHODS[self.random.usize(..METHODS.len())];
        let six = self.random.usize(..2);
        let own = self.own[six];
        let (branch, call) = (self.random.u64(..), self.random.u32(..));
        let user = self.random.usize(..self.users);
        let tag = match self.random.bool() {
            true => format!(";tag={:08x}", self.random.u32(..)),
            false => String::new(),
        };
        let body = ["", "hello", "Signal=1\r\n"][self.random.usize(..3)];
        let text = format!(
            "{method} sip:u{user}@{DOMAIN} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {own};branch=z9hG4bK{branch:x};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:mallory@{DOMAIN}>;tag={call:x}\r\n\
             To: <sip:u{user}@{DOMAIN}>{tag}\r\nCall-ID: {call:x}\r\nCSeq: 7 {method}\r\n\
             Contact: <sip:mallory@{own}>\r\nEvent: presence\r\nExpires: 30\r\n\
             Subscription-State: active\r\nRAck: 1 1 INVITE\r\nRefer-To: <sip:u0@{DOMAIN}>\r\n\
             Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Datagram {
            source: own,
            destination: SocketAddr::new(access(six), 5060),
            payload: text.into_bytes(),
        }
    }

    /// RTP or RTCP to one of Strait's ports, as if from a call's own stream: a BYE, perhaps.
    fn spray(&mut self) -> Datagram {
        let six = self.random.usize(..2);
        let port = self.random.u16(FIRST_PORT..=self.last_port);
        let overheard = self.checks.borrow().media.some_stream(&mut self.random);
        let ssrc = overheard.unwrap_or_default().to_be_bytes();
        let mut payload = match self.random.u8(..3) {
            // RFC 3550 §5.1, §6.4.2, §6.6.
            0 => vec![0x80, 8, 0, 1, 0, 0, 0, 1],
            1 => vec![0x80, 201, 0, 1],
            _ => vec![0x81, 203, 0, 1],
        };
        payload.extend(ssrc);
        payload.extend(FORGED.repeat(4));
        Datagram {
            source: SocketAddr::new(self.elsewhere[six], self.random.u16(30_000..50_000)),
            destination: SocketAddr::new(access(six), port),
            payload,
        }
    }

    fn connect(&mut self, now: Instant) -> Vec<Datagram> {
        if self.open.len() == CONNECTIONS_MAX {
            self.open.remove(0);
        }
        let six = self.random.usize(..2);
        let manner = [
            Manner::Garbage,
            Manner::Half,
            Manner::Dribble,
            Manner::Endless,
        ][self.random.usize(..4)];
        let port = self.random.u16(10_000..60_000);
        let mut line = Line {
            own: SocketAddr::new(self.own[six].ip(), port),
            remote: SocketAddr::new(access(six), configuration::TCP_PORT),
            connection: Connection::new(self.random.u32(..)),
            manner,
            sent: 0,
        };
        let sent = line.speak(now, &mut self.random);
        self.open.push(line);
        sent
    }

    /// One of the connections goes on as it began.
    fn go_on(&mut self, now: Instant) -> Vec<Datagram> {
        let count = self.open.len();
        let which = self.random.usize(..count.max(1));
        let random = &mut self.random;
        let line = self.open.get_mut(which);
        line.map_or_else(Vec::new, |line| line.speak(now, random))
    }
}

impl Line {
    fn speak(&mut self, now: Instant, random: &mut fastrand::Rng) -> Vec<Datagram> {
        let begun = b"OPTIONS sip:example.org SIP/2.0\r\nX-Long: ";
        let bytes = match self.manner {
            Manner::Garbage => (0..random.usize(1..300)).map(|_| random.u8(..)).collect(),
            Manner::Half if self.sent > 0 => Vec::new(),
            Manner::Half => begun.to_vec(),
            Manner::Dribble => vec![*begun.get(self.sent).unwrap_or(&b'a')],
            Manner::Endless if self.sent == 0 => begun.to_vec(),
            Manner::Endless => vec![b'a'; MAX_STREAM_HEAD_BYTES / 8],
        };
        self.sent += bytes.len();
        if !bytes.is_empty() {
            self.connection.send(now, &bytes);
        }
        self.connection.timeout(now);
        self.segments()
    }

    fn segments(&mut self) -> Vec<Datagram> {
        let payloads = std::iter::from_fn(|| self.connection.poll_transmit());
        let (source, destination) = (self.own, self.remote);
        let datagram = |payload| Datagram {
            source,
            destination,
            payload,
        };
        payloads.map(datagram).collect()
    }
}

/// Strait's address towards strangers, IPv4 or IPv6.
fn access(six: usize) -> IpAddr {
    let text = [configuration::ACCESS, configuration::ACCESS6][six];
    text.parse().expect("an address")
}
