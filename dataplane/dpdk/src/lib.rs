//! The DPDK port: NICs that the kernel has given up, driven from the workers' own cores.
//!
//! `host` runs the workers on capsule's cores; each has a queue of every NIC (`port`). `exchange`
//! brings what is not media to the kernel and back, through a TAP device.
#![deny(unsafe_code)]

pub mod bare;
mod burst;
mod device;
mod error;
mod exchange;
pub mod host;
mod lane;
pub mod limits;
mod mbuf;
mod port;
mod settings;
mod tap;

pub use error::OpenError;
pub use mbuf::Pool;
pub use port::DpdkPort;
