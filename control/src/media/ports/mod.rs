//! Every port pair of the machine: which are free, who holds the others, and when they come back.
//!
//! A pair is an RTP slot and the RTCP slot after it. Its life:
//!
//! | from        | to          | when                                                           |
//! |-------------|-------------|----------------------------------------------------------------|
//! | free        | held        | [`Ports::allocate`]                                            |
//! | held        | free        | [`Ports::give_back`]: neither slot was ever opened             |
//! | held        | closing     | [`Ports::close`]: the close commands are out                   |
//! | free        | closing     | [`Ports::repeat`]: its last use was lost with the table        |
//! | free        | held        | [`Ports::adopt`]: an earlier control process held it           |
//! | free        | quarantined | [`Ports::rest`]: an earlier control process had it lately      |
//! | closing     | quarantined | both slots reported closed or rejected, or `CLOSE_TIMEOUT` on  |
//! | quarantined | free        | the realm's `port_quarantine` is over                          |
//! | free        | quarantined | its turn comes while a session of ours ([`Aims`]), or a party  |
//! |             |             | of its last use (`Latecomers`), still sends to it              |
//!
//! Nothing else happens to a pair: above all, none is held that is not free first.

mod aims;
mod inherited;
mod latecomers;
mod pool;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use strait_config::{Config, RealmIndex};
use strait_shared::geometry::{Geometry, WorkerIndex};
use strait_shared::slot::{Generation, SlotIndex};
use strait_shared::time::Instant;

pub(super) use self::aims::Aim;
use self::aims::Aims;
use self::latecomers::Latecomers;
use self::pool::Pool;
pub use self::pool::PortUsage;
use super::layout::{Layout, PairId};
use super::limits::{CLOSE_TIMEOUT, RELEASES_PER_ALLOCATION};
use super::side::{Component, Family, SessionId, Side};

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

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Free,
    Held,
    Closing,
    Quarantined,
}

#[derive(Debug, Default)]
struct Pair {
    state: State,
    generation: Generation,
    holder: Option<Holder>,
    /// Per component: opened in the dataplane and not reported closed.
    open: [bool; 2],
    /// Still in a pool's free list though it came into use: it is passed over there.
    stale_in_pool: bool,
}

/// A pair that was closed long ago and has not reported it all.
#[derive(Debug)]
pub(super) struct Overdue {
    /// Whose it was.
    pub holder: Option<Holder>,
    pub generation: Generation,
    /// Its slots that never reported.
    pub slots: Vec<SlotIndex>,
}

#[derive(Debug)]
struct Deadline {
    at: Instant,
    pair: PairId,
    generation: Generation,
}

#[derive(Debug)]
pub(super) struct Ports {
    pub layout: Layout,
    /// What sessions of ours send to.
    pub aims: Aims,
    latecomers: Latecomers,
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
        let layout = Layout::new(config, geometry);
        let per_worker = |quarantine| (0..geometry.workers()).map(move |_| Pool::new(quarantine));
        let of_addresses = config
            .media_addresses()
            .flat_map(|(_, realm, _)| per_worker(config.realm(realm).port_quarantine));
        // Spare slots have no port of their own that late packets could come to.
        let mut pools: Vec<Pool> = of_addresses.chain(per_worker(Duration::ZERO)).collect();
        let mut pairs = Vec::with_capacity(geometry.slots() as usize / 2);
        for pair in layout.pairs() {
            pairs.push(Pair::default());
            pools[layout.pool_of(pair)].put(pair);
        }
        Self {
            layout,
            aims: Aims::default(),
            latecomers: Latecomers::default(),
            pairs,
            pools,
            closing: VecDeque::new(),
            random: ChaCha8Rng::from_seed(seed),
            turn: 0,
        }
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
        let workers = self.layout.workers();
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
        let pool = self.layout.pool_of(pair);
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

    /// Gives up on the next pair whose reports are overdue.
    pub fn give_up(&mut self, now: Instant) -> Option<Overdue> {
        let deadline = self.closing.front().filter(|deadline| deadline.at <= now)?;
        let pair = deadline.pair;
        let state = &mut self.pairs[pair.index()];
        let open = std::mem::take(&mut state.open);
        let unreported = Component::BOTH.into_iter().filter(|it| open[it.index()]);
        let overdue = Overdue {
            holder: state.holder,
            generation: state.generation,
            slots: unreported.map(|component| pair.slot(component)).collect(),
        };
        self.quarantine_if_closed(now, pair);
        Some(overdue)
    }

    /// When [`give_up`](Self::give_up) is next worth asking.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.closing.front().map(|deadline| deadline.at)
    }

    /// Notes that a party of its last use still sends to a pair that nobody has. Answers whether
    /// the pair rests longer by that than was known.
    pub fn late(&mut self, now: Instant, pair: PairId) -> bool {
        let given_up = |state: &Pair| state.state != State::Held;
        if !self.pairs.get(pair.index()).is_some_and(given_up) {
            return false;
        }
        let quarantine = self.pools[self.layout.pool_of(pair)].quarantine();
        !quarantine.is_zero() && self.latecomers.note(now, pair, quarantine)
    }

    /// Whether a slot is open under this generation, as far as the dataplane's reports go.
    pub fn has_open(&self, slot: SlotIndex, generation: Generation) -> bool {
        self.find(slot, generation)
            .is_some_and(|(pair, component)| self.is_open(pair, component))
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

    pub fn usage(&self, now: Instant, realm: RealmIndex) -> PortUsage {
        let families = [Family::V4, Family::V6].into_iter();
        let addresses = families.flat_map(|family| self.layout.addresses(realm, family));
        addresses.fold(PortUsage::default(), |sum, address| {
            let first = self.layout.pool(*address, WorkerIndex(0));
            let pools = &self.pools[first..first + usize::from(self.layout.workers())];
            PortUsage {
                total: sum.total + self.layout.pairs_of(*address),
                free: sum.free + pools.iter().map(|pool| pool.free(now)).sum::<usize>(),
                quarantined: sum.quarantined
                    + pools
                        .iter()
                        .map(|pool| pool.quarantined(now))
                        .sum::<usize>(),
            }
        })
    }

    /// Spare pairs that are free, over all workers.
    pub fn free_spares(&self, now: Instant) -> usize {
        let first = self.layout.spare_pool(WorkerIndex(0));
        self.pools[first..].iter().map(|pool| pool.free(now)).sum()
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
        let Want::Port {
            realm,
            family,
            prefer,
        } = want
        else {
            return self.take_from(now, self.layout.spare_pool(worker));
        };
        let layout = &self.layout;
        let count = layout.addresses(realm, family).len();
        let own = |step: usize| self.layout.addresses(realm, family)[step % count];
        let preferred = prefer.and_then(|ip| (0..count).find(|at| layout.ip(own(*at)) == ip));
        let start = preferred.unwrap_or_else(|| self.random.next_u32() as usize);
        (0..count).find_map(|step| {
            let address = self.layout.addresses(realm, family)[start.wrapping_add(step) % count];
            self.take_from(now, self.layout.pool(address, worker))
        })
    }

    fn take_from(&mut self, now: Instant, pool: usize) -> Option<PairId> {
        for _ in 0..RELEASES_PER_ALLOCATION {
            let Some(pair) = self.pools[pool].release(now) else {
                break;
            };
            self.pairs[pair.index()].state = State::Free;
            if !self.unstrand(pair) {
                self.pools[pool].put(pair);
            }
        }
        loop {
            let pair = self.pools[pool].take(&mut self.random)?;
            let state = &mut self.pairs[pair.index()];
            if state.state != State::Free {
                self.unstrand(pair);
                continue;
            }
            let quarantine = self.pools[pool].quarantine();
            if self.aims.has(pair) || self.latecomers.come(now, pair, quarantine) {
                state.state = State::Quarantined;
                self.pools[pool].put_later(now, pair);
                continue;
            }
            self.latecomers.forget(pair);
            state.state = State::Held;
            state.generation = Generation(state.generation.0.wrapping_add(1));
            return Some(pair);
        }
    }

    /// A pair came into use while it lay in its pool's free list.
    fn strand(&mut self, pair: PairId) {
        let state = &mut self.pairs[pair.index()];
        if !std::mem::replace(&mut state.stale_in_pool, true) {
            self.pools[self.layout.pool_of(pair)].note_stale();
        }
    }

    /// It is free where it lies, or lies there no more. Answers whether it had.
    fn unstrand(&mut self, pair: PairId) -> bool {
        let state = &mut self.pairs[pair.index()];
        let stranded = std::mem::take(&mut state.stale_in_pool);
        if stranded {
            self.pools[self.layout.pool_of(pair)].forget_stale();
        }
        stranded
    }

    fn quarantine_if_closed(&mut self, now: Instant, pair: PairId) {
        let state = &mut self.pairs[pair.index()];
        if state.state == State::Closing && state.open == [false; 2] {
            state.state = State::Quarantined;
            state.holder = None;
            let pool = self.layout.pool_of(pair);
            self.pools[pool].put_later(now, pair);
            self.forget_settled();
        }
    }

    /// Drops deadlines at the front that the reports have overtaken.
    fn forget_settled(&mut self) {
        while let Some(deadline) = self.closing.front() {
            let state = &self.pairs[deadline.pair.index()];
            if state.state == State::Closing && state.generation == deadline.generation {
                break;
            }
            self.closing.pop_front();
        }
    }

    /// The pair and component of a slot, if `generation` is the one in use.
    fn find(&self, slot: SlotIndex, generation: Generation) -> Option<(PairId, Component)> {
        let pair = PairId::of(slot);
        let state = self.pairs.get(pair.index())?;
        let component = Component::BOTH[(slot.0 % 2) as usize];
        (state.generation == generation).then_some((pair, component))
    }
}
