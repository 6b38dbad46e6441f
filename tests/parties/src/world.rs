//! Parties, the networks they sit in, and time.
//!
//! A world is a tree of network segments: the internet, and private networks behind NATs, which
//! may themselves be behind NATs. Every party has an access link to its segment. Time jumps from
//! event to event, so an hour of calls costs milliseconds, and the same seeds give the same run.
//!
//! A world may also be part of a real network ([`World::open`]): a datagram for an address nobody
//! in it owns is handed out by [`World::poll_outside`], and what real sockets receive is put in
//! with [`World::inject`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use strait_shared::time::Instant;

use crate::net::link::{Link, Profile};
use crate::net::nat::{Nat, Refusal, Translation};
use crate::party::{Datagram, Party};

/// A network segment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SegmentId(usize);

/// A party's place in the world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HostId(usize);

/// The segment every other one leads to.
pub const INTERNET: SegmentId = SegmentId(0);

/// What happened to datagrams that did not arrive.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Losses {
    /// Lost on a link.
    pub link: u64,
    /// Sent to an address nobody has.
    pub unroutable: u64,
    /// Refused by a NAT.
    pub nat: BTreeMap<Refusal, u64>,
}

/// Parties, networks, time.
pub struct World<P> {
    now: Instant,
    random: fastrand::Rng,
    segments: Vec<Option<Gateway>>,
    hosts: Vec<Host<P>>,
    events: BTreeMap<(Instant, u64), Event>,
    event_count: u64,
    wakes: BTreeSet<(Instant, HostId)>,
    /// Datagrams for the real network, where the world is part of one.
    outside: Option<VecDeque<Datagram>>,
    losses: Losses,
}

struct Gateway {
    nat: Nat,
    outer: SegmentId,
}

struct Host<P> {
    party: P,
    addresses: Vec<IpAddr>,
    segment: SegmentId,
    up: Link,
    down: Link,
    wake: Option<Instant>,
}

enum Event {
    /// A datagram has come to the segment's router.
    Routed(SegmentId, Datagram),
    /// A datagram has come to its host.
    Delivered(HostId, Datagram),
}

impl<P: Party> World<P> {
    /// An empty world at a point in time.
    pub fn new(now: Instant, seed: u64) -> Self {
        Self {
            now,
            random: fastrand::Rng::with_seed(seed),
            segments: vec![None],
            hosts: Vec::new(),
            events: BTreeMap::new(),
            event_count: 0,
            wakes: BTreeSet::new(),
            outside: None,
            losses: Losses::default(),
        }
    }

    /// Makes the world part of a real network: what nobody in it owns goes out.
    pub fn open(mut self) -> Self {
        self.outside = Some(VecDeque::new());
        self
    }

    /// Adds a private network whose way out is `nat`, itself in the segment `outer`.
    pub fn behind(&mut self, nat: Nat, outer: SegmentId) -> SegmentId {
        self.segments.push(Some(Gateway { nat, outer }));
        SegmentId(self.segments.len() - 1)
    }

    /// Adds a party with its addresses; both directions of its access link behave as `access`.
    pub fn add(
        &mut self,
        party: P,
        addresses: impl IntoIterator<Item = IpAddr>,
        segment: SegmentId,
        access: Profile,
    ) -> HostId {
        let id = HostId(self.hosts.len());
        self.hosts.push(Host {
            party,
            addresses: addresses.into_iter().collect(),
            segment,
            up: Link::new(access, self.random.u64(..)),
            down: Link::new(access, self.random.u64(..)),
            wake: None,
        });
        self.settle(id);
        id
    }

    /// Lets someone do something with a party now.
    pub fn act<T>(&mut self, host: HostId, action: impl FnOnce(&mut P, Instant) -> T) -> T {
        let result = action(&mut self.hosts[host.0].party, self.now);
        self.settle(host);
        result
    }

    /// A datagram comes in from the real network around this world.
    pub fn inject(&mut self, now: Instant, datagram: Datagram) {
        self.run_until(now);
        self.route(INTERNET, datagram);
    }

    /// The next datagram for someone outside this world.
    pub fn poll_outside(&mut self) -> Option<Datagram> {
        self.outside.as_mut()?.pop_front()
    }

    /// Lets time pass until `until`, with everything that happens before and at it.
    pub fn run_until(&mut self, until: Instant) {
        while let Some(next) = self.next_timeout().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.step();
        }
        self.now = self.now.max(until);
    }

    /// When something happens next.
    pub fn next_timeout(&self) -> Option<Instant> {
        let event = self.events.first_key_value().map(|((at, _), _)| *at);
        let wake = self.wakes.first().map(|(at, _)| *at);
        [event, wake].into_iter().flatten().min()
    }

    /// The present.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// A party.
    pub fn party(&self, host: HostId) -> &P {
        &self.hosts[host.0].party
    }

    /// What did not arrive.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// The NAT a private segment is behind.
    pub fn nat_mut(&mut self, segment: SegmentId) -> Option<&mut Nat> {
        self.segments[segment.0]
            .as_mut()
            .map(|gateway| &mut gateway.nat)
    }

    /// The NAT a private segment is behind.
    pub fn nat(&self, segment: SegmentId) -> Option<&Nat> {
        self.segments[segment.0]
            .as_ref()
            .map(|gateway| &gateway.nat)
    }

    /// Changes what a party's access link does from now on.
    pub fn set_access(&mut self, host: HostId, access: Profile) {
        self.hosts[host.0].up.set_profile(access);
        self.hosts[host.0].down.set_profile(access);
    }

    /// Does the one thing that is due first; datagrams before timeouts.
    fn step(&mut self) {
        if let Some(entry) = self.events.first_entry().filter(|e| e.key().0 <= self.now) {
            match entry.remove() {
                Event::Routed(segment, datagram) => self.route(segment, datagram),
                Event::Delivered(host, datagram) => {
                    self.hosts[host.0].party.receive(self.now, &datagram);
                    self.settle(host);
                }
            }
        } else if let Some((_, host)) = self.wakes.first().copied() {
            self.hosts[host.0].party.timeout(self.now);
            self.settle(host);
        }
    }

    /// Sends what a party has to send and notes when it wants to be woken.
    fn settle(&mut self, id: HostId) {
        while let Some(datagram) = self.hosts[id.0].party.poll_transmit() {
            let host = &mut self.hosts[id.0];
            let segment = host.segment;
            let bytes = datagram.payload.len();
            let arrivals = host.up.carry(self.now, bytes, datagram.source.is_ipv6());
            self.losses.link += u64::from(arrivals.is_empty());
            for at in arrivals {
                self.schedule(at, Event::Routed(segment, datagram.clone()));
            }
        }
        let host = &mut self.hosts[id.0];
        if let Some(wake) = host.wake {
            self.wakes.remove(&(wake, id));
        }
        // Whatever is overdue happens now, not in the past.
        host.wake = host.party.next_timeout().map(|at| at.max(self.now));
        self.wakes.extend(host.wake.map(|wake| (wake, id)));
    }

    fn route(&mut self, segment: SegmentId, datagram: Datagram) {
        let to = datagram.destination.ip();
        if let Some(host) = self.host_in(segment, to) {
            self.deliver(host, datagram);
        } else if let Some(inner) = self.gateway_in(segment, to) {
            let gateway = self.segments[inner.0].as_mut().expect("found as a gateway");
            let translation = gateway.nat.inbound(self.now, datagram);
            self.translated(inner, translation);
        } else if let Some(gateway) = self.segments[segment.0].as_mut() {
            let outer = gateway.outer;
            if datagram.source.is_ipv6() {
                // IPv6 is routed, not translated.
                self.route(outer, datagram);
            } else {
                let translation = gateway.nat.outbound(self.now, datagram);
                self.translated(segment, translation);
            }
        } else if let Some(host) = self.host_anywhere(to).filter(|_| to.is_ipv6()) {
            self.deliver(host, datagram);
        } else if let Some(outside) = &mut self.outside {
            outside.push_back(datagram);
        } else {
            self.losses.unroutable += 1;
        }
    }

    fn translated(&mut self, inner: SegmentId, translation: Translation) {
        match translation {
            Translation::Inside(datagram) => self.route(inner, datagram),
            Translation::Outside(datagram) => {
                let outer = self.segments[inner.0]
                    .as_ref()
                    .map_or(INTERNET, |g| g.outer);
                self.route(outer, datagram);
            }
            Translation::Dropped(refusal) => {
                *self.losses.nat.entry(refusal).or_default() += 1;
            }
        }
    }

    fn deliver(&mut self, host: HostId, datagram: Datagram) {
        let (bytes, ipv6) = (datagram.payload.len(), datagram.source.is_ipv6());
        let arrivals = self.hosts[host.0].down.carry(self.now, bytes, ipv6);
        self.losses.link += u64::from(arrivals.is_empty());
        for at in arrivals {
            self.schedule(at, Event::Delivered(host, datagram.clone()));
        }
    }

    fn schedule(&mut self, at: Instant, event: Event) {
        self.event_count += 1;
        self.events.insert((at, self.event_count), event);
    }

    fn host_in(&self, segment: SegmentId, address: IpAddr) -> Option<HostId> {
        let owns = |host: &Host<P>| host.segment == segment && host.addresses.contains(&address);
        self.hosts.iter().position(owns).map(HostId)
    }

    fn host_anywhere(&self, address: IpAddr) -> Option<HostId> {
        self.hosts
            .iter()
            .position(|host| host.addresses.contains(&address))
            .map(HostId)
    }

    fn gateway_in(&self, segment: SegmentId, address: IpAddr) -> Option<SegmentId> {
        let owns = |gateway: &Option<Gateway>| {
            let found = gateway.as_ref().filter(|gateway| gateway.outer == segment);
            found.is_some_and(|gateway| IpAddr::V4(gateway.nat.external()) == address)
        };
        self.segments.iter().position(owns).map(SegmentId)
    }
}
