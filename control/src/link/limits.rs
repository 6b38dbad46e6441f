//! Every bound of the link to the dataplane, by name.

use std::time::Duration;

/// Commands that may wait for room in the rings, over all workers: new calls are refused as soon as
/// one waits, so what comes on top is what the standing calls still ask for.
pub const MAX_WAITING: usize = 1 << 18;

/// Events taken from one worker before signalling gets its turn.
pub const EVENTS_PER_POLL: usize = 256;

/// How long to wait for the dataplane at start.
pub const ATTACH_LIMIT: Duration = Duration::from_secs(10);

/// How long each later attempt waits for it.
pub const REATTACH_LIMIT: Duration = Duration::from_millis(500);

/// How long the slots that an earlier control left open may take to close.
pub const CLEAR_LIMIT: Duration = Duration::from_secs(10);

/// How often clearing looks whether it is done.
pub const CLEAR_INTERVAL: Duration = Duration::from_millis(1);

/// How long a worker may not move before it counts as dead.
pub const STALL_LIMIT: Duration = Duration::from_secs(3);

/// How often events are looked for while calls stand.
pub const POLL_BUSY: Duration = Duration::from_millis(2);

/// How often events are looked for otherwise.
pub const POLL_IDLE: Duration = Duration::from_millis(50);

/// How often the dataplane is checked for life.
pub const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// The highest command number that a worker is believed to have applied: more were never given
/// out, and as many again may be before the count overflows.
pub const COMMAND_IDS_MAX: u64 = u64::MAX / 2;
