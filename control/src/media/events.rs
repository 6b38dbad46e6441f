//! What the dataplane reports, brought to the sessions it is about.

use strait_shared::command::{Command, Event, RejectReason};
use strait_shared::slot::{Counters, Generation, SlotIndex};
use strait_shared::time::Instant;

use super::layout::PairId;
use super::plane::{MediaPlane, Notice};
use super::ports::Holder;
use super::session::Session;
use super::side::{Component, SessionId, Side};

impl MediaPlane {
    /// Takes in what a worker reports. Reports about a use of a slot that is over are dropped.
    pub fn event(&mut self, now: Instant, event: &Event) {
        match *event {
            Event::Latched {
                slot,
                generation,
                source,
            } => {
                let Some((
                    Holder {
                        session,
                        line,
                        side,
                    },
                    component,
                )) = self.ports.holder(slot, generation)
                else {
                    return;
                };
                self.stands_if_controlled(now, session);
                self.notices.push_back(Notice::Latched {
                    session,
                    line,
                    side,
                    component,
                    source,
                });
            }
            Event::Refused {
                slot,
                generation,
                source,
                count,
            } => {
                if let Some((
                    Holder {
                        session,
                        line,
                        side,
                    },
                    _,
                )) = self.ports.holder(slot, generation)
                {
                    self.notices.push_back(Notice::Refused {
                        session,
                        line,
                        side,
                        source,
                        count,
                    });
                }
            }
            Event::Silent { slot, generation } => self.mark_silent(slot, generation, true),
            Event::Heard { slot, generation } => self.mark_silent(slot, generation, false),
            Event::Closed {
                slot,
                generation,
                counters,
            } => {
                self.slot_closed(now, slot, generation, Some(counters));
            }
            Event::Late { slot, .. } => self.rests_longer(now, slot),
            // Names a command by a number that only the ring's writer knows: see `rejected`.
            Event::Rejected { .. } => {}
        }
    }

    /// Takes in that a worker did not apply a command: [`Event::Rejected`] with the command that
    /// its number stood for, which the ring's writer knows.
    pub fn rejected(&mut self, now: Instant, command: &Command, reason: RejectReason) {
        let (slot, generation, is_gone) = match *command {
            // The record was damaged on its way: the slot is open still, and has to close, though
            // its pair was given up meanwhile. A later use of it has another generation.
            Command::Close { .. } if reason == RejectReason::Malformed => {
                self.commands.push_back(*command);
                return;
            }
            // Neither slot is open, so neither will report that it closed.
            Command::Open {
                slot, generation, ..
            }
            | Command::Close { slot, generation } => (slot, generation, true),
            Command::Update {
                slot, generation, ..
            } => (slot, generation, reason == RejectReason::Stale),
            Command::Adjacency { .. } => return,
        };
        if let Some((Holder { session, .. }, _)) = self.ports.holder(slot, generation)
            && self.live(session).is_ok()
        {
            self.notices.push_back(Notice::Failed { session, reason });
        }
        if is_gone {
            self.slot_closed(now, slot, generation, None);
        }
    }

    /// Gives up on slots whose reports are overdue. They are told once more: where the command or
    /// what was said of it got lost, a slot that stays open would be of no use to any other call.
    pub fn timeout(&mut self, now: Instant) {
        while let Some(overdue) = self.ports.give_up(now) {
            let generation = overdue.generation;
            let again = overdue.slots.iter();
            let again = again.map(|&slot| Command::Close { slot, generation });
            self.commands.extend(again);
            if let Some(Holder { session, .. }) = overdue.holder {
                self.count_down(session, overdue.slots.len() as u16);
            }
        }
    }

    /// Whether a session stands, nothing of it is expected to carry media, and silence would end it
    /// if something were.
    pub fn stands_unwatched(&self, id: SessionId) -> bool {
        let Ok(session) = self.live(id) else {
            return false;
        };
        let timed = |side: Side| {
            let realm = usize::from(session.setup[side].realm.0);
            self.realms[realm].silence_timeout_ms > 0
        };
        session.confirmed
            && Side::BOTH.into_iter().any(timed)
            && session.expected().next().is_none()
    }

    fn slot_closed(
        &mut self,
        now: Instant,
        slot: SlotIndex,
        generation: Generation,
        counters: Option<Counters>,
    ) {
        let Some((holder, component)) = self.ports.closed(now, slot, generation) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(holder.session) else {
            return;
        };
        if let Some(counters) = counters {
            session.count(holder.line, holder.side, component, &counters);
        }
        self.count_down(holder.session, 1);
    }

    fn stands_if_controlled(&mut self, now: Instant, id: SessionId) {
        let found = self.sessions.get_mut(id);
        if let Some(session) = found.filter(|session| session.controlled && !session.ended)
            && !std::mem::replace(&mut session.confirmed, true)
        {
            self.flush(now, &[id]);
        }
    }

    fn count_down(&mut self, id: SessionId, slots: u16) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.open_slots = session.open_slots.saturating_sub(slots);
            self.finish_if_over(id);
        }
    }

    /// A pair that is sent to still is not handed out; nor by a successor.
    fn rests_longer(&mut self, now: Instant, slot: SlotIndex) {
        let pair = PairId::of(slot);
        if self.ports.late(now, pair) {
            self.given_up.push(pair);
        }
    }

    fn mark_silent(&mut self, slot: SlotIndex, generation: Generation, silent: bool) {
        let Some((holder, component)) = self.ports.holder(slot, generation) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(holder.session) else {
            return;
        };
        let Some(stream) = session.streams.get_mut(usize::from(holder.line)) else {
            return;
        };
        stream.silent[holder.side][component.index()] = silent;
        let dead = session.is_silent();
        let known = std::mem::replace(&mut session.dead, dead);
        if dead && !known && !session.ended {
            self.notices.push_back(Notice::Dead {
                session: holder.session,
            });
        }
    }
}

impl Session {
    /// Whether everything that should carry media is silent, and something should.
    pub(super) fn is_silent(&self) -> bool {
        let mut expected = self.expected();
        let first = expected.next();
        first.is_some_and(|silent| silent && expected.all(|silent| silent))
    }

    /// Of everything that should carry media, whether it is silent.
    fn expected(&self) -> impl Iterator<Item = bool> {
        self.streams.iter().flat_map(|stream| {
            Side::BOTH.into_iter().flat_map(move |side| {
                let sent = stream.ends[side].as_ref().and_then(|end| end.sent);
                Component::BOTH.into_iter().filter_map(move |component| {
                    let watched = sent?[component.index()].silence_timeout_ms > 0;
                    watched.then_some(stream.silent[side][component.index()])
                })
            })
        })
    }
}
