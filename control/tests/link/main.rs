//! The link to the dataplane, against a worker that does nothing but apply and report.

#![allow(clippy::unwrap_used)]

mod commands;
mod restarts;
mod worker;
