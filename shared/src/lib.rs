//! What crosses between Strait's two processes: one shared-memory region and the records in it.
//!
//! Everything read from the region is copied, then validated, then used, even though the peer is
//! our own other process: control reads hostile text and may be compromised.
#![deny(unsafe_code)]

pub mod command;
pub mod geometry;
pub mod limits;
pub mod net;
pub mod slot;
pub mod time;
