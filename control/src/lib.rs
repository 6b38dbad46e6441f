//! Strait's signalling process: a dialog-stateful full proxy for SIP.

#![deny(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod admin;
pub mod digest;
pub mod gateway;
pub mod h248;
pub mod journal;
pub mod link;
pub mod media;
pub mod mgcp;
pub mod process;
pub mod records;
pub mod resolve;
pub mod sdp;
pub mod sip;
pub mod transport;
pub mod users;
