//! Real threads over one region: what the models prove in the small, run in the large. Under
//! Miri a data race or a stray reference would end the test.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{at, geometry};
use strait_shared::geometry::WorkerIndex;
use strait_shared::net::{Endpoint, PackedIp};
use strait_shared::region::Region;
use strait_shared::slot::{Forwarding, Generation, LatchPolicy, SlotIndex};
use strait_shared::table::{ApplyError, LatchState, Latching, Table};

const ROUNDS: u32 = if cfg!(miri) { 60 } else { 20_000 };
const SLOT: SlotIndex = SlotIndex(0);

#[test]
fn records_arrive_whole_and_in_order() {
    let region = Region::heap(geometry());
    let mut control = region.control().unwrap();
    let mut worker = region.worker(WorkerIndex(0)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..u64::from(ROUNDS) {
                while control.commands[0].push(&[number; 16]).is_err() {
                    std::thread::yield_now();
                }
            }
        });
        for number in 0..u64::from(ROUNDS) {
            let record = loop {
                if let Some(record) = worker.commands.pop().unwrap() {
                    break record;
                }
                std::thread::yield_now();
            };
            assert_eq!(record, [number; 16]);
        }
    });
}

/// A configuration whose parts all follow from one number.
fn numbered(number: u32) -> Forwarding {
    let port = number as u16 | 1;
    Forwarding {
        accept: true,
        policy: LatchPolicy::Symmetric,
        peer: Some(SlotIndex(number % 16)),
        signalled: Some(([192, 0, 2, (number % 16) as u8], port).into()),
        dscp: (number % 16) as u8,
        clock_hz: number % 16,
        send_before_latch: true,
        ..Forwarding::default()
    }
}

/// A remote whose address follows from its port.
fn party(port: u16) -> Endpoint {
    Endpoint {
        ip: PackedIp([u64::from(port); 2]),
        port,
    }
}

/// Looks and latches as a worker that is not the owner; says how often it won.
fn other_worker(table: &Table, seed: u16, stop: &AtomicBool) -> u32 {
    let slot = table.slot(SLOT).unwrap();
    let (mut won, mut port) = (0, seed);
    while !stop.load(Ordering::Relaxed) {
        let Some(view) = slot.view().filter(|view| view.is_open()) else {
            std::thread::yield_now();
            continue;
        };
        let number = u32::from(view.dscp());
        assert_eq!(
            (view.peer(), view.clock_hz()),
            (Some(SlotIndex(number)), number)
        );
        if let Some(sources) = slot.sources(&view) {
            let signalled = sources.signalled.unwrap();
            assert_eq!(signalled.ip, PackedIp::from_v4([192, 0, 2, number as u8]));
        }
        if let Some(remote) = view.remote() {
            assert_eq!(remote, party(remote.port));
        }
        if view.latch.state() == LatchState::Empty {
            port = port.wrapping_add(2);
            won += u32::from(slot.try_latch(&view, party(port), false) == Latching::Won);
        }
    }
    won
}

#[test]
fn every_look_is_of_one_piece_while_the_owner_writes_and_others_latch() {
    let region = Region::heap(geometry());
    let mut owner = region.worker(WorkerIndex(0)).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let table = region.table();
        let others = [1, 2].map(|seed| {
            let (table, stop) = (table.clone(), &stop);
            scope.spawn(move || other_worker(&table, seed, stop))
        });
        let mut seen = 0;
        for number in 0..ROUNDS {
            let generation = Generation(number / 4);
            let forwarding = numbered(number);
            let applied = match number % 4 {
                0 => owner.table.open(SLOT, generation, &forwarding, at(1)),
                3 => owner.table.close(SLOT, generation).map(|counters| {
                    let port = counters.latched.map(|latched| latched.port());
                    seen += u32::from(port.is_some());
                }),
                part => owner.table.update(SLOT, generation, &forwarding, part == 1),
            };
            if applied == Err(ApplyError::Claimed) {
                // Another thread has lost its core inside a claim: as a worker would, later.
                std::thread::yield_now();
                let _ = owner.table.close(SLOT, Generation(number / 4));
            }
            if cfg!(miri) || number % 64 == 0 {
                std::thread::yield_now();
            }
        }
        stop.store(true, Ordering::Relaxed);
        let won: u32 = others.into_iter().map(|other| other.join().unwrap()).sum();
        assert!(seen <= won);
    });
}
