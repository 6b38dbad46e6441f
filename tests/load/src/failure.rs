//! Why a load test could not be made, in one line, and what to do.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;

use strait_shared::attach::FetchError;
use strait_shared::command::RejectReason;
use strait_shared::region::{AttachError, EndError};
use strait_shared::ring::RingError;

use crate::capture::CaptureError;

/// Why a load test could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The capture has nothing to replay.
    #[error("{path}: {cause}")]
    Capture {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: CaptureError,
    },
    /// The configuration is wrong; every mistake has been printed.
    #[error("the configuration is invalid: nothing is started")]
    Configuration,
    /// A realm that is not in the configuration.
    #[error("there is no realm {0:?} in the configuration: see --near-realm and --far-realm")]
    NoRealm(String),
    /// One realm cannot be both sides.
    #[error("the configuration has one realm: a call needs two, or the same one named twice")]
    OneRealm,
    /// Too few ports.
    #[error(
        "realm {realm} has ports for {room} calls of its party's IP version, and {wanted} are \
         wanted: widen `media.ports`, or ask for fewer --calls"
    )]
    Ports {
        /// The realm.
        realm: String,
        /// Calls that fit.
        room: usize,
        /// Calls asked for.
        wanted: usize,
    },
    /// A media address nothing is known of.
    #[error("{0} is no media address of the running dataplane: is it of this configuration?")]
    NoSlot(SocketAddr),
    /// A program could not be started.
    #[error("cannot start {}: {cause}; is it beside this command or in PATH?", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A program ended before it was ready; what it said stands above.
    #[error("{} ended ({status}) before it was ready", program.display())]
    Ended {
        /// The program.
        program: PathBuf,
        /// How.
        status: ExitStatus,
    },
    /// A scratch directory cannot be had.
    #[error("cannot write a configuration: {0}")]
    Scratch(std::io::Error),
    /// Strait never asked.
    #[error(
        "Strait at {0} has not asked its softswitch, which we stand for, whether it lives: does it \
         run with this configuration, and is `probe` on?"
    )]
    Deaf(SocketAddr),
    /// rtpengine does not do as it is told.
    #[error("rtpengine: {0}")]
    Rtpengine(String),
    /// The dataplane ended in mid-run.
    #[error("the dataplane has ended in mid-run")]
    Gone,
    /// Its workers do not take commands.
    #[error("the dataplane's workers have taken no command for {0} s")]
    Stuck(u64),
    /// It refused a slot.
    #[error("the dataplane refused a slot: {0}")]
    Rejected(RejectReason),
    /// A party's sockets.
    #[error("cannot open sockets on {address}: {cause}")]
    Sockets {
        /// The party's address.
        address: std::net::IpAddr,
        /// Why.
        cause: std::io::Error,
    },
    /// Namespaces cannot be made or used.
    #[error("cannot make hosts of their own for the parties: {0}")]
    Hosts(String),
    /// A party's interface.
    #[error("cannot use AF_XDP on {interface}: {cause}")]
    Bypass {
        /// The interface.
        interface: String,
        /// Why.
        cause: crate::wire::BypassError,
    },
    /// No way from a party to an address.
    #[error("there is no way to {to}: {cause}")]
    Unreachable {
        /// Where to.
        to: std::net::IpAddr,
        /// Why.
        cause: std::io::Error,
    },
    /// testpmd does not do as it is told.
    #[error("testpmd: {0}")]
    Testpmd(String),
    /// Arguments that contradict each other.
    #[error("{0}")]
    Mismatch(&'static str),
    /// Its region cannot be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Its region cannot be attached.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// Somebody else is control.
    #[error("{0}: stop strait-control first, or leave out --running")]
    End(#[from] EndError),
    /// A ring is broken.
    #[error("a ring to the dataplane is broken: {0}")]
    Ring(#[from] RingError),
    /// Memory for frames.
    #[error(transparent)]
    Link(#[from] strait_dataplane::port::memory::LinkError),
    /// A report cannot be written.
    #[error("cannot write {path}: {cause}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A plot cannot be drawn.
    #[error("cannot draw the report: {0}")]
    Draw(String),
    /// Told to stop.
    #[error("interrupted")]
    Interrupted,
}
