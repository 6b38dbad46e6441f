//! Sessions over a restart of control: what a successor needs of one, and how it takes it over.
//!
//! The dataplane's slots outlive control. A session is taken over as its slots are, and media goes
//! on; only a gate that is still shut, because no worker was told of the answer any more, is
//! opened. A slot that is not open under the generation that is kept was closed meanwhile, or lost
//! with the region; then its stream is over, and with the last stream the session. A use that was
//! lost is repeated with its gates shut, so that the new table knows whom it was for.

use std::net::{IpAddr, SocketAddr};

use strait_config::RealmIndex;
use strait_shared::command::Command;
use strait_shared::slot::{Counters, Forwarding, Generation, SlotIndex};
use strait_shared::time::Instant;
use thiserror::Error;

use super::kept_session::{KeptEnd, KeptOffer, KeptReport, KeptSession, KeptStream};
use super::layout::PairId;
use super::plane::{MediaPlane, Notice};
use super::ports::Holder;
use super::report::StreamReport;
use super::session::{Session, Stream};
use super::side::{BySide, Component, SessionId, Side, SideSetup};

/// Reads slots as the dataplane has them.
pub trait Slots {
    /// A slot; nothing where it does not exist or cannot be read.
    fn slot(&self, slot: SlotIndex) -> Option<SlotState>;
}

impl<F: Fn(SlotIndex) -> Option<SlotState>> Slots for F {
    fn slot(&self, slot: SlotIndex) -> Option<SlotState> {
        self(slot)
    }
}

/// A slot as the dataplane has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlotState {
    /// Whether it is in use.
    pub open: bool,
    /// Whether what arrives at it is let in.
    pub accepts: bool,
    /// The current use, or the last one.
    pub generation: Generation,
    /// Whether its silence was reported.
    pub silent: bool,
    /// What it has seen in that use.
    pub counters: Counters,
}

/// Why a kept session cannot be taken over: what is kept makes no sense here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Unfit {
    /// More lines than a session may have.
    #[error("too many media lines")]
    Lines,
    /// A realm that is no more.
    #[error("a realm that is not configured any more")]
    Realm,
    /// A port that is not this realm's, or that somebody else has.
    #[error("a media port that is not its own")]
    Port,
}

impl MediaPlane {
    /// A session as its successor needs it; one that is ended keeps what it has counted alone.
    pub fn keep(&self, id: SessionId) -> Option<KeptSession> {
        let session = self.sessions.get(id)?;
        let live = !session.ended && !session.shares_ports() && session.forks().is_empty();
        let streams = session.streams.iter().filter(|_| live);
        let moves = session.streams.iter().any(|s| s.replacement.is_some());
        Some(KeptSession {
            setup: each(|side| (session.setup[side].realm.0, session.setup[side].family)),
            source: session.source,
            // An offer that moves a party to other ports is made again rather than taken over.
            pending: session
                .pending
                .as_ref()
                .filter(|_| !moves)
                .map(KeptOffer::of),
            answered: session.answered.as_ref().map(KeptOffer::of),
            streams: streams.map(|stream| self.keep_stream(stream)).collect(),
            report: session.report.iter().map(KeptReport::of).collect(),
            live,
        })
    }

    /// Takes over a session of an earlier control process: its number where its media still flows,
    /// else what it has carried. `realm` says what a kept realm is now; with `offers`, an offer
    /// that waits for its answer goes on waiting, otherwise it is withdrawn.
    pub fn adopt(
        &mut self,
        now: Instant,
        kept: &KeptSession,
        realm: &dyn Fn(u16) -> Option<RealmIndex>,
        slots: &dyn Slots,
        offers: bool,
    ) -> Result<Result<SessionId, Vec<StreamReport>>, Unfit> {
        let setup = self.setup_of(kept, realm)?;
        for stream in &kept.streams {
            self.check_stream(stream, &setup)?;
        }
        let stands = |stream: &KeptStream| stream.stands(slots);
        let had_media = kept.streams.iter().any(|stream| stream.agreed.is_some());
        let has_media = |stream: &KeptStream| stream.agreed.is_some() && stands(stream);
        if !kept.live || (had_media && !kept.streams.iter().any(has_media)) {
            self.rest_lost(now, kept, slots);
            return Ok(Err(self.last_report(kept, &setup, slots)));
        }
        let session = self.take_over(kept, setup, slots)?;
        self.rest_lost(now, kept, slots);
        if !offers {
            self.rollback(now, session);
        }
        Ok(Ok(session))
    }

    /// What a kept session has carried that is over.
    pub fn carried(
        &self,
        kept: &KeptSession,
        realm: &dyn Fn(u16) -> Option<RealmIndex>,
        slots: &dyn Slots,
    ) -> Result<Vec<StreamReport>, Unfit> {
        let setup = self.setup_of(kept, realm)?;
        Ok(self.last_report(kept, &setup, slots))
    }

    /// Whether a slot is one of ours that the dataplane is to leave open.
    pub fn has_open(&self, slot: SlotIndex, generation: Generation) -> bool {
        self.ports.has_open(slot, generation)
    }

    /// The pairs whose ports were given up since the last time, for the quarantine's sake.
    pub fn given_up(&mut self) -> Vec<u32> {
        let pairs = std::mem::take(&mut self.given_up);
        pairs.into_iter().map(|pair| pair.0).collect()
    }

    /// How many pairs were given up since the last time.
    pub fn unasked(&self) -> usize {
        self.given_up.len()
    }

    /// Forgets which pairs were given up.
    pub fn forget_given_up(&mut self) {
        self.given_up.clear();
    }

    /// Lets a pair rest that an earlier control process had lately.
    pub fn rest(&mut self, now: Instant, pair: u32) {
        self.ports.rest(now, PairId(pair));
    }

    /// Uses of ports are counted on from those that the dataplane knows.
    pub fn go_on_from(&mut self, slots: &dyn Slots) {
        for pair in self.ports.layout.pairs() {
            let state = |component: Component| slots.slot(pair.slot(component));
            if let Some(state) = Component::BOTH.into_iter().find_map(state) {
                self.ports.go_on_from(pair, state.generation);
            }
        }
    }

    /// Lets the ports of streams rest that do not stand any more: whoever was told of them may
    /// still send there.
    fn rest_lost(&mut self, now: Instant, kept: &KeptSession, slots: &dyn Slots) {
        for stream in kept.streams.iter().filter(|stream| !stream.stands(slots)) {
            for side in Side::BOTH {
                let Some(end) = stream.ends[side] else {
                    continue;
                };
                match end.is_unknown(slots) {
                    true => self.repeat(now, stream, side, &end, kept.source[side]),
                    false => self.ports.rest(now, PairId(end.pair)),
                }
                self.given_up.push(PairId(end.pair));
            }
        }
    }

    /// Opens a lost use, with its gates shut, and closes it: from then on a table that has never
    /// seen it tells whom the ports were for from anybody else.
    fn repeat(
        &mut self,
        now: Instant,
        stream: &KeptStream,
        side: Side,
        end: &KeptEnd,
        signalling_source: Option<IpAddr>,
    ) {
        let (pair, generation) = (PairId(end.pair), Generation(end.generation));
        if !self.ports.repeat(now, pair, generation) {
            return;
        }
        for component in Component::BOTH {
            let slot = pair.slot(component);
            let forwarding = Forwarding {
                signalled: stream.party[side].signalled(component, &end.local),
                signalling_source,
                rtcp: component == Component::Rtcp,
                ..Forwarding::default()
            };
            self.commands.push_back(Command::Open {
                slot,
                generation,
                forwarding,
            });
            self.commands.push_back(Command::Close { slot, generation });
        }
    }

    fn setup_of(
        &self,
        kept: &KeptSession,
        realm: &dyn Fn(u16) -> Option<RealmIndex>,
    ) -> Result<BySide<SideSetup>, Unfit> {
        let of = |side: Side| {
            let (number, family) = kept.setup[side];
            let realm = realm(number).ok_or(Unfit::Realm)?;
            Ok(SideSetup { realm, family })
        };
        if kept.streams.len() > self.max_lines {
            return Err(Unfit::Lines);
        }
        Ok(BySide {
            caller: of(Side::Caller)?,
            callee: of(Side::Callee)?,
        })
    }

    fn keep_stream(&self, stream: &Stream) -> KeptStream {
        let end = |side: Side| {
            let end = stream.ends[side].as_ref()?;
            let open = Component::BOTH.map(|component| self.ports.is_open(end.pair, component));
            Some(KeptEnd {
                pair: end.pair.0,
                generation: self.ports.generation(end.pair).0,
                local: end.local,
                open,
            })
        };
        KeptStream {
            ends: each(end),
            fresh: stream.fresh,
            party: stream.party,
            agreed: stream.agreed,
            media: stream.media.clone(),
            codec: stream.codec.clone(),
        }
    }

    /// Whether a stream's ports are its realms', and both of one worker.
    fn check_stream(&self, stream: &KeptStream, setup: &BySide<SideSetup>) -> Result<(), Unfit> {
        let mut worker = None;
        for side in Side::BOTH {
            let Some(end) = stream.ends[side] else {
                continue;
            };
            let layout = &self.ports.layout;
            let pair = layout.pair_at(setup[side].realm, end.local);
            let pair = pair.filter(|pair| pair.0 == end.pair).ok_or(Unfit::Port)?;
            if layout.local(pair) != Some(end.local)
                || *worker.get_or_insert(layout.worker(pair)) != layout.worker(pair)
            {
                return Err(Unfit::Port);
            }
        }
        Ok(())
    }

    fn take_over(
        &mut self,
        kept: &KeptSession,
        setup: BySide<SideSetup>,
        slots: &dyn Slots,
    ) -> Result<SessionId, Unfit> {
        let standing: Vec<bool> = kept.streams.iter().map(|s| s.stands(slots)).collect();
        let ends = kept
            .streams
            .iter()
            .zip(&standing)
            .filter(|(_, stands)| **stands);
        let ends: Vec<KeptEnd> = ends.flat_map(|(stream, _)| stream.ends()).collect();
        for (taken, end) in ends.iter().enumerate() {
            if !self
                .ports
                .adopt(PairId(end.pair), Generation(end.generation), end.open)
            {
                ends[..taken]
                    .iter()
                    .for_each(|end| self.ports.disown(PairId(end.pair)));
                return Err(Unfit::Port);
            }
        }
        let mut session = Session::new(setup);
        session.source = kept.source;
        session.pending = kept.pending.as_ref().map(KeptOffer::offer);
        session.answered = kept.answered.as_ref().map(KeptOffer::offer);
        session.confirmed = true;
        session.report = kept.report.iter().map(KeptReport::report).collect();
        let streams = kept.streams.iter().zip(&standing);
        session.streams = streams
            .map(|(stream, stands)| stream.stream(*stands, slots))
            .collect();
        session.open_slots = ends.iter().map(KeptEnd::open_slots).sum();
        session.dead = false;
        let id = self.sessions.insert(session);
        self.settle_in(id, slots);
        Ok(id)
    }

    /// Names the holder of the session's ports, and takes its slots to do what they should. What
    /// control did not get through to the workers before it ended died with it.
    fn settle_in(&mut self, id: SessionId, slots: &dyn Slots) {
        for plan in self.plan(id) {
            self.aim(&plan);
            let (line, side) = (plan.line, plan.side);
            let end = self.sessions[id].streams[line].ends[side].as_mut();
            let end = end.expect("planned because it is there");
            end.sent = Some(plan.forwarding);
            let pair = end.pair;
            let holder = Holder {
                session: id,
                line: line as u16,
                side,
            };
            self.ports.hold(pair, holder);
            for component in Component::BOTH {
                let slot = pair.slot(component);
                let forwarding = plan.forwarding[component.index()];
                let shut = slots.slot(slot).is_some_and(|state| !state.accepts);
                if forwarding.accept && shut {
                    self.commands.push_back(Command::Update {
                        slot,
                        generation: self.ports.generation(pair),
                        forwarding,
                        rearm: false,
                    });
                }
            }
        }
        let session = &mut self.sessions[id];
        session.dead = session.is_silent();
        if session.dead {
            self.notices.push_back(Notice::Dead { session: id });
        }
    }

    /// What a session that is over has carried: what was counted before, and what its closed slots
    /// still say.
    fn last_report(
        &self,
        kept: &KeptSession,
        setup: &BySide<SideSetup>,
        slots: &dyn Slots,
    ) -> Vec<StreamReport> {
        let mut session = Session::new(*setup);
        session.report = kept.report.iter().map(KeptReport::report).collect();
        for entry in &mut session.report {
            // Its slot was being closed: the report that was awaited stands in the table.
            if entry.counters == Counters::default() {
                let slot = self.slot_at(setup[entry.side].realm, entry.local);
                let state = slot.and_then(|slot| slots.slot(slot));
                entry.counters = state.map_or(entry.counters, |state| state.counters);
            }
        }
        let streams = kept
            .streams
            .iter()
            .map(|stream| stream.stream(false, slots));
        session.streams = streams.collect();
        for (line, stream) in (0..).zip(&kept.streams) {
            for side in Side::BOTH {
                let Some(end) = stream.ends[side] else {
                    continue;
                };
                for component in Component::BOTH {
                    session.enter(line, side, component, end.local);
                    let state = slots.slot(PairId(end.pair).slot(component));
                    let state = state.filter(|state| state.generation.0 == end.generation);
                    let counters = state.map_or(Counters::default(), |state| state.counters);
                    session.count(line, side, component, &counters);
                }
            }
        }
        session.final_report()
    }

    fn slot_at(&self, realm: RealmIndex, local: SocketAddr) -> Option<SlotIndex> {
        let component = Component::BOTH[usize::from(local.port() % 2)];
        let pair = self.ports.layout.pair_at(realm, local)?;
        Some(pair.slot(component))
    }
}

pub(super) fn each<T>(of: impl Fn(Side) -> T) -> BySide<T> {
    BySide {
        caller: of(Side::Caller),
        callee: of(Side::Callee),
    }
}
