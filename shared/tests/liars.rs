//! A peer that writes every word of the region: one after the other, several by chance, and any
//! of them while both ends are at work.
//!
//! Nothing here says what the answer to a lie is: it may be any but a panic, a fault or a wait
//! without end.
#![cfg(all(not(loom), not(miri)))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{at, geometry};
use strait_shared::command::{Command, Event, EventId};
use strait_shared::fuzz::{self, Bytes, Liar};
use strait_shared::geometry::WorkerIndex;
use strait_shared::limits::SECTION_ALIGN_BYTES;
use strait_shared::net::Endpoint;
use strait_shared::region::{ControlEnd, Region, WorkerEnd};
use strait_shared::slot::{AdjacencyIndex, Forwarding, Generation, SlotIndex};
use strait_shared::table::RtpArrival;

/// What each word is made to say.
const VALUES: [u64; 5] = [0, 1, u64::MAX, 1 << 63, 0x5555_5555_5555_5555];
/// Words that each of two liars writes while both ends are at work.
const LIES: usize = 200_000;
/// Records that one look takes off a ring: more than it holds.
const RECORDS: usize = 20;

#[test]
fn every_word_may_say_anything() {
    let words = Region::bytes_for(&geometry()) / 8;
    for word in SECTION_ALIGN_BYTES / 8..words {
        let region = Region::create(geometry()).unwrap();
        let liar = Liar::new(&region);
        for value in VALUES {
            liar.poke(word, value);
            // A ring whose indices cannot be is refused; the other end is there all the same.
            let (worker, control) = (region.worker(WorkerIndex(0)), region.control());
            liar.poke(word, value.rotate_left(7));
            if let Ok(mut worker) = worker {
                obey(&mut worker);
            }
            if let Ok(mut control) = control {
                listen(&mut control);
            }
        }
    }
}

#[test]
fn any_word_may_change_while_both_ends_are_at_work() {
    let region = Region::create(geometry()).unwrap();
    let mut worker = region.worker(WorkerIndex(0)).unwrap();
    let mut control = region.control().unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let liars = [1, 2].map(|seed| {
            let liar = Liar::new(&region);
            scope.spawn(move || lie(&liar, seed))
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                obey(&mut worker);
            }
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                listen(&mut control);
            }
        });
        for liar in liars {
            liar.join().unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
}

fn lie(liar: &Liar, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut choices = [0; 16];
    for _ in 0..LIES {
        random.fill(&mut choices);
        liar.lie(&mut Bytes::new(&choices), true);
    }
}

#[test]
fn records_at_random() {
    at_random(50_000, 128, fuzz::record);
}

#[test]
fn rings_with_a_liar_at_random() {
    at_random(5_000, 400, fuzz::ring);
}

#[test]
fn regions_written_over_at_random() {
    at_random(1_000, 400, fuzz::attach);
}

/// Runs a fuzz target's body over bytes that are the same in every run.
fn at_random(cases: u64, bytes_max: usize, body: fn(&[u8])) {
    for seed in 0..cases {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut data = vec![0; random.usize(..=bytes_max)];
        random.fill(&mut data);
        body(&data);
    }
}

/// All that control reads.
fn listen(control: &mut ControlEnd) {
    for ring in &mut control.events {
        for _ in 0..RECORDS {
            let Ok(Some(record)) = ring.pop() else {
                break;
            };
            let _ = Event::decode(&record);
        }
    }
    for ring in &mut control.commands {
        let close = Command::Close {
            slot: SlotIndex(0),
            generation: Generation(1),
        };
        let _ = ring.push(&close.encode(Default::default()));
        let _ = (ring.room(), ring.backlog());
    }
    for page in &control.statistics {
        let seen = page.read();
        let _ = (seen.applied, seen.latency.quantile(0.99), seen.since(&seen));
    }
    for slot in (0..=control.table.len()).map(SlotIndex) {
        control.table.snapshot(slot);
    }
}

/// All that a worker reads and writes.
fn obey(worker: &mut WorkerEnd) {
    for _ in 0..RECORDS {
        let Ok(Some(record)) = worker.commands.peek() else {
            break;
        };
        let _ = Command::decode(&record);
        worker.commands.release();
    }
    for id in 0..RECORDS as u64 {
        let (slot, generation) = (SlotIndex(0), Generation(0));
        let event = Event::Silent { slot, generation };
        let _ = worker.events.push(&event.encode(EventId(id)));
    }
    let (open, generation) = (Forwarding::default(), Generation(1));
    let own: Vec<SlotIndex> = worker.table.indices().collect();
    for &index in &own {
        let _ = worker.table.open(index, generation, &open, at(1));
        let _ = worker.table.update(index, generation, &open, true);
        worker.table.set_silent(index, true);
        pass(worker, index);
        let _ = worker.table.close(index, generation);
    }
    assert!(worker.table.open_indices().count() <= own.len());
    for index in (0..8).map(AdjacencyIndex) {
        worker.adjacencies.get(index);
    }
    worker.statistics.add_received(u64::MAX, u64::MAX);
}

/// A packet at a slot.
fn pass(worker: &WorkerEnd, index: SlotIndex) {
    let slot = worker.table.table().slot(index).unwrap();
    if let Some(view) = slot.view() {
        let _ = (view.peer(), view.policy(), view.destination(&slot));
        let _ = (slot.sources(&view), slot.usage(&view), slot.reception());
        if let Some(policer) = view.policer() {
            slot.police(&policer, at(1), u32::MAX);
        }
        let _ = slot.try_latch(&view, Endpoint::default(), true);
        slot.mark_announced(view.latch);
    }
    let rtp = RtpArrival {
        ssrc: 1,
        sequence: 2,
        timestamp: Some(3),
    };
    slot.record_rtp(at(1), u32::MAX, rtp, u32::MAX);
    slot.record(at(1), u32::MAX);
    slot.count_policed();
    slot.count_refused();
}
