//! The latch word: how a slot comes by its remote without a lock.
//!
//! Bits 0-1 state, 2 hairpin, 3 announced, 16-31 the remote's port, 32-63 epoch. The remote's
//! address lies in two words of its own, valid only while the word says `LATCHED`.
//!
//! | from | to | by | when |
//! |---|---|---|---|
//! | EMPTY e | CLAIMED e+1 | any worker, compare-and-swap | first acceptable packet |
//! | LATCHED e | CLAIMED e+1 | any worker, compare-and-swap | rebound, or gives way |
//! | CLAIMED e | LATCHED e | the claimer, store | address words written |
//! | LATCHED e | LATCHED e, announced | any worker, compare-and-swap | event is on the ring |
//! | EMPTY e, LATCHED e | EMPTY e+1 | owner, compare-and-swap, inside the sequence | open, re-arm |
//! | CLAIMED e | EMPTY e+1 | owner, at start, no worker running | the claimer died |
//!
//! A party's NAT rebinds; a remote that nothing vouches for gives way to one that signalling names.
//!
//! Forbidden: CLAIMED → EMPTY while workers run (the claimer still writes the address, and a
//! second claimer's address would mix with it): the owner waits, and gives up after
//! `CLAIM_SPINS`. Writing the address in any state but one's own CLAIMED. Using an epoch twice.
//!
//! A claim compares against the word as the packet's view saw it, so a re-arm or a new use of the
//! slot between look and claim, which change the epoch, make it fail. Closing leaves the word
//! alone: the open flag bars every use, and the closed slot's record still finds its remote.

use crate::net::{Endpoint, PackedIp};
use crate::sync::{AtomicU64, Ordering, Site};
use crate::table::view::ForwardingView;
use crate::table::{SlotRef, SlotWords};

/// How often the owner looks again at a claim before it lets other work go first.
const CLAIM_SPINS: u32 = if cfg!(loom) { 2 } else { 1_000 };

/// The states of the latch word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LatchState {
    /// No remote.
    Empty,
    /// A worker is writing the remote's address.
    Claimed,
    /// There is a remote.
    Latched,
}

/// What came of an attempt to latch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Latching {
    /// The source is the remote now.
    Won,
    /// Another worker, or the owner, was faster: look again.
    Lost,
}

/// A latch word as read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LatchWord(pub(super) u64);

const EMPTY: u64 = 0;
const CLAIMED: u64 = 1;
const LATCHED: u64 = 2;
const STATE_MASK: u64 = 0b11;
const HAIRPIN: u64 = 1 << 2;
const ANNOUNCED: u64 = 1 << 3;
const PORT_SHIFT: u32 = 16;
const EPOCH_SHIFT: u32 = 32;

impl LatchWord {
    /// The state; a value that cannot be counts as claimed, which nobody uses.
    #[inline(always)]
    pub fn state(self) -> LatchState {
        match self.0 & STATE_MASK {
            EMPTY => LatchState::Empty,
            LATCHED => LatchState::Latched,
            _ => LatchState::Claimed,
        }
    }

    /// Whether there is a remote.
    #[inline(always)]
    pub fn is_latched(self) -> bool {
        self.0 & STATE_MASK == LATCHED
    }

    /// Whether the remote is one of our own local addresses.
    #[inline(always)]
    pub fn is_hairpin(self) -> bool {
        self.0 & HAIRPIN != 0
    }

    /// Whether control has been told of the remote.
    #[inline(always)]
    pub fn is_announced(self) -> bool {
        self.0 & ANNOUNCED != 0
    }

    /// The remote's port.
    #[inline(always)]
    pub fn port(self) -> u16 {
        (self.0 >> PORT_SHIFT) as u16
    }

    /// Rises with every claim and re-arm.
    #[inline(always)]
    pub fn epoch(self) -> u32 {
        (self.0 >> EPOCH_SHIFT) as u32
    }

    /// The same word under the next epoch, in the given state.
    fn next(self, state: u64) -> u64 {
        state | u64::from(self.epoch().wrapping_add(1)) << EPOCH_SHIFT
    }
}

impl SlotRef<'_> {
    /// Makes `source` the remote, from the state that `view` saw: empty for a first packet, or
    /// latched for a remote whose NAT has rebound or that gives way. `hairpin` says that the source
    /// is one of ours.
    #[inline]
    pub fn try_latch(&self, view: &ForwardingView, source: Endpoint, hairpin: bool) -> Latching {
        self.words.try_latch(view.latch, source, hairpin)
    }

    /// Notes that control has been told of the remote that `seen` announced.
    #[inline]
    pub fn mark_announced(&self, seen: LatchWord) {
        // Failing means the latch has moved on, and the new remote is still to be announced.
        let _ = self.words.latch.compare_exchange(
            seen.0,
            seen.0 | ANNOUNCED,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }
}

impl SlotWords {
    pub(super) fn try_latch(&self, seen: LatchWord, source: Endpoint, hairpin: bool) -> Latching {
        if seen.state() == LatchState::Claimed {
            return Latching::Lost;
        }
        let claimed = seen.next(CLAIMED);
        // The view's read of this same word has ordered earlier remotes before ours.
        let claim =
            self.latch
                .compare_exchange(seen.0, claimed, Ordering::Relaxed, Ordering::Relaxed);
        if claim.is_err() {
            return Latching::Lost;
        }
        Site::LatchClaim.fence(Ordering::Release);
        self.remote[0].store(source.ip.0[0], Ordering::Relaxed);
        self.remote[1].store(source.ip.0[1], Ordering::Relaxed);
        let hairpin = if hairpin { HAIRPIN } else { 0 };
        let latched =
            (claimed & !STATE_MASK) | LATCHED | hairpin | u64::from(source.port) << PORT_SHIFT;
        self.latch
            .store(latched, Site::LatchPublish.ordering(Ordering::Release));
        Latching::Won
    }

    /// The latch word, ordered before the remote that it announces.
    #[inline(always)]
    pub(super) fn latch(&self) -> LatchWord {
        LatchWord(self.latch.load(Site::LatchSee.ordering(Ordering::Acquire)))
    }

    /// The remote's address words; valid under a latched word that has not changed since.
    #[inline(always)]
    pub(super) fn remote_ip(&self) -> PackedIp {
        PackedIp([load(&self.remote[0]), load(&self.remote[1])])
    }

    /// The remote, for the owner inside its sequence or where a torn read is detected otherwise.
    pub(super) fn remote(&self) -> Option<Endpoint> {
        let latch = self.latch();
        let remote = Endpoint {
            ip: self.remote_ip(),
            port: latch.port(),
        };
        latch.is_latched().then_some(remote)
    }

    /// Owner: returns the word to empty. Says no when a claim stays in flight for too long.
    pub(super) fn disarm(&self) -> bool {
        for _ in 0..CLAIM_SPINS {
            let seen = LatchWord(load(&self.latch));
            if seen.state() == LatchState::Claimed {
                // A claim is a few stores long; longer only if its worker lost the core.
                spin();
                continue;
            }
            let swap = self.latch.compare_exchange(
                seen.0,
                seen.next(EMPTY),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            if swap.is_ok() {
                return true;
            }
        }
        false
    }

    /// Owner, at start, no worker running: ends a claim whose worker died. Says whether it did.
    pub(super) fn abandon_claim(&self) -> bool {
        let seen = LatchWord(load(&self.latch));
        if seen.state() != LatchState::Claimed {
            return false;
        }
        self.latch.store(seen.next(EMPTY), Ordering::Relaxed);
        true
    }
}

#[inline(always)]
fn load(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed)
}

#[cfg(not(loom))]
fn spin() {
    std::hint::spin_loop();
}

#[cfg(loom)]
fn spin() {
    loom::thread::yield_now();
}
