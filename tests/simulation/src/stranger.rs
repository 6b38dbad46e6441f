//! Somebody nobody invited: garbage, mutilated messages, half calls that are never acknowledged,
//! BYEs for calls of others, media sprayed at Strait's ports.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use strait_parties::party::{Datagram, Party};
use strait_parties::rtp::packet::{Packet, Ssrc};
use strait_shared::time::Instant;

use crate::checks::{FORGED, SharedChecks, Side};
use crate::configuration::{DOMAIN, FIRST_PORT};
use crate::intruder::Intruder;
use crate::mutilation::Mutilation;

/// Messages of others that are kept to be mutilated.
const OVERHEARD_MAX: usize = 32;
/// How it mutilates them.
const MUTILATION: Mutilation = Mutilation {
    side: Side::Access,
    places: 8,
    doubled: 40,
};

/// A stranger.
pub struct Stranger {
    own: SocketAddr,
    signalling: SocketAddr,
    media: IpAddr,
    /// Where its media comes from: not where it signals from, or it might pass for a party.
    elsewhere: IpAddr,
    last_port: u16,
    users: usize,
    /// Whose streams there are: it has overheard them.
    checks: SharedChecks,
    random: fastrand::Rng,
    interval: Duration,
    next: Option<Instant>,
    overheard: Vec<Vec<u8>>,
    intruder: Intruder,
    out: VecDeque<Datagram>,
}

impl Stranger {
    /// A stranger at `own`, with media from `elsewhere`, who is after Strait's signalling address
    /// and its media ports.
    pub fn new(
        (own, elsewhere): (SocketAddr, IpAddr),
        signalling: SocketAddr,
        last_port: u16,
        users: usize,
        checks: SharedChecks,
        intruder: Intruder,
        seed: u64,
    ) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        Self {
            own,
            signalling,
            media: signalling.ip(),
            elsewhere,
            last_port,
            users,
            checks,
            interval: Duration::from_millis(random.u64(5..100)),
            random,
            next: None,
            overheard: Vec::new(),
            intruder,
            out: VecDeque::new(),
        }
    }

    /// Begins.
    pub fn start(&mut self, now: Instant) {
        self.next = Some(now);
    }

    /// Leaves.
    pub fn stop(&mut self) {
        self.next = None;
    }

    fn strike(&mut self) {
        match self.random.u8(..10) {
            0 => self.garbage(),
            1 | 2 => self.mutilated(),
            3 => self.half_call(),
            4 => self.stray("BYE"),
            5 => self.stray("CANCEL"),
            6 => self.register(),
            _ => self.spray(),
        }
    }

    fn garbage(&mut self) {
        let length = self.random.usize(..600);
        let mut bytes = vec![0; length];
        self.random.fill(&mut bytes);
        self.send(bytes);
    }

    /// A message heard before with octets changed, cut or doubled.
    fn mutilated(&mut self) {
        if let Some(message) = self.random.choice(&self.overheard) {
            let mutilated = MUTILATION.of(message, &mut self.random);
            self.send(mutilated);
        }
    }

    /// An INVITE whose answer nobody waits for.
    fn half_call(&mut self) {
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio 45678 RTP/AVP 0 8\r\n",
            ip = self.own.ip()
        );
        self.request("INVITE", None, &body);
    }

    /// A request for a dialog that is not, or is somebody else's.
    fn stray(&mut self, method: &str) {
        let tag = self.random.u32(..);
        self.request(method, Some(tag), "");
    }

    /// A registration in somebody's name with wrong credentials.
    fn register(&mut self) {
        self.request("REGISTER", None, "");
    }

    /// Media to one of Strait's ports, as if from a call, perhaps as one of its streams.
    fn spray(&mut self) {
        let port = self.random.u16(FIRST_PORT..=self.last_port);
        let overheard = match self.random.bool() {
            true => self.checks.borrow().media.some_stream(&mut self.random),
            false => None,
        };
        let packet = Packet {
            marker: false,
            payload_type: 8,
            sequence: self.random.u16(..),
            timestamp: self.random.u32(..),
            ssrc: Ssrc(overheard.unwrap_or(self.random.u32(..))),
            payload: &FORGED.repeat(20),
        };
        self.out.push_back(Datagram {
            source: SocketAddr::new(self.elsewhere, self.random.u16(30_000..50_000)),
            destination: SocketAddr::new(self.media, port),
            payload: packet.to_bytes(),
        });
    }

    fn request(&mut self, method: &str, to_tag: Option<u32>, body: &str) {
        let user = self.random.usize(..self.users);
        let (branch, call) = (self.random.u64(..), self.random.u64(..));
        let own = self.own;
        let tag = to_tag.map_or(String::new(), |tag| format!(";tag={tag:08x}"));
        let uri = match method {
            "REGISTER" => format!("sip:{DOMAIN}"),
            _ => format!("sip:u{user}@{DOMAIN}"),
        };
        let kind = match body.is_empty() {
            true => "",
            false => "Content-Type: application/sdp\r\n",
        };
        let text = format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {own};branch=z9hG4bK{branch:x};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:mallory@{DOMAIN}>;tag={call:x}\r\n\
             To: <sip:u{user}@{DOMAIN}>{tag}\r\nCall-ID: {call:x}\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:mallory@{own}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.overhear(text.as_bytes());
        self.send(text.into_bytes());
    }

    fn overhear(&mut self, message: &[u8]) {
        if self.overheard.len() == OVERHEARD_MAX {
            self.overheard.remove(0);
        }
        self.overheard.push(message.to_vec());
    }

    fn send(&mut self, payload: Vec<u8>) {
        self.out.push_back(Datagram {
            source: self.own,
            destination: self.signalling,
            payload,
        });
    }
}

impl Party for Stranger {
    fn receive(&mut self, now: Instant, datagram: &Datagram) {
        match self.intruder.receive(now, datagram) {
            Some(answer) => self.out.extend(answer),
            None => self.overhear(&datagram.payload),
        }
    }

    fn timeout(&mut self, now: Instant) {
        if self.next.is_some_and(|at| at <= now) {
            self.strike();
            self.out.extend(self.intruder.strike(now));
            self.next = Some(now + self.interval);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.next
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        self.out.pop_front()
    }
}
