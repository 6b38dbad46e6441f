//! The ring against a queue of the standard library, and against peers that lie.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::VecDeque;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Consumer, Indices, Producer, RingError};
use crate::limits::RECORD_BYTES;
use crate::mapping::Mapping;
use crate::sync::Ordering::Relaxed;
use crate::words::{RecordCell, Shared};

const CAPACITY: usize = 4;
/// Calls in one run, at most.
const OPERATIONS: usize = if cfg!(miri) { 40 } else { 200 };

struct Memory {
    indices: Shared<Indices>,
    cells: Shared<[RecordCell]>,
}

impl Memory {
    fn at(index: u32) -> Self {
        let offset = size_of::<Indices>();
        let mapping = Arc::new(Mapping::heap(offset + CAPACITY * RECORD_BYTES));
        let indices: Shared<Indices> = Shared::one(&mapping, 0);
        indices.published.0.store(index, Relaxed);
        indices.consumed.0.store(index, Relaxed);
        Self {
            indices,
            cells: Shared::slice(&mapping, offset, CAPACITY),
        }
    }

    fn producer(&self) -> Result<Producer, RingError> {
        Producer::attach(self.indices.clone(), self.cells.clone())
    }

    fn consumer(&self) -> Result<Consumer, RingError> {
        Consumer::attach(self.indices.clone(), self.cells.clone())
    }
}

/// Every public call, and the death of either end.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Push(u64),
    Peek,
    Release,
    Pop,
    Room,
    Backlog,
    ReplaceProducer,
    ReplaceConsumer,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => any::<u64>().prop_map(Operation::Push),
        2 => Just(Operation::Peek),
        2 => Just(Operation::Release),
        2 => Just(Operation::Pop),
        1 => Just(Operation::Room),
        1 => Just(Operation::Backlog),
        1 => Just(Operation::ReplaceProducer),
        1 => Just(Operation::ReplaceConsumer),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 512 }))]

    #[test]
    fn it_is_a_bounded_queue(
        start in prop_oneof![any::<u32>(), u32::MAX - 8..=u32::MAX],
        operations in vec(operation(), 0..OPERATIONS),
    ) {
        let memory = Memory::at(start);
        let (mut producer, mut consumer) = (memory.producer().unwrap(), memory.consumer().unwrap());
        let mut oracle = VecDeque::new();
        let mut peeked = false;
        for operation in operations {
            match operation {
                Operation::Push(word) if oracle.len() < CAPACITY => {
                    prop_assert_eq!(producer.push(&[word; 16]), Ok(()));
                    oracle.push_back([word; 16]);
                }
                Operation::Push(word) => {
                    prop_assert_eq!(producer.push(&[word; 16]), Err(RingError::Full));
                }
                Operation::Peek => {
                    prop_assert_eq!(consumer.peek(), Ok(oracle.front().copied()));
                    peeked = !oracle.is_empty();
                }
                Operation::Release if peeked => {
                    consumer.release();
                    oracle.pop_front();
                    peeked = false;
                }
                Operation::Release => {}
                Operation::Pop => {
                    prop_assert_eq!(consumer.pop(), Ok(oracle.pop_front()));
                    peeked = false;
                }
                Operation::Room => {
                    let room = producer.room().unwrap() as usize;
                    prop_assert!(room <= CAPACITY - oracle.len());
                    prop_assert_eq!(room == 0, oracle.len() == CAPACITY);
                }
                Operation::Backlog => {
                    prop_assert_eq!(producer.backlog(), Ok(oracle.len() as u32));
                }
                Operation::ReplaceProducer => producer = memory.producer().unwrap(),
                Operation::ReplaceConsumer => {
                    consumer = memory.consumer().unwrap();
                    peeked = false;
                }
            }
        }
    }

    /// Whatever a peer writes, at any time, the other end answers, in bounds.
    #[test]
    fn a_lying_peer_is_found_out_and_harmless(
        lies in vec((any::<bool>(), any::<u32>(), any::<u64>()), 1..50),
    ) {
        let memory = Memory::at(0);
        let (mut producer, mut consumer) = (memory.producer().unwrap(), memory.consumer().unwrap());
        for (side, index, word) in lies {
            if side {
                memory.indices.published.0.store(index, Relaxed);
                memory.cells[index as usize % CAPACITY].write(&[word; 16]);
                while let Ok(Some(_)) = consumer.peek() {
                    consumer.release();
                }
            } else {
                memory.indices.consumed.0.store(index, Relaxed);
                while producer.push(&[word; 16]).is_ok() {}
            }
            // Taking over a ring is refused or leaves one that holds at most its capacity.
            if let Ok(mut successor) = memory.producer() {
                prop_assert!(successor.room().is_ok_and(|room| room as usize <= CAPACITY));
            }
        }
    }
}

#[test]
fn a_producer_that_claims_too_much_is_corrupt() {
    let memory = Memory::at(0);
    let mut consumer = memory.consumer().unwrap();
    memory.indices.published.0.store(99, Relaxed);
    let corrupt = RingError::Corrupt {
        published: 99,
        consumed: 0,
    };
    assert_eq!(consumer.peek(), Err(corrupt));
    assert_eq!(consumer.pop(), Err(corrupt));
    assert_eq!(memory.consumer().err(), Some(corrupt));
    assert_eq!(memory.producer().err(), Some(corrupt));
    // The truth again: nothing was lost by looking.
    memory.indices.published.0.store(1, Relaxed);
    assert!(consumer.peek().unwrap().is_some());
}

#[test]
fn a_consumer_that_claims_too_much_is_corrupt() {
    let memory = Memory::at(0);
    let mut producer = memory.producer().unwrap();
    for word in 0..CAPACITY as u64 {
        producer.push(&[word; 16]).unwrap();
    }
    memory.indices.consumed.0.store(5, Relaxed);
    let corrupt = RingError::Corrupt {
        published: 4,
        consumed: 5,
    };
    assert_eq!(producer.push(&[9; 16]), Err(corrupt));
    assert_eq!(producer.backlog(), Err(corrupt));
}

#[test]
#[should_panic(expected = "release follows a peek")]
fn releasing_what_was_not_seen_is_a_mistake() {
    Memory::at(0).consumer().unwrap().release();
}
