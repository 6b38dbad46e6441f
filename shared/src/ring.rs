//! A ring of fixed records between one producer and one consumer, in two processes.
//!
//! Indices run freely and wrap at 2³²; `published - consumed` records are in the ring, never more
//! than its capacity. Each end keeps its own index to itself and only publishes it; the peer's is
//! cached, read anew when the cache says full or empty, and checked: a peer that lies gets
//! [`RingError::Corrupt`], and can do no worse than garble records.
//!
//! ## Restart
//! Either end may die and be replaced at any time. The indices in the region are the truth:
//!
//! | event | state before | state after |
//! |---|---|---|
//! | push | record in the cell, not published | lost with the producer: it was never accepted |
//! | publish | published | outlives the producer |
//! | peek | applied, not released | the next consumer sees it again: applying twice is harmless |
//! | release | released | never seen again |
//! | attach | `published - consumed` ≤ capacity | goes on where the last one stopped |
//! | attach | otherwise | refused: `Corrupt` |
//!
//! Forbidden: two producers or two consumers at once (the region hands out each end once);
//! moving an index backwards; releasing a record before its effect is in the region.

#[cfg(all(loom, test))]
pub(crate) mod models;

use crate::command::Record;
use crate::sync::{AtomicU32, Ordering, Site};
use crate::words::{RecordCell, Shared};

/// A ring's two indices, each on lines of its own.
#[repr(C)]
pub(crate) struct Indices {
    published: Index,
    consumed: Index,
}

#[repr(C, align(128))]
struct Index(AtomicU32);

/// Why a record could not be pushed or read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RingError {
    /// The ring is full: push back.
    #[error("the ring is full")]
    Full,
    /// The peer's index cannot be: it has broken the protocol. Nothing it says may be believed.
    #[error("the peer broke the ring: published {published}, consumed {consumed}")]
    Corrupt {
        /// The producer's index, as read.
        published: u32,
        /// The consumer's index, as read.
        consumed: u32,
    },
}

/// What both ends know of the ring.
struct Ring {
    indices: Shared<Indices>,
    cells: Shared<[RecordCell]>,
    capacity: u32,
}

impl Ring {
    fn new(indices: Shared<Indices>, cells: Shared<[RecordCell]>) -> Self {
        let capacity = u32::try_from(cells.len()).expect("bounded by the geometry");
        assert!(capacity.is_power_of_two());
        Self {
            indices,
            cells,
            capacity,
        }
    }

    #[inline]
    fn cell(&self, index: u32) -> &RecordCell {
        &self.cells[(index & (self.capacity - 1)) as usize]
    }

    /// How many records are between the indices.
    #[inline]
    fn used(&self, published: u32, consumed: u32) -> Result<u32, RingError> {
        let used = published.wrapping_sub(consumed);
        if used <= self.capacity {
            Ok(used)
        } else {
            Err(RingError::Corrupt {
                published,
                consumed,
            })
        }
    }
}

/// The end that puts records in.
pub struct Producer {
    ring: Ring,
    published: u32,
    /// The consumer's index, as last seen and checked.
    consumed: u32,
}

impl Producer {
    /// Takes over where the last producer stopped.
    pub(crate) fn attach(
        indices: Shared<Indices>,
        cells: Shared<[RecordCell]>,
    ) -> Result<Self, RingError> {
        let ring = Ring::new(indices, cells);
        let published = ring.indices.published.0.load(Ordering::Relaxed);
        let consumed = ring.see_consumed();
        ring.used(published, consumed)?;
        Ok(Self {
            ring,
            published,
            consumed,
        })
    }

    /// Puts one record in, or says why not; a full ring changes nothing.
    #[inline]
    pub fn push(&mut self, record: &Record) -> Result<(), RingError> {
        if self.room()? == 0 {
            return Err(RingError::Full);
        }
        self.ring.cell(self.published).write(record);
        self.published = self.published.wrapping_add(1);
        let order = Site::RingPublish.ordering(Ordering::Release);
        self.ring.indices.published.0.store(self.published, order);
        Ok(())
    }

    /// How many records fit now, at least; looks at the consumer's index only when the last look
    /// left no room.
    #[inline]
    pub fn room(&mut self) -> Result<u32, RingError> {
        let used = self.published.wrapping_sub(self.consumed);
        if used < self.ring.capacity {
            return Ok(self.ring.capacity - used);
        }
        let consumed = self.ring.see_consumed();
        let used = self.ring.used(self.published, consumed)?;
        self.consumed = consumed;
        Ok(self.ring.capacity - used)
    }

    /// How many records the consumer has not released yet.
    pub fn backlog(&mut self) -> Result<u32, RingError> {
        let consumed = self.ring.see_consumed();
        let used = self.ring.used(self.published, consumed)?;
        self.consumed = consumed;
        Ok(used)
    }
}

/// The end that takes records out.
pub struct Consumer {
    ring: Ring,
    consumed: u32,
    /// The producer's index, as last seen and checked.
    published: u32,
}

impl Consumer {
    /// Takes over where the last consumer stopped.
    pub(crate) fn attach(
        indices: Shared<Indices>,
        cells: Shared<[RecordCell]>,
    ) -> Result<Self, RingError> {
        let ring = Ring::new(indices, cells);
        let consumed = ring.indices.consumed.0.load(Ordering::Relaxed);
        let published = ring.see_published();
        ring.used(published, consumed)?;
        Ok(Self {
            ring,
            consumed,
            published,
        })
    }

    /// Copies the oldest record, which stays in the ring until [`Consumer::release`].
    #[inline]
    pub fn peek(&mut self) -> Result<Option<Record>, RingError> {
        if self.published == self.consumed {
            let published = self.ring.see_published();
            if self.ring.used(published, self.consumed)? == 0 {
                return Ok(None);
            }
            self.published = published;
        }
        Ok(Some(self.ring.cell(self.consumed).read()))
    }

    /// Gives the oldest record's place back, once its effect is where a successor finds it.
    ///
    /// # Panics
    /// When no record was peeked: the index would overtake the producer.
    #[inline]
    pub fn release(&mut self) {
        assert!(
            self.published != self.consumed,
            "release follows a peek that found a record"
        );
        self.consumed = self.consumed.wrapping_add(1);
        let order = Site::RingRelease.ordering(Ordering::Release);
        self.ring.indices.consumed.0.store(self.consumed, order);
    }

    /// Copies the oldest record and gives its place back at once: for records whose loss with
    /// this process is no harm.
    #[inline]
    pub fn pop(&mut self) -> Result<Option<Record>, RingError> {
        let record = self.peek()?;
        if record.is_some() {
            self.release();
        }
        Ok(record)
    }
}

impl Ring {
    #[inline]
    fn see_published(&self) -> u32 {
        let order = Site::RingSeePublished.ordering(Ordering::Acquire);
        self.indices.published.0.load(order)
    }

    #[inline]
    fn see_consumed(&self) -> u32 {
        let order = Site::RingSeeReleased.ordering(Ordering::Acquire);
        self.indices.consumed.0.load(order)
    }
}

#[cfg(all(loom, test))]
impl Indices {
    /// The indices of an empty ring that has run for a while.
    pub(crate) fn at(index: u32) -> Self {
        let index = || Index(AtomicU32::new(index));
        Self {
            published: index(),
            consumed: index(),
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
