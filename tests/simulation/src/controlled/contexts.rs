//! What a gateway has in its contexts: a line and, towards the network, a termination with media.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use strait_control::h248::Mode;
use strait_parties::party::Datagram;
use strait_parties::rtp::packet::{Packet, Ssrc};
use strait_shared::time::Instant;

use crate::checks::{Listening, SharedChecks};

/// How often media is sent.
const EVERY: Duration = Duration::from_millis(60);
/// The first port of media.
const FIRST_PORT: u16 = 40_000;
/// Ports of media, used in turn: late packets are for whoever had one before.
const PORTS: u16 = 20_000;

/// All contexts of a gateway, by number.
pub struct Contexts {
    name: String,
    own: SocketAddr,
    all: BTreeMap<u32, Context>,
    last: u32,
    last_port: u16,
    checks: SharedChecks,
    random: fastrand::Rng,
    /// Contexts that have heard their other party.
    pub heard: u64,
}

/// A context.
pub struct Context {
    /// The line in it.
    pub line: Option<String>,
    /// What has media.
    pub media: Option<Ephemeral>,
    began: Instant,
}

/// A termination with media.
pub struct Ephemeral {
    /// Its name.
    pub name: String,
    /// Where it hears.
    pub local: SocketAddr,
    /// Where its other party hears, and who that is.
    pub remote: Option<(SocketAddr, String)>,
    /// Which way media may go.
    pub mode: Mode,
    ssrc: u32,
    sequence: u16,
    next: Option<Instant>,
    announced: bool,
    heard: bool,
}

impl Contexts {
    /// None.
    pub fn new(name: &str, own: SocketAddr, checks: SharedChecks, seed: u64) -> Self {
        Self {
            name: name.to_owned(),
            own,
            all: BTreeMap::new(),
            last: 0,
            last_port: 0,
            checks,
            random: fastrand::Rng::with_seed(seed),
            heard: 0,
        }
    }

    /// What the checkers call the gateway.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A new one.
    pub fn begin(&mut self, now: Instant) -> u32 {
        self.last += 1;
        let context = Context {
            line: None,
            media: None,
            began: now,
        };
        self.all.insert(self.last, context);
        self.last
    }

    /// One of them.
    pub fn get(&mut self, number: u32) -> Option<&mut Context> {
        self.all.get_mut(&number)
    }

    /// The numbers of all.
    pub fn numbers(&self) -> Vec<u32> {
        self.all.keys().copied().collect()
    }

    /// Whether a line is in one of them.
    pub fn is_busy(&self, line: &str) -> bool {
        let mut lines = self
            .all
            .values()
            .filter_map(|context| context.line.as_deref());
        lines.any(|busy| busy == line)
    }

    /// A termination with media for a context.
    pub fn ephemeral(&mut self) -> Ephemeral {
        self.last_port = (self.last_port + 2) % PORTS;
        Ephemeral {
            name: format!("rtp/{}", self.random.u32(..)),
            local: SocketAddr::new(self.own.ip(), FIRST_PORT + self.last_port),
            remote: None,
            mode: Mode::Inactive,
            ssrc: self.random.u32(..),
            sequence: self.random.u16(..),
            next: None,
            announced: false,
            heard: false,
        }
    }

    /// A context that nothing is in any more is gone.
    pub fn tidy(&mut self) {
        self.all
            .retain(|_, context| context.line.is_some() || context.media.is_some());
    }

    /// Everything is gone.
    pub fn clear(&mut self) {
        self.all.clear();
    }

    /// A packet has come to a port of media.
    pub fn arrived(&mut self, now: Instant, datagram: &Datagram) {
        let mut media = self.all.values_mut().filter_map(|c| c.media.as_mut());
        let owner = media.find(|media| media.local == datagram.destination);
        let mut checks = self.checks.borrow_mut();
        checks.at(now);
        let known = owner.as_ref().and_then(|media| {
            let (expects, remote) = media.remote.as_ref()?;
            Some(Listening {
                remote,
                ssrc: media.ssrc,
                expects: Some(*expects),
            })
        });
        checks.media_arrived(&self.name, known, datagram);
        if let Some(media) = owner.filter(|media| !media.heard) {
            media.heard = true;
            self.heard += 1;
        }
    }

    /// Sends what is due.
    pub fn timeout(&mut self, now: Instant, out: &mut Vec<Datagram>) {
        let own = self.name.clone();
        for context in self.all.values_mut() {
            let began = context.began;
            let Some(media) = &mut context.media else {
                continue;
            };
            let sends = matches!(media.mode, Mode::SendOnly | Mode::SendReceive);
            let Some((to, peer)) = media.remote.clone().filter(|_| sends) else {
                media.next = None;
                continue;
            };
            if media.next.is_some_and(|next| next > now) {
                continue;
            }
            media.next = Some(now + EVERY);
            media.sequence = media.sequence.wrapping_add(1);
            if !media.announced {
                media.announced = true;
                let mut checks = self.checks.borrow_mut();
                checks.at(now);
                checks.stream_begun(media.ssrc, &own, &peer, began);
            }
            let packet = Packet {
                marker: false,
                payload_type: 8,
                sequence: media.sequence,
                timestamp: u32::from(media.sequence) * 480,
                ssrc: Ssrc(media.ssrc),
                payload: &[0xd5; 160],
            };
            out.push(Datagram {
                source: media.local,
                destination: to,
                payload: packet.to_bytes(),
            });
        }
    }

    /// When [`Contexts::timeout`] is wanted next.
    pub fn next_timeout(&self) -> Option<Instant> {
        let media = self
            .all
            .values()
            .filter_map(|context| context.media.as_ref());
        let due = media.filter(|media| {
            matches!(media.mode, Mode::SendOnly | Mode::SendReceive) && media.remote.is_some()
        });
        due.map(|media| media.next.unwrap_or(Instant::ZERO)).min()
    }
}
