//! The slot table: what every packet reads, in whole atomic words of shared memory.
//!
//! One slot is 192 bytes, three cache lines; `table/words.rs` has the exact layout. Configuration
//! is written by the slot's owner worker alone, under a sequence word (`configure`, `owner`); the
//! remote by whichever worker sees the first acceptable packet, under the latch word (`latch`);
//! the running counters by the worker the flow lands on (`running`, `policing`).
//!
//! The hot path: [`Table::slot`] once per packet and slot, [`SlotRef::prefetch`],
//! [`SlotRef::view`], a decision, then [`SlotRef::police`] and [`SlotRef::record`] on the slot the
//! packet arrived at, and [`ForwardingView::destination`] of its peer.

mod configure;
mod latch;
#[cfg(all(loom, test))]
pub(crate) mod models;
mod owner;
mod policing;
mod running;
mod snapshot;
mod view;
mod words;

pub use latch::{LatchState, LatchWord, Latching};
pub use owner::{ApplyError, OwnerTable, Repaired};
pub use policing::{PolicerView, Rate};
pub use running::{Reception, RtpArrival};
pub use snapshot::SlotSnapshot;
pub use view::{ForwardingView, SourcesView, UsageView};
pub(crate) use words::SlotWords;

use crate::slot::SlotIndex;
use crate::sync::Ordering::Relaxed;
use crate::words::{Shared, prefetch};

/// Every slot of the region. Cheap to clone; any worker and control may hold one.
#[derive(Clone)]
pub struct Table {
    slots: Shared<[SlotWords]>,
}

impl Table {
    pub(crate) fn new(slots: Shared<[SlotWords]>) -> Self {
        Self { slots }
    }

    /// The slot with this number, if there is one: the one bounds check.
    #[inline]
    pub fn slot(&self, index: SlotIndex) -> Option<SlotRef<'_>> {
        let words = self.slots.get(index.0 as usize)?;
        Some(SlotRef { words })
    }

    /// How many slots there are.
    pub fn len(&self) -> u32 {
        u32::try_from(self.slots.len()).expect("bounded by the geometry")
    }

    /// Whether there are none, which no geometry allows.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

/// One slot in shared memory.
#[derive(Clone, Copy)]
pub struct SlotRef<'a> {
    words: &'a SlotWords,
}

impl SlotRef<'_> {
    /// Asks for the two lines a received packet needs.
    #[inline(always)]
    pub fn prefetch(&self) {
        prefetch(&self.words.sequence);
        prefetch(&self.words.packets);
    }

    /// Asks for the one line a packet needs of the slot it leaves from.
    #[inline(always)]
    pub fn prefetch_forwarding(&self) {
        prefetch(&self.words.sequence);
    }

    /// Counts a packet from a source that may not send here; answers with the count so far.
    /// Several workers may do so at once.
    #[inline]
    pub fn count_refused(&self) -> u64 {
        self.words.refused.fetch_add(1, Relaxed).wrapping_add(1)
    }

    /// Counts a packet over the policer's rate.
    #[inline]
    pub fn count_policed(&self) {
        add(&self.words.policed, 1);
    }
}

/// Adds to a counter that only one worker writes: no locked instruction.
#[inline(always)]
fn add(counter: &crate::sync::AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(amount), Relaxed);
}
