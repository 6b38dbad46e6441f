//! Models of handing over: see `crate::models`.
#![allow(clippy::unwrap_used, reason = "a model that cannot go on has failed")]

use std::sync::Arc;

use loom::thread;

use crate::command::CommandId;
use crate::handover::{Applied, Holders, announce, is_announced};
use crate::ring::models::{memory, next, push};
use crate::ring::{Consumer, Producer};
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;

const MAGIC: u64 = 7;

/// A region is made while another looks at it: no magic number, or all of the header.
pub(crate) fn announcement() {
    let words = || Arc::new([0; 3].map(AtomicU64::new));
    let header = words();
    let maker = {
        let header = Arc::clone(&header);
        thread::spawn(move || {
            header[1].store(1, Relaxed);
            header[2].store(2, Relaxed);
            announce(&header[0], MAGIC);
        })
    };
    if is_announced(&header[0], MAGIC) {
        assert_eq!([1, 2].map(|word: usize| header[word].load(Relaxed)), [1, 2]);
    }
    maker.join().unwrap();
    assert!(is_announced(&header[0], MAGIC));
}

/// Control waits for a command to have been applied: then it sees what the command did.
pub(crate) fn application() {
    let table = Arc::new(AtomicU64::new(0));
    let applied = Arc::new(Applied::default());
    let worker = {
        let (table, applied) = (Arc::clone(&table), Arc::clone(&applied));
        thread::spawn(move || {
            for id in [1, 2] {
                table.store(id, Relaxed);
                applied.publish(CommandId(id));
            }
        })
    };
    let seen = applied.see().0;
    assert!(table.load(Relaxed) >= seen);
    worker.join().unwrap();
}

/// Two want one end: whoever takes it goes on where the other has stopped, and no record is lost
/// or written over.
pub(crate) fn succession() {
    let (indices, cells) = memory();
    let holders = Arc::new(Holders::default());
    let producers = [1, 2].map(|number| {
        let (indices, cells) = (indices.clone(), cells.clone());
        let holders = Arc::clone(&holders);
        thread::spawn(move || {
            while !holders.take(1) {
                thread::yield_now();
            }
            let mut producer = Producer::attach(indices, cells).unwrap();
            push(&mut producer, number);
            holders.let_go(1);
        })
    });
    for producer in producers {
        producer.join().unwrap();
    }
    let mut consumer = Consumer::attach(indices, cells).unwrap();
    let mut seen = [(); 2].map(|()| {
        let number = next(&mut consumer);
        consumer.release();
        number
    });
    seen.sort_unstable();
    assert_eq!(seen, [1, 2]);
    assert_eq!(consumer.peek(), Ok(None));
}
