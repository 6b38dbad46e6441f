//! Nothing is allocated once a worker has started: an allocator counts, armed after the start.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod rig;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use rig::*;
use strait_shared::command::Command;
use strait_shared::slot::{Forwarding, Generation, LatchPolicy, Policer, SlotIndex};

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Every kind of work in one go: latches, refusals, spoofed and damaged frames, policing, hairpins,
/// commands, silence.
#[test]
fn a_worker_at_work_allocates_nothing() {
    let addresses = vec![
        local("192.0.2.1", None, 20_000..=20_099, 0),
        local("2001:db8::1", None, 20_000..=20_099, 0),
        local("10.0.0.1", Some(7), 30_000..=30_199, 1),
    ];
    let mut rig = Rig::new(addresses, 8);
    let frames = frames();
    let work = |rig: &mut Rig| {
        for round in 0..50u32 {
            for slot in 0..100 {
                push(rig, SlotIndex(slot), round);
            }
            for (nic, frame) in &frames {
                assert!(rig.far[*nic].send(frame));
            }
            measured(|| {
                rig.worker.breathe();
                advance(Duration::from_millis(100));
                while rig.worker.breathe() {}
            });
            rig.events();
            rig.received(0);
            rig.received(1);
        }
    };
    work(&mut rig);
    let tally = *rig.worker.tally();
    assert!(
        tally.sent > 1_000 && tally.all_dropped() > 1_000,
        "{tally:?}"
    );
    assert_eq!(ALLOCATIONS.get(), 0);
}

#[test]
fn the_counting_allocator_counts() {
    measured(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(ALLOCATIONS.get(), 1);
}

fn measured(work: impl FnOnce()) {
    ARMED.set(true);
    work();
    ARMED.set(false);
}

/// Opens, changes and closes in turn.
fn push(rig: &mut Rig, slot: SlotIndex, round: u32) {
    let generation = Generation(round / 5);
    let forwarding = Forwarding {
        peer: Some(SlotIndex(200 + slot.0)),
        accept: true,
        policy: LatchPolicy::Symmetric,
        signalled: addr("192.0.2.9:4000"),
        send_before_latch: true,
        silence_timeout_ms: 150,
        policer: Some(Policer {
            packets_per_second: 5,
            bytes_per_second: 1_000,
            burst_ms: 100,
        }),
        ..Forwarding::default()
    };
    let far = Forwarding {
        peer: Some(slot),
        signalled: addr(if slot.0.is_multiple_of(2) {
            "10.0.0.9:6000"
        } else {
            "10.0.0.1:30001"
        }),
        ..forwarding
    };
    for (slot, forwarding) in [(slot, forwarding), (SlotIndex(200 + slot.0), far)] {
        rig.command(match round % 5 {
            0 => Command::Open {
                slot,
                generation,
                forwarding,
            },
            4 => Command::Close { slot, generation },
            _ => Command::Update {
                slot,
                generation,
                forwarding,
                rearm: round.is_multiple_of(2),
            },
        });
    }
}

fn frames() -> Vec<(usize, Vec<u8>)> {
    let mut frames = Vec::new();
    for number in 0..100u16 {
        let near = format!("192.0.2.1:{}", 20_000 + number);
        let far = format!("10.0.0.1:{}", 30_000 + number);
        let packet = rtp(1, number, 0, 172);
        frames.push((0, frame(None, "198.51.100.1:4000", &near, &packet)));
        frames.push((0, frame(None, "203.0.113.7:4000", &near, &packet)));
        frames.push((1, frame(Some(7), "10.0.0.9:6000", &far, &packet)));
        let mut damaged = frame(None, "198.51.100.1:4000", &near, &packet);
        damaged[usize::from(number) % 60] ^= 0xff;
        frames.push((1, damaged));
    }
    frames
}

struct Counting;

// SAFETY: the system's allocator does the work; counting touches no memory of its.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if ARMED.try_with(Cell::get).unwrap_or(false) {
            ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}
