//! Peers that are slow, greedy or many, against both real processes on loopback: memory stays under
//! the bounds of docs/SECURITY.md, and a call that stands notices nothing.
//!
//! Larger floods: `cargo test -p strait-tests --test greedy -- --ignored`.

#![allow(clippy::unwrap_used)]

mod call;
mod connections;
mod floods;
mod sip;
mod stage;
