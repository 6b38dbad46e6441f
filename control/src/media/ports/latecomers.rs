//! Which pairs are still sent to by a party of their last use, as the dataplane reports it.
//!
//! Whoever has not heard that a call is over speaks on, and would be heard by whoever is given the
//! port next. A quarantine is for packets that are under way; this is for those that are not sent
//! yet. Only parties count, and not for ever, or ports could be kept from use on purpose.

use std::collections::BTreeMap;
use std::time::Duration;

use strait_shared::time::Instant;

use super::super::layout::PairId;
use super::super::limits::LATE_MAX;

#[derive(Clone, Copy, Debug)]
struct Late {
    first: Instant,
    last: Instant,
    /// Until when the pair was said to rest.
    told: Instant,
}

/// The pairs, with when packets came.
#[derive(Debug, Default)]
pub(super) struct Latecomers(BTreeMap<PairId, Late>);

impl Latecomers {
    /// Notes that a packet has come. Answers whether the pair rests longer by that than was
    /// answered before: once a quarantine.
    pub fn note(&mut self, now: Instant, pair: PairId, quarantine: Duration) -> bool {
        let first = Late {
            first: now,
            last: now,
            told: now,
        };
        let late = self.0.entry(pair).or_insert(first);
        if now.since(late.last) >= quarantine {
            *late = first;
        }
        late.last = now;
        let news = late.told <= now && now.since(late.first) < LATE_MAX;
        if news {
            late.told = now + quarantine;
        }
        news
    }

    /// Whether a packet has come within the last `quarantine`.
    pub fn come(&self, now: Instant, pair: PairId, quarantine: Duration) -> bool {
        let late = self.0.get(&pair);
        late.is_some_and(|it| now.since(it.last) < quarantine && now.since(it.first) < LATE_MAX)
    }

    /// The pair is in use again.
    pub fn forget(&mut self, pair: PairId) {
        self.0.remove(&pair);
    }
}
