//! A softswitch that lies or is broken, with customers of its own behind Strait.
//!
//! It shares the core realm with the honest softswitches and overhears some of what they say. It is
//! asked by its customers' telephones and answers as it pleases, calls whomever it likes, and
//! meddles in what it does not own. Where it says that media goes is not held against Strait; that
//! any of it harms honest people is.
//!
//! * `answers`: what it says when asked · `attacks`: what it does unasked · `lies`: what it writes

mod answers;
mod attacks;
mod lies;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use strait_parties::party::{Datagram, Party};
use strait_parties::sip::message::Message;
use strait_shared::time::Instant;

use self::lies::Lies;
use crate::checks::{SharedChecks, Side};
use crate::configuration;
use crate::mutilation::Mutilation;
use crate::plan::Plan;

/// Who it calls itself.
pub const NAME: &str = "judas";
/// Messages that are kept to be said again.
const KEPT_MAX: usize = 32;
/// Calls of its own that it keeps in mind.
const CALLS_MAX: usize = 6;
/// How it mutilates what it says.
const MUTILATION: Mutilation = Mutilation {
    side: Side::Core,
    places: 6,
    doubled: 60,
};

/// A hostile softswitch.
pub struct Rogue {
    own: SocketAddr,
    /// Where its media comes from that nobody has asked for.
    elsewhere: IpAddr,
    /// Strait, as the core knows it.
    strait: SocketAddr,
    lies: Lies,
    users: usize,
    last_port: u16,
    checks: SharedChecks,
    random: fastrand::Rng,
    interval: Duration,
    next: Option<Instant>,
    /// Branches of INVITEs that it has made up its mind about.
    judged: VecDeque<String>,
    /// What it is going to say, and when.
    due: BTreeMap<(Instant, u64), Vec<u8>>,
    planned: u64,
    /// What it said before.
    said: VecDeque<Vec<u8>>,
    calls: VecDeque<Placed>,
    /// When it may call again.
    calls_at: Instant,
    out: VecDeque<Datagram>,
}

/// A call that it has placed.
struct Placed {
    invite: Message,
    /// Whom it called.
    user: String,
    /// The 2xx, if there was one.
    success: Option<Message>,
}

impl Rogue {
    /// A hostile softswitch at `own`, beside Strait's address in the core.
    pub fn new(own: SocketAddr, strait: SocketAddr, plan: &Plan, checks: SharedChecks) -> Self {
        let mut random = fastrand::Rng::with_seed(plan.seed ^ 0x70_61de);
        Self {
            own,
            elsewhere: configuration::rogue_media(plan),
            strait,
            lies: Lies::new(own, strait.ip(), plan),
            users: plan.users,
            last_port: plan.last_port,
            checks,
            interval: Duration::from_millis(random.u64(50..400)),
            random,
            next: None,
            judged: VecDeque::new(),
            due: BTreeMap::new(),
            planned: 0,
            said: VecDeque::new(),
            calls: VecDeque::new(),
            calls_at: Instant::ZERO,
            out: VecDeque::new(),
        }
    }

    /// Begins to do things that nobody asked for.
    pub fn start(&mut self, now: Instant) {
        self.next = Some(now);
    }

    /// Falls silent but for answers.
    pub fn stop(&mut self) {
        self.next = None;
        self.due.clear();
    }

    /// Says something after a while.
    fn plan(&mut self, at: Instant, message: Vec<u8>) {
        self.planned += 1;
        self.due.insert((at, self.planned), message);
    }

    fn say(&mut self, message: Vec<u8>) {
        if self.said.len() == KEPT_MAX {
            self.said.pop_front();
        }
        self.said.push_back(message.clone());
        self.send(message);
    }

    fn send(&mut self, payload: Vec<u8>) {
        self.out.push_back(Datagram {
            source: self.own,
            destination: self.strait,
            payload,
        });
    }

    fn mutilate(&mut self, message: &[u8]) -> Vec<u8> {
        MUTILATION.of(message, &mut self.random)
    }
}

impl Party for Rogue {
    fn receive(&mut self, now: Instant, datagram: &Datagram) {
        if datagram.destination != self.own {
            return;
        }
        let Ok(message) = Message::parse(&datagram.payload) else {
            return;
        };
        match message.status() {
            Some(status) => self.answered(now, status, message),
            None => {
                let method = datagram.payload.split(|octet| *octet == b' ').next();
                let method = String::from_utf8_lossy(method.unwrap_or_default()).into_owned();
                self.asked(now, &method, &message);
            }
        }
    }

    fn timeout(&mut self, now: Instant) {
        while let Some(entry) = self.due.first_entry().filter(|e| e.key().0 <= now) {
            let message = entry.remove();
            self.say(message);
        }
        if self.next.is_some_and(|at| at <= now) {
            self.strike(now);
            self.next = Some(now + self.interval);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let due = self.due.first_key_value().map(|((at, _), _)| *at);
        [due, self.next].into_iter().flatten().min()
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        self.out.pop_front()
    }
}
