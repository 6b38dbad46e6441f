//! Memory shared with the kernel: UMEM and rings. A leaf with unsafe code.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use rustix::mm::{MapFlags, ProtFlags};

/// Huge pages of the size every machine that has them offers.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// What the pages of a mapping are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pages {
    Huge,
    Ordinary,
}

/// Mapped memory, unmapped when dropped.
#[derive(Debug)]
pub(super) struct Mapping {
    first: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the memory belongs to the process, not to a thread, and stays mapped as long as the
// value lives.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Memory for at least `bytes` octets of frames, present from the start; on huge pages where
    /// enough are free.
    pub(super) fn anonymous(bytes: usize) -> io::Result<(Self, Pages)> {
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
        let huge = flags | MapFlags::HUGETLB | MapFlags::HUGE_2MB;
        let rounded = bytes.next_multiple_of(HUGE_PAGE_BYTES);
        if let Ok(mapping) = Self::map_anonymous(rounded, huge) {
            return Ok((mapping, Pages::Huge));
        }
        Ok((Self::map_anonymous(bytes, flags)?, Pages::Ordinary))
    }

    fn map_anonymous(bytes: usize, flags: MapFlags) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let first =
            unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), bytes, access, flags)? };
        Self::of(first.cast(), bytes)
    }

    /// A ring of an AF_XDP socket.
    pub(super) fn ring(socket: BorrowedFd<'_>, ring: u64, bytes: usize) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: as for anonymous memory.
        let first =
            unsafe { rustix::mm::mmap(std::ptr::null_mut(), bytes, access, flags, socket, ring)? };
        Self::of(first.cast(), bytes)
    }

    fn of(first: *mut u8, bytes: usize) -> io::Result<Self> {
        let first = NonNull::new(first).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { first, bytes })
    }

    /// Where the kernel finds it.
    pub(super) fn address(&self) -> u64 {
        self.first.as_ptr().addr() as u64
    }

    /// Its first octet.
    #[inline]
    pub(super) fn first(&self) -> NonNull<u8> {
        self.first
    }

    /// How many octets there are.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A word that both sides access at any time.
    ///
    /// # Panics
    /// When it does not lie in the mapping, aligned.
    #[inline]
    pub(super) fn word(&self, at: usize) -> &AtomicU32 {
        assert!(at.is_multiple_of(4) && at + 4 <= self.bytes);
        // SAFETY: the word lies in the mapping by the line above, which starts on a page and
        // lives as long as `self`; the kernel reads and writes it whole.
        unsafe { AtomicU32::from_ptr(self.first.as_ptr().add(at).cast()) }
    }

    /// Copies octets out that the kernel has handed over; nothing where there are none such.
    #[inline]
    pub(super) fn read(&self, at: usize, octets: &mut [u8]) -> Option<()> {
        self.inside(at, octets.len())?;
        // SAFETY: the source lies in the mapping by the line above, the destination is ours.
        // The kernel leaves alone what it has handed over until it gets it back; if it did not,
        // any octets are a value of `u8`.
        unsafe {
            let from = self.first.as_ptr().add(at);
            std::ptr::copy_nonoverlapping(from, octets.as_mut_ptr(), octets.len());
        }
        Some(())
    }

    /// Copies octets in where the kernel does not look until they are handed over; nothing where
    /// there is no such place.
    #[inline]
    pub(super) fn write(&mut self, at: usize, octets: &[u8]) -> Option<()> {
        self.inside(at, octets.len())?;
        // SAFETY: as in `read`, the other way round; `self` is borrowed alone.
        unsafe {
            let to = self.first.as_ptr().add(at);
            std::ptr::copy_nonoverlapping(octets.as_ptr(), to, octets.len());
        }
        Some(())
    }

    #[inline]
    fn inside(&self, at: usize, bytes: usize) -> Option<()> {
        (at.checked_add(bytes)? <= self.bytes).then_some(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this range was mapped above, and nothing borrows from it any more. A failure
        // would leave it mapped, which harms nobody.
        let _ = unsafe { rustix::mm::munmap(self.first.as_ptr().cast(), self.bytes) };
    }
}
