//! A worker without ports: applies commands to the table and reports what came of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use strait_shared::command::{Command, Event, EventId, RejectReason};
use strait_shared::geometry::{Geometry, LocalAddress, Sizes, WorkerIndex};
use strait_shared::region::{Region, WorkerEnd};
use strait_shared::slot::{EgressPort, Forwarding, Generation, SlotIndex};
use strait_shared::table::ApplyError;

/// So small that rings fill up.
pub const RING_CAPACITY: u32 = 8;

pub fn geometry(workers: u16) -> Geometry {
    let address = LocalAddress {
        ip: "127.0.0.1".parse().unwrap(),
        vlan: None,
        first_port: 20_000,
        last_port: 20_099,
        egress_port: EgressPort(0),
    };
    Geometry::new(Sizes {
        workers,
        addresses: vec![address],
        fork_slots: 0,
        ring_capacity: RING_CAPACITY,
        adjacencies: 1,
    })
    .unwrap()
}

pub fn open(slot: u32) -> Command {
    let forwarding = Forwarding::default();
    Command::Open {
        slot: SlotIndex(slot),
        generation: Generation(1),
        forwarding,
    }
}

pub fn close(slot: u32) -> Command {
    Command::Close {
        slot: SlotIndex(slot),
        generation: Generation(1),
    }
}

/// A worker driven step by step.
pub struct Worker {
    end: WorkerEnd,
    applied: Vec<Command>,
    last_event: u64,
}

impl Worker {
    pub fn new(region: &Region, number: u16) -> Self {
        let end = region.worker(WorkerIndex(number)).unwrap();
        Self {
            end,
            applied: Vec::new(),
            last_event: 0,
        }
    }

    /// Applies what is on the ring.
    pub fn breathe(&mut self) {
        self.end.statistics.add_breaths(1, Duration::ZERO);
        while let Some(record) = self.end.commands.peek().unwrap() {
            let (id, command) = Command::decode(&record);
            let command = command.unwrap();
            match self.apply(command) {
                Ok(event) => {
                    event.into_iter().for_each(|event| self.report(event));
                    self.applied.push(command);
                }
                Err(reason) => self.report(Event::Rejected {
                    command: id,
                    reason,
                }),
            }
            self.end.commands.release();
            self.end.statistics.set_applied(id);
        }
    }

    /// Moves without taking anything.
    pub fn stay_alive(&mut self) {
        self.end.statistics.add_breaths(1, Duration::ZERO);
    }

    pub fn report(&mut self, event: Event) {
        self.last_event += 1;
        self.end
            .events
            .push(&event.encode(EventId(self.last_event)))
            .unwrap();
    }

    /// What was applied since the last look.
    pub fn applied(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.applied)
    }

    fn apply(&mut self, command: Command) -> Result<Option<Event>, RejectReason> {
        let reason = |error| match error {
            ApplyError::Rejected(reason) => reason,
            ApplyError::Claimed => panic!("no other worker latches here"),
        };
        let now = strait_shared::time::Instant::now();
        match command {
            Command::Open {
                slot,
                generation,
                forwarding,
            } => {
                self.end
                    .table
                    .open(slot, generation, &forwarding, now)
                    .map_err(reason)?;
                Ok(None)
            }
            Command::Update {
                slot,
                generation,
                forwarding,
                rearm,
            } => {
                let updated = self.end.table.update(slot, generation, &forwarding, rearm);
                updated.map_err(reason)?;
                Ok(None)
            }
            Command::Close { slot, generation } => {
                let counters = self.end.table.close(slot, generation).map_err(reason)?;
                Ok(Some(Event::Closed {
                    slot,
                    generation,
                    counters,
                }))
            }
            Command::Adjacency { .. } => panic!("control resolves no next hops"),
        }
    }
}

/// A worker on a thread of its own, stopped when dropped.
pub struct Running {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start(mut worker: Worker) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                worker.breathe();
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}
