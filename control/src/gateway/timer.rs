//! Timers in virtual time: what is due next, and what has come due.
//!
//! A timer is known by its due time and a number, so that cancelling removes it at once: a
//! cancelled timer takes no memory until it would have fired. Timers of the same instant fire in
//! the order they were armed.

use std::collections::BTreeMap;
use std::time::Duration;

use strait_shared::time::Instant;

/// A timer that was armed; of no use once it has fired or was cancelled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TimerId {
    due: Instant,
    number: u64,
}

impl TimerId {
    /// When it fires.
    pub fn due(self) -> Instant {
        self.due
    }
}

/// A set of timers, each carrying a key that says what it is for. Every operation is O(log n).
#[derive(Debug)]
pub struct Timers<K> {
    armed: BTreeMap<TimerId, K>,
    last_number: u64,
}

impl<K> Timers<K> {
    /// No timers.
    pub fn new() -> Self {
        Self {
            armed: BTreeMap::new(),
            last_number: 0,
        }
    }

    /// Arms a timer that fires `delay` after `now`; at once when the delay is zero.
    pub fn arm(&mut self, now: Instant, delay: Duration, key: K) -> TimerId {
        self.last_number += 1;
        let id = TimerId {
            due: now + delay,
            number: self.last_number,
        };
        self.armed.insert(id, key);
        id
    }

    /// Disarms a timer and gives its key back; `None` when it has fired or was cancelled before.
    pub fn cancel(&mut self, id: TimerId) -> Option<K> {
        self.armed.remove(&id)
    }

    /// Takes the earliest timer that is due at `now`. To be called until it answers `None`.
    pub fn expire(&mut self, now: Instant) -> Option<K> {
        let earliest = self.armed.first_entry()?;
        (earliest.key().due <= now).then(|| earliest.remove())
    }

    /// When the earliest timer is due.
    pub fn next(&self) -> Option<Instant> {
        self.armed.first_key_value().map(|(id, _)| id.due)
    }

    /// How many timers are armed.
    pub fn len(&self) -> usize {
        self.armed.len()
    }
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn fires_in_order_of_time_then_of_arming() {
        let mut timers = Timers::new();
        timers.arm(at(0), Duration::from_millis(30), "late");
        timers.arm(at(10), Duration::from_millis(10), "first");
        timers.arm(at(0), Duration::from_millis(20), "second");
        assert_eq!(timers.next(), Some(at(20)));
        assert_eq!(timers.expire(at(19)), None);
        assert_eq!(timers.expire(at(20)), Some("first"));
        assert_eq!(timers.expire(at(20)), Some("second"));
        assert_eq!(timers.expire(at(20)), None);
        assert_eq!(timers.expire(at(99)), Some("late"));
        assert_eq!(timers.len(), 0);
    }

    #[test]
    fn a_cancelled_timer_is_gone_and_cancelling_twice_is_harmless() {
        let mut timers = Timers::new();
        let id = timers.arm(at(0), Duration::ZERO, 7);
        assert_eq!(timers.cancel(id), Some(7));
        assert_eq!(timers.cancel(id), None);
        assert_eq!(timers.next(), None);
        assert_eq!(timers.expire(at(1)), None);
    }

    proptest! {
        /// Against an oracle that sorts: what is not cancelled fires once, on time, in order.
        #[test]
        fn behaves_as_a_sorted_list(
            delays in prop::collection::vec((0u64..50, any::<bool>()), 0..60),
        ) {
            let mut timers = Timers::new();
            let mut expected: Vec<(u64, usize)> = Vec::new();
            for (key, (delay, cancel)) in delays.iter().enumerate() {
                let id = timers.arm(at(0), Duration::from_millis(*delay), key);
                if *cancel {
                    prop_assert_eq!(timers.cancel(id), Some(key));
                } else {
                    expected.push((*delay, key));
                }
            }
            expected.sort();
            let mut fired = Vec::new();
            for ms in 0..50 {
                while let Some(key) = timers.expire(at(ms)) {
                    fired.push((ms, key));
                }
            }
            prop_assert_eq!(fired, expected);
        }
    }
}
