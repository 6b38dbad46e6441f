//! Commands on their way to the workers: in order for each worker, bounded, remembered for as long
//! as a rejection may name them.

use std::collections::VecDeque;

use strait_shared::command::{Command, CommandId};
use strait_shared::geometry::{Geometry, WorkerIndex};
use strait_shared::ring::{Producer, RingError};

use super::LinkCounters;
use super::limits::MAX_WAITING;

/// One queue for each worker.
#[derive(Debug)]
pub(super) struct Queues {
    workers: Vec<Queue>,
    waiting: usize,
    last_id: CommandId,
    /// How many sent commands are remembered: a ring full of unread ones, and a ring full of
    /// reports about others before them.
    memory: usize,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Command>,
    sent: VecDeque<(CommandId, Command)>,
}

impl Queues {
    /// Empty queues; the first command's number follows `last_id`.
    pub fn new(geometry: &Geometry, last_id: CommandId) -> Self {
        Self {
            workers: (0..geometry.workers()).map(|_| Queue::default()).collect(),
            waiting: 0,
            last_id,
            memory: 2 * geometry.ring_capacity() as usize,
        }
    }

    /// Gives a command to its worker, or lets it wait behind others. When too many wait it is lost,
    /// and counted.
    pub fn push(
        &mut self,
        worker: WorkerIndex,
        command: Command,
        ring: &mut Producer,
        counters: &mut LinkCounters,
    ) -> Result<(), RingError> {
        self.flush(worker, ring, counters)?;
        let queue = &mut self.workers[usize::from(worker.0)];
        if queue.waiting.is_empty() && self.give(worker, command, ring, counters)? {
            return Ok(());
        }
        if self.waiting >= MAX_WAITING {
            counters.lost += 1;
            return Ok(());
        }
        counters.delayed += 1;
        self.waiting += 1;
        self.workers[usize::from(worker.0)]
            .waiting
            .push_back(command);
        Ok(())
    }

    /// Gives a worker what waits for it, as far as there is room.
    pub fn flush(
        &mut self,
        worker: WorkerIndex,
        ring: &mut Producer,
        counters: &mut LinkCounters,
    ) -> Result<(), RingError> {
        while let Some(&command) = self.workers[usize::from(worker.0)].waiting.front() {
            if !self.give(worker, command, ring, counters)? {
                return Ok(());
            }
            self.workers[usize::from(worker.0)].waiting.pop_front();
            self.waiting -= 1;
        }
        Ok(())
    }

    /// The command of that number, if it was given to the worker lately.
    pub fn sent(&self, worker: WorkerIndex, id: CommandId) -> Option<Command> {
        let sent = &self.workers[usize::from(worker.0)].sent;
        let at = sent.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(sent[at].1)
    }

    /// How many commands wait, over all workers.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether the ring took the command.
    fn give(
        &mut self,
        worker: WorkerIndex,
        command: Command,
        ring: &mut Producer,
        counters: &mut LinkCounters,
    ) -> Result<bool, RingError> {
        let id = CommandId(self.last_id.0 + 1);
        match ring.push(&command.encode(id)) {
            Ok(()) => {}
            Err(RingError::Full) => return Ok(false),
            Err(corrupt) => return Err(corrupt),
        }
        self.last_id = id;
        counters.commands += 1;
        let sent = &mut self.workers[usize::from(worker.0)].sent;
        if sent.len() == self.memory {
            sent.pop_front();
        }
        sent.push_back((id, command));
        Ok(true)
    }
}
