//! Strait's media relay: poll-mode workers that relay bursts of frames between replaceable ports.
//!
//! `wire` reads and builds packets, `relay` decides what happens to them without a clock or a
//! socket of its own, `port` brings them in and out, `worker` runs the loop.
#![deny(unsafe_code)]

pub mod frame;
pub mod fuzz;
pub mod limits;
mod netlink;
pub mod next_hops;
pub mod port;
pub mod process;
pub mod relay;
pub mod wire;
pub mod worker;
