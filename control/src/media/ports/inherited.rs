//! Pairs that an earlier control process had.

use strait_shared::slot::{Generation, SlotIndex};
use strait_shared::time::Instant;

use super::super::layout::PairId;
use super::super::limits::CLOSE_TIMEOUT;
use super::{Deadline, Pair, Ports, State};

impl Ports {
    /// Takes a free pair out of use because one of its slots was found open, under `generation`,
    /// by an earlier control process. Answers whether it was free.
    pub fn reclaim(&mut self, now: Instant, slot: SlotIndex, generation: Generation) -> bool {
        let pair = PairId::of(slot);
        let Some(state) = self.pairs.get_mut(pair.index()) else {
            return false;
        };
        let again = state.state == State::Closing && state.generation == generation;
        if state.state != State::Free && !again {
            return false;
        }
        state.open[(slot.0 % 2) as usize] = true;
        if !again {
            state.state = State::Closing;
            state.generation = generation;
            self.strand(pair);
            self.closing.push_back(Deadline {
                at: now + CLOSE_TIMEOUT,
                pair,
                generation,
            });
        }
        true
    }

    /// Takes over a pair that an earlier control process held, with the slots that are open in the
    /// dataplane. Answers whether it was free.
    pub fn adopt(&mut self, pair: PairId, generation: Generation, open: [bool; 2]) -> bool {
        let Some(state) = self.pairs.get_mut(pair.index()) else {
            return false;
        };
        if state.state != State::Free {
            return false;
        }
        *state = Pair {
            state: State::Held,
            generation,
            holder: None,
            open,
            stale_in_pool: state.stale_in_pool,
        };
        self.strand(pair);
        true
    }

    /// Undoes [`adopt`](Self::adopt).
    pub fn disown(&mut self, pair: PairId) {
        let state = &mut self.pairs[pair.index()];
        (state.state, state.open) = (State::Free, [false; 2]);
        self.unstrand(pair);
    }

    /// Lets a free pair rest for its realm's quarantine: an earlier control process had it lately.
    pub fn rest(&mut self, now: Instant, pair: PairId) {
        let Some(state) = self.pairs.get_mut(pair.index()) else {
            return;
        };
        if state.state == State::Free {
            state.state = State::Quarantined;
            self.strand(pair);
            let pool = self.layout.pool_of(pair);
            self.pools[pool].put_later(now, pair);
        }
    }
}
