//! What became of the calls.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::measure::{histogram, nanoseconds};

/// Counts and times of signalling.
#[derive(Debug)]
pub struct Figures {
    /// INVITEs sent.
    pub placed: u64,
    /// Calls that went as they were meant to, by kind.
    pub good: BTreeMap<&'static str, u64>,
    /// Calls that did not, by what happened.
    pub failed: BTreeMap<String, u64>,
    /// From INVITE to the first 18x.
    pub to_ringing: Histogram<u64>,
    /// From INVITE to its 2xx, without the time it rang.
    pub to_answer: Histogram<u64>,
    /// From BYE to its 2xx.
    pub to_end: Histogram<u64>,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            placed: 0,
            good: BTreeMap::new(),
            failed: BTreeMap::new(),
            to_ringing: histogram(),
            to_answer: histogram(),
            to_end: histogram(),
        }
    }
}

impl Figures {
    /// A call went as it was meant to.
    pub fn succeed(&mut self, kind: &'static str) {
        *self.good.entry(kind).or_default() += 1;
    }

    /// A call did not.
    pub fn fail(&mut self, how: impl Into<String>) {
        *self.failed.entry(how.into()).or_default() += 1;
    }

    /// Calls that are over.
    pub fn ended(&self) -> u64 {
        self.good.values().sum::<u64>() + self.failed.values().sum::<u64>()
    }
}

/// Records a time.
pub fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(nanoseconds(time));
}
