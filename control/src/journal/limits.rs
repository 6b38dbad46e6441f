//! Every bound of the journal's writer, by name. How much waits is bounded by what can be kept: a
//! key waits once, however often it changes, and what was never written leaves without a trace.

use std::time::Duration;

/// How long a change waits for others to share a commit with: what a killed process forgets.
pub const COMMIT_INTERVAL: Duration = Duration::from_millis(20);

/// How often the file says that its process lives, while calls stand.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long to wait after a commit that failed.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Memory for pages of the file, in bytes.
pub const CACHE_BYTES: usize = 16 << 20;
