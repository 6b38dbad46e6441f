//! The transport on real sockets.

mod binding;
mod bounds;
mod support;
mod tcp;
mod udp;
