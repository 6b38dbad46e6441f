//! Words that hand something over: whoever sees the word sees what was written before it.

#[cfg(all(loom, test))]
pub(crate) mod models;

use crate::command::CommandId;
use crate::sync::{AtomicU64, Ordering, Site};

/// Writes the word that says what the region is, once all the rest of it is there.
pub(crate) fn announce(word: &AtomicU64, magic: u64) {
    word.store(magic, Site::MagicPublish.ordering(Ordering::Release));
}

/// Whether the region is what it has to be, and so all of it is there.
pub(crate) fn is_announced(word: &AtomicU64, magic: u64) -> bool {
    word.load(Site::MagicSee.ordering(Ordering::Acquire)) == magic
}

/// The last command whose effect is in the table.
#[repr(transparent)]
#[derive(Default)]
pub(crate) struct Applied(AtomicU64);

impl Applied {
    /// What every command up to this one does is in the table.
    pub(crate) fn publish(&self, id: CommandId) {
        let order = Site::AppliedPublish.ordering(Ordering::Release);
        self.0.store(id.0, order);
    }

    /// The last command applied; what it did is seen from now on.
    pub(crate) fn see(&self) -> CommandId {
        let order = Site::AppliedSee.ordering(Ordering::Acquire);
        CommandId(self.0.load(order))
    }
}

/// The ends held in this process, a bit each. An end's next holder sees what the last one did.
#[derive(Default)]
pub(crate) struct Holders(AtomicU64);

impl Holders {
    /// Takes an end; says no when it is held.
    pub(crate) fn take(&self, bit: u64) -> bool {
        let order = Site::EndTake.ordering(Ordering::Acquire);
        self.0.fetch_or(bit, order) & bit == 0
    }

    /// Lets go of an end that is held.
    pub(crate) fn let_go(&self, bit: u64) {
        let order = Site::EndLetGo.ordering(Ordering::Release);
        self.0.fetch_and(!bit, order);
    }
}
