//! Every bound of the user table, by name.

use std::time::Duration;

/// Users of one file.
pub const MAX_USERS: usize = 10_000_000;

/// Bytes of one file.
pub const MAX_FILE_BYTES: u64 = 4 << 30;

/// Bytes of a user's name, a domain or a password.
pub const MAX_TEXT_BYTES: usize = 255;

/// How often a file is looked at for a change.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(3);
