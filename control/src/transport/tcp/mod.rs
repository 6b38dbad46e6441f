//! TCP: accepting, connecting, and the connections that stand (RFC 3261 §18).

mod connection;
pub(super) mod connections;
mod framing;
pub(super) mod listener;
mod outgoing;
mod pool;
mod table;
