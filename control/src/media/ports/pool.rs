//! The free port pairs of one local address and worker, and those in quarantine.

use std::collections::VecDeque;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;
use strait_shared::time::Instant;

use super::super::layout::PairId;

/// How many of a realm's port pairs are in which state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PortUsage {
    /// Pairs there are.
    pub total: usize,
    /// Pairs that a new stream may have.
    pub free: usize,
    /// Pairs waiting for late packets of their last use to die out.
    pub quarantined: usize,
}

/// Pairs that share a local address and an owner worker.
#[derive(Debug)]
pub(super) struct Pool {
    free: Vec<PairId>,
    /// How many of those are in use nevertheless, and are passed over when their turn comes.
    stale: usize,
    /// In the order they may be used again: every pair waits equally long.
    quarantined: VecDeque<(Instant, PairId)>,
    quarantine: Duration,
}

impl Pool {
    pub fn new(quarantine: Duration) -> Self {
        Self {
            free: Vec::new(),
            stale: 0,
            quarantined: VecDeque::new(),
            quarantine,
        }
    }

    /// Makes a pair available at once.
    pub fn put(&mut self, pair: PairId) {
        self.free.push(pair);
    }

    /// Makes a pair available once late packets of its last use have died out.
    pub fn put_later(&mut self, now: Instant, pair: PairId) {
        self.quarantined.push_back((now + self.quarantine, pair));
    }

    /// The next pair whose quarantine is over.
    pub fn release(&mut self, now: Instant) -> Option<PairId> {
        let (until, pair) = *self.quarantined.front()?;
        if until > now {
            return None;
        }
        self.quarantined.pop_front();
        Some(pair)
    }

    /// Takes one of the free pairs, any with the same chance, so that ports cannot be guessed.
    pub fn take(&mut self, random: &mut ChaCha8Rng) -> Option<PairId> {
        let bound = self.free.len() as u64;
        if bound == 0 {
            return None;
        }
        // Multiply-shift maps 32 random bits onto the bound; there are fewer than 2^21 pairs, so
        // the bias is below 2^-11.
        let pick = (u64::from(random.next_u32()) * bound) >> 32;
        Some(self.free.swap_remove(pick as usize))
    }

    /// A pair came into use without being taken.
    pub fn note_stale(&mut self) {
        self.stale += 1;
    }

    /// Such a pair was passed over, or is free again where it lies.
    pub fn forget_stale(&mut self) {
        self.stale -= 1;
    }

    /// How many pairs may be taken, those included whose quarantine is over.
    pub fn free(&self, now: Instant) -> usize {
        self.free.len() - self.stale + self.quarantined.len() - self.quarantined(now)
    }

    /// How long a pair rests.
    pub fn quarantine(&self) -> Duration {
        self.quarantine
    }

    /// How many pairs are in quarantine.
    pub fn quarantined(&self, now: Instant) -> usize {
        let over = self.quarantined.partition_point(|(until, _)| *until <= now);
        self.quarantined.len() - over
    }
}
