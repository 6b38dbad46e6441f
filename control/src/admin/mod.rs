//! The operator's access to the running process: HTTP over a Unix socket.

pub mod model;
