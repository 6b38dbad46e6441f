//! What crosses between Strait's two processes: one shared-memory region and the records in it.
//!
//! Everything read from the region is copied, then validated, then used, even though the peer is
//! our own other process: control reads hostile text and may be compromised.
//!
//! Beside the ordinary tests, every interleaving of ring, slot and latch is tried by loom
//! (`scripts/model.sh`; see `models` for the memory orderings it is shown to need), and the code
//! runs under Miri on a region on the heap (`scripts/miri.sh`).
#![deny(unsafe_code)]
#![cfg_attr(loom, allow(dead_code, reason = "the models take what they need"))]

pub mod adjacency;
#[cfg(not(loom))]
pub mod attach;
pub mod command;
pub mod drops;
#[cfg(not(loom))]
pub mod fuzz;
pub mod geometry;
mod handover;
pub mod limits;
#[cfg(not(loom))]
mod mapping;
#[cfg(all(loom, test))]
mod models;
pub mod net;
#[cfg(not(loom))]
pub mod notify;
#[cfg(not(loom))]
pub mod region;
pub mod ring;
pub mod slot;
#[cfg(not(loom))]
pub mod statistics;
mod sync;
pub mod table;
pub mod time;
mod words;
