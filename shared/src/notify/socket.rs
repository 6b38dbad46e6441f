//! The supervisor's side: receiving notifications with who sent them and what came along.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags};

use super::{FDS_MAX, MESSAGE_BYTES_MAX, Notification};

/// A socket for the services to notify; gone from the file system when dropped.
pub struct NotifySocket {
    socket: UnixDatagram,
    path: PathBuf,
}

/// One notification with its sender, as the kernel knows it.
#[derive(Debug)]
pub struct Received {
    /// What it says.
    pub notification: Notification,
    /// The sender's process.
    pub pid: i32,
    /// The sender's user.
    pub uid: u32,
    /// Descriptors that came along.
    pub fds: Vec<OwnedFd>,
}

impl NotifySocket {
    /// Binds the socket, replacing what a dead supervisor left at `path`; receiving never blocks.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixDatagram::bind(path)?;
        socket.set_nonblocking(true)?;
        rustix::net::sockopt::set_socket_passcred(&socket, true)?;
        Ok(Self {
            socket,
            path: path.to_owned(),
        })
    }

    /// Where the services find it: the value of `NOTIFY_SOCKET`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next notification; nothing when there is none now. One that was cut short, or came
    /// without a sender, is dropped with whatever came along.
    pub fn receive(&self) -> io::Result<Option<Received>> {
        loop {
            match self.receive_one() {
                Ok(None) => {}
                Ok(received) => return Ok(received),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn receive_one(&self) -> io::Result<Option<Received>> {
        let mut text = [0; MESSAGE_BYTES_MAX];
        const SPACE: usize = rustix::cmsg_space!(ScmRights(FDS_MAX), ScmCredentials(1));
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let message = rustix::net::recvmsg(
            &self.socket,
            &mut [IoSliceMut::new(&mut text)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        let (mut fds, mut sender) = (Vec::new(), None);
        for part in control.drain() {
            match part {
                RecvAncillaryMessage::ScmRights(received) => fds.extend(received),
                RecvAncillaryMessage::ScmCredentials(credentials) => sender = Some(credentials),
                _ => {}
            }
        }
        let cut = message
            .flags
            .intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
        Ok(sender.filter(|_| !cut).map(|sender| Received {
            notification: Notification::parse(&text[..message.bytes]),
            pid: sender.pid.as_raw_nonzero().get(),
            uid: sender.uid.as_raw(),
            fds,
        }))
    }
}

impl AsFd for NotifySocket {
    /// Becomes readable when there is a notification.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        // Someone may have tidied up already.
        let _ = std::fs::remove_file(&self.path);
    }
}
