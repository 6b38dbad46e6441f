//! A sealed memfd mapped as atomic words, or words on the heap for tests.
//!
//! A leaf module with `unsafe`, as `copy` is.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

use super::copy;

/// Sealed against shrinking, or a peer could make every access fault.
const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

/// Shared words. Other processes may write them at any time.
#[derive(Debug)]
pub(super) struct Mapping {
    first: NonNull<AtomicU64>,
    words: usize,
    backing: Backing,
}

#[derive(Debug)]
enum Backing {
    Memfd(OwnedFd),
    #[cfg(test)]
    Heap,
}

// SAFETY: the mapping is process-wide memory accessed through atomics only, and stays mapped for
// as long as the value lives, on whichever thread.
unsafe impl Send for Mapping {}
// SAFETY: as for `Send`: every access through `&Mapping` is atomic.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// New memory of `words` words, all zero.
    pub(super) fn create(words: usize) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = rustix::fs::memfd_create("strait-frames", flags)?;
        rustix::fs::ftruncate(&fd, words as u64 * 8)?;
        rustix::fs::fcntl_add_seals(&fd, SEALS)?;
        Self::map(fd, words)
    }

    /// The memory behind a descriptor, which must be sealed against shrinking.
    pub(super) fn attach(fd: OwnedFd) -> io::Result<Self> {
        if !rustix::fs::fcntl_get_seals(&fd)?.contains(SealFlags::SHRINK) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not sealed"));
        }
        let bytes = u64::try_from(rustix::fs::fstat(&fd)?.st_size).unwrap_or(0);
        let words = usize::try_from(bytes / 8).unwrap_or(0);
        Self::map(fd, words)
    }

    fn map(fd: OwnedFd, words: usize) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let address = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                words * 8,
                access,
                MapFlags::SHARED,
                &fd,
                0,
            )?
        };
        let first = NonNull::new(address.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self {
            first,
            words,
            backing: Backing::Memfd(fd),
        })
    }

    /// Memory of this process alone, all zero: what Miri can run on.
    #[cfg(test)]
    pub(super) fn heap(words: usize) -> Self {
        let all: Box<[AtomicU64]> = (0..words).map(|_| AtomicU64::new(0)).collect();
        Self {
            first: NonNull::from(Box::leak(all)).cast(),
            words,
            backing: Backing::Heap,
        }
    }

    pub(super) fn words(&self) -> usize {
        self.words
    }

    /// The words from `at` on.
    ///
    /// # Panics
    /// When they do not all lie in the mapping.
    #[inline]
    pub(super) fn slice(&self, at: usize, count: usize) -> &[AtomicU64] {
        // SAFETY: `map` mapped `words` words, page-aligned, for as long as `self` lives (or `heap`
        // allocated them); the seal keeps the file from shrinking beneath them, and they are only
        // ever accessed as atomics or by `copy`.
        let all = unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.words) };
        &all[at..at + count]
    }

    /// One word.
    ///
    /// # Panics
    /// When it does not lie in the mapping.
    #[inline]
    pub(super) fn word(&self, at: usize) -> &AtomicU64 {
        &self.slice(at, 1)[0]
    }

    /// Copies octets out of the words from `at` on.
    ///
    /// # Panics
    /// When they do not all lie in the mapping.
    #[inline]
    pub(super) fn read(&self, at: usize, octets: &mut [u8]) {
        copy::load(self.slice(at, octets.len().div_ceil(8)), octets);
    }

    /// Copies octets into the words from `at` on.
    ///
    /// # Panics
    /// When they do not all lie in the mapping.
    #[inline]
    pub(super) fn write(&self, at: usize, octets: &[u8]) {
        copy::store(octets, self.slice(at, octets.len().div_ceil(8)));
    }

    pub(super) fn load(&self, at: usize) -> u64 {
        self.word(at).load(Ordering::Acquire)
    }

    pub(super) fn store(&self, at: usize, value: u64) {
        self.word(at).store(value, Ordering::Release);
    }
}

impl AsFd for Mapping {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.backing {
            Backing::Memfd(fd) => fd.as_fd(),
            #[cfg(test)]
            Backing::Heap => panic!("words on the heap have no file"),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        match &self.backing {
            // SAFETY: this range was mapped by `map`, and nothing borrows from it any more. A
            // failure would leave it mapped, which harms nobody.
            Backing::Memfd(_) => unsafe {
                let _ = rustix::mm::munmap(self.first.as_ptr().cast(), self.words * 8);
            },
            // SAFETY: leaked by `heap` with this length; nothing borrows from it any more.
            #[cfg(test)]
            Backing::Heap => unsafe {
                let all = NonNull::slice_from_raw_parts(self.first, self.words);
                drop(Box::from_raw(all.as_ptr()));
            },
        }
    }
}
