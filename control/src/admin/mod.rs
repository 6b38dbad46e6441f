//! The operator's access to the running process: HTTP over a Unix socket that only our own user
//! may open.
//!
//! * [`model`]: what is said, as JSON · `socket`: where · `server`: requests and answers
//! * [`metrics`]: the same for a monitoring system

pub mod limits;
pub mod metrics;
pub mod model;
mod server;
mod socket;

pub use server::{Operated, serve};
pub use socket::{SOCKET_NAME, Socket, SocketError};
