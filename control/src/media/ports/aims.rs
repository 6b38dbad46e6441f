//! Which port pairs of ours sessions of ours send to, because a call came back through its
//! softswitch.
//!
//! Such a pair is not handed out again before the last of them has stopped: nobody else may be
//! told a port that somebody's media still goes to. A quarantine is for packets that are under way;
//! a party whose hang-up got lost goes on for as long as its session stands.

use std::collections::BTreeMap;

use super::super::layout::PairId;

/// Where an end's two slots send to, as far as that is a port of ours.
pub(in crate::media) type Aim = [Option<PairId>; 2];

/// How many slots send to each pair.
#[derive(Debug, Default)]
pub(in crate::media) struct Aims(BTreeMap<PairId, u32>);

impl Aims {
    /// An end that sent to `before` now sends to `after`.
    pub fn turn(&mut self, before: Aim, after: Aim) {
        for pair in after.into_iter().flatten() {
            *self.0.entry(pair).or_default() += 1;
        }
        for pair in before.into_iter().flatten() {
            let count = self.0.get_mut(&pair).expect("counted when it was aimed at");
            *count -= 1;
            if *count == 0 {
                self.0.remove(&pair);
            }
        }
    }

    /// Whether anything sends to a pair.
    pub fn has(&self, pair: PairId) -> bool {
        self.0.contains_key(&pair)
    }
}
