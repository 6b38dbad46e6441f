//! Shared memory made of loom's atomics and cells, in place of the memory port's mapping.
//!
//! A leaf module with `unsafe`: loom's cells hand out pointers.
#![allow(unsafe_code)]

use std::cell::Cell;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU64, Ordering};

use crate::ring;

/// A place in the ring's source whose memory ordering carries weight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Site {
    /// Frames are written before the index says so.
    Publish,
    /// Frames are read no earlier than the index that announced them.
    SeePublished,
    /// Frames have been read before the index gives their slots back.
    Release,
    /// Slots are overwritten no earlier than the index that gave them back.
    SeeReleased,
}

impl Site {
    pub(crate) const ALL: [Self; 4] = [
        Self::Publish,
        Self::SeePublished,
        Self::Release,
        Self::SeeReleased,
    ];
}

std::thread_local! {
    /// The site to weaken. A model runs all its threads on the thread that started it.
    pub(crate) static WEAKENED: Cell<Option<Site>> = const { Cell::new(None) };
}

/// Words that two threads see: atomic ones, and beside each the octets of a frame, whose every
/// access loom holds against the others.
pub(crate) struct Mapping {
    words: Vec<Word>,
}

pub(crate) struct Word {
    atomic: AtomicU64,
    octets: UnsafeCell<[u8; 8]>,
    /// What a store here and a load of it are for, where they order anything.
    sites: Option<[Site; 2]>,
}

// SAFETY: loom checks that accesses from several threads are ordered, and panics otherwise.
unsafe impl Sync for Word {}

impl Mapping {
    /// An empty ring that has run for a while.
    pub(crate) fn at(index: u64, words: usize) -> Self {
        let word = |at| {
            let sites = match at {
                ring::PUBLISHED_AT => Some([Site::Publish, Site::SeePublished]),
                ring::CONSUMED_AT => Some([Site::Release, Site::SeeReleased]),
                _ => None,
            };
            Word {
                atomic: AtomicU64::new(if sites.is_some() { index } else { 0 }),
                octets: UnsafeCell::new([0; 8]),
                sites,
            }
        };
        Self {
            words: (0..words).map(word).collect(),
        }
    }

    pub(crate) fn word(&self, at: usize) -> &Word {
        &self.words[at]
    }

    pub(crate) fn read(&self, at: usize, octets: &mut [u8]) {
        // SAFETY: loom has checked that nobody writes.
        self.words[at]
            .octets
            .with(|word| octets.copy_from_slice(unsafe { &*word }));
    }

    pub(crate) fn write(&self, at: usize, octets: &[u8]) {
        // SAFETY: loom has checked that nobody else has access.
        self.words[at]
            .octets
            .with_mut(|word| unsafe { &mut *word }.copy_from_slice(octets));
    }
}

impl Word {
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        let see = self.sites.map(|[_, see]| see);
        self.atomic.load(weaken(see, order))
    }

    pub(crate) fn store(&self, value: u64, order: Ordering) {
        let publish = self.sites.map(|[publish, _]| publish);
        self.atomic.store(value, weaken(publish, order));
    }
}

fn weaken(site: Option<Site>, order: Ordering) -> Ordering {
    if site.is_some() && WEAKENED.get() == site {
        Ordering::Relaxed
    } else {
        order
    }
}
