//! The one seam between the machine's atomics and the model checker's, and the list of memory
//! orderings the models are shown to need.
//!
//! Every ordering that matters is asked for through a [`Site`]. In production that is the
//! identity and compiles to nothing. Under `--cfg loom` a test may weaken one site at a time, and
//! the models must then fail: see `models` for the command.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// A place whose memory ordering carries weight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Site {
    /// The producer publishes records: they are written before the index says so.
    RingPublish,
    /// The consumer reads records no earlier than the index that announced them.
    RingSeePublished,
    /// The consumer gives room back: it has read the records before the index says so.
    RingRelease,
    /// The producer overwrites records no earlier than the index that gave them back.
    RingSeeReleased,
    /// The owner's odd sequence is seen before any word of the new configuration.
    ConfigureBegin,
    /// The owner's even sequence is seen after every word of the new configuration.
    ConfigureEnd,
    /// A reader reads no word before the even sequence it starts from.
    ViewBegin,
    /// A reader re-reads sequence and latch no earlier than the words between.
    ViewEnd,
    /// A claim is seen before any word of the new remote.
    LatchClaim,
    /// A latched word is seen after every word of the remote.
    LatchPublish,
    /// A reader reads no word of the remote before the latched word that announced it.
    LatchSee,
    /// A successor's even sequence is seen after its note that the slot is half written.
    MendEnd,
    /// The region's magic number is seen after all of its header.
    MagicPublish,
    /// Whoever attaches reads no word of the header before the magic number.
    MagicSee,
    /// A command counts as applied after its effect is in the table.
    AppliedPublish,
    /// Control reads nothing from the table before the word that the command was applied.
    AppliedSee,
    /// An end's next holder reads no index before it has the end.
    EndTake,
    /// An end's holder has written its last index before it lets go.
    EndLetGo,
}

impl Site {
    /// Every site, for the tests that weaken them one by one.
    #[cfg(all(loom, test))]
    pub(crate) const ALL: [Self; 18] = [
        Self::RingPublish,
        Self::RingSeePublished,
        Self::RingRelease,
        Self::RingSeeReleased,
        Self::ConfigureBegin,
        Self::ConfigureEnd,
        Self::ViewBegin,
        Self::ViewEnd,
        Self::LatchClaim,
        Self::LatchPublish,
        Self::LatchSee,
        Self::MendEnd,
        Self::MagicPublish,
        Self::MagicSee,
        Self::AppliedPublish,
        Self::AppliedSee,
        Self::EndTake,
        Self::EndLetGo,
    ];

    /// The ordering to use here: `wanted`, unless this site is weakened.
    #[inline(always)]
    pub(crate) fn ordering(self, wanted: Ordering) -> Ordering {
        if weakened(self) {
            Ordering::Relaxed
        } else {
            wanted
        }
    }

    /// A fence here, unless this site is weakened.
    #[inline(always)]
    pub(crate) fn fence(self, wanted: Ordering) {
        if !weakened(self) {
            fence(wanted);
        }
    }
}

#[cfg(not(loom))]
#[inline(always)]
fn weakened(_site: Site) -> bool {
    false
}

#[cfg(loom)]
std::thread_local! {
    /// The site to weaken. A model runs all its threads on the thread that started it.
    pub(crate) static WEAKENED: std::cell::Cell<Option<Site>> =
        const { std::cell::Cell::new(None) };
}

#[cfg(loom)]
fn weakened(site: Site) -> bool {
    WEAKENED.get() == Some(site)
}
