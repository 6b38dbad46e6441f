//! Models of the ring: see `crate::models`.
#![allow(clippy::unwrap_used, reason = "a model that cannot go on has failed")]

use std::sync::Arc;

use loom::thread;

use crate::ring::{Consumer, Indices, Producer, RingError};
use crate::words::{RecordCell, Shared};

const CAPACITY: usize = 2;
/// Two pushes before the indices wrap.
const BEFORE_WRAP: u32 = u32::MAX - 1;

/// Three records through a ring of two, over the wrap: each comes out once, whole and in order.
pub(crate) fn ring() {
    let (mut producer, mut consumer) = ends();
    let pushing = thread::spawn(move || {
        for number in 1..=3 {
            push(&mut producer, number);
        }
    });
    for number in 1..=3 {
        assert_eq!(next(&mut consumer), number);
        consumer.release();
    }
    assert_eq!(consumer.peek(), Ok(None));
    pushing.join().unwrap();
}

/// A consumer dies between applying and releasing; its successor sees that record again, and
/// every later one.
pub(crate) fn consumer_restart() {
    let (indices, cells) = memory();
    let mut producer = Producer::attach(indices.clone(), cells.clone()).unwrap();
    let pushing = thread::spawn(move || {
        for number in 1..=3 {
            push(&mut producer, number);
        }
    });
    let first = Consumer::attach(indices.clone(), cells.clone());
    let dying = thread::spawn(move || {
        let mut consumer = first.unwrap();
        assert_eq!(next(&mut consumer), 1);
        consumer.release();
        assert_eq!(next(&mut consumer), 2);
    });
    dying.join().unwrap();
    let mut successor = Consumer::attach(indices, cells).unwrap();
    for number in 2..=3 {
        assert_eq!(next(&mut successor), number);
        successor.release();
    }
    pushing.join().unwrap();
}

/// A producer dies; its successor's records follow on those it had published.
pub(crate) fn producer_restart() {
    let (indices, cells) = memory();
    let mut consumer = Consumer::attach(indices.clone(), cells.clone()).unwrap();
    let first = Producer::attach(indices.clone(), cells.clone()).unwrap();
    let consuming = thread::spawn(move || {
        for number in 1..=3 {
            assert_eq!(next(&mut consumer), number);
            consumer.release();
        }
    });
    let dying = thread::spawn(move || {
        let mut producer = first;
        push(&mut producer, 1);
    });
    dying.join().unwrap();
    let mut successor = Producer::attach(indices, cells).unwrap();
    push(&mut successor, 2);
    push(&mut successor, 3);
    consuming.join().unwrap();
}

pub(crate) fn memory() -> (Shared<Indices>, Shared<[RecordCell]>) {
    let cells: Vec<_> = (0..CAPACITY).map(|_| RecordCell::new()).collect();
    (
        Shared(Arc::new(Indices::at(BEFORE_WRAP))),
        Shared(cells.into()),
    )
}

fn ends() -> (Producer, Consumer) {
    let (indices, cells) = memory();
    let producer = Producer::attach(indices.clone(), cells.clone()).unwrap();
    (producer, Consumer::attach(indices, cells).unwrap())
}

pub(crate) fn push(producer: &mut Producer, number: u64) {
    while let Err(error) = producer.push(&[number; 16]) {
        assert_eq!(error, RingError::Full);
        thread::yield_now();
    }
}

/// The next record's number, once there is one; all its words are the same.
pub(crate) fn next(consumer: &mut Consumer) -> u64 {
    loop {
        if let Some(record) = consumer.peek().unwrap() {
            assert_eq!(record, [record[0]; 16]);
            return record[0];
        }
        thread::yield_now();
    }
}
