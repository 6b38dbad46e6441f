//! Strait as one host of a world: the real gateway, the real link and the real dataplane, put
//! together as the two processes do, with the checkers watching everything that passes.
//!
//! * `control`: signalling, as its process does it · `streams`: its TCP connections
//! * `disk`: its journal's file
//! * `media`: the relay's turns, frames in and out, what it reports
//! * `crashes`, `damage`, `clocks`: what befalls both · `places`: addresses, queues

mod clocks;
mod control;
mod crashes;
mod damage;
mod disk;
mod media;
mod places;
mod streams;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use strait_config::Config;
use strait_control::gateway::Gateway;
use strait_control::link;
use strait_parties::party::{Datagram, Party};
use strait_shared::command::Command;
use strait_shared::region::Region;
use strait_shared::slot::SlotIndex;
use strait_shared::time::Instant;

use crate::canary::Canary;
use crate::checks::{SharedChecks, Side};
use crate::clock;
use crate::configuration::{self, FIRST_PORT};
use crate::dataplane::Dataplane;
use crate::plan::{Fault, Plan};

use self::control::Control;
use self::disk::Disk;
use self::places::{Listeners, fnv, hash, listeners, media};
use self::streams::Streams;

/// Strait.
pub struct Strait {
    config: Arc<Config>,
    /// Nothing between one control and the next.
    control: Option<Control>,
    /// The journal's file, where one is kept.
    disk: Option<Disk>,
    dataplane: Dataplane,
    checks: SharedChecks,
    canary: Option<Canary>,
    random: fastrand::Rng,
    listeners: Listeners,
    streams: Streams,
    /// The softswitches that do as they should.
    honest: [SocketAddr; 2],
    /// Side and NIC of each media address.
    media: BTreeMap<IpAddr, (Side, usize)>,
    vlans: bool,
    trace: bool,
    /// The ports that packets wait for, for each worker.
    waiting: Vec<Vec<SocketAddr>>,
    /// How far Strait's clock is ahead of everyone's.
    ahead: Duration,
    /// Until when the machine stands still, and since when.
    suspended: Option<(Instant, Instant)>,
    /// How far the calendar is ahead of the one it was, and where it was when control began.
    calendar_ms: i64,
    calendar_before_ms: i64,
    /// Whether the next report is to be damaged.
    spoils_report: bool,
    /// Whether words of the region have changed by themselves.
    corrupt: bool,
    breathe_at: Option<Instant>,
    tick_at: Instant,
    out: VecDeque<Datagram>,
    counters: Counters,
    calls_before: u64,
    planted: bool,
    /// Where each stream was sent to first, for a canary.
    first_places: BTreeMap<(SocketAddr, Option<u32>), SocketAddr>,
    /// The slot that a canary leaves open.
    forgotten: Option<SlotIndex>,
    /// A command that a canary holds back.
    held_back: Option<Command>,
}

/// What went through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// SIP messages taken.
    pub messages: u64,
    /// SIP messages that found no control.
    pub unanswered: u64,
    /// Media packets taken.
    pub packets: u64,
    /// Media packets relayed.
    pub relayed: u64,
    /// Media packets that found no room or no dataplane.
    pub unheard: u64,
    /// Commands to the dataplane.
    pub commands: u64,
    /// Reports of the dataplane.
    pub reports: u64,
    /// How often commands were found waiting for a full ring or a worker that was away.
    pub waits: u64,
    /// Calls that a successor of control went on with.
    pub survived: u64,
    /// A digest of everything sent, and when.
    pub digest: u64,
}

impl Strait {
    /// Strait in a world, just started.
    pub fn new(plan: &Plan, checks: SharedChecks, canary: Option<Canary>) -> Self {
        // Another world may have been on this thread.
        clock::set(Instant::ZERO);
        let config = configuration::config(plan);
        let dataplane = Dataplane::new(configuration::geometry(plan, &config));
        let mut strait = Self {
            waiting: vec![Vec::new(); dataplane.workers()],
            listeners: listeners(&config),
            streams: Streams::default(),
            honest: configuration::softswitches(plan),
            media: media(&config),
            vlans: plan.vlans,
            trace: plan.trace,
            config,
            control: None,
            disk: plan.journal.then(Disk::default),
            dataplane,
            checks,
            canary,
            random: fastrand::Rng::with_seed(plan.seed ^ 0x57a1_7000),
            // A clock that has stood still is behind.
            ahead: match plan.has(Fault::Suspension) {
                true => Duration::from_secs(600),
                false => Duration::ZERO,
            },
            suspended: None,
            calendar_ms: 0,
            calendar_before_ms: 0,
            spoils_report: false,
            corrupt: false,
            breathe_at: None,
            tick_at: Instant::ZERO,
            out: VecDeque::new(),
            counters: Counters::default(),
            calls_before: 0,
            planted: false,
            first_places: BTreeMap::new(),
            forgotten: None,
            held_back: None,
        };
        for (address, (side, _)) in strait.media.clone() {
            strait.checks.borrow_mut().media.relay(address, side);
        }
        strait.start_control(Instant::ZERO);
        strait
    }

    /// Every address it has.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.media.keys().copied().collect()
    }

    /// What went through.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The signalling, while it runs.
    pub fn gateway(&self) -> Option<&Gateway> {
        self.control.as_ref().map(|control| &control.gateway)
    }

    /// Control's end of the region, while it runs.
    pub fn link(&self) -> Option<&link::Dataplane> {
        self.control.as_ref().map(|control| &control.link)
    }

    /// The media relay.
    pub fn dataplane(&mut self) -> &mut Dataplane {
        &mut self.dataplane
    }

    /// The region both share.
    pub fn region(&self) -> &Region {
        self.dataplane.region()
    }

    /// Connections that have brought no whole message.
    pub fn unproven_connections(&self) -> usize {
        self.streams.unproven()
    }

    /// All there is to say at the end: calls begun by every control there was.
    pub fn calls(&self) -> u64 {
        let present = self.gateway().map(|gateway| gateway.counters().calls);
        self.calls_before + present.unwrap_or(0)
    }

    /// Prints what passes, where that is wanted.
    fn tell(&self, now: Instant, text: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:.6} {}", now.as_nanos() as f64 / 1e9, text());
        }
    }

    /// Whether a canary is planted now: once, when the first calls are through.
    fn plants(&mut self, canary: Canary) -> bool {
        let now = self.canary == Some(canary) && !self.planted && self.counters.relayed > 500;
        self.planted |= now;
        now
    }
}

impl Party for Strait {
    fn receive(&mut self, now: Instant, datagram: &Datagram) {
        self.checks.borrow_mut().at(now);
        if self.stands_still(now) {
            return;
        }
        let to = datagram.destination;
        match self.media.get(&to.ip()).copied() {
            Some((_, nic)) if to.port() >= FIRST_PORT => self.media_arrived(now, datagram, nic),
            _ => self.datagram_arrived(now, datagram),
        }
    }

    fn timeout(&mut self, now: Instant) {
        self.checks.borrow_mut().at(now);
        if self.stands_still(now) {
            return;
        }
        let due = self.gateway().and_then(Gateway::next_timeout);
        if due.is_some_and(|due| due <= self.clock(now)) {
            self.step(now, |gateway, at| gateway.timeout(at));
        }
        if self.streams.next_timeout().is_some_and(|due| due <= now) {
            self.streams_timeout(now);
        }
        if self.breathe_at.is_some_and(|at| at <= now) {
            self.breathe_at = None;
            self.breathe(now);
        }
        if self.tick_at <= now {
            self.tick(now);
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        if let Some((_, until)) = self.suspended {
            return Some(until);
        }
        let due = self.gateway().and_then(Gateway::next_timeout);
        let gateway = due.map(|due| Instant::ZERO + due.since(Instant::ZERO + self.ahead));
        let streams = self.streams.next_timeout();
        let all = [gateway, streams, self.breathe_at, Some(self.tick_at)];
        all.into_iter().flatten().min()
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        let next = self.out.pop_front();
        let datagram = next.or_else(|| self.streams.poll_transmit())?;
        let digest = &mut self.counters.digest;
        *digest = digest.rotate_left(5) ^ fnv(&datagram.payload) ^ hash(&datagram);
        if self.plants(Canary::Whim) {
            // No two runs of a process take the same numbers from it.
            static WHIMS: AtomicU64 = AtomicU64::new(1);
            let whim = WHIMS.fetch_add(1, Ordering::Relaxed);
            self.counters.digest = self.counters.digest.rotate_left(7) ^ whim;
        }
        Some(datagram)
    }
}
