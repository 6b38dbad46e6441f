//! The frame ring of the dataplane's memory port under loom: its own source file, over words of
//! loom's in place of shared memory. (Its crate depends on crates that loom cannot take along.)
//!
//! Run by `scripts/model.sh`; empty otherwise.
#![cfg(all(loom, test))]
#![allow(clippy::unwrap_used, reason = "a model that cannot go on has failed")]

mod limits;
mod mapping;
#[path = "../../../dataplane/src/port/memory/ring.rs"]
mod ring;

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Arc;

use limits::FRAME_BYTES_MAX;
use loom::thread;
use mapping::{Mapping, Site, WEAKENED};
use ring::{Receiver, Sender};

const FRAMES: usize = 2;
/// Two frames before the indices wrap.
const BEFORE_WRAP: u64 = u64::MAX - 1;
/// Switches between threads that loom tries within one run.
const PREEMPTIONS: usize = 3;

/// Three frames through a ring of two, over the wrap: each comes out once, whole and in order.
fn frames() {
    let mapping = Arc::new(Mapping::at(BEFORE_WRAP, ring::words(FRAMES)));
    let mut sender = Sender::new(Arc::clone(&mapping), 0, FRAMES);
    let mut receiver = Receiver::new(mapping, 0, FRAMES);
    let sending = thread::spawn(move || {
        let mut number = 1;
        while number <= 3 {
            let room = sender.room();
            if room == 0 {
                thread::yield_now();
            }
            for _ in 0..room.min(4 - usize::from(number)) {
                sender.put(&[number; FRAME_BYTES_MAX]);
                number += 1;
            }
            sender.publish();
        }
    });
    let mut seen = 0;
    while seen < 3 {
        let available = receiver.available();
        if available == 0 {
            thread::yield_now();
        }
        for _ in 0..available {
            seen += 1;
            let mut space = [0; FRAME_BYTES_MAX];
            assert_eq!(receiver.take(&mut space), Some(FRAME_BYTES_MAX));
            assert_eq!(space, [seen; FRAME_BYTES_MAX]);
        }
        receiver.release();
    }
    assert_eq!(receiver.available(), 0);
    sending.join().unwrap();
}

#[test]
fn the_frame_ring_holds() {
    assert!(holds());
    println!("frames: holds");
}

#[test]
fn every_weakened_ordering_is_noticed() {
    // The panics that follow are looked for, and would hide others. The first model of all hooks
    // loom's own on; taken off and put back, it stays on.
    loom::model(|| {});
    let loud = take_hook();
    set_hook(Box::new(|_| {}));
    let noticed = Site::ALL.map(|site| {
        WEAKENED.set(Some(site));
        let unnoticed = holds();
        WEAKENED.set(None);
        (site, !unnoticed)
    });
    set_hook(loud);
    for (site, noticed) in noticed {
        assert!(
            noticed,
            "{site:?} may be weakened and the model does not say so"
        );
        println!("frame ring, {site:?} weakened: noticed by frames");
    }
}

fn holds() -> bool {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    catch_unwind(AssertUnwindSafe(|| builder.check(frames))).is_ok()
}
