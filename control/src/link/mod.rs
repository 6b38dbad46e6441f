//! The link to the dataplane: commands out, events in, and whether anyone is there.
//!
//! * `queues`: commands to each worker in order, what waits when a ring is full
//! * [`Link`]: one attached region
//! * [`Dataplane`]: the region over the dataplane's restarts

mod dataplane;
pub mod fuzz;
pub mod limits;
mod queues;

use std::sync::Arc;

use strait_shared::command::{Command, CommandId, Event, RejectReason};
use strait_shared::geometry::{Geometry, WorkerIndex};
use strait_shared::region::{ControlEnd, EndError, Region};
use strait_shared::ring::RingError;
use strait_shared::slot::{Counters, Generation, SlotIndex};
use strait_shared::statistics::Statistics;
use strait_shared::time::Instant;
use thiserror::Error;

pub use self::dataplane::{Change, Dataplane, DataplaneError, Found, Identity};
use self::limits::{CLEAR_INTERVAL, CLEAR_LIMIT, COMMAND_IDS_MAX, EVENTS_PER_POLL, STALL_LIMIT};
use self::queues::Queues;
use crate::media::SlotState;

/// Why the link cannot be used.
#[derive(Debug, Error)]
pub enum LinkError {
    /// An end or a ring of the region cannot be taken.
    #[error(transparent)]
    End(#[from] EndError),
    /// A ring's indices make no sense: nothing the peer says may be believed.
    #[error("worker {number}: {cause}", number = worker.0)]
    Ring {
        /// Whose.
        worker: WorkerIndex,
        /// What is wrong with it.
        cause: RingError,
    },
    /// What an earlier control left open does not close.
    #[error(
        "the workers did not close the slots an earlier control left open: is strait-dataplane \
         stuck? restart both processes"
    )]
    NotCleared,
}

/// What a worker reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Report {
    /// Something about a slot.
    Event(Event),
    /// A command was not applied.
    Rejected {
        /// The command.
        command: Command,
        /// Why.
        reason: RejectReason,
    },
}

/// What the link itself counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinkCounters {
    /// Commands given to workers.
    pub commands: u64,
    /// Commands that had to wait for room.
    pub delayed: u64,
    /// Commands given up because too many waited.
    pub lost: u64,
    /// Events taken.
    pub events: u64,
    /// Events that could not be read.
    pub malformed: u64,
}

/// A region, attached from control's side.
pub struct Link {
    end: ControlEnd,
    geometry: Arc<Geometry>,
    queues: Queues,
    pulses: Vec<Pulse>,
    counters: LinkCounters,
}

/// When a worker last moved.
#[derive(Clone, Copy, Debug)]
struct Pulse {
    breaths: u64,
    moved: Instant,
}

impl Link {
    /// Takes control's end of a region, and closes what an earlier control left open there. Blocks
    /// while the workers do so.
    pub fn take(region: &Region) -> Result<Self, LinkError> {
        let pause = &mut || std::thread::sleep(CLEAR_INTERVAL);
        let mut link = Self::succeed(region, Instant::now(), pause)?;
        link.close_unknown(&|_, _| false, pause)?;
        Ok(link)
    }

    /// Takes control's end of a region, and leaves open what an earlier control left open there.
    /// `pause` is called while the workers apply what it had still told them.
    pub fn succeed(
        region: &Region,
        now: Instant,
        pause: &mut dyn FnMut(),
    ) -> Result<Self, LinkError> {
        let end = region.control()?;
        let geometry = region.geometry().clone();
        let applied = end
            .statistics
            .iter()
            .map(|page| page.applied().0.min(COMMAND_IDS_MAX))
            .max()
            .unwrap_or(0);
        // Beyond whatever an earlier control may have given out and no worker has applied yet.
        let last = applied + u64::from(geometry.workers()) * u64::from(geometry.ring_capacity());
        let pulse = |page: &strait_shared::statistics::StatisticsReader| Pulse {
            breaths: page.read().breaths,
            moved: now,
        };
        let pulses = end.statistics.iter().map(pulse).collect();
        let queues = Queues::new(&geometry, CommandId(last));
        let mut link = Self {
            end,
            geometry,
            queues,
            pulses,
            counters: LinkCounters::default(),
        };
        link.settle(pause)?;
        Ok(link)
    }

    /// Closes every open slot that is not known, and says which: nobody is left whom they concern.
    /// `pause` is called while the workers do so.
    pub fn close_unknown(
        &mut self,
        known: &dyn Fn(SlotIndex, Generation) -> bool,
        pause: &mut dyn FnMut(),
    ) -> Result<Vec<SlotIndex>, LinkError> {
        let mut closed = Vec::new();
        for slot in (0..self.geometry.slots()).map(SlotIndex) {
            let open = self
                .end
                .table
                .snapshot(slot)
                .filter(|snapshot| snapshot.open && !known(slot, snapshot.generation));
            if let Some(snapshot) = open {
                closed.push(slot);
                self.send(Command::Close {
                    slot,
                    generation: snapshot.generation,
                })?;
            }
        }
        if !closed.is_empty() {
            self.settle(pause)?;
        }
        self.counters = LinkCounters::default();
        Ok(closed)
    }

    /// Puts a command on its worker's ring, or behind what waits for room there.
    pub fn send(&mut self, command: Command) -> Result<(), LinkError> {
        let worker = command
            .slot()
            .map_or(WorkerIndex(0), |slot| self.geometry.owner(slot));
        let ring = &mut self.end.commands[usize::from(worker.0)];
        let pushed = self.queues.push(worker, command, ring, &mut self.counters);
        pushed.map_err(|cause| LinkError::Ring { worker, cause })
    }

    /// Moves what waits, and appends what the workers reported to `reports`.
    pub fn poll(&mut self, reports: &mut Vec<Report>) -> Result<(), LinkError> {
        for index in 0..self.geometry.workers() {
            let worker = WorkerIndex(index);
            self.poll_worker(worker, reports)
                .map_err(|cause| LinkError::Ring { worker, cause })?;
        }
        Ok(())
    }

    /// How many commands wait for room.
    pub fn waiting(&self) -> usize {
        self.queues.waiting()
    }

    /// Whether every command given so far has taken effect. A broken ring settles nothing more.
    pub fn is_settled(&mut self) -> bool {
        self.waiting() == 0 && self.is_applied().unwrap_or(true)
    }

    /// Whether each worker has moved lately, by its number.
    pub fn alive(&mut self, now: Instant) -> Vec<bool> {
        let pulse = |(pulse, page): (&mut Pulse, &strait_shared::statistics::StatisticsReader)| {
            let breaths = page.read().breaths;
            if breaths != pulse.breaths {
                *pulse = Pulse {
                    breaths,
                    moved: now,
                };
            }
            now.since(pulse.moved) < STALL_LIMIT
        };
        self.pulses
            .iter_mut()
            .zip(&self.end.statistics)
            .map(pulse)
            .collect()
    }

    /// What each worker counted, by its number.
    pub fn statistics(&self) -> Vec<Statistics> {
        self.end.statistics.iter().map(|page| page.read()).collect()
    }

    /// A slot's running counters.
    pub fn slot_counters(&self, slot: SlotIndex) -> Option<Counters> {
        self.end
            .table
            .snapshot(slot)
            .map(|snapshot| snapshot.counters)
    }

    /// A slot as a successor's gateway needs it.
    pub fn slot_state(&self, slot: SlotIndex) -> Option<SlotState> {
        let snapshot = self.end.table.snapshot(slot)?;
        Some(SlotState {
            open: snapshot.open,
            accepts: snapshot.accepts,
            generation: snapshot.generation,
            silent: snapshot.silent,
            counters: snapshot.counters,
        })
    }

    /// What the link itself counted.
    pub fn counters(&self) -> LinkCounters {
        self.counters
    }

    fn poll_worker(
        &mut self,
        worker: WorkerIndex,
        reports: &mut Vec<Report>,
    ) -> Result<(), RingError> {
        let index = usize::from(worker.0);
        self.queues
            .flush(worker, &mut self.end.commands[index], &mut self.counters)?;
        for _ in 0..EVENTS_PER_POLL {
            let Some(record) = self.end.events[index].pop()? else {
                break;
            };
            self.counters.events += 1;
            match Event::decode(&record) {
                Ok((_, Event::Rejected { command, reason })) => {
                    let sent = self.queues.sent(worker, command);
                    reports.extend(sent.map(|command| Report::Rejected { command, reason }));
                }
                Ok((_, event)) => reports.push(Report::Event(event)),
                Err(_) => self.counters.malformed += 1,
            }
        }
        Ok(())
    }

    /// Waits until no command is left on a ring, and drops every event.
    fn settle(&mut self, pause: &mut dyn FnMut()) -> Result<(), LinkError> {
        let started = Instant::now();
        let mut dropped = Vec::new();
        loop {
            // Once all is applied, all events it caused are on their ring.
            let settled = self.waiting() == 0 && self.is_applied()?;
            dropped.clear();
            self.poll(&mut dropped)?;
            if settled && dropped.is_empty() {
                return Ok(());
            }
            if Instant::now().since(started) > CLEAR_LIMIT {
                return Err(LinkError::NotCleared);
            }
            pause();
        }
    }

    /// Whether every command on the rings has taken effect.
    fn is_applied(&mut self) -> Result<bool, LinkError> {
        for (number, ring) in (0..).zip(&mut self.end.commands) {
            let worker = WorkerIndex(number);
            if ring
                .backlog()
                .map_err(|cause| LinkError::Ring { worker, cause })?
                > 0
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
