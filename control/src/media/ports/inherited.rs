//! Pairs that an earlier control process had.

use strait_shared::slot::Generation;
use strait_shared::time::Instant;

use super::super::layout::PairId;
use super::{Pair, Ports, State};

impl Ports {
    /// A pair that nobody of ours has goes on from the use that the dataplane had it in last: no
    /// report of that one is taken for one of the next.
    pub fn go_on_from(&mut self, pair: PairId, generation: Generation) {
        let state = &mut self.pairs[pair.index()];
        if matches!(state.state, State::Free | State::Quarantined) {
            state.generation = generation;
        }
    }

    /// Takes a free pair out of use while a lost use of it is opened and closed once more. Answers
    /// whether it was free.
    pub fn repeat(&mut self, now: Instant, pair: PairId, generation: Generation) -> bool {
        if !self.adopt(pair, generation, [true; 2]) {
            return false;
        }
        self.close(now, pair);
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
