//! The other side: fetching the region's file, waiting for the dataplane to come up.

use std::io::{self, ErrorKind, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

use super::{ANSWER_BYTES_MAX, GRANTED, REFUSED};
use crate::geometry::Geometry;
use crate::region::{AttachError, Region};

/// How long to wait before looking for the dataplane again.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// Why the region could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody serves there.
    #[error("no dataplane at {path} after {waited_ms} ms: is strait-dataplane running?")]
    Absent {
        /// Where.
        path: PathBuf,
        /// How long it was waited for.
        waited_ms: u128,
    },
    /// The dataplane says no.
    #[error("the dataplane refused: {0}")]
    Refused(String),
    /// What answers is no dataplane.
    #[error("what listens at {0} is no dataplane")]
    Foreign(PathBuf),
    /// A system call failed.
    #[error("cannot fetch the region from {path}: {cause}")]
    System {
        /// From where.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// What was fetched cannot be attached.
    #[error(transparent)]
    Attach(#[from] AttachError),
}

/// A region with the connection it came over.
pub struct Attached {
    /// The region.
    pub region: Region,
    connection: UnixStream,
}

impl Attached {
    /// Whether the dataplane that handed the region out still lives.
    pub fn is_served(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let seen = rustix::net::recv(&self.connection, &mut [0u8; 1][..], flags);
        matches!(seen, Err(rustix::io::Errno::AGAIN))
    }
}

impl AsFd for Attached {
    /// Becomes readable when the dataplane has gone.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }
}

/// Fetches and attaches the region that is served at `path`, trying for as long as `limit`.
/// With `expected`, it must have exactly that geometry. Blocks.
pub fn fetch(
    path: &Path,
    expected: Option<&Geometry>,
    limit: Duration,
) -> Result<Attached, FetchError> {
    let start = Instant::now();
    let (connection, text, fd) = loop {
        match ask(path, limit.max(RETRY_INTERVAL)) {
            Ok(answer) => break answer,
            Err(cause) if !is_absence(&cause) => {
                let path = path.to_owned();
                return Err(FetchError::System { path, cause });
            }
            Err(_) if start.elapsed() >= limit => {
                let (path, waited_ms) = (path.to_owned(), limit.as_millis());
                return Err(FetchError::Absent { path, waited_ms });
            }
            Err(_) => std::thread::sleep(RETRY_INTERVAL),
        }
    };
    if let Some(reason) = text.strip_prefix(REFUSED) {
        return Err(FetchError::Refused(reason.to_owned()));
    }
    let fd = fd.filter(|_| text == GRANTED);
    let fd = fd.ok_or_else(|| FetchError::Foreign(path.to_owned()))?;
    let region = Region::attach(fd, expected)?;
    Ok(Attached { region, connection })
}

/// No socket yet, or one whose dataplane has died, or does not get round to answering.
fn is_absence(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionRefused, ConnectionReset, NotFound, UnexpectedEof, WouldBlock};
    let absent = [
        NotFound,
        ConnectionRefused,
        ConnectionReset,
        UnexpectedEof,
        WouldBlock,
    ];
    absent.contains(&error.kind())
}

/// Connects and reads the answer, and the file that may come with it.
fn ask(path: &Path, limit: Duration) -> io::Result<(UnixStream, String, Option<OwnedFd>)> {
    let connection = UnixStream::connect(path)?;
    connection.set_read_timeout(Some(limit))?;
    let (text, fd) = receive(&connection)?;
    if text.is_empty() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok((connection, text, fd))
}

fn receive(connection: &UnixStream) -> io::Result<(String, Option<OwnedFd>)> {
    let mut text = [0; ANSWER_BYTES_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = rustix::net::recvmsg(
        connection,
        &mut [IoSliceMut::new(&mut text)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let fd = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    Ok((
        String::from_utf8_lossy(&text[..message.bytes]).into_owned(),
        fd,
    ))
}
