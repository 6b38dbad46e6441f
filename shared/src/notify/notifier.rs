//! The service's side: sending notifications.

use std::ffi::OsStr;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use super::NOTIFY_SOCKET;

/// Tells the supervisor how the service fares; silent where there is none.
pub struct Notifier {
    socket: Option<UnixDatagram>,
}

impl Notifier {
    /// Finds the supervisor by `NOTIFY_SOCKET`. Without the variable there is none, and every
    /// notification succeeds without effect.
    pub fn from_env() -> io::Result<Self> {
        match std::env::var_os(NOTIFY_SOCKET) {
            None => Ok(Self { socket: None }),
            Some(address) => Self::connect(&address),
        }
    }

    /// Reaches the supervisor at a path, or at an abstract name that begins with `@`.
    pub fn connect(address: &OsStr) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        Ok(Self {
            socket: Some(socket),
        })
    }

    /// Whether there is a supervisor to talk to.
    pub fn is_supervised(&self) -> bool {
        self.socket.is_some()
    }

    /// The service is up.
    pub fn ready(&self) -> io::Result<()> {
        self.send("READY=1", &[])
    }

    /// The service has begun to shut down.
    pub fn stopping(&self) -> io::Result<()> {
        self.send("STOPPING=1", &[])
    }

    /// One line for people. Line ends would begin another assignment and become spaces.
    pub fn status(&self, text: &str) -> io::Result<()> {
        self.send(&format!("STATUS={}", text.replace(['\n', '\r'], " ")), &[])
    }

    /// Asks the supervisor to keep a descriptor and hand it to the next process.
    pub fn store(&self, name: &str, fd: BorrowedFd<'_>) -> io::Result<()> {
        // A memfd never hangs up: polling it would have it dropped at once (sd_notify(3)).
        self.send(&format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0"), &[fd])
    }

    /// Asks the supervisor to forget every descriptor of that name.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        self.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[])
    }

    fn send(&self, text: &str, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let Some(socket) = &self.socket else {
            return Ok(());
        };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            let fits = control.push(SendAncillaryMessage::ScmRights(fds));
            assert!(fits, "one descriptor at a time is sent");
        }
        let text = [IoSlice::new(text.as_bytes())];
        rustix::net::sendmsg(socket, &text, &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}
