//! The dataplane in one thread: real workers, rings and table on a real region, stepped by hand.
//!
//! Each worker has its queue of every NIC. It may be stalled, and all of them may crash and come
//! back on the same region.

use strait_dataplane::limits::FRAME_BYTES_MAX;
use strait_dataplane::port::Port;
use strait_dataplane::port::memory::{FarEnd, Link};
use strait_dataplane::relay::Tally;
use strait_dataplane::wire::MacAddress;
use strait_dataplane::worker::{IdlePolicy, Worker};
use strait_shared::command::NextHop;
use strait_shared::geometry::{Geometry, WorkerIndex};
use strait_shared::region::Region;
use strait_shared::slot::AdjacencyIndex;
use strait_shared::time::Instant;

use crate::allocation;
use crate::clock;
use crate::frames::{ROUTER, STRAIT};

/// Frames each queue holds in either direction.
const QUEUE_FRAMES: usize = 64;
/// Breaths after which a worker that is still busy is taken to spin.
const BREATHS_MAX: usize = 10_000;

/// The dataplane.
pub struct Dataplane {
    region: Region,
    nics: usize,
    workers: Vec<Option<Plugged>>,
    stalled_until: Vec<Instant>,
}

/// A worker and the other ends of its queues.
struct Plugged {
    worker: Worker,
    far: Vec<FarEnd>,
    /// Frames put into its queues and not yet taken.
    queued: u64,
    before: Tally,
}

/// What a worker did.
#[derive(Debug, Default)]
pub struct Breath {
    /// Frames that were waiting for it.
    pub queued: u64,
    /// Its counters before.
    pub before: Tally,
    /// Its counters after.
    pub after: Tally,
    /// What it allocated.
    pub allocations: u64,
    /// Whether it was still busy when it should long have been done.
    pub spins: bool,
    /// What it sent, with the NIC it left by.
    pub frames: Vec<(usize, Vec<u8>)>,
}

impl Dataplane {
    /// A dataplane on a region of its own.
    pub fn new(geometry: Geometry) -> Self {
        let nics = geometry.addresses().iter();
        let nics = nics.map(|address| usize::from(address.egress_port.0)).max();
        let workers = usize::from(geometry.workers());
        let region = Region::create(geometry).expect("memory for a small region");
        for (index, address) in (0..).zip(region.geometry().addresses()) {
            let next_hop = NextHop {
                egress_port: address.egress_port,
                mac: ROUTER,
            };
            let index = AdjacencyIndex(index);
            let set = region.adjacencies().set(index, Some(next_hop));
            set.expect("one for each address");
        }
        let mut dataplane = Self {
            region,
            nics: nics.unwrap_or(0) + 1,
            workers: Vec::new(),
            stalled_until: vec![Instant::ZERO; workers],
        };
        dataplane.restart();
        dataplane
    }

    /// The region.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.stalled_until.len()
    }

    /// Whether its processes run.
    pub fn is_running(&self) -> bool {
        !self.workers.is_empty()
    }

    /// Ends without a word; what is in its queues is lost. Returns how many frames that were.
    pub fn crash(&mut self) -> u64 {
        let lost = self.workers.iter().flatten().map(|worker| worker.queued);
        let lost = lost.sum();
        self.workers.clear();
        lost
    }

    /// Starts on the region as it is.
    pub fn restart(&mut self) {
        let count = self.workers();
        let queue = |_| Link::create(count, QUEUE_FRAMES).expect("memory for a few frames");
        let links: Vec<Link> = (0..self.nics).map(queue).collect();
        let ends = (0..count).map(|number| {
            let end = self.region.worker(WorkerIndex(number as u16));
            end.expect("nobody else holds it")
        });
        // All are taken before the first one runs.
        let ends: Vec<_> = ends.collect();
        let (table, geometry) = (self.region.table(), self.region.geometry());
        let plug = |(number, end)| {
            let port = |link: &Link| {
                Box::new(link.port(number, "memory", MacAddress(STRAIT))) as Box<dyn Port>
            };
            let ports = links.iter().map(port).collect();
            let worker = Worker::new(end, table.clone(), geometry, ports, clock::now);
            Some(Plugged {
                before: *worker.tally(),
                worker,
                far: links.iter().map(|link| link.far_end(number)).collect(),
                queued: 0,
            })
        };
        self.workers = ends.into_iter().enumerate().map(plug).collect();
    }

    /// Keeps a worker from running until then.
    pub fn stall(&mut self, worker: usize, until: Instant) {
        self.stalled_until[worker] = until;
    }

    /// Whether a worker runs at `now`.
    pub fn runs(&self, worker: usize, now: Instant) -> bool {
        self.stalled_until[worker] <= now && self.workers.get(worker).is_some_and(Option::is_some)
    }

    /// Puts a frame into a worker's queue of a NIC; false when it is full or nobody is there.
    pub fn put(&mut self, worker: usize, nic: usize, frame: &[u8]) -> bool {
        let Some(Some(plugged)) = self.workers.get_mut(worker) else {
            return false;
        };
        let taken = plugged.far[nic].send(frame);
        plugged.queued += u64::from(taken);
        taken
    }

    /// Lets a worker that runs breathe until it has nothing left to do.
    pub fn breathe(&mut self, worker: usize, meddle: impl FnOnce()) -> Option<Breath> {
        let plugged = self.workers.get_mut(worker)?.as_mut()?;
        let (spins, allocations) = allocation::during(|| {
            meddle();
            let busy = (0..BREATHS_MAX).all(|_| plugged.worker.breathe());
            // An idle worker publishes what it has counted.
            plugged.worker.run(IdlePolicy::Poll, &|| true);
            busy
        });
        let mut breath = Breath {
            queued: std::mem::take(&mut plugged.queued),
            before: plugged.before,
            after: *plugged.worker.tally(),
            allocations,
            spins,
            frames: Vec::new(),
        };
        plugged.before = breath.after;
        let mut space = [0; FRAME_BYTES_MAX];
        for (nic, far) in plugged.far.iter_mut().enumerate() {
            while let Some(length) = far.receive(&mut space) {
                breath.frames.push((nic, space[..length].to_vec()));
            }
        }
        Some(breath)
    }
}
