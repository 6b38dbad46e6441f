//! The region's memory: a sealed memfd mapped shared, or a piece of heap for use in one process.
//!
//! A leaf module: the only one beside `words` that holds `unsafe`.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};

use crate::limits::SECTION_ALIGN_BYTES;

/// Neither process may resize the file, which would make the other fault, nor lift the seals.
const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

/// A huge page of x86-64, and of AArch64 with pages of 4 KiB.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Memory that both processes, or both ends in one process, see.
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
    backing: Backing,
}

enum Backing {
    Memfd(OwnedFd),
    Heap(Layout),
}

/// Why a file is no region.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MapError {
    /// The file can be resized under us.
    #[error("not sealed against resizing")]
    Unsealed,
    /// A system call failed.
    #[error("{0}: {1}")]
    System(&'static str, Errno),
}

impl Mapping {
    /// Creates a sealed file of `len` zero bytes and maps it.
    pub(crate) fn create(len: usize) -> Result<Self, MapError> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = rustix::fs::memfd_create("strait-region", flags)
            .map_err(|error| MapError::System("memfd_create", error))?;
        rustix::fs::ftruncate(&fd, len as u64)
            .map_err(|error| MapError::System("ftruncate", error))?;
        rustix::fs::fcntl_add_seals(&fd, SEALS)
            .map_err(|error| MapError::System("fcntl(F_ADD_SEALS)", error))?;
        Self::open(fd)
    }

    /// Maps a file that [`Mapping::create`] made, here or in another process.
    pub(crate) fn open(fd: OwnedFd) -> Result<Self, MapError> {
        let seals = rustix::fs::fcntl_get_seals(&fd)
            .map_err(|error| MapError::System("fcntl(F_GET_SEALS)", error))?;
        if !seals.contains(SEALS) {
            return Err(MapError::Unsealed);
        }
        let stat = rustix::fs::fstat(&fd).map_err(|error| MapError::System("fstat", error))?;
        let len = usize::try_from(stat.st_size).unwrap_or(0);
        let base = map(&fd, len).map_err(|error| MapError::System("mmap", error))?;
        Ok(Self {
            base,
            len,
            backing: Backing::Memfd(fd),
        })
    }

    /// Zeroed memory of this process alone.
    pub(crate) fn heap(len: usize) -> Self {
        let layout = Layout::from_size_align(len, SECTION_ALIGN_BYTES)
            .expect("region sizes are far below the address space");
        assert!(len > 0);
        // SAFETY: the size is not zero.
        let base = unsafe { alloc_zeroed(layout) };
        let Some(base) = NonNull::new(base) else {
            handle_alloc_error(layout)
        };
        Self {
            base,
            len,
            backing: Backing::Heap(layout),
        }
    }

    /// Has every page in place before the first packet, in huge pages where the system allows.
    pub(crate) fn populate(&self) -> Result<(), MapError> {
        if cfg!(miri) {
            return Ok(());
        }
        let base = self.base.as_ptr().cast::<libc::c_void>();
        // SAFETY: advice on our own pages that keeps their content.
        match unsafe { rustix::mm::madvise(base, self.len, Advice::LinuxPopulateWrite) } {
            // Kernels before 5.14 do not know it: the pages come one by one then.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(MapError::System("madvise(MADV_POPULATE_WRITE)", error)),
        }
        // Most systems give shared memory no huge pages by themselves; asked outright, for pages
        // that are there, Linux does since 6.1. A wish: memory may be too scattered for them.
        // SAFETY: as above.
        unsafe { libc::madvise(base, self.len, libc::MADV_COLLAPSE) };
        Ok(())
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The file, where there is one.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.backing {
            Backing::Memfd(fd) => Some(fd.as_fd()),
            Backing::Heap(_) => None,
        }
    }
}

/// Maps a file where huge pages can lie under it: on a multiple of their size.
fn map(fd: &OwnedFd, len: usize) -> Result<NonNull<u8>, Errno> {
    let room = len + HUGE_PAGE_BYTES;
    let (read_write, nowhere) = (ProtFlags::READ | ProtFlags::WRITE, std::ptr::null_mut());
    // SAFETY: a reservation of addresses where the kernel likes.
    let reserved = unsafe {
        rustix::mm::mmap_anonymous(nowhere, room, ProtFlags::empty(), MapFlags::PRIVATE)?
    };
    let before = reserved.cast::<u8>().align_offset(HUGE_PAGE_BYTES);
    let end = (before + len).next_multiple_of(rustix::param::page_size());
    // SAFETY: every address is inside the reservation, which is ours and holds nothing; the file
    // cannot shrink under its mapping. What is left on both sides is given back.
    unsafe {
        let base = reserved.byte_add(before);
        rustix::mm::mmap(
            base,
            len,
            read_write,
            MapFlags::SHARED | MapFlags::FIXED,
            fd,
            0,
        )?;
        if before > 0 {
            rustix::mm::munmap(reserved, before)?;
        }
        if end < room {
            rustix::mm::munmap(reserved.byte_add(end), room - end)?;
        }
        Ok(NonNull::new(base.cast()).expect("the kernel never maps at null unasked"))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        match &self.backing {
            // SAFETY: mapped by `open` with this length, and handles keep the mapping alive, so
            // none is left. Failing means it was not mapped: nothing to do about it.
            Backing::Memfd(_) => unsafe {
                let _ = rustix::mm::munmap(self.base.as_ptr().cast(), self.len);
            },
            // SAFETY: allocated by `heap` with this layout; no handle is left.
            Backing::Heap(layout) => unsafe { dealloc(self.base.as_ptr(), *layout) },
        }
    }
}

// SAFETY: plain memory, reached only through atomics (`words`), unmapped once at drop.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}
