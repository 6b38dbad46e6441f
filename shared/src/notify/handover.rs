//! The supervisor's side: handing kept descriptors to the process about to start.
//!
//! A leaf module with `unsafe`: descriptors are moved to their numbers between fork and exec.
#![allow(unsafe_code)]

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::message::is_name;
use super::{FDS_MAX, FIRST_FD, LISTEN_FDNAMES, LISTEN_FDS, LISTEN_PID};

/// Has `command` start with these descriptors as `LISTEN_FDS` and `LISTEN_FDNAMES`. Without any,
/// takes away those variables that the supervisor itself was started with.
pub fn handover(command: &mut Command, fds: &[(&str, BorrowedFd<'_>)]) -> io::Result<()> {
    command
        .env_remove(LISTEN_PID)
        .env_remove(LISTEN_FDS)
        .env_remove(LISTEN_FDNAMES);
    if fds.is_empty() {
        return Ok(());
    }
    if fds.len() > FDS_MAX || !fds.iter().all(|(name, _)| is_name(name)) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let names: Vec<&str> = fds.iter().map(|(name, _)| *name).collect();
    command
        .env(LISTEN_FDS, fds.len().to_string())
        .env(LISTEN_FDNAMES, names.join(":"));
    let above = FIRST_FD + fds.len() as i32;
    let copy = |fd: BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(fd, above);
    let sources = fds
        .iter()
        .map(|(_, fd)| copy(*fd))
        .collect::<Result<Vec<_>, _>>()?;
    let reserved = reserve(above, fds[0].1)?;
    let place = move || {
        // Held until here, so that nothing the start of a process needs has these numbers.
        let _ = &reserved;
        for (source, target) in sources.iter().zip(FIRST_FD..) {
            // SAFETY: `dup2` may close what has this number in the child, which nobody uses: it
            // is a placeholder of `reserve`, or was open in the supervisor before.
            let mut target = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(target) });
            rustix::io::dup2(source, &mut target)?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made, on memory that was ready before.
    unsafe { command.pre_exec(place) };
    Ok(())
}

/// Occupies every free number from the first handed over up to `above`. The pipe on which a child
/// reports that it could not start must not lie there: it would be overwritten, and the report
/// end up in the region.
fn reserve(above: i32, any: BorrowedFd<'_>) -> rustix::io::Result<Vec<OwnedFd>> {
    let mut placeholders = Vec::with_capacity(FDS_MAX);
    loop {
        let placeholder = rustix::io::fcntl_dupfd_cloexec(any, FIRST_FD)?;
        if placeholder.as_raw_fd() >= above {
            return Ok(placeholders);
        }
        placeholders.push(placeholder);
    }
}
