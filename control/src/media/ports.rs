//! Every port pair of the machine: which are free, who holds the others, and when they come back.
//!
//! A pair is an RTP slot and the RTCP slot after it. Its life:
//!
//! | from        | to          | when                                                           |
//! |-------------|-------------|----------------------------------------------------------------|
//! | free        | held        | [`Ports::allocate`]                                            |
//! | held        | free        | [`Ports::give_back`]: neither slot was ever opened             |
//! | held        | closing     | [`Ports::close`]: the close commands are out                   |
//! | free        | closing     | [`Ports::reclaim`]: an earlier control process had it open     |
//! | closing     | quarantined | both slots reported closed or rejected, or `CLOSE_TIMEOUT` on  |
//! | quarantined | free        | the realm's `port_quarantine` is over                          |
//!
//! Nothing else happens to a pair: above all, none is held that is not free first.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use strait_config::{Config, RealmIndex};
use strait_shared::geometry::{AddressIndex, Geometry, WorkerIndex};
use strait_shared::slot::{Generation, SlotIndex};
use strait_shared::time::Instant;

use super::limits::{CLOSE_TIMEOUT, RELEASES_PER_ALLOCATION};
use super::pool::Pool;
use super::side::{Component, Family, SessionId, Side};

/// Two neighbouring slots, RTP on the even one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct PairId(u32);

impl PairId {
    /// The pair a slot belongs to.
    pub const fn of(slot: SlotIndex) -> Self {
        Self(slot.0 / 2)
    }

    pub const fn slot(self, component: Component) -> SlotIndex {
        SlotIndex(self.0 * 2 + component as u32)
    }

    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Whose a pair is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Holder {
    pub session: SessionId,
    /// Which `m=` line, from 0.
    pub line: u16,
    /// The side whose packets arrive here.
    pub side: Side,
}

/// What kind of pair is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Want {
    /// A port pair of this realm and family, on this address where it has one left.
    Port {
        realm: RealmIndex,
        family: Family,
        prefer: Option<IpAddr>,
    },
    /// A spare pair, which shares another's port.
    Spare,
}

/// How many of a realm's port pairs are in which state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PortUsage {
    /// Pairs there are.
    pub total: usize,
    /// Pairs that a new stream may have.
    pub free: usize,
    /// Pairs waiting for late packets of their last use to die out.
    pub quarantined: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Free,
    Held,
    Closing,
    Quarantined,
}

#[derive(Debug)]
struct Pair {
    state: State,
    generation: Generation,
    holder: Option<Holder>,
    /// Per component: opened in the dataplane and not reported closed.
    open: [bool; 2],
    /// Whether a pool's free list has it; outlives `Free` when a pair is reclaimed.
    listed: bool,
}

#[derive(Debug)]
struct Deadline {
    at: Instant,
    pair: PairId,
    generation: Generation,
}

#[derive(Debug)]
pub(super) struct Ports {
    geometry: Geometry,
    /// Per realm: the IPv4 addresses, the IPv6 addresses.
    addresses: Vec<[Vec<AddressIndex>; 2]>,
    pairs: Vec<Pair>,
    /// By address, then worker; the spare pairs' last.
    pools: Vec<Pool>,
    /// Pairs being closed, by when they are given up on.
    closing: VecDeque<Deadline>,
    random: ChaCha8Rng,
    /// The worker that the next stream is offered to first.
    turn: u16,
}

impl Ports {
    pub fn new(config: &Config, geometry: &Geometry, seed: [u8; 32]) -> Self {
        let mut addresses = vec![[Vec::new(), Vec::new()]; config.realms.len()];
        let mut pools = Vec::new();
        for (index, realm, media) in config.media_addresses() {
            let family = Family::from(media.address);
            addresses[usize::from(realm.0)][family as usize].push(index);
            let quarantine = config.realm(realm).port_quarantine;
            pools.extend((0..geometry.workers()).map(|_| Pool::new(quarantine)));
        }
        // Spare slots have no port of their own that late packets could come to.
        pools.extend((0..geometry.workers()).map(|_| Pool::new(Duration::ZERO)));
        let mut ports = Self {
            geometry: geometry.clone(),
            addresses,
            pairs: Vec::with_capacity(geometry.slots() as usize / 2),
            pools,
            closing: VecDeque::new(),
            random: ChaCha8Rng::from_seed(seed),
            turn: 0,
        };
        for pair in (0..geometry.slots() / 2).map(PairId) {
            ports.pairs.push(Pair {
                state: State::Free,
                generation: Generation(0),
                holder: None,
                open: [false; 2],
                listed: true,
            });
            let pool = ports.pool_of(pair);
            ports.pools[pool].put(pair);
        }
        ports
    }

    /// One pair for each want, all of one worker: of `worker`, or of whichever has them all.
    /// On failure nothing is taken, and the want that could not be met comes back.
    pub fn allocate(
        &mut self,
        now: Instant,
        worker: Option<WorkerIndex>,
        wants: &[Want],
    ) -> Result<Vec<PairId>, Want> {
        if let Some(worker) = worker {
            return self.allocate_from(now, worker, wants);
        }
        let workers = self.geometry.workers();
        self.turn = (self.turn + 1) % workers;
        let mut result = Ok(Vec::new());
        for step in 0..workers {
            let worker = WorkerIndex((self.turn + step) % workers);
            result = self.allocate_from(now, worker, wants);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Names the holder of a pair; also when it passes from one to another.
    pub fn hold(&mut self, pair: PairId, holder: Holder) {
        assert_eq!(
            self.pairs[pair.index()].state,
            State::Held,
            "only a held pair has a holder"
        );
        self.pairs[pair.index()].holder = Some(holder);
    }

    /// Notes that both slots' open commands are out.
    pub fn opened(&mut self, pair: PairId) {
        let pair = &mut self.pairs[pair.index()];
        assert!(
            pair.state == State::Held && pair.open == [false; 2],
            "opened once per use"
        );
        pair.open = [true; 2];
    }

    /// Whether the dataplane has this slot open, as far as its reports go.
    pub fn is_open(&self, pair: PairId, component: Component) -> bool {
        self.pairs[pair.index()].open[component.index()]
    }

    /// Takes back a pair that was never opened.
    pub fn give_back(&mut self, pair: PairId) {
        let state = &mut self.pairs[pair.index()];
        assert!(
            state.state == State::Held && state.open == [false; 2],
            "held, never opened"
        );
        state.state = State::Free;
        state.holder = None;
        state.listed = true;
        let pool = self.pool_of(pair);
        self.pools[pool].put(pair);
    }

    /// Begins to wait for the reports of a pair whose close commands are out.
    pub fn close(&mut self, now: Instant, pair: PairId) {
        let state = &mut self.pairs[pair.index()];
        assert_eq!(state.state, State::Held, "a pair is closed once");
        state.state = State::Closing;
        let generation = state.generation;
        self.closing.push_back(Deadline {
            at: now + CLOSE_TIMEOUT,
            pair,
            generation,
        });
        self.quarantine_if_closed(now, pair);
    }

    /// Takes in that a slot is closed. Answers whose it was, unless it was not open.
    pub fn closed(
        &mut self,
        now: Instant,
        slot: SlotIndex,
        generation: Generation,
    ) -> Option<(Holder, Component)> {
        let (pair, component) = self.find(slot, generation)?;
        let state = &mut self.pairs[pair.index()];
        if !std::mem::replace(&mut state.open[component.index()], false) {
            return None;
        }
        let holder = state.holder;
        self.quarantine_if_closed(now, pair);
        holder.map(|holder| (holder, component))
    }

    /// Gives up on the next pair whose reports are overdue: whose it was, and how many of its
    /// slots never reported.
    pub fn give_up(&mut self, now: Instant) -> Option<(Option<Holder>, usize)> {
        while let Some(deadline) = self.closing.front() {
            if deadline.at > now {
                return None;
            }
            let Deadline {
                pair, generation, ..
            } = *deadline;
            self.closing.pop_front();
            let state = &mut self.pairs[pair.index()];
            if state.state == State::Closing && state.generation == generation {
                let missing = state.open.iter().filter(|&&open| open).count();
                state.open = [false; 2];
                let holder = state.holder;
                self.quarantine_if_closed(now, pair);
                return Some((holder, missing));
            }
        }
        None
    }

    /// When [`give_up`](Self::give_up) is next worth asking.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.closing.front().map(|deadline| deadline.at)
    }

    /// Takes a free pair out of use because one of its slots was found open, under `generation`,
    /// by an earlier control process. Answers whether it was free.
    pub fn reclaim(&mut self, now: Instant, slot: SlotIndex, generation: Generation) -> bool {
        let pair = PairId::of(slot);
        let Some(state) = self.pairs.get_mut(pair.index()) else {
            return false;
        };
        let again = state.state == State::Closing && state.generation == generation;
        if state.state != State::Free && !again {
            return false;
        }
        state.open[(slot.0 % 2) as usize] = true;
        if !again {
            state.state = State::Closing;
            state.generation = generation;
            self.closing.push_back(Deadline {
                at: now + CLOSE_TIMEOUT,
                pair,
                generation,
            });
        }
        true
    }

    /// Whose an open slot is, if `generation` is still the one in use.
    pub fn holder(&self, slot: SlotIndex, generation: Generation) -> Option<(Holder, Component)> {
        let (pair, component) = self.find(slot, generation)?;
        let holder = self.pairs[pair.index()].holder?;
        Some((holder, component))
    }

    /// Whose a pair is, while it is held.
    pub fn holder_of(&self, pair: PairId) -> Option<Holder> {
        let pair = self.pairs.get(pair.index())?;
        pair.holder.filter(|_| pair.state == State::Held)
    }

    /// How many of a pair's slots the dataplane has open.
    pub fn open_slots(&self, pair: PairId) -> u16 {
        self.pairs[pair.index()]
            .open
            .iter()
            .map(|open| u16::from(*open))
            .sum()
    }

    pub fn generation(&self, pair: PairId) -> Generation {
        self.pairs[pair.index()].generation
    }

    pub fn worker(&self, pair: PairId) -> WorkerIndex {
        self.geometry.owner(pair.slot(Component::Rtp))
    }

    /// The address and RTP port of a pair; nothing for a spare one.
    pub fn local(&self, pair: PairId) -> Option<SocketAddr> {
        self.geometry.local(pair.slot(Component::Rtp))
    }

    /// The VLAN a pair's address is on.
    pub fn vlan(&self, pair: PairId) -> Option<u16> {
        let address = self.geometry.address(pair.slot(Component::Rtp))?;
        self.geometry.addresses()[usize::from(address.0)].vlan
    }

    /// The pair a port on one of the realm's own addresses belongs to.
    pub fn pair_at(&self, realm: RealmIndex, address: SocketAddr) -> Option<PairId> {
        let own = self.addresses[usize::from(realm.0)][Family::from(address.ip()) as usize].iter();
        let mut own = own.filter(|index| self.ip(**index) == address.ip());
        let slot = own.find_map(|index| self.geometry.slot(*index, address.port()))?;
        Some(PairId::of(slot))
    }

    /// The realm's first address of this family.
    pub fn first_address(&self, realm: RealmIndex, family: Family) -> Option<IpAddr> {
        let first = self.addresses[usize::from(realm.0)][family as usize].first()?;
        Some(self.ip(*first))
    }

    pub fn usage(&self, realm: RealmIndex) -> PortUsage {
        let addresses = self.addresses[usize::from(realm.0)].iter().flatten();
        addresses.fold(PortUsage::default(), |sum, address| {
            let ports = self.geometry.addresses()[usize::from(address.0)].ports();
            let workers = usize::from(self.geometry.workers());
            let first = usize::from(address.0) * workers;
            let pools = &self.pools[first..first + workers];
            PortUsage {
                total: sum.total + ports as usize / 2,
                free: sum.free + pools.iter().map(Pool::free).sum::<usize>(),
                quarantined: sum.quarantined + pools.iter().map(Pool::quarantined).sum::<usize>(),
            }
        })
    }

    /// Spare pairs that are free, over all workers.
    pub fn free_spares(&self) -> usize {
        let first = self.geometry.addresses().len() * usize::from(self.geometry.workers());
        self.pools[first..].iter().map(Pool::free).sum()
    }

    fn allocate_from(
        &mut self,
        now: Instant,
        worker: WorkerIndex,
        wants: &[Want],
    ) -> Result<Vec<PairId>, Want> {
        let mut taken = Vec::with_capacity(wants.len());
        for want in wants {
            match self.take(now, worker, *want) {
                Some(pair) => taken.push(pair),
                None => {
                    taken.into_iter().for_each(|pair| self.give_back(pair));
                    return Err(*want);
                }
            }
        }
        Ok(taken)
    }

    fn take(&mut self, now: Instant, worker: WorkerIndex, want: Want) -> Option<PairId> {
        let (realm, family, prefer) = match want {
            Want::Spare => {
                let spares = AddressIndex(self.geometry.addresses().len() as u16);
                return self.take_from(now, self.pool(spares, worker));
            }
            Want::Port {
                realm,
                family,
                prefer,
            } => (realm, family, prefer),
        };
        let count = self.addresses[usize::from(realm.0)][family as usize].len();
        let at = |ports: &Self, step: usize| {
            ports.addresses[usize::from(realm.0)][family as usize][step % count]
        };
        let preferred = (0..count).find(|&step| Some(self.ip(at(self, step))) == prefer);
        let start = preferred.unwrap_or_else(|| self.random.next_u32() as usize);
        (0..count).find_map(|step| {
            let address = at(self, start.wrapping_add(step));
            self.take_from(now, self.pool(address, worker))
        })
    }

    fn take_from(&mut self, now: Instant, pool: usize) -> Option<PairId> {
        for _ in 0..RELEASES_PER_ALLOCATION {
            let Some(pair) = self.pools[pool].release(now) else {
                break;
            };
            let state = &mut self.pairs[pair.index()];
            state.state = State::Free;
            if !std::mem::replace(&mut state.listed, true) {
                self.pools[pool].put(pair);
            }
        }
        loop {
            let pair = self.pools[pool].take(&mut self.random)?;
            let state = &mut self.pairs[pair.index()];
            state.listed = false;
            if state.state == State::Free {
                state.state = State::Held;
                state.generation = Generation(state.generation.0.wrapping_add(1));
                return Some(pair);
            }
        }
    }

    fn quarantine_if_closed(&mut self, now: Instant, pair: PairId) {
        let state = &mut self.pairs[pair.index()];
        if state.state == State::Closing && state.open == [false; 2] {
            state.state = State::Quarantined;
            state.holder = None;
            let pool = self.pool_of(pair);
            self.pools[pool].put_later(now, pair);
        }
    }

    /// The pair and component of a slot, if `generation` is the one in use.
    fn find(&self, slot: SlotIndex, generation: Generation) -> Option<(PairId, Component)> {
        let pair = PairId::of(slot);
        let state = self.pairs.get(pair.index())?;
        let component = Component::BOTH[(slot.0 % 2) as usize];
        (state.generation == generation).then_some((pair, component))
    }

    fn pool_of(&self, pair: PairId) -> usize {
        let slot = pair.slot(Component::Rtp);
        let spares = AddressIndex(self.geometry.addresses().len() as u16);
        self.pool(
            self.geometry.address(slot).unwrap_or(spares),
            self.geometry.owner(slot),
        )
    }

    fn pool(&self, address: AddressIndex, worker: WorkerIndex) -> usize {
        usize::from(address.0) * usize::from(self.geometry.workers()) + usize::from(worker.0)
    }

    fn ip(&self, address: AddressIndex) -> IpAddr {
        self.geometry.addresses()[usize::from(address.0)].ip
    }
}
