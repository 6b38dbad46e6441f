//! What must hold whatever a dataplane does to the region: the body of the fuzz target, which the
//! tests run over the committed corpus. It panics where a promise is broken.

use std::collections::BTreeSet;
use std::time::Duration;

use strait_shared::command::{Command, CommandId, Event, EventId, RejectReason};
use strait_shared::fuzz::{Bytes, Liar};
use strait_shared::geometry::{Geometry, LocalAddress, Sizes, WorkerIndex};
use strait_shared::region::Region;
use strait_shared::slot::{Counters, EgressPort, Forwarding, Generation, SlotIndex};
use strait_shared::time::Instant;

use super::limits::{EVENTS_PER_POLL, MAX_WAITING};
use super::{Dataplane, Report};

const WORKERS: u16 = 2;
const RING_CAPACITY: u32 = 8;
/// Which of a worker's rings carries commands.
const COMMANDS: usize = 0;
/// Which carries events.
const EVENTS: usize = 1;

/// Gives commands to a dataplane that reports and writes what `data` says.
///
/// # Panics
/// When a promise is broken: a rejection that is passed on is of a command that was given; no more
/// is taken at once, and no more waits, than the limits say; without a lie the rings stand, and
/// the region can always be read.
pub fn link(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut bench = Bench::new();
    while !bytes.is_empty() {
        bench.step(&mut bytes);
    }
    bench.poll();
}

struct Bench {
    region: Region,
    liar: Liar,
    /// Nothing where a successor could not take over.
    dataplane: Option<Dataplane>,
    given: BTreeSet<u32>,
    events: [u32; WORKERS as usize],
    now: Instant,
    lied: bool,
}

impl Bench {
    fn new() -> Self {
        let region = Region::create(geometry()).expect("memory for a small region");
        let now = Instant::from_millis(1_000);
        let dataplane = Dataplane::of_region(&region, now, &mut || {});
        Self {
            liar: Liar::new(&region),
            dataplane: Some(dataplane.expect("a fresh region")),
            region,
            given: BTreeSet::new(),
            events: [0; WORKERS as usize],
            now,
            lied: false,
        }
    }

    fn step(&mut self, bytes: &mut Bytes) {
        match bytes.byte() % 8 {
            0 => self.send(bytes),
            1 | 2 => self.report(bytes),
            3 => self.take(bytes.below(WORKERS.into())),
            4 => self.poll(),
            5 => self.look(bytes),
            6 => self.succeed(),
            _ => {
                self.lied = true;
                self.liar.lie(bytes, true);
            }
        }
    }

    fn send(&mut self, bytes: &mut Bytes) {
        let slot = u32::from(bytes.byte());
        for slot in slot..=slot + u32::from(bytes.byte() % 16) {
            self.given.insert(slot);
            let command = Command::Open {
                slot: SlotIndex(slot),
                generation: Generation(1),
                forwarding: Forwarding::default(),
            };
            if let Some(dataplane) = &mut self.dataplane {
                dataplane.send(command);
                assert!(dataplane.link().waiting() <= MAX_WAITING);
            }
        }
    }

    /// A worker puts an event on its ring: mostly one that can be read.
    fn report(&mut self, bytes: &mut Bytes) {
        let worker = bytes.below(WORKERS.into());
        let mut record = event(bytes).encode(EventId(1));
        if bytes.byte().is_multiple_of(8) {
            let word = bytes.below(record.len());
            record[word] = bytes.u64();
        }
        let (published, consumed) = self.liar.indices(worker, EVENTS);
        if published.wrapping_sub(consumed) >= RING_CAPACITY {
            return;
        }
        self.events[worker] += 1;
        self.liar
            .write_record(worker, EVENTS, published as usize, &record);
        self.liar
            .set_indices(worker, EVENTS, published.wrapping_add(1), consumed);
    }

    /// A worker applies every command.
    fn take(&mut self, worker: usize) {
        let (published, _) = self.liar.indices(worker, COMMANDS);
        self.liar
            .set_indices(worker, COMMANDS, published, published);
    }

    fn poll(&mut self) {
        let Some(dataplane) = &mut self.dataplane else {
            return;
        };
        let mut reports = Vec::new();
        dataplane.poll(&mut reports);
        assert!(reports.len() <= usize::from(WORKERS) * EVENTS_PER_POLL);
        for report in reports {
            if let Report::Rejected { command, .. } = report {
                let slot = command
                    .slot()
                    .expect("commands about slots alone were given");
                assert!(self.given.contains(&slot.0));
            }
        }
        let counters = dataplane.link().counters();
        assert!(counters.malformed <= counters.events);
        assert!(self.lied || !dataplane.wants_fetching(), "a broken ring");
    }

    /// Reads all there is to read, some time later.
    fn look(&mut self, bytes: &mut Bytes) {
        self.now += Duration::from_millis(u64::from(bytes.byte()) * 50);
        let Some(dataplane) = &mut self.dataplane else {
            return;
        };
        let _ = (dataplane.watch(self.now), dataplane.is_ready());
        assert_eq!(dataplane.alive(self.now).len(), usize::from(WORKERS));
        let link = dataplane.link();
        for page in link.statistics() {
            let _ = (page.latency.quantile(0.5), page.drops().count());
        }
        let slots = self.region.geometry().slots();
        for slot in (0..=slots).map(SlotIndex) {
            let (state, counters) = (link.slot_state(slot), link.slot_counters(slot));
            assert_eq!(state.is_some(), counters.is_some());
            assert!(state.is_none() || slot.0 < slots);
        }
    }

    /// Control dies; the next one takes over from workers that apply what is on their rings.
    fn succeed(&mut self) {
        self.dataplane = None;
        let liar = &self.liar;
        let mut apply = || {
            for worker in 0..usize::from(WORKERS) {
                let (published, _) = liar.indices(worker, COMMANDS);
                liar.set_indices(worker, COMMANDS, published, published);
            }
        };
        self.dataplane = Dataplane::of_region(&self.region, self.now, &mut apply).ok();
        self.given.extend(0..self.region.geometry().slots());
        assert!(self.lied || self.dataplane.is_some());
    }
}

/// Some event.
fn event(bytes: &mut Bytes) -> Event {
    let slot = SlotIndex(bytes.byte().into());
    let generation = Generation(1);
    let source = ([203, 0, 113, 7], u16::from(bytes.byte())).into();
    match bytes.byte() % 7 {
        0 => Event::Latched {
            slot,
            generation,
            source,
        },
        1 => Event::Refused {
            slot,
            generation,
            source,
            count: 1,
        },
        2 => Event::Silent { slot, generation },
        3 => Event::Heard { slot, generation },
        4 => Event::Closed {
            slot,
            generation,
            counters: Counters::default(),
        },
        5 => Event::Late { slot, generation },
        _ => Event::Rejected {
            command: CommandId(bytes.u16().into()),
            reason: RejectReason::Stale,
        },
    }
}

fn geometry() -> Geometry {
    let address = LocalAddress {
        ip: [192, 0, 2, 1].into(),
        vlan: None,
        first_port: 20_000,
        last_port: 20_007,
        egress_port: EgressPort(0),
    };
    let sizes = Sizes {
        workers: WORKERS,
        addresses: vec![address],
        fork_slots: 0,
        ring_capacity: RING_CAPACITY,
        adjacencies: 1,
    };
    let geometry = Geometry::new(sizes).expect("sizes that fit");
    assert_eq!(geometry.owner(SlotIndex(2)), WorkerIndex(1));
    geometry
}
