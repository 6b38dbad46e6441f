//! Every bound of the operator's access, by name.

use std::time::Duration;

/// Operators served at once; further ones wait.
pub const MAX_CONNECTIONS: usize = 32;

/// Longest request head, in bytes. Bodies are not read: no request needs one.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long a request may take to come.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long accepting pauses when the process has no descriptors left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
