//! Why DPDK's NICs do not come up.

use std::io;
use std::net::IpAddr;

use strait_dataplane::process::{Exit, Failure};

/// Why a `dpdk` NIC did not come up. Each is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such TAP device.
    #[error(
        "NIC {nic}: there is no TAP device `{interface}`: `scripts/nic.sh bind` makes one, or `ip \
         tuntap add {interface} mode tap`; then give it the media addresses"
    )]
    NoTap {
        /// Which NIC.
        nic: String,
        /// The TAP device it should have.
        interface: String,
    },
    /// The TAP device has another owner.
    #[error("NIC {nic}: TAP device `{interface}` is in use: stop the program that has it")]
    TapInUse {
        /// Which NIC.
        nic: String,
        /// Its TAP device.
        interface: String,
    },
    /// A privilege is missing.
    #[error(
        "NIC {nic}: TAP devices and raw sockets need CAP_NET_ADMIN and CAP_NET_RAW: run as root, \
         or with `configs/systemd/strait-dataplane-dpdk.conf`"
    )]
    Capability {
        /// Which NIC.
        nic: String,
    },
    /// A media address is not the kernel's, which answers ARP for it.
    #[error("NIC {nic}: {ip} is no address of this machine: add it (`ip address add {ip} …`)")]
    NotLocal {
        /// Which NIC.
        nic: String,
        /// Which address.
        ip: IpAddr,
    },
    /// Too few cores.
    #[error(
        "DPDK needs a core for each worker: {workers} workers cannot run on the cores \
         {allowed:?}; configure fewer workers or other cores"
    )]
    Cores {
        /// How many workers there are.
        workers: usize,
        /// The cores this process may use.
        allowed: Vec<u16>,
    },
    /// DPDK or capsule refuses.
    #[error("DPDK does not start: {0}; what it printed above says more, docs/DPDK.md what to do")]
    Runtime(String),
    /// A worker's core cannot be set up.
    #[error("a worker cannot run: {0}")]
    Worker(String),
    /// Anything else.
    #[error("NIC {nic}: {error}")]
    Other {
        /// Which NIC.
        nic: String,
        /// Why.
        error: io::Error,
    },
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let exit = match error {
            OpenError::TapInUse { .. } | OpenError::NotLocal { .. } => Exit::InUse,
            OpenError::Capability { .. } => Exit::Privilege,
            _ => Exit::Failure,
        };
        Self::Host {
            error: Box::new(error),
            exit,
        }
    }
}
