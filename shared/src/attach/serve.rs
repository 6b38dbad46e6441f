//! The dataplane's side: a thread that answers whoever connects.

use std::fs::Permissions;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, UCred,
};

use super::{ANSWER_BYTES_MAX, GRANTED, REFUSED};
use crate::region::Region;

/// Connections held open at once: control, and a few who look on.
const CLIENTS_MAX: usize = 16;

/// Why the region cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another dataplane serves there.
    #[error("{0} is served by another dataplane: stop it first")]
    InUse(PathBuf),
    /// The region is on the heap.
    #[error("a region on the heap has no file to serve")]
    NoFile,
    /// The socket cannot be made.
    #[error("cannot listen on {path}: {cause}")]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// Serves a region's file until dropped.
pub struct RegionServer {
    listener: Arc<UnixListener>,
    path: PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl RegionServer {
    /// Listens on `path`, replacing the socket that a dead dataplane left there.
    pub fn start(path: &Path, region: &Region) -> Result<Self, ServeError> {
        let failed = |cause| ServeError::Socket {
            path: path.to_owned(),
            cause,
        };
        let fd = region.fd().ok_or(ServeError::NoFile)?;
        let fd = fd.try_clone_to_owned().map_err(failed)?;
        let listener = Arc::new(listen(path)?);
        let accepting = Arc::clone(&listener);
        let thread = std::thread::Builder::new()
            .name("region-server".into())
            .spawn(move || accept_all(&accepting, fd.as_fd()))
            .map_err(failed)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            thread: Some(thread),
        })
    }
}

impl Drop for RegionServer {
    fn drop(&mut self) {
        // Wakes the thread from its accept. Failing means that it has ended already.
        let _ = rustix::net::shutdown(&self.listener, Shutdown::Read);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // Someone may have tidied up already.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn listen(path: &Path) -> Result<UnixListener, ServeError> {
    let failed = |cause| ServeError::Socket {
        path: path.to_owned(),
        cause,
    };
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            if UnixStream::connect(path).is_ok() {
                return Err(ServeError::InUse(path.to_owned()));
            }
            std::fs::remove_file(path).map_err(failed)?;
            UnixListener::bind(path).map_err(failed)?
        }
        other => other.map_err(failed)?,
    };
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

fn accept_all(listener: &UnixListener, region: BorrowedFd<'_>) {
    let mut clients: Vec<UnixStream> = Vec::with_capacity(CLIENTS_MAX);
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                clients.retain(is_connected);
                if clients.len() == CLIENTS_MAX {
                    refuse(&stream, "too many are attached");
                } else if answer(&stream, region) {
                    clients.push(stream);
                }
            }
            // The client went away while it waited.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Shut down by our owner.
            Err(_) => return,
        }
    }
}

/// Whether the other side is still there; clients never send.
fn is_connected(stream: &UnixStream) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    let seen = rustix::net::recv(stream, &mut [0u8; 1][..], flags);
    matches!(seen, Err(rustix::io::Errno::AGAIN))
}

/// Sends the file to who may have it. Says whether it was sent.
fn answer(stream: &UnixStream, region: BorrowedFd<'_>) -> bool {
    let own = rustix::process::geteuid();
    match rustix::net::sockopt::socket_peercred(stream) {
        Ok(UCred { uid, .. }) if uid == own || uid.is_root() => send(stream, region).is_ok(),
        Ok(UCred { uid, .. }) => {
            let reason = format!(
                "user {} may not attach what user {} serves",
                uid.as_raw(),
                own.as_raw()
            );
            refuse(stream, &reason);
            false
        }
        Err(_) => false,
    }
}

fn send(stream: &UnixStream, region: BorrowedFd<'_>) -> rustix::io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [region];
    let fits = control.push(SendAncillaryMessage::ScmRights(&fds));
    assert!(fits, "the space is made for one descriptor");
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    rustix::net::sendmsg(
        stream,
        &[IoSlice::new(GRANTED.as_bytes())],
        &mut control,
        flags,
    )
}

fn refuse(mut stream: &UnixStream, reason: &str) {
    let mut text = format!("{REFUSED}{reason}");
    text.truncate(ANSWER_BYTES_MAX);
    // A fresh socket has room for one line; a client that has gone does not need it.
    let _ = stream.write_all(text.as_bytes());
}
