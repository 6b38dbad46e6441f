//! How long to wait before a process that died is started again, and when to stop trying.

use std::time::Duration;

/// The wait after the second death in a row; nothing waits after the first, for every packet until
/// the next start is lost.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Deaths in a row after which nothing more is tried.
const DEATHS_MAX: u32 = 10;
/// A process that was ready for this long has shown that it can live.
const PROVEN_AFTER: Duration = Duration::from_secs(10);

/// The deaths of one process since it last proved itself.
#[derive(Default)]
pub struct Backoff {
    deaths: u32,
}

impl Backoff {
    /// The wait after a process has refused what its predecessor left: only the operator can help,
    /// by putting the predecessor's program back, and may take any time for it.
    pub fn refused() -> Duration {
        LONGEST_WAIT
    }

    /// Counts a death after `ready_for`; the wait before the next start, or `None` to give up.
    pub fn died(&mut self, ready_for: Option<Duration>) -> Option<Duration> {
        if ready_for.is_some_and(|time| time >= PROVEN_AFTER) {
            self.deaths = 0;
        }
        self.deaths += 1;
        let wait = match self.deaths {
            1 => Duration::ZERO,
            deaths => FIRST_WAIT.saturating_mul(1 << (deaths - 2).min(16)),
        };
        (self.deaths <= DEATHS_MAX).then(|| wait.min(LONGEST_WAIT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_bound_and_end() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..12).map(|_| backoff.died(None)).collect();
        assert_eq!(waits[0], Some(Duration::ZERO));
        assert_eq!(waits[1], Some(FIRST_WAIT));
        assert_eq!(waits[2], Some(2 * FIRST_WAIT));
        assert_eq!(waits[9], Some(LONGEST_WAIT));
        assert_eq!(waits[10], None);
    }

    #[test]
    fn a_process_that_lived_is_started_again_at_once() {
        let mut backoff = Backoff::default();
        for _ in 0..9 {
            backoff.died(None);
        }
        assert_eq!(backoff.died(Some(PROVEN_AFTER)), Some(Duration::ZERO));
        assert_eq!(backoff.died(Some(Duration::from_secs(1))), Some(FIRST_WAIT));
    }
}
