//! Models of a worker that dies and of the one that follows it: see `crate::models`.
#![allow(clippy::unwrap_used, reason = "a model that cannot go on has failed")]

use std::sync::Arc;

use loom::thread;

use crate::command::{Command, CommandId};
use crate::geometry::{Geometry, LocalAddress, Sizes, WorkerIndex};
use crate::handover::Applied;
use crate::ring::models::memory;
use crate::ring::{Consumer, Producer};
use crate::slot::{EgressPort, Forwarding, Generation, SlotIndex};
use crate::sync::Ordering::{Relaxed, Release};
use crate::sync::fence;
use crate::table::latch::Latching;
use crate::table::models::{endpoint, latch_as, look};
use crate::table::view::load;
use crate::table::{OwnerTable, Repaired, SlotWords, Table};
use crate::time::Instant;
use crate::words::Shared;

const WORKER: WorkerIndex = WorkerIndex(0);
const SLOT: SlotIndex = SlotIndex(0);
const COMMAND: CommandId = CommandId(9);

/// A worker dies half-way through a command. Its successor mends the slot, finds the command on
/// the ring again and applies it, while control looks on: a slot that is open is of one piece,
/// and once the command counts as applied, it is seen.
pub(crate) fn restart() {
    let table = table();
    let (indices, cells) = memory();
    let applied = Arc::new(Applied::default());
    let update = Command::Update {
        slot: SLOT,
        generation: Generation(1),
        forwarding: numbered(2),
        rearm: false,
    };
    let mut control = Producer::attach(indices.clone(), cells.clone()).unwrap();
    control.push(&update.encode(COMMAND)).unwrap();
    let dataplane = {
        let (table, applied) = (table.clone(), Arc::clone(&applied));
        thread::spawn(move || {
            die_writing(&table);
            let commands = Consumer::attach(indices, cells).unwrap();
            succeed(table, commands, &applied);
        })
    };
    look_on(&table, &applied);
    dataplane.join().unwrap();
    assert_eq!(look_on(&table, &applied), Some(2));
}

/// The odd sequence, the new flags, and no more.
fn die_writing(table: &Table) {
    let words = table.slot(SLOT).unwrap().words;
    words
        .sequence
        .store(load(&words.sequence).wrapping_add(1), Relaxed);
    fence(Release);
    let (dscp_1, dscp_2) = (1 << 14, 2 << 14);
    words
        .flags
        .store(load(&words.flags) - dscp_1 + dscp_2, Relaxed);
}

fn succeed(table: Table, mut commands: Consumer, applied: &Applied) {
    let (mut owner, repaired) = OwnerTable::take_over(table, geometry(), WORKER);
    let half_written = Repaired {
        half_written: 1,
        claimed: 0,
    };
    assert_eq!(repaired, half_written);
    let record = commands.peek().unwrap().unwrap();
    let (id, command) = Command::decode(&record);
    let Ok(Command::Update {
        slot,
        generation,
        forwarding,
        rearm,
    }) = command
    else {
        panic!("{command:?}");
    };
    owner.update(slot, generation, &forwarding, rearm).unwrap();
    applied.publish(id);
    commands.release();
}

/// The number that an open slot's parts all say, if a look shows one.
fn look_on(table: &Table, applied: &Applied) -> Option<u32> {
    let done = applied.see() == COMMAND;
    let slot = table.slot(SLOT).unwrap();
    let view = slot.words.view()?;
    if !view.is_open() {
        assert!(!done, "applied, and not open");
        return None;
    }
    let number = u32::from(view.dscp());
    assert_eq!(
        (view.peer(), view.clock_hz()),
        (Some(SlotIndex(number % 2)), number)
    );
    assert!(!done || number == 2, "applied, and not seen");
    Some(number)
}

/// A worker dies half-way through latching. Its successor undoes the claim and latches another
/// party, while a reader looks: no remote, or a whole one.
pub(crate) fn claim_restart() {
    let table = table();
    assert!(latch_as(table.slot(SLOT).unwrap().words, 1));
    let dataplane = {
        let table = table.clone();
        thread::spawn(move || {
            let words = table.slot(SLOT).unwrap().words;
            let claimed = load(&words.latch).wrapping_add(1 << 32) & !0b11 | 1;
            words.latch.store(claimed, Relaxed);
            fence(Release);
            words.remote[0].store(endpoint(2).ip.0[0], Relaxed);
            let (owner, repaired) = OwnerTable::take_over(table.clone(), geometry(), WORKER);
            assert_eq!(repaired.claimed, 1);
            let slot = owner.table().slot(SLOT).unwrap();
            let view = slot.words.view().unwrap();
            assert_eq!(slot.try_latch(&view, endpoint(3), false), Latching::Won);
        })
    };
    look(table.slot(SLOT).unwrap().words);
    dataplane.join().unwrap();
    assert_eq!(look(table.slot(SLOT).unwrap().words), Some(3));
}

/// The owner begins a slot's next use while control takes a copy: the count in it is of the use
/// it names. (Two words stand for all that an open writes; every further one doubles the values
/// that a look may show.)
pub(crate) fn reuse() {
    let table = table();
    table
        .slot(SLOT)
        .unwrap()
        .record(Instant::from_millis(1), 100);
    let worker = {
        let table = table.clone();
        thread::spawn(move || {
            table.slot(SLOT).unwrap().words.write(|words| {
                words.packets.store(0, Relaxed);
                words.usage.store(2, Relaxed);
            });
        })
    };
    if let Some(copy) = table.snapshot(SLOT) {
        let first = copy.generation == Generation(1);
        assert_eq!(copy.counters.packets, u64::from(first));
    }
    worker.join().unwrap();
}

/// A table of two slots, the first in its first use.
fn table() -> Table {
    let slots = [(); 2].map(|()| SlotWords::about_to_wrap());
    let table = Table::new(Shared(Arc::new(slots)));
    let (mut owner, _) = OwnerTable::take_over(table.clone(), geometry(), WORKER);
    let now = Instant::from_millis(1);
    owner.open(SLOT, Generation(1), &numbered(1), now).unwrap();
    table
}

/// What follows from one number.
fn numbered(number: u32) -> Forwarding {
    Forwarding {
        peer: Some(SlotIndex(number % 2)),
        dscp: number as u8,
        clock_hz: number,
        ..Forwarding::default()
    }
}

fn geometry() -> Arc<Geometry> {
    let sizes = Sizes {
        workers: 1,
        addresses: vec![LocalAddress {
            ip: [192, 0, 2, 1].into(),
            vlan: None,
            first_port: 20_000,
            last_port: 20_001,
            egress_port: EgressPort(0),
        }],
        fork_slots: 0,
        ring_capacity: 2,
        adjacencies: 1,
    };
    Arc::new(Geometry::new(sizes).unwrap())
}
