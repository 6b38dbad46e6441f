//! Every bound of the media layer, by name.

use std::time::Duration;

use strait_shared::limits::FORK_CHAIN_MAX;

/// Forked early dialogs of one offer beside the first: each hangs on the offered port.
pub const FORKS_MAX: usize = FORK_CHAIN_MAX;

/// How long after its close a slot may stay without a report from the dataplane. Its port is then
/// taken to be closed: commands to one worker keep their order, so a later open is safe.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The lowest port that media may be sent to: below are the well-known services (RFC 6335 §6),
/// which nobody's media lives on and which make good victims of reflected traffic.
pub const LOWEST_REMOTE_PORT: u16 = 1024;

/// Pairs that leave quarantine at one allocation: more than go in, so that the queue drains.
pub const RELEASES_PER_ALLOCATION: usize = 2;

/// How long a pair may rest because a party of its last use still sends to it: the usual interval
/// of session timers (RFC 4028 §4.2), after which every party knows that its call is over.
pub const LATE_MAX: Duration = Duration::from_secs(1_800);

/// Longest name of a codec that is kept for records.
pub const CODEC_NAME_BYTES: usize = 32;

/// Longest media name (`audio`, `video`, …) that is kept for records.
pub const MEDIA_NAME_BYTES: usize = 16;
