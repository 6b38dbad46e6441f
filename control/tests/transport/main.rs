//! The transport on real sockets.

#![allow(clippy::unwrap_used)]

mod binding;
mod bounds;
mod support;
mod tcp;
mod tpkt;
mod udp;
