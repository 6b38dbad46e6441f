//! The service's side: descriptors that the supervisor kept for it.
//!
//! A leaf module with `unsafe`: descriptors arrive as bare numbers.
#![allow(unsafe_code)]

use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::FdFlags;

use super::{FDS_MAX, FIRST_FD, LISTEN_FDNAMES, LISTEN_FDS, LISTEN_PID};

/// Descriptors have one owner: they are given out once.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The descriptors that the supervisor hands over, with their names. Gives them once; call it at
/// the very start, before this process has opened any of its own.
///
/// A supervisor that does not know our process number beforehand leaves `LISTEN_PID` out.
pub fn inherited() -> Vec<(String, OwnedFd)> {
    let own = std::process::id().to_string();
    let meant_for_us = std::env::var(LISTEN_PID).map_or(true, |pid| pid == own);
    if !meant_for_us || TAKEN.swap(true, Ordering::Relaxed) {
        return Vec::new();
    }
    let number = |text: String| text.parse::<usize>().ok();
    let count = std::env::var(LISTEN_FDS).ok().and_then(number).unwrap_or(0);
    let names = std::env::var(LISTEN_FDNAMES).unwrap_or_default();
    let names = names.split(':').map(str::to_owned);
    let fds = (FIRST_FD..)
        .take(count.min(FDS_MAX))
        .zip(names.chain(std::iter::repeat(String::new())));
    fds.filter_map(|(fd, name)| Some((name, adopt(fd)?)))
        .collect()
}

/// Takes over an open descriptor; nothing for a number that is not open.
fn adopt(fd: i32) -> Option<OwnedFd> {
    // SAFETY: only asked whether it is open, which is well defined for any number but -1.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    rustix::io::fcntl_setfd(borrowed, FdFlags::CLOEXEC).ok()?;
    // SAFETY: it is open, was handed to this process by the protocol, and is taken but once.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}
