//! Prefixes laid out as disjoint intervals, so that the longest match is one binary search.

/// A place in the ordered space of all addresses.
pub type Key = u128;

/// From here to where the next interval begins: a value, or none.
pub type Interval<T> = (Key, Option<T>);

/// A prefix with what is true of its addresses; nothing where they are as if it were not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix<T> {
    /// The first address; all bits beyond `length` are zero.
    pub first: Key,
    /// How many bits of 128 are fixed.
    pub length: u8,
    /// What is true there.
    pub value: Option<T>,
}

impl<T> Prefix<T> {
    fn last(&self) -> Key {
        match self.length {
            0 => Key::MAX,
            length => self.first | !(Key::MAX << (128 - u32::from(length))),
        }
    }
}

/// The value at `key`; nothing before the first interval.
#[inline]
pub fn find<T>(intervals: &[Interval<T>], key: Key) -> Option<&Option<T>> {
    let after = intervals.partition_point(|(first, _)| *first <= key);
    intervals.get(after.checked_sub(1)?).map(|(_, value)| value)
}

/// The longest match everywhere. Of equal prefixes the first one counts.
pub fn longest_match<T: Copy + PartialEq>(mut prefixes: Vec<Prefix<T>>) -> Vec<Interval<T>> {
    prefixes.sort_by_key(|prefix| (prefix.first, prefix.length));
    prefixes.dedup_by_key(|prefix| (prefix.first, prefix.length));
    let mut intervals = Vec::new();
    // Prefixes are nested or apart: those that hold the current place, the longest last.
    let mut open: Vec<Prefix<T>> = Vec::new();
    for prefix in prefixes {
        close(&mut intervals, &mut open, Some(prefix.first));
        push(&mut intervals, prefix.first, prefix.value);
        open.push(prefix);
    }
    close(&mut intervals, &mut open, None);
    intervals
}

/// Ends the open prefixes that do not reach `next`; all of them when there is none.
fn close<T: Copy + PartialEq>(
    intervals: &mut Vec<Interval<T>>,
    open: &mut Vec<Prefix<T>>,
    next: Option<Key>,
) {
    while let Some(inner) = open.pop_if(|prefix| next.is_none_or(|next| prefix.last() < next)) {
        let outer = open.last().and_then(|outer| outer.value);
        if let Some(after) = inner.last().checked_add(1) {
            push(intervals, after, outer);
        }
    }
}

/// The first layer that has a value, everywhere.
pub fn layered<T: Copy + PartialEq>(layers: &[Vec<Interval<T>>]) -> Vec<Interval<T>> {
    let firsts = layers.iter().flatten().map(|(first, _)| *first);
    let mut firsts: Vec<Key> = firsts.collect();
    firsts.sort_unstable();
    firsts.dedup();
    let mut intervals = Vec::new();
    for first in firsts {
        let mut values = layers.iter().map(|layer| find(layer, first));
        let value = values.find_map(|value| value.copied().flatten());
        push(&mut intervals, first, value);
    }
    intervals
}

/// From `first` on `value`: takes the place of what began there, and goes on with its equal.
fn push<T: Copy + PartialEq>(intervals: &mut Vec<Interval<T>>, first: Key, value: Option<T>) {
    intervals.pop_if(|(last, _)| *last == first);
    if intervals.last().is_none_or(|(_, before)| *before != value) {
        intervals.push((first, value));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Prefixes of a space of 16 bits at the top, so that they meet often.
    fn prefixes() -> impl Strategy<Value = Vec<Prefix<u8>>> {
        let prefix = (any::<u16>(), 0..=16_u8, proptest::option::of(0..4_u8));
        let prefix = prefix.prop_map(|(bits, length, value)| Prefix {
            first: match length {
                0 => 0,
                length => Key::from(bits >> (16 - length) << (16 - length)) << 112,
            },
            length,
            value,
        });
        proptest::collection::vec(prefix, 0..24)
    }

    fn slow(prefixes: &[Prefix<u8>], key: Key) -> Option<u8> {
        let holding = prefixes
            .iter()
            .filter(|p| p.first <= key && key <= p.last());
        let longest = holding.rev().max_by_key(|prefix| prefix.length);
        longest.and_then(|prefix| prefix.value)
    }

    fn fast(intervals: &[Interval<u8>], key: Key) -> Option<u8> {
        find(intervals, key).copied().flatten()
    }

    proptest! {
        #[test]
        fn intervals_say_what_the_longest_prefix_says(
            prefixes in prefixes(),
            under in prefixes(),
            keys in proptest::collection::vec(any::<u16>(), 64),
        ) {
            let (over, under_it) = (longest_match(prefixes.clone()), longest_match(under.clone()));
            let both = layered(&[over.clone(), under_it]);
            let edges = prefixes.iter().chain(&under).flat_map(|p| {
                [p.first, p.last(), p.first.saturating_sub(1), p.last().saturating_add(1)]
            });
            for key in keys.iter().map(|&key| Key::from(key) << 112).chain(edges) {
                let expected = slow(&prefixes, key);
                prop_assert_eq!(fast(&over, key), expected);
                prop_assert_eq!(fast(&both, key), expected.or(slow(&under, key)));
            }
            prop_assert!(both.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}
