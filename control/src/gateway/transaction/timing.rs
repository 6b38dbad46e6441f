//! The timers of RFC 3261 §17 (Table 4) and RFC 6026 §7, from T1, T2 and T4.
//!
//! | timer | value (UDP)      | TCP   | meaning                                                |
//! |-------|------------------|-------|--------------------------------------------------------|
//! | A     | T1, doubling     | –     | INVITE request sent again                              |
//! | B     | 64 T1            | 64 T1 | INVITE client: no response at all                      |
//! | C     | > 3 min          | same  | INVITE client: no news after a provisional response    |
//! | D     | ≥ 32 s           | 0     | INVITE client: final response may come again           |
//! | E     | T1, doubling, T2 | –     | other request sent again                               |
//! | F     | 64 T1            | 64 T1 | other client: no final response                        |
//! | G     | T1, doubling, T2 | –     | INVITE final response sent again                       |
//! | H     | 64 T1            | 64 T1 | INVITE server: no ACK                                  |
//! | I     | T4               | 0     | INVITE server: ACK may come again                      |
//! | J     | 64 T1            | 0     | other server: request may come again                   |
//! | K     | T4               | 0     | other client: final response may come again            |
//! | L     | 64 T1            | 64 T1 | INVITE server, 2xx sent: INVITE may come again         |
//! | M     | 64 T1            | 64 T1 | INVITE client, 2xx seen: further 2xx may come          |

use std::time::Duration;

/// Estimate of the round-trip time (RFC 3261 §17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);

/// Longest interval between two retransmissions of anything but INVITE requests.
pub const T2: Duration = Duration::from_secs(4);

/// Longest time a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);

/// Timer C must be more than three minutes (RFC 3261 §16.6 step 11).
pub const TIMER_C: Duration = Duration::from_secs(181);

/// Timer D must be at least this over UDP.
const TIMER_D_MIN: Duration = Duration::from_secs(32);

/// The base values everything else is computed from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Round-trip estimate.
    pub t1: Duration,
    /// Cap of doubling intervals.
    pub t2: Duration,
    /// Lifetime of a message in the network.
    pub t4: Duration,
    /// Longest silence after a provisional response to an INVITE.
    pub timer_c: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            t1: T1,
            t2: T2,
            t4: T4,
            timer_c: TIMER_C,
        }
    }
}

impl Timing {
    /// 64 T1: timers B, F, H, L and M, and the wait after a CANCEL (RFC 3261 §9.1).
    pub fn give_up(&self) -> Duration {
        self.t1 * 64
    }

    pub(super) fn timer_d(&self, reliable: bool) -> Duration {
        if reliable {
            Duration::ZERO
        } else {
            self.give_up().max(TIMER_D_MIN)
        }
    }

    /// I and K.
    pub(super) fn linger(&self, reliable: bool) -> Duration {
        if reliable { Duration::ZERO } else { self.t4 }
    }

    pub(super) fn timer_j(&self, reliable: bool) -> Duration {
        if reliable {
            Duration::ZERO
        } else {
            self.give_up()
        }
    }

    /// What follows `interval` for E and G; A doubles without a cap.
    pub(super) fn doubled(&self, interval: Duration) -> Duration {
        (interval * 2).min(self.t2)
    }
}
