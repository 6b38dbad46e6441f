//! Which nonces were used with which counts, in bounded memory, so that nothing heard can be said
//! again.
//!
//! Every nonce has a serial number, and the place of its memory follows from it. A younger nonce
//! takes the place of an older one when it is first used; an older one than the place's is refused,
//! since nobody knows its counts any more. As a place's serial only grows, a nonce that finds an
//! older one there was never used: no use is ever taken twice, whatever is forgotten.

use super::limits::{COUNT_WINDOW, REMEMBERED_NONCES};

/// The memory: 24 bytes for each of [`REMEMBERED_NONCES`] places, touched when used.
pub struct Counts {
    places: Vec<Place>,
}

#[derive(Clone, Copy, Default)]
struct Place {
    /// The nonce's serial number; 0 is none.
    serial: u64,
    /// Bit n: the count `highest - n` was used.
    used: u64,
    highest: u32,
}

impl Counts {
    /// An empty memory.
    pub fn new() -> Self {
        let places = vec![Place::default(); REMEMBERED_NONCES];
        Self { places }
    }

    /// Uses a nonce for the `count`-th time; false where that was done before, or may have been.
    pub fn take(&mut self, serial: u64, count: u32) -> bool {
        let place = &mut self.places[serial as usize % REMEMBERED_NONCES];
        if place.serial > serial {
            return false;
        }
        if place.serial < serial {
            *place = Place {
                serial,
                used: 1,
                highest: count,
            };
            return true;
        }
        place.take(count)
    }
}

impl Place {
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            let ahead = count - self.highest;
            self.used = self.used.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        if behind >= COUNT_WINDOW {
            return false;
        }
        let bit = 1 << behind;
        let fresh = self.used & bit == 0;
        self.used |= bit;
        fresh
    }
}

const _: () = assert!(COUNT_WINDOW == u64::BITS);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_may_overtake_each_other_and_skip() {
        let mut counts = Counts::new();
        for count in [1, 3, 2, 70, 7, 100] {
            assert!(counts.take(5, count), "{count}");
            assert!(!counts.take(5, count), "{count} again");
        }
        assert!(!counts.take(5, 36), "beyond the window");
        assert!(counts.take(5, 37));
        assert!(counts.take(5, u32::MAX));
        assert!(!counts.take(5, 100));
    }

    #[test]
    fn a_younger_nonce_takes_the_place_and_keeps_it() {
        let mut counts = Counts::new();
        let younger = 1 + REMEMBERED_NONCES as u64;
        assert!(counts.take(1, 1));
        assert!(counts.take(younger, 1));
        assert!(!counts.take(1, 2), "nobody knows the older one's counts");
        assert!(!counts.take(younger, 1));
    }

    proptest! {
        #[test]
        fn nothing_is_taken_twice(
            uses in prop::collection::vec((0u64..6, 0u32..200), 1..400),
        ) {
            let mut counts = Counts::new();
            let mut taken = BTreeSet::new();
            for (nonce, count) in uses {
                // Three nonces share each of two places.
                let serial = 1 + nonce % 2 + (nonce / 2) * REMEMBERED_NONCES as u64;
                if counts.take(serial, count) {
                    prop_assert!(taken.insert((serial, count)));
                }
            }
        }
    }
}
