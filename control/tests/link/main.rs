//! The link to the dataplane, against a worker that does nothing but apply and report.

#![allow(clippy::unwrap_used)]

mod commands;
mod liars;
mod restarts;
#[allow(dead_code, reason = "shared with the tests of the process")]
mod worker;
