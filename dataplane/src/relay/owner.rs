//! A worker as the owner of its slots: carries out control's commands, looks for silence, and
//! reports. Pure, and never waits: what finds no room on the event ring is tried again next
//! breath.
//!
//! A command is taken off its ring only once its effect is in the table and its event, if it has
//! one, on the event ring; so nothing is lost when a worker dies between two words.

use std::time::Duration;

use strait_shared::adjacency::AdjacencyTable;
use strait_shared::command::{Command, CommandId, Event, RejectReason};
use strait_shared::region::{Held, WorkerEnd};
use strait_shared::ring::{Consumer, RingError};
use strait_shared::slot::{Forwarding, SlotIndex};
use strait_shared::statistics::StatisticsWriter;
use strait_shared::table::{ApplyError, ForwardingView, OwnerTable, SlotRef, Table, UsageView};
use strait_shared::time::Instant;

use super::notices::Notices;
use super::open_slots::{OpenSlot, OpenSlots};
use super::outbox::Outbox;
use crate::limits::{COMMANDS_PER_BREATH, SWEEP_PER_BREATH, SWEEP_PERIOD};

/// Slots that the sweep asks for ahead of the one it looks at.
const SWEEP_AHEAD: usize = 8;

/// One worker's slots, rings and next hops.
pub struct Owner {
    commands: Consumer,
    outbox: Outbox,
    table: OwnerTable,
    adjacencies: AdjacencyTable,
    open: OpenSlots,
    swept: Instant,
    applied: CommandId,
    broken: Option<RingError>,
    _held: Held,
}

/// What one turn of [`Owner::work`] came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Commands carried out or rejected.
    pub commands: usize,
    /// Whether something has to wait for room on the event ring.
    pub delayed: bool,
}

impl Owner {
    /// Takes over a worker's slots as they are in the table; the statistics page is left for
    /// whoever counts.
    pub fn new(end: WorkerEnd, now: Instant) -> (Self, StatisticsWriter) {
        let slots = end.table.table().len();
        let mut open = OpenSlots::new(slots, end.table.indices().count());
        for slot in end.table.open_indices() {
            let usage =
                open_view(end.table.table(), slot).and_then(|(words, view)| words.usage(&view));
            open.insert(OpenSlot {
                slot,
                silence_timeout_ms: usage.map_or(0, |usage| usage.silence_timeout_ms),
                armed: now,
            });
        }
        let owner = Self {
            commands: end.commands,
            outbox: Outbox::new(end.events, now),
            table: end.table,
            adjacencies: end.adjacencies,
            open,
            swept: now,
            applied: CommandId::default(),
            broken: None,
            _held: end.held,
        };
        (owner, end.statistics)
    }

    /// One turn: commands, reports of what the relay noticed, a stretch of the sweep.
    pub fn work(&mut self, notices: &mut Notices, now: Instant) -> Turn {
        let commands = self.carry_out(now);
        self.report(notices);
        self.sweep(now);
        let waiting = !notices.is_empty() || self.commands.peek().is_ok_and(|next| next.is_some());
        Turn {
            commands,
            delayed: waiting && !self.outbox.has_room(),
        }
    }

    /// The last command that took effect or was rejected.
    pub fn applied(&self) -> CommandId {
        self.applied
    }

    /// How many of this worker's slots are open.
    pub fn open_slots(&self) -> usize {
        self.open.len()
    }

    /// What control has done to a ring that makes it unusable, if it has. Media goes on.
    pub fn broken(&self) -> Option<RingError> {
        self.broken.or(self.outbox.broken())
    }

    fn carry_out(&mut self, now: Instant) -> usize {
        for done in 0..COMMANDS_PER_BREATH {
            // Each command has at most one event.
            if !self.outbox.has_room() {
                return done;
            }
            let record = match self.commands.peek() {
                Ok(Some(record)) => record,
                Ok(None) => return done,
                Err(error) => {
                    self.broken = Some(error);
                    return done;
                }
            };
            let (id, command) = Command::decode(&record);
            let outcome = match command {
                Ok(command) => self.apply(&command, now),
                Err(_) => Err(RejectReason::Malformed.into()),
            };
            match outcome {
                Ok(None) => {}
                Ok(Some(event)) => self.outbox.emit(&event),
                Err(ApplyError::Rejected(reason)) => {
                    self.outbox.emit(&Event::Rejected {
                        command: id,
                        reason,
                    });
                }
                Err(ApplyError::Claimed) => return done,
            }
            self.commands.release();
            self.applied = id;
        }
        COMMANDS_PER_BREATH
    }

    fn apply(&mut self, command: &Command, now: Instant) -> Result<Option<Event>, ApplyError> {
        match *command {
            Command::Open {
                slot,
                generation,
                ref forwarding,
            } => {
                self.table.open(slot, generation, forwarding, now)?;
                self.arm(slot, forwarding, now);
            }
            Command::Update {
                slot,
                generation,
                ref forwarding,
                rearm,
            } => {
                self.table.update(slot, generation, forwarding, rearm)?;
                self.arm(slot, forwarding, now);
            }
            Command::Close { slot, generation } => {
                let counters = self.table.close(slot, generation)?;
                self.open.remove(slot);
                return Ok(Some(Event::Closed {
                    slot,
                    generation,
                    counters,
                }));
            }
            Command::Adjacency { index, next_hop } => self.adjacencies.set(index, next_hop)?,
        }
        Ok(None)
    }

    /// A slot's silence is counted from here.
    fn arm(&mut self, slot: SlotIndex, forwarding: &Forwarding, now: Instant) {
        self.open.insert(OpenSlot {
            slot,
            silence_timeout_ms: forwarding.silence_timeout_ms,
            armed: now,
        });
    }

    fn report(&mut self, notices: &mut Notices) {
        let table = self.table.table();
        while self.outbox.has_room()
            && let Some(index) = notices.next_latched()
        {
            if let Some((slot, view)) = open_view(table, index) {
                self.outbox.announce(index, &slot, &view);
            }
        }
        while self.outbox.has_room()
            && let Some(refusal) = notices.next_refused()
        {
            if let Some((slot, view)) = open_view(table, refusal.slot) {
                self.outbox.refuse(refusal, &slot, &view);
            }
        }
        while self.outbox.has_room()
            && let Some(index) = notices.next_late()
        {
            // Opened again meanwhile, it is somebody else's.
            if let Some((slot, view)) = view_of(table, index).filter(|(_, view)| !view.is_open())
                && let Some(UsageView { generation, .. }) = slot.usage(&view)
            {
                self.outbox.emit(&Event::Late {
                    slot: index,
                    generation,
                });
            }
        }
    }

    /// Looks over as many open slots as are due, so that each has its turn once a period.
    fn sweep(&mut self, now: Instant) {
        let elapsed_ns = now.since(self.swept).min(SWEEP_PERIOD).as_nanos() as u64;
        let due = self.open.len() as u64 * elapsed_ns / SWEEP_PERIOD.as_nanos() as u64;
        if due == 0 {
            return;
        }
        self.swept = now;
        for _ in 0..due.min(SWEEP_PER_BREATH as u64) {
            let ahead = self.open.ahead(SWEEP_AHEAD);
            if let Some(slot) = ahead.and_then(|ahead| self.table.table().slot(ahead)) {
                slot.prefetch();
            }
            if let Some(open) = self.open.next() {
                self.look_over(open, now);
            }
        }
    }

    /// Reports what control has not been told of one slot. An event that finds no room waits for
    /// the next round.
    fn look_over(&mut self, open: OpenSlot, now: Instant) {
        let index = open.slot;
        let Some((slot, view)) = open_view(self.table.table(), index) else {
            return;
        };
        if !view.latch.is_announced() && self.outbox.has_room() {
            self.outbox.announce(index, &slot, &view);
        }
        let Some(silent) = hearing(open, &slot, &view, now) else {
            return;
        };
        if self.outbox.has_room()
            && let Some(UsageView { generation, .. }) = slot.usage(&view)
        {
            self.outbox.emit(&match silent {
                true => Event::Silent {
                    slot: index,
                    generation,
                },
                false => Event::Heard {
                    slot: index,
                    generation,
                },
            });
            self.table.set_silent(index, silent);
        }
    }
}

/// Whether a slot has fallen silent (true) or is heard again (false), when that is news.
#[inline]
fn hearing(
    open: OpenSlot,
    slot: &SlotRef<'_>,
    view: &ForwardingView,
    now: Instant,
) -> Option<bool> {
    if open.silence_timeout_ms == 0 || !view.accepts() {
        return None;
    }
    let timeout = Duration::from_millis(u64::from(open.silence_timeout_ms));
    let last_seen = slot.last_seen();
    let silent = now.since(last_seen.max(open.armed)) >= timeout;
    let heard = now.since(last_seen) < timeout;
    match view.is_silent() {
        true => heard.then_some(false),
        false => silent.then_some(true),
    }
}

fn open_view(table: &Table, index: SlotIndex) -> Option<(SlotRef<'_>, ForwardingView)> {
    view_of(table, index).filter(|(_, view)| view.is_open())
}

fn view_of(table: &Table, index: SlotIndex) -> Option<(SlotRef<'_>, ForwardingView)> {
    let slot = table.slot(index)?;
    Some((slot, slot.view()?))
}
