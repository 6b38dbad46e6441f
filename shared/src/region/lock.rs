//! Who holds which end of the region.
//!
//! Within a process a set of bits says so. Between processes only control's end can be taken
//! twice (the supervisor starts one dataplane, and its sockets bar a second): it is held by an
//! advisory lock on the file, through an open file description of its own, which the kernel gives
//! up with the process.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use crate::handover::Holders;

/// The ends of one region held in this process: workers in `workers`, control in `control`.
#[derive(Default)]
pub(super) struct Ends {
    workers: Holders,
    control: Holders,
}

/// An end held; let go when dropped.
pub struct Held {
    ends: Arc<Ends>,
    which: Which,
    /// Keeps the lock that keeps other processes out.
    lock: Option<OwnedFd>,
}

#[derive(Clone, Copy)]
enum Which {
    Worker(u16),
    Control,
}

impl Ends {
    /// Takes a worker's end; nothing when it is held.
    pub(super) fn worker(self: &Arc<Self>, worker: u16) -> Option<Held> {
        self.hold(Which::Worker(worker), None)
    }

    /// Takes control's end; nothing when it is held, here or elsewhere.
    pub(super) fn control(
        self: &Arc<Self>,
        fd: Option<BorrowedFd<'_>>,
    ) -> Result<Option<Held>, Errno> {
        let lock = match fd.map(lock).transpose()? {
            Some(None) => return Ok(None),
            Some(Some(lock)) => Some(lock),
            None => None,
        };
        Ok(self.hold(Which::Control, lock))
    }

    fn hold(self: &Arc<Self>, which: Which, lock: Option<OwnedFd>) -> Option<Held> {
        let (holders, bit) = self.place(which);
        holders.take(bit).then(|| Held {
            ends: Arc::clone(self),
            which,
            lock,
        })
    }

    fn place(&self, which: Which) -> (&Holders, u64) {
        match which {
            Which::Worker(worker) => (&self.workers, 1 << worker),
            Which::Control => (&self.control, 1),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(lock) = &self.lock {
            // Closing would do, if no child forked meanwhile held a copy until it executes.
            // Failing leaves it to that.
            let _ = rustix::fs::flock(lock, FlockOperation::Unlock);
        }
        let (holders, bit) = self.ends.place(self.which);
        holders.let_go(bit);
    }
}

/// Locks the file through a description of our own; nothing when another has it locked.
///
/// The description that came over the socket is shared with whoever sent it, and so would be a
/// lock on it.
fn lock(fd: BorrowedFd<'_>) -> Result<Option<OwnedFd>, Errno> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let own = rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    match rustix::fs::flock(&own, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(own)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error),
    }
}
