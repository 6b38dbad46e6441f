//! A whole region that somebody has written over, before it is attached and after.

use crate::command::{Command, Event, EventId};
use crate::fuzz::{Bytes, Liar};
use crate::geometry::{Geometry, LocalAddress, Sizes, WorkerIndex};
use crate::net::Endpoint;
use crate::region::{ControlEnd, Region, WorkerEnd};
use crate::slot::{AdjacencyIndex, EgressPort, Forwarding, Generation, SlotIndex};
use crate::table::{Latching, RtpArrival};
use crate::time::Instant;

/// Words written before anybody attaches; as many again each time somebody has looked.
const LIES: usize = 16;

/// Writes what `data` says into a region, attaches it and uses all of it from either side.
///
/// # Panics
/// When a promise is broken: a region of another geometry than was expected is refused; one that
/// is attached is as large as its file; everything in it can be read and written.
pub fn attach(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let region = Region::create(geometry()).expect("memory for a small region");
    let liar = Liar::new(&region);
    let lies = bytes.below(LIES);
    for _ in 0..lies {
        liar.lie(&mut bytes, false);
    }
    let attach = |expected| {
        let fd = region.fd().expect("a region with a file");
        Region::attach(fd.try_clone_to_owned().expect("one more"), expected)
    };
    let expected = geometry();
    if let Ok(as_expected) = attach(Some(&expected)) {
        assert_eq!(**as_expected.geometry(), expected);
    }
    let attached = match attach(None) {
        Ok(attached) => attached,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(attached.bytes(), region.bytes());
    assert_eq!(Region::bytes_for(attached.geometry()), region.bytes());
    let mut control = attached.control();
    let mut worker = attached.worker(WorkerIndex(0));
    for turn in 1.. {
        if let Ok(control) = &mut control {
            listen(control, attached.geometry());
        }
        if let Ok(worker) = &mut worker {
            let capacity = attached.geometry().ring_capacity();
            obey(worker, capacity, Instant::from_millis(turn));
        }
        if bytes.is_empty() {
            break;
        }
        for _ in 0..LIES.min(1 + bytes.below(LIES)) {
            liar.lie(&mut bytes, true);
        }
    }
}

/// What control reads.
fn listen(control: &mut ControlEnd, geometry: &Geometry) {
    for ring in &mut control.events {
        let mut taken = 0;
        while let Ok(Some(record)) = ring.pop() {
            let _ = Event::decode(&record);
            taken += 1;
            assert!(taken <= 2 * geometry.ring_capacity(), "a ring without end");
        }
    }
    for page in &control.statistics {
        let seen = page.read();
        let _ = (seen.latency.quantile(0.99), seen.drops().count());
        let _ = seen.since(&seen);
    }
    for slot in (0..=geometry.slots()).map(SlotIndex) {
        let snapshot = control.table.snapshot(slot);
        assert!(snapshot.is_none() || slot.0 < geometry.slots());
        if let Some(owner) = snapshot.and_then(|snapshot| snapshot.peer) {
            let _ = geometry.local(owner);
        }
    }
}

/// What a worker does: commands, its slots, packets on any slot, events.
fn obey(worker: &mut WorkerEnd, capacity: u32, now: Instant) {
    let mut taken = 0;
    while let Ok(Some(record)) = worker.commands.peek() {
        let _ = Command::decode(&record);
        worker.commands.release();
        taken += 1;
        assert!(taken <= 2 * capacity, "a ring without end");
    }
    let (open, generation) = (Forwarding::default(), Generation(1));
    for index in worker.table.indices() {
        let _ = worker.table.open(index, generation, &open, now);
        let _ = worker.table.update(index, generation, &open, true);
        worker.table.set_silent(index, true);
        pass(worker, index, now);
        let _ = worker.table.close(index, generation);
    }
    assert!(worker.table.open_indices().count() <= worker.table.indices().count());
    for index in (0..=u16::MAX).step_by(251).map(AdjacencyIndex) {
        let _ = worker.adjacencies.get(index);
    }
    let event = Event::Silent {
        slot: SlotIndex(0),
        generation,
    };
    for id in 0..=u64::from(capacity) {
        let _ = worker.events.push(&event.encode(EventId(id)));
    }
}

/// A packet at a slot.
fn pass(worker: &WorkerEnd, index: SlotIndex, now: Instant) {
    let table = worker.table.table();
    let slot = table.slot(index).expect("an own slot");
    if let Some(view) = slot.view() {
        let _ = (view.peer(), view.policy(), view.destination(&slot));
        let _ = (slot.sources(&view), slot.usage(&view));
        if let Some(policer) = view.policer() {
            slot.police(&policer, now, u32::MAX);
        }
        let source = Endpoint::default();
        if slot.try_latch(&view, source, true) == Latching::Won {
            let remote = slot.view().and_then(|view| view.remote());
            assert_eq!(remote, Some(source));
        }
    }
    let rtp = RtpArrival {
        ssrc: 1,
        sequence: 2,
        timestamp: Some(3),
    };
    slot.record_rtp(now, u32::MAX, rtp, u32::MAX);
    slot.count_policed();
    assert_eq!(slot.count_refused(), slot.count_refused().wrapping_sub(1));
}

/// Two workers, an address of each family, four spare slots.
fn geometry() -> Geometry {
    let local = |ip: &str, vlan| LocalAddress {
        ip: ip.parse().expect("a literal"),
        vlan,
        first_port: 20_000,
        last_port: 20_003,
        egress_port: EgressPort(1),
    };
    let sizes = Sizes {
        workers: 2,
        addresses: vec![local("192.0.2.1", Some(7)), local("2001:db8::1", None)],
        fork_slots: 4,
        ring_capacity: 8,
        adjacencies: 4,
    };
    Geometry::new(sizes).expect("sizes that fit")
}
