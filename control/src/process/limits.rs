//! Every bound of the process around the gateway, by name.

use std::time::Duration;

/// Longest step that is told apart, in nanoseconds.
pub const LATENCY_MAX_NS: u64 = 10_000_000_000;

/// Decimal digits of latency that are kept.
pub const LATENCY_DIGITS: u8 = 3;

/// How long parties get to answer the requests that end their calls when the process stops.
pub const FAREWELL: Duration = Duration::from_secs(3);

/// How often a draining process looks whether it is done.
pub const DRAIN_INTERVAL: Duration = Duration::from_millis(50);

/// How often a lost dataplane's refusal to come back is logged.
pub const SEARCH_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Descriptors that are needed beside one for each TCP connection.
pub const OTHER_DESCRIPTORS: u64 = 256;

/// How long a message waits at most for the workers: they look at their rings far more often, and
/// a party that hears nothing for longer repeats itself (RFC 3261 §17.1.1.1: T1 is 500 ms).
pub const HELD_LIMIT: Duration = Duration::from_millis(100);

/// How often held messages are looked at.
pub const HELD_LOOK: Duration = Duration::from_millis(1);
