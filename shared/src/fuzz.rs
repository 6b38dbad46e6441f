//! What must hold for any words whatever in the region: run by the fuzzer, and over a corpus by
//! plain tests. Each body panics where a promise is broken.
//!
//! * [`record`]: commands and events · [`ring`]: a ring with a peer that lies · [`attach`]: a
//!   whole region somebody has written over
//! * [`Bytes`], [`Liar`]: what the fuzz targets of either process are made of

mod attach;
mod bytes;
mod liar;
mod ring;

pub use attach::attach;
pub use bytes::Bytes;
pub use liar::Liar;
pub use ring::ring;

use crate::command::{Command, Event, Record};

/// Reads `data` as a command and as an event.
///
/// # Panics
/// When a promise is broken: what is read is exactly what was written, and a refusal has a reason.
pub fn record(data: &[u8]) {
    let record: Record = Bytes::new(data).words();
    let (id, command) = Command::decode(&record);
    assert_eq!(id.0, record[0]);
    match command {
        Ok(command) => assert_eq!(command.encode(id), record),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    match Event::decode(&record) {
        Ok((id, event)) => assert_eq!(event.encode(id), record),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
