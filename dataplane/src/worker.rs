//! The worker: one thread, its queue of every port, its relay and its slots.
//!
//! One breath: one clock read, receive, relay, send, then control's commands and the sweep. No
//! allocation, lock or system call of its own; counters are kept privately and published now and
//! then.

mod idle;
mod publication;

use std::sync::Arc;

use strait_shared::geometry::Geometry;
use strait_shared::region::WorkerEnd;
use strait_shared::slot::EgressPort;
use strait_shared::table::Table;
use strait_shared::time::Instant;

pub use self::idle::{Idle, IdlePolicy, pin};
use self::publication::Publication;
use crate::frame::Frame;
use crate::limits::{BURST, PORTS_MAX, PUBLISH_BREATHS};
use crate::next_hops::Inbox;
use crate::port::{Port, PortCounters};
use crate::relay::{Egress, Owner, Relay, Tally};

/// Reads the clock; a test brings its own.
pub type Clock = fn() -> Instant;

/// One worker.
pub struct Worker {
    ports: Vec<Box<dyn Port>>,
    /// The port that is asked first, so that a busy one starves no other.
    first: usize,
    frames: Box<[Frame]>,
    relay: Relay,
    owner: Owner,
    publication: Publication,
    /// Where routes come from, for ports whose next hops are not all known at start.
    routes: Option<Arc<Inbox>>,
    clock: Clock,
    since_publication: u32,
    complained: bool,
}

impl Worker {
    /// A worker over its end of the region and its queue of every port.
    ///
    /// # Panics
    /// When there are more than [`PORTS_MAX`](crate::limits::PORTS_MAX) ports.
    pub fn new(
        end: WorkerEnd,
        table: Table,
        geometry: &Geometry,
        mut ports: Vec<Box<dyn Port>>,
        clock: Clock,
    ) -> Self {
        let egress: Vec<Egress> = ports
            .iter()
            .map(|port| Egress {
                mac: port.mac(),
                frame_bytes_max: port.capabilities().frame_bytes_max,
            })
            .collect();
        let next_hops = end.adjacencies.clone();
        let (owner, statistics) = Owner::new(end, clock());
        Self {
            relay: Relay::new(table, next_hops, geometry, &egress),
            owner,
            publication: Publication::new(
                statistics,
                ports.iter().map(|port| port.capabilities().access),
            ),
            routes: None,
            frames: burst(&mut ports),
            ports,
            first: 0,
            clock,
            since_publication: 0,
            complained: false,
        }
    }

    /// From now on takes its routes from `inbox`.
    pub fn follow(&mut self, inbox: Arc<Inbox>) {
        self.routes = Some(inbox);
    }

    /// Breathes until `stop` says so.
    pub fn run(&mut self, policy: IdlePolicy, stop: &dyn Fn() -> bool) {
        let mut idle = Idle::new(policy);
        while !stop() {
            self.attend(&mut idle);
        }
        self.publish();
    }

    /// One breath, and a wait after too many with nothing to do.
    pub fn attend(&mut self, idle: &mut Idle) {
        if self.breathe() {
            idle.busy();
        } else if idle.is_over() {
            self.publish();
            idle.wait(&self.ports);
        }
    }

    /// One breath; says whether there was anything to do.
    pub fn breathe(&mut self) -> bool {
        let now = (self.clock)();
        if let Some(routes) = self.routes.as_ref().and_then(|inbox| inbox.take()) {
            self.relay.follow(routes);
        }
        let received = self.receive(now);
        let mut gone = now;
        if received > 0 {
            self.relay.process(&mut self.frames[..received], now);
            gone = self.send(now);
        }
        let turn = self.owner.work(self.relay.notices(), now);
        self.publication.delayed(turn.delayed);
        let busy = received > 0 || turn.commands > 0;
        self.publication.breath(gone.since(now));
        if turn.commands > 0 {
            // Control waits to see what took effect.
            self.publish();
        }
        self.since_publication += 1;
        if self.since_publication >= PUBLISH_BREATHS {
            self.publish();
        }
        self.complain();
        busy
    }

    /// What happened to the frames so far.
    pub fn tally(&self) -> &Tally {
        self.relay.tally()
    }

    fn receive(&mut self, now: Instant) -> usize {
        let count = self.ports.len();
        let mut received = 0;
        for turn in 0..count {
            let number = (self.first + turn) % count;
            let frames = &mut self.frames[received..];
            let filled = self.ports[number].rx_burst(now, frames);
            for frame in &mut frames[..filled] {
                frame.port = EgressPort(number as u8);
            }
            received += filled;
        }
        self.first = (self.first + 1) % count.max(1);
        received
    }

    /// Sends what departs; returns when that was done.
    fn send(&mut self, now: Instant) -> Instant {
        let mut sent = [0; PORTS_MAX];
        for (number, port) in self.ports.iter_mut().enumerate() {
            let number = EgressPort(number as u8);
            let chosen = self.relay.departing(number);
            if chosen.is_empty() {
                continue;
            }
            sent[usize::from(number.0)] = port.tx_burst(now, &mut self.frames, chosen);
        }
        let gone = (self.clock)();
        for (number, &sent) in sent[..self.ports.len()].iter().enumerate() {
            let number = EgressPort(number as u8);
            let chosen = self.relay.departing(number);
            let chosen = &chosen[..sent.min(chosen.len())];
            self.publication.sent(gone, &self.frames, chosen);
            self.relay.departed(number, sent, &self.frames);
        }
        gone
    }

    /// Brings the statistics page up to date.
    pub fn publish(&mut self) {
        self.since_publication = 0;
        let faults = self
            .ports
            .iter()
            .map(|port| port.counters())
            .fold(PortCounters::default(), PortCounters::plus);
        self.publication
            .publish(self.relay.tally(), faults, &self.owner);
    }

    /// Says once that control has broken a ring.
    fn complain(&mut self) {
        if !self.complained
            && let Some(error) = self.owner.broken()
        {
            self.complained = true;
            tracing::error!(%error, "control has broken a ring: media goes on, changes do not");
        }
    }
}

/// Frames in the memory of the first port that has some of its own.
fn burst(ports: &mut [Box<dyn Port>]) -> Box<[Frame]> {
    let lent = ports.iter_mut().find_map(|port| port.lend(BURST));
    let lent = lent.into_iter().flatten().map(Frame::of);
    lent.chain(std::iter::repeat_with(Frame::new))
        .take(BURST)
        .collect()
}
