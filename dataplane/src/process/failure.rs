//! Why the dataplane did not start, and the exit code that says so to scripts.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use strait_config::Report;
use strait_shared::attach::ServeError;
use strait_shared::geometry::GeometryError;
use strait_shared::region::{AttachError, CreateError, EndError};

use crate::port::af_xdp::OpenError;
use crate::port::memory::LinkError;
use crate::port::pcap::CaptureError;
use crate::port::udp::BindError;

/// Exit codes, the same for both processes. The usage error, 2, is the argument parser's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Something failed at run time.
    Failure = 1,
    /// The configuration is invalid.
    Configuration = 3,
    /// An address or port is in use, or not this machine's.
    InUse = 4,
    /// A privilege or limit is missing.
    Privilege = 5,
    /// The region is of another layout or geometry.
    Region = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why the dataplane could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration is invalid.
    #[error("{0}")]
    Configuration(Report),
    /// The configuration's addresses make no geometry.
    #[error("the configuration makes no region: {0}")]
    Geometry(#[from] GeometryError),
    /// The runtime directory cannot be used.
    #[error(
        "{path} cannot be used as the runtime directory: {error}; make it writable or set \
         `runtime_directory`",
        path = path.display()
    )]
    Directory {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another dataplane of this instance runs.
    #[error(
        "another dataplane runs in {path}: stop it first, or give this one another `instance`",
        path = .0.display()
    )]
    Running(PathBuf),
    /// A media port cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A capture file cannot be used.
    #[error("NIC {nic}: {error}")]
    Capture {
        /// Which one.
        nic: String,
        /// Why.
        error: CaptureError,
    },
    /// Nobody plugged a memory NIC in.
    #[error(
        "NIC {nic}: no link was handed over; a `memory` NIC needs a parent that passes one as \
         descriptor `nic-{nic}`, for real phones use `port: udp`"
    )]
    Unplugged {
        /// Which one.
        nic: String,
    },
    /// What was plugged into a memory NIC is no link, or has too few queues.
    #[error("NIC {nic}: {error}")]
    Link {
        /// Which one.
        nic: String,
        /// Why.
        error: LinkError,
    },
    /// An interface cannot be brought up.
    #[error("NIC {nic}: {error}")]
    AfXdp {
        /// Which one.
        nic: String,
        /// Why.
        error: OpenError,
    },
    /// This program has no DPDK.
    #[error(
        "NIC {0}: `port: dpdk` needs the program strait-dataplane-dpdk, which is built by itself: \
         docs/DPDK.md says how; or use another port"
    )]
    NoDpdk(String),
    /// What the host that runs the workers cannot do.
    #[error("{error}")]
    Host {
        /// Why.
        error: Box<dyn std::error::Error + Send + Sync>,
        /// The exit code that says so.
        exit: Exit,
    },
    /// The region cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The region that the supervisor kept cannot be taken over.
    #[error("the region of the last run: {0}")]
    Attach(#[from] AttachError),
    /// An end of the region cannot be taken.
    #[error(transparent)]
    End(#[from] EndError),
    /// The region cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A worker cannot run where it should.
    #[error(
        "worker {worker} cannot be pinned to core {core}: {error}; choose one of `nproc` cores \
         that this process may use, or `core: null`"
    )]
    Core {
        /// The worker.
        worker: usize,
        /// The core.
        core: u16,
        /// Why.
        error: io::Error,
    },
    /// The system refused something else.
    #[error("the system refused: {0}")]
    System(#[from] io::Error),
}

impl Failure {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Configuration(_) | Self::Geometry(_) => Exit::Configuration,
            Self::Running(_) | Self::Serve(ServeError::InUse(_)) => Exit::InUse,
            Self::Bind(BindError::InUse(_) | BindError::NotLocal(_)) => Exit::InUse,
            Self::Bind(BindError::Privileged(_) | BindError::Files { .. }) => Exit::Privilege,
            Self::AfXdp { error, .. } => match error {
                OpenError::Occupied(_) | OpenError::QueueInUse { .. } | OpenError::NotLocal(_) => {
                    Exit::InUse
                }
                OpenError::Capability | OpenError::Memory(_) => Exit::Privilege,
                _ => Exit::Failure,
            },
            Self::Host { exit, .. } => *exit,
            Self::Attach(_) | Self::End(EndError::Ring { .. }) => Exit::Region,
            _ => Exit::Failure,
        }
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Self::Configuration(report)
    }
}
