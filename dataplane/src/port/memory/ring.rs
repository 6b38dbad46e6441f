//! A single-producer, single-consumer ring of frames in shared words.
//!
//! A peer that breaks the protocol can tear a frame, which the relay checks anyway, and nothing
//! else. Indices run freely and wrap. Each end is made once, so its own index needs no ordering.
//!
//! `tests/models` runs this file under loom.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::mapping::Mapping;
use crate::limits::FRAME_BYTES_MAX;

/// Words of a slot: the length, then the frame. A whole number of cache lines.
const SLOT_WORDS: usize = 8 + FRAME_BYTES_MAX / 8;
/// Where a frame begins in its slot: on a cache line of its own.
const FRAME_AT: usize = 8;
/// The producer's index.
pub(super) const PUBLISHED_AT: usize = 0;
/// The consumer's index.
pub(super) const CONSUMED_AT: usize = 16;
/// The first slot.
pub(super) const SLOTS_AT: usize = 32;

/// Words of a ring of `frames` frames.
pub(super) fn words(frames: usize) -> usize {
    SLOTS_AT + frames * SLOT_WORDS
}

/// The producing end.
pub(super) struct Sender {
    mapping: Arc<Mapping>,
    base: usize,
    frames: u64,
    next: u64,
}

impl Sender {
    pub(super) fn new(mapping: Arc<Mapping>, base: usize, frames: usize) -> Self {
        let next = mapping.word(base + PUBLISHED_AT).load(Ordering::Relaxed);
        Self {
            mapping,
            base,
            frames: frames as u64,
            next,
        }
    }

    /// How many frames may be [`put`](Self::put) before the next look; none if the peer lies.
    pub(super) fn room(&self) -> usize {
        let consumed = self
            .mapping
            .word(self.base + CONSUMED_AT)
            .load(Ordering::Acquire);
        self.frames.saturating_sub(self.next.wrapping_sub(consumed)) as usize
    }

    /// Writes a frame of at most [`FRAME_BYTES_MAX`] octets into the next slot.
    pub(super) fn put(&mut self, frame: &[u8]) {
        let at = slot(self.base, self.next, self.frames);
        self.mapping
            .word(at)
            .store(frame.len() as u64, Ordering::Relaxed);
        self.mapping.write(at + FRAME_AT, frame);
        self.next = self.next.wrapping_add(1);
    }

    /// Lets the peer see what was put.
    pub(super) fn publish(&mut self) {
        self.mapping
            .word(self.base + PUBLISHED_AT)
            .store(self.next, Ordering::Release);
    }
}

/// The consuming end.
pub(super) struct Receiver {
    mapping: Arc<Mapping>,
    base: usize,
    frames: u64,
    next: u64,
}

impl Receiver {
    pub(super) fn new(mapping: Arc<Mapping>, base: usize, frames: usize) -> Self {
        let next = mapping.word(base + CONSUMED_AT).load(Ordering::Relaxed);
        Self {
            mapping,
            base,
            frames: frames as u64,
            next,
        }
    }

    /// How many frames may be [taken](Self::take) before the next look; none if the peer lies.
    pub(super) fn available(&self) -> usize {
        let published = self
            .mapping
            .word(self.base + PUBLISHED_AT)
            .load(Ordering::Acquire);
        let available = published.wrapping_sub(self.next);
        if available <= self.frames {
            available as usize
        } else {
            0
        }
    }

    /// Copies the next frame out; its length, or nothing when that is impossible.
    pub(super) fn take(&mut self, space: &mut [u8; FRAME_BYTES_MAX]) -> Option<usize> {
        let at = slot(self.base, self.next, self.frames);
        self.next = self.next.wrapping_add(1);
        let length = self.mapping.word(at).load(Ordering::Relaxed);
        let length = usize::try_from(length).ok()?;
        self.mapping.read(at + FRAME_AT, space.get_mut(..length)?);
        Some(length)
    }

    /// Gives the slots of what was taken back to the peer.
    pub(super) fn release(&mut self) {
        self.mapping
            .word(self.base + CONSUMED_AT)
            .store(self.next, Ordering::Release);
    }
}

fn slot(base: usize, index: u64, frames: u64) -> usize {
    base + SLOTS_AT + (index & (frames - 1)) as usize * SLOT_WORDS
}
