//! Every bound of the call records, by name.

use std::time::Duration;

/// Records that may wait for the writer.
pub const MAX_QUEUED_RECORDS: usize = 4_096;

/// Records written at once.
pub const RECORDS_PER_WRITE: usize = 1_024;

/// How long a record waits for others to be written with.
pub const WRITE_INTERVAL: Duration = Duration::from_millis(10);

/// How long the writer lets a failing disk rest.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// How long a disk may take to take what was written before it is not waited for any more.
pub const SYNC_LIMIT: Duration = Duration::from_secs(5);
