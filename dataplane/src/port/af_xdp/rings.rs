//! The four rings of an AF_XDP socket: indices that run freely, entries of one or two words.
//!
//! The kernel is at the other end of each. Indices are looked at once for each burst.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use rustix::net::xdp::{XdpRingFlags, XdpRingOffset};

use super::mapping::Mapping;

/// What a ring's entry is: the address of a frame in the UMEM, and for rings that carry frames
/// also its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) address: u64,
    pub(super) bytes: u32,
}

/// Octets of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// Fill and completion rings.
    Address = 8,
    /// Receive and transmit rings.
    Frame = 16,
}

/// One ring, in the kernel's memory.
struct Ring {
    mapping: Mapping,
    offsets: XdpRingOffset,
    kind: EntryKind,
    entries: u32,
}

impl Ring {
    fn map(
        socket: BorrowedFd<'_>,
        at: u64,
        offsets: XdpRingOffset,
        kind: EntryKind,
        entries: u32,
    ) -> io::Result<Self> {
        let bytes = offsets.desc as usize + entries as usize * kind as usize;
        Ok(Self {
            mapping: Mapping::ring(socket, at, bytes)?,
            offsets,
            kind,
            entries,
        })
    }

    #[inline]
    fn at(&self, index: u32) -> usize {
        let place = index & (self.entries - 1);
        self.offsets.desc as usize + place as usize * self.kind as usize
    }

    fn load(&self, word: u64) -> u32 {
        self.mapping.word(word as usize).load(Acquire)
    }

    fn store(&self, word: u64, value: u32) {
        self.mapping.word(word as usize).store(value, Release);
    }
}

/// The end of a ring that puts entries in.
pub(super) struct Producer {
    ring: Ring,
    next: u32,
    /// Entries that may be put in before the next look.
    room: u32,
}

impl Producer {
    pub(super) fn map(
        socket: BorrowedFd<'_>,
        at: u64,
        offsets: XdpRingOffset,
        kind: EntryKind,
        entries: u32,
    ) -> io::Result<Self> {
        let ring = Ring::map(socket, at, offsets, kind, entries)?;
        Ok(Self {
            ring,
            next: 0,
            room: 0,
        })
    }

    /// How many entries there is room for; looks again when it seems less than `wanted`.
    #[inline]
    pub(super) fn room(&mut self, wanted: u32) -> u32 {
        if self.room < wanted {
            let consumed = self.ring.load(self.ring.offsets.consumer);
            self.room = self.ring.entries - self.next.wrapping_sub(consumed).min(self.ring.entries);
        }
        self.room
    }

    /// Puts an entry in, unless there is no room. The kernel sees it once
    /// [published](Self::publish).
    #[inline]
    pub(super) fn put(&mut self, entry: Entry) -> bool {
        if self.room(1) == 0 {
            return false;
        }
        let at = self.ring.at(self.next);
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&entry.address.to_ne_bytes());
        octets[8..12].copy_from_slice(&entry.bytes.to_ne_bytes());
        let octets = &octets[..self.ring.kind as usize];
        let put = self.ring.mapping.write(at, octets);
        debug_assert!(put.is_some(), "entries lie in the ring");
        self.next = self.next.wrapping_add(1);
        self.room -= 1;
        true
    }

    /// Lets the kernel see what was put in.
    #[inline]
    pub(super) fn publish(&self) {
        self.ring.store(self.ring.offsets.producer, self.next);
    }

    /// Whether entries wait for the kernel.
    pub(super) fn is_pending(&self) -> bool {
        self.ring.load(self.ring.offsets.consumer) != self.next
    }

    /// Whether the kernel sleeps until a system call wakes it.
    #[inline]
    pub(super) fn needs_wakeup(&self) -> bool {
        let Some(at) = self.ring.offsets.flags else {
            return true;
        };
        let flags = self.ring.mapping.word(at as usize).load(Relaxed);
        flags & XdpRingFlags::XDP_RING_NEED_WAKEUP.bits() != 0
    }
}

/// The end of a ring that takes entries out.
pub(super) struct Consumer {
    ring: Ring,
    next: u32,
}

impl Consumer {
    pub(super) fn map(
        socket: BorrowedFd<'_>,
        at: u64,
        offsets: XdpRingOffset,
        kind: EntryKind,
        entries: u32,
    ) -> io::Result<Self> {
        let ring = Ring::map(socket, at, offsets, kind, entries)?;
        Ok(Self { ring, next: 0 })
    }

    /// How many entries may be [taken](Self::take), `wanted` at most.
    #[inline]
    pub(super) fn available(&self, wanted: usize) -> usize {
        let produced = self.ring.load(self.ring.offsets.producer);
        let available = produced.wrapping_sub(self.next).min(self.ring.entries);
        wanted.min(available as usize)
    }

    /// Takes the next entry, which must be available.
    #[inline]
    pub(super) fn take(&mut self) -> Entry {
        let mut octets = [0; 16];
        let at = self.ring.at(self.next);
        let read = self
            .ring
            .mapping
            .read(at, &mut octets[..self.ring.kind as usize]);
        debug_assert!(read.is_some(), "entries lie in the ring");
        self.next = self.next.wrapping_add(1);
        let (address, rest) = octets.split_first_chunk().expect("16 octets");
        let (bytes, _) = rest.split_first_chunk().expect("8 octets");
        Entry {
            address: u64::from_ne_bytes(*address),
            bytes: u32::from_ne_bytes(*bytes),
        }
    }

    /// Gives the places of what was taken back to the kernel.
    #[inline]
    pub(super) fn release(&self) {
        self.ring.store(self.ring.offsets.consumer, self.next);
    }
}
