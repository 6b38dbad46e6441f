//! Both ends of a ring, and a third who writes its indices and records.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::command::Record;
use crate::fuzz::Bytes;
use crate::limits::{RECORD_BYTES, RECORD_WORDS};
use crate::mapping::Mapping;
use crate::ring::{Consumer, Indices, Producer, RingError};
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;
use crate::words::{RecordCell, Shared};

/// Words of the two indices, each on lines of its own.
const INDICES_WORDS: usize = size_of::<Indices>() / 8;

/// Moves records through a ring as `data` says, with lies in between.
///
/// # Panics
/// When a promise is broken: without a lie, what is pushed comes out, once and in order, and a
/// successor goes on where an end was dropped; after one, no more than the ring holds is pushed or
/// taken, and an index that cannot be is an error.
pub fn ring(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut bench = Bench::new(1 << (bytes.byte() % 4), bytes.u32());
    while !bytes.is_empty() {
        bench.step(&mut bytes);
    }
    bench.drain();
}

struct Bench {
    capacity: u32,
    indices: Shared<Indices>,
    cells: Shared<[RecordCell]>,
    words: Shared<[AtomicU64]>,
    producer: Producer,
    consumer: Consumer,
    /// What is in the ring, as long as nobody has lied.
    held: VecDeque<Record>,
    lied: bool,
    pushed: u64,
}

impl Bench {
    /// An empty ring whose indices have come to `index`.
    fn new(capacity: u32, index: u32) -> Self {
        let bytes = INDICES_WORDS * 8 + capacity as usize * RECORD_BYTES;
        let mapping = Arc::new(Mapping::heap(bytes));
        let indices: Shared<Indices> = Shared::one(&mapping, 0);
        let cells = Shared::<[RecordCell]>::slice(&mapping, INDICES_WORDS * 8, capacity as usize);
        let words = Shared::<[AtomicU64]>::slice(&mapping, 0, bytes / 8);
        words[0].store(index.into(), Relaxed);
        words[INDICES_WORDS / 2].store(index.into(), Relaxed);
        let (producer, consumer) = ends(&indices, &cells);
        Self {
            capacity,
            producer: producer.expect("an empty ring"),
            consumer: consumer.expect("an empty ring"),
            indices,
            cells,
            words,
            held: VecDeque::new(),
            lied: false,
            pushed: 0,
        }
    }

    fn step(&mut self, bytes: &mut Bytes) {
        match bytes.byte() % 8 {
            0 | 1 => self.push(),
            2 => self.take(),
            3 => self.peek(),
            4 => self.backlog(),
            5 => self.succeed(bytes.flag()),
            6 => {
                for _ in 0..=self.capacity {
                    self.push();
                }
            }
            _ => self.lie(bytes),
        }
    }

    fn push(&mut self) {
        let record: Record = std::array::from_fn(|word| self.pushed << 8 | word as u64);
        let room = self.producer.room();
        let pushed = self.producer.push(&record);
        match (room, pushed) {
            (Ok(0), Err(RingError::Full)) => {
                assert!(self.lied || self.held.len() == self.capacity as usize);
            }
            (Ok(room), Ok(())) => {
                assert!((1..=self.capacity).contains(&room));
                self.held.push_back(record);
            }
            (Err(error @ RingError::Corrupt { .. }), Err(again)) => {
                assert!(self.lied && error == again);
            }
            other => panic!("room and push disagree: {other:?}"),
        }
        self.pushed += 1;
    }

    fn take(&mut self) {
        match self.consumer.pop() {
            Ok(taken) => {
                let held = self.held.pop_front();
                assert!(self.lied || taken == held);
            }
            Err(error) => assert!(self.lied, "{error}"),
        }
    }

    fn peek(&mut self) {
        match self.consumer.peek() {
            Ok(seen) => assert!(self.lied || seen.as_ref() == self.held.front()),
            Err(error) => assert!(self.lied, "{error}"),
        }
    }

    fn backlog(&mut self) {
        match self.producer.backlog() {
            Ok(backlog) => {
                assert!(backlog <= self.capacity);
                assert!(self.lied || backlog as usize == self.held.len());
            }
            Err(error) => assert!(self.lied, "{error}"),
        }
    }

    /// One end dies, and the next one takes over; or is refused, and nothing has changed.
    fn succeed(&mut self, producing: bool) {
        let (producer, consumer) = ends(&self.indices, &self.cells);
        match (producing, producer, consumer) {
            (true, Ok(producer), _) => self.producer = producer,
            (false, _, Ok(consumer)) => self.consumer = consumer,
            (_, producer, consumer) => {
                assert!(self.lied && producer.is_err() && consumer.is_err());
            }
        }
    }

    fn lie(&mut self, bytes: &mut Bytes) {
        self.lied = true;
        let place = match bytes.byte() % 4 {
            0 => 0,
            1 => INDICES_WORDS / 2,
            _ => INDICES_WORDS + bytes.below(self.capacity as usize * RECORD_WORDS),
        };
        let old = self.words[place].load(Relaxed);
        let new = match bytes.byte() % 3 {
            0 => old.wrapping_add_signed(i64::from(bytes.byte() as i8)),
            1 => u64::from(bytes.u32()),
            _ => bytes.u64(),
        };
        self.words[place].store(new, Relaxed);
    }

    /// Nothing is taken for ever, whatever the indices say: they are read once a ring.
    fn drain(&mut self) {
        let mut taken = 0;
        while let Ok(Some(_)) = self.consumer.pop() {
            taken += 1;
            assert!(taken <= 2 * self.capacity, "more than was ever there");
        }
        assert!(self.lied || taken as usize == self.held.len());
        let mut pushed = 0;
        while self.producer.push(&[0; RECORD_WORDS]).is_ok() {
            pushed += 1;
            assert!(pushed <= 2 * self.capacity, "more than there is room for");
        }
    }
}

type Attached<T> = Result<T, RingError>;

fn ends(
    indices: &Shared<Indices>,
    cells: &Shared<[RecordCell]>,
) -> (Attached<Producer>, Attached<Consumer>) {
    (
        Producer::attach(indices.clone(), cells.clone()),
        Consumer::attach(indices.clone(), cells.clone()),
    )
}
