//! The two sides of the region: a worker's, and control's.

use rustix::io::Errno;

use crate::adjacency::AdjacencyTable;
use crate::geometry::WorkerIndex;
use crate::region::Region;
use crate::region::layout::RECORDS_OFFSET;
use crate::region::lock::Held;
use crate::ring::{Consumer, Producer, RingError};
use crate::statistics::{StatisticsReader, StatisticsWriter};
use crate::table::{OwnerTable, Repaired, Table};
use crate::words::Shared;

/// Why an end of the region could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// There is no such worker.
    #[error("the region has no worker {number}", number = worker.0)]
    NoWorker {
        /// The number asked for.
        worker: WorkerIndex,
    },
    /// Someone holds it.
    #[error("{0} is attached already: stop the other process first")]
    Held(&'static str),
    /// Whether someone holds it could not be found out.
    #[error("cannot lock the region: {0}")]
    Lock(Errno),
    /// A ring's indices cannot be.
    #[error(
        "{ring} of worker {number}: {cause}; stop both processes and start them anew",
        number = worker.0
    )]
    Ring {
        /// Which of the worker's rings.
        ring: &'static str,
        /// Whose.
        worker: WorkerIndex,
        /// What is wrong.
        cause: RingError,
    },
}

/// What one worker of the dataplane holds.
pub struct WorkerEnd {
    /// Commands from control. Release each after it is applied, not before.
    pub commands: Consumer,
    /// Events to control.
    pub events: Producer,
    /// The slot table: reads anywhere, writes this worker's slots.
    pub table: OwnerTable,
    /// The next hops.
    pub adjacencies: AdjacencyTable,
    /// This worker's statistics page.
    pub statistics: StatisticsWriter,
    /// What a predecessor had left half done.
    pub repaired: Repaired,
    /// Lets go of the end when dropped: to be kept by whoever takes the parts.
    pub held: Held,
}

/// What control holds.
pub struct ControlEnd {
    /// Commands to each worker, by its number.
    pub commands: Vec<Producer>,
    /// Events from each worker, by its number. Release each after it is acted on.
    pub events: Vec<Consumer>,
    /// The slot table, to read.
    pub table: Table,
    /// Each worker's statistics, by its number.
    pub statistics: Vec<StatisticsReader>,
    /// Lets go of the end when dropped: to be kept by whoever takes the parts.
    pub held: Held,
}

impl Region {
    /// Takes a worker's end. All of a dataplane's workers are taken before the first one runs:
    /// taking mends what a predecessor left half done, and no worker may be at work on it.
    pub fn worker(&self, worker: WorkerIndex) -> Result<WorkerEnd, EndError> {
        let sections = self.sections(worker).ok_or(EndError::NoWorker { worker })?;
        let held = self
            .ends
            .worker(worker.0)
            .ok_or(EndError::Held("a worker"))?;
        let ring = |ring, cause| EndError::Ring {
            ring,
            worker,
            cause,
        };
        let (indices, cells) = self.ring(sections.commands);
        let commands =
            Consumer::attach(indices, cells).map_err(|cause| ring("command ring", cause))?;
        let (indices, cells) = self.ring(sections.events);
        let events = Producer::attach(indices, cells).map_err(|cause| ring("event ring", cause))?;
        let geometry = self.geometry().clone();
        let (table, repaired) = OwnerTable::take_over(self.table(), geometry, worker);
        let page = Shared::one(&self.mapping, sections.statistics);
        Ok(WorkerEnd {
            commands,
            events,
            table,
            adjacencies: self.adjacencies(),
            statistics: StatisticsWriter::take_over(page),
            repaired,
            held,
        })
    }

    /// Takes control's end. It goes on where the last one stopped: what was pushed stays pushed,
    /// events not released come again.
    pub fn control(&self) -> Result<ControlEnd, EndError> {
        let held = self.ends.control(self.fd()).map_err(EndError::Lock)?;
        let held = held.ok_or(EndError::Held("a control process"))?;
        let workers = (0..self.geometry().workers()).map(WorkerIndex);
        let mut end = ControlEnd {
            commands: Vec::new(),
            events: Vec::new(),
            table: self.table(),
            statistics: Vec::new(),
            held,
        };
        for worker in workers {
            let sections = self.sections(worker).ok_or(EndError::NoWorker { worker })?;
            let ring = |ring, cause| EndError::Ring {
                ring,
                worker,
                cause,
            };
            let (indices, cells) = self.ring(sections.commands);
            let commands = Producer::attach(indices, cells);
            end.commands
                .push(commands.map_err(|cause| ring("command ring", cause))?);
            let (indices, cells) = self.ring(sections.events);
            let events = Consumer::attach(indices, cells);
            end.events
                .push(events.map_err(|cause| ring("event ring", cause))?);
            end.statistics.extend(self.statistics(worker));
        }
        Ok(end)
    }

    fn ring<I, C>(&self, offset: usize) -> (Shared<I>, Shared<[C]>)
    where
        I: crate::words::Words,
        C: crate::words::Words,
    {
        let capacity = self.geometry().ring_capacity() as usize;
        let indices = Shared::one(&self.mapping, offset);
        (
            indices,
            Shared::slice(&self.mapping, offset + RECORDS_OFFSET, capacity),
        )
    }
}
