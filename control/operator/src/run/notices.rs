//! Waiting for what a process says about itself (sd_notify(3)).

use std::{
    io::ErrorKind,
    os::{fd::AsFd, unix::net::UnixDatagram as StdDatagram},
    path::Path,
};

use strait_shared::notify::{NotifySocket, Received};
use tokio::{io::Interest, net::UnixDatagram};

/// A socket that one process notifies.
pub struct Notices {
    socket: NotifySocket,
    /// The same socket again, for the runtime to wait on.
    waited: UnixDatagram,
}

impl Notices {
    /// Binds the socket at `path`, in place of one that a dead supervisor left there.
    pub fn bind(path: &Path) -> std::io::Result<Notices> {
        let socket = NotifySocket::bind(path)?;
        let twin = StdDatagram::from(socket.as_fd().try_clone_to_owned()?);
        Ok(Notices {
            socket,
            waited: UnixDatagram::from_std(twin)?,
        })
    }

    /// What goes into NOTIFY_SOCKET.
    pub fn path(&self) -> &Path {
        self.socket.path()
    }

    /// Waits for the next notification. Dropping the wait loses none.
    pub async fn next(&self) -> Received {
        loop {
            if self.waited.readable().await.is_err() {
                return std::future::pending().await;
            }
            let received = self.waited.try_io(Interest::READABLE, || {
                let received = self.socket.receive().unwrap_or(None);
                received.ok_or(ErrorKind::WouldBlock.into())
            });
            if let Ok(received) = received {
                return received;
            }
        }
    }
}
