//! Talking to the supervisor as systemd's services do (sd_notify(3), sd_listen_fds(3)): readiness,
//! shutdown, status, and descriptors that outlive the process.
//!
//! systemd and `strait run` speak the same protocol: [`Notifier`] and [`inherited()`] are the
//! service's side, [`NotifySocket`] and [`handover()`] the supervisor's.

mod handover;
mod inherited;
mod message;
mod notifier;
mod socket;

pub use handover::handover;
pub use inherited::inherited;
pub use message::Notification;
pub use notifier::Notifier;
pub use socket::{NotifySocket, Received};

/// The variable that holds the socket's address.
pub const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// The variable that holds the number of descriptors handed over.
const LISTEN_FDS: &str = "LISTEN_FDS";
/// The variable that holds their names, separated by colons.
const LISTEN_FDNAMES: &str = "LISTEN_FDNAMES";
/// The variable that holds the process they are meant for.
const LISTEN_PID: &str = "LISTEN_PID";
/// Where descriptors handed over begin.
const FIRST_FD: i32 = 3;
/// Descriptors in one message, and handed over at once.
const FDS_MAX: usize = 8;
/// Longest message, in bytes.
const MESSAGE_BYTES_MAX: usize = 4096;
/// Longest descriptor name (sd_pid_notify_with_fds(3)).
const NAME_BYTES_MAX: usize = 255;
