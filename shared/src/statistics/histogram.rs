//! A histogram of spans in log-linear buckets: sixteen to an octave, so that a percentile is off
//! by at most one part in sixteen, from 1 ns to 17 s.

use std::time::Duration;

/// Buckets to an octave, as a power of two.
const PRECISION_BITS: u32 = 4;
const PER_OCTAVE: u64 = 1 << PRECISION_BITS;
/// Spans of this many bits and more share the last bucket.
const SPAN_BITS_MAX: u32 = 34;

/// Words a histogram takes in a statistics page.
pub const BUCKETS: usize = ((SPAN_BITS_MAX - PRECISION_BITS + 1) << PRECISION_BITS) as usize;

/// The bucket that counts a span.
#[inline(always)]
pub(super) fn bucket(ns: u64) -> usize {
    if ns < PER_OCTAVE {
        return ns as usize;
    }
    let shift = u64::BITS - ns.leading_zeros() - PRECISION_BITS - 1;
    let octave = u64::from(shift + 1) << PRECISION_BITS;
    // Above the octave's own start: what remains below the leading bit.
    let place = octave + (ns >> shift) - PER_OCTAVE;
    (place as usize).min(BUCKETS - 1)
}

/// The longest span that a bucket counts.
fn highest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < PER_OCTAVE {
        return bucket;
    }
    let shift = (bucket >> PRECISION_BITS) - 1;
    let start = PER_OCTAVE + bucket % PER_OCTAVE;
    ((start + 1) << shift) - 1
}

/// A copy of a histogram.
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64]>,
}

impl Histogram {
    pub(super) fn new(count: impl FnMut(usize) -> u64) -> Self {
        Self {
            counts: (0..BUCKETS).map(count).collect(),
        }
    }

    /// How many spans were counted.
    pub fn count(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// The span that a `quantile` (0 to 1) of all stay within; zero when there are none.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let wanted = (self.count() as f64 * quantile.clamp(0.0, 1.0))
            .ceil()
            .max(1.0) as u64;
        let mut seen = 0u64;
        let reached = self.counts.iter().position(|&count| {
            seen = seen.saturating_add(count);
            seen >= wanted
        });
        Duration::from_nanos(reached.map_or(0, highest))
    }

    /// What was counted since an earlier copy.
    pub fn since(&self, earlier: &Self) -> Self {
        let counts = self.counts.iter().zip(&earlier.counts);
        Self {
            counts: counts
                .map(|(now, then)| now.saturating_sub(*then))
                .collect(),
        }
    }

    /// Adds another worker's counts.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("p50", &self.quantile(0.5))
            .field("p999", &self.quantile(0.999))
            .finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_span_is_within_a_sixteenth_of_its_bucket(ns in 0..1u64 << SPAN_BITS_MAX) {
            let top = highest(bucket(ns));
            prop_assert!(top >= ns);
            prop_assert!(top - ns <= ns / PER_OCTAVE);
        }
    }

    #[test]
    fn buckets_follow_on_each_other_without_a_gap() {
        for index in 0..BUCKETS - 1 {
            assert_eq!(bucket(highest(index)), index);
            assert_eq!(bucket(highest(index) + 1), index + 1);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_agree_with_a_sorted_list() {
        let spans: Vec<u64> = (1..=1000).map(|n| n * n).collect();
        let mut histogram = Histogram::new(|_| 0);
        for &ns in &spans {
            histogram.counts[bucket(ns)] += 1;
        }
        for (quantile, rank) in [(0.0, 1), (0.5, 500), (0.99, 990), (0.999, 999), (1.0, 1000)] {
            let exact = spans[rank - 1];
            let seen = histogram.quantile(quantile).as_nanos() as u64;
            assert!(
                seen >= exact && seen - exact <= exact / 16,
                "{quantile}: {seen} {exact}"
            );
        }
        assert_eq!(Histogram::new(|_| 0).quantile(0.5), Duration::ZERO);
        let mut both = histogram.clone();
        both.merge(&histogram);
        assert_eq!(
            (both.count(), both.quantile(0.5)),
            (2_000, histogram.quantile(0.5))
        );
        assert_eq!(both.since(&histogram), histogram);
    }
}
