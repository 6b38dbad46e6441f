//! The real strait-control, spoken to over its sockets, with a dataplane that relays nothing.

#![allow(clippy::unwrap_used)]

mod calls;
mod crashes;
mod hostile;
mod lifecycle;
mod operator;
mod registering;
mod strait;
#[path = "../link/worker.rs"]
#[allow(dead_code, reason = "shared with the tests of the link")]
mod worker;
