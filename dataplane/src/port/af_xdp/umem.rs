//! The frame memory that a worker's sockets share with the kernel. A leaf with unsafe code.
//!
//! Each buffer has a page to itself, at an offset that differs from its neighbours', so that the
//! same octet of a burst's frames falls into different cache sets, and no buffer crosses a page
//! (the kernel's "unaligned" chunks). At any time a buffer is the kernel's, a frame's or a
//! socket's spare one.
#![allow(unsafe_code)]

use std::io;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::net::xdp::{
    XSK_UNALIGNED_BUF_ADDR_MASK, XSK_UNALIGNED_BUF_OFFSET_SHIFT, XdpUmemReg, XdpUmemRegFlags,
};

use super::mapping::{Mapping, Pages};
use crate::frame::{Buffer, Lender, Octets};
use crate::limits::{BUFFER_BYTES, FRAME_BYTES_MAX};

const PAGE_BYTES: usize = 4096;
const LINE_BYTES: usize = 64;
/// Offsets that a buffer may have in its page.
const OFFSETS: usize = (PAGE_BYTES - BUFFER_BYTES) / LINE_BYTES + 1;

/// A buffer that is nobody else's. There is one value for each.
#[derive(Debug)]
pub(super) struct Chunk(u32);

/// The memory of one worker.
pub(super) struct Memory {
    mapping: Mapping,
    pages: Pages,
    chunks: u32,
    /// The first chunk that no share has begun with.
    next: AtomicU32,
}

// SAFETY: through a shared reference nothing is read or written; that takes a `Chunk` or a
// `Buffer`, which are their owner's alone.
unsafe impl Sync for Memory {}

impl Memory {
    pub(super) fn new(chunks: u32) -> io::Result<Arc<Self>> {
        let (mapping, pages) = Mapping::anonymous(chunks as usize * PAGE_BYTES)?;
        Ok(Arc::new(Self {
            mapping,
            pages,
            chunks,
            next: AtomicU32::new(0),
        }))
    }

    /// A part that begins with `count` spare chunks; nothing when there are no so many left.
    pub(super) fn share(self: &Arc<Self>, count: u32) -> Option<Share> {
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let end = first.checked_add(count)?;
        if end > self.chunks {
            return None;
        }
        // Chunks come and go between shares, but never are there more than the memory has.
        let mut spare = Vec::with_capacity(self.chunks as usize);
        spare.extend((first..end).map(Chunk));
        Some(Share {
            lender: self.clone(),
            memory: self.clone(),
            lent: vec![false; self.chunks as usize].into(),
            spare,
        })
    }

    /// What its pages are.
    pub(super) fn pages(&self) -> Pages {
        self.pages
    }

    /// What the kernel is told of it.
    pub(super) fn registration(&self) -> XdpUmemReg {
        XdpUmemReg {
            addr: self.mapping.address(),
            len: self.mapping.bytes() as u64,
            chunk_size: BUFFER_BYTES as u32,
            headroom: 0,
            flags: XdpUmemRegFlags::XDP_UMEM_UNALIGNED_CHUNK_FLAG,
            tx_metadata_len: 0,
        }
    }
}

/// One socket's part in a memory.
pub(super) struct Share {
    memory: Arc<Memory>,
    /// The same memory, as buffers know it.
    lender: Lender,
    /// Which chunks the kernel has by this socket.
    lent: Box<[bool]>,
    /// Chunks for the frames that come next.
    spare: Vec<Chunk>,
}

impl Share {
    /// A spare chunk.
    #[inline]
    pub(super) fn take(&mut self) -> Option<Chunk> {
        self.spare.pop()
    }

    /// Keeps a chunk as a spare one.
    #[inline]
    pub(super) fn keep(&mut self, chunk: Chunk) {
        self.spare.push(chunk);
    }

    /// A frame's memory.
    pub(super) fn buffer(&mut self) -> Option<Buffer> {
        let chunk = self.take()?;
        // SAFETY: the chunk is ours alone, and given away with this; the memory was zeroed by the
        // kernel, and stays as long as the lender.
        Some(unsafe { Buffer::lent(self.octets(&chunk), chunk.0.into(), self.lender.clone()) })
    }

    /// Lets the kernel have a chunk; returns where it is.
    #[inline]
    pub(super) fn lend(&mut self, chunk: Chunk) -> u64 {
        self.lent[chunk.0 as usize] = true;
        offset(chunk.0) as u64
    }

    /// Takes a chunk back that the kernel says it is done with, and where in it the kernel
    /// points. Nothing when it has none such.
    #[inline]
    pub(super) fn regain(&mut self, address: u64) -> Option<(Chunk, usize)> {
        let base = (address & XSK_UNALIGNED_BUF_ADDR_MASK) as usize;
        let number = base / PAGE_BYTES;
        let at = base.checked_sub(offset(u32::try_from(number).ok()?))?;
        let at = at + (address >> XSK_UNALIGNED_BUF_OFFSET_SHIFT) as usize;
        let lent = self.lent.get_mut(number)?;
        std::mem::take(lent).then_some((Chunk(number as u32), at))
    }

    /// Gives `chunk` to a frame in exchange for the one it has; gives it back when the frame's
    /// memory is another.
    #[inline]
    pub(super) fn exchange(&self, buffer: &mut Buffer, chunk: Chunk) -> Result<Chunk, Chunk> {
        // SAFETY: as for `buffer`.
        let old = unsafe { buffer.exchange(&self.lender, self.octets(&chunk), chunk.0.into()) };
        old.map(|number| Chunk(number as u32)).ok_or(chunk)
    }

    /// Copies a frame out of a chunk; nothing where there is none such.
    #[inline]
    pub(super) fn read(&self, chunk: &Chunk, at: usize, frame: &mut [u8]) -> Option<()> {
        // SAFETY: the chunk is ours alone, and nothing else refers to its octets meanwhile.
        let octets = unsafe { &self.octets(chunk).as_ref().0 };
        frame.copy_from_slice(octets.get(at..at + frame.len())?);
        Some(())
    }

    /// Copies a frame into a chunk, at its beginning.
    #[inline]
    pub(super) fn write(&self, chunk: &mut Chunk, frame: &[u8]) {
        // SAFETY: as for `read`.
        let octets = unsafe { &mut self.octets(chunk).as_mut().0 };
        let bytes = frame.len().min(FRAME_BYTES_MAX);
        octets[..bytes].copy_from_slice(&frame[..bytes]);
    }

    #[inline]
    fn octets(&self, chunk: &Chunk) -> NonNull<Octets> {
        // SAFETY: every chunk lies within the mapping: `Memory::share` makes none that does not.
        unsafe { self.memory.mapping.first().add(offset(chunk.0)).cast() }
    }
}

/// Where a chunk begins in its memory.
#[inline]
fn offset(chunk: u32) -> usize {
    let chunk = chunk as usize;
    chunk * PAGE_BYTES + chunk % OFFSETS * LINE_BYTES
}

const _: () = {
    assert!(BUFFER_BYTES <= PAGE_BYTES && OFFSETS > 1);
    assert!(size_of::<Octets>() == BUFFER_BYTES && align_of::<Octets>() == LINE_BYTES);
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;

    fn share(chunks: u32) -> Share {
        Memory::new(chunks).unwrap().share(chunks).unwrap()
    }

    #[test]
    fn a_frame_goes_by_the_kernel_without_being_copied() {
        let mut share = share(3);
        let mut frame = Frame::of(share.buffer().unwrap());
        assert!(frame.fill(b"a frame"));
        let spare = share.take().unwrap();
        let full = share.exchange(frame.buffer(), spare).unwrap();
        let start = frame.start() as u64;
        let address = share.lend(full) + start;
        let (full, at) = share.regain(address).unwrap();
        assert_eq!(at as u64, start);
        let empty = share.exchange(frame.buffer(), full).unwrap();
        assert_eq!(frame.bytes(), b"a frame");
        share.keep(empty);
    }

    #[test]
    fn the_kernel_gives_back_what_it_has_and_once() {
        let mut share = share(2);
        let chunk = share.take().unwrap();
        let address = share.lend(chunk);
        let headroom = 256 << XSK_UNALIGNED_BUF_OFFSET_SHIFT;
        let page = PAGE_BYTES as u64;
        for wrong in [address ^ page, address + (1 << 40), u64::MAX] {
            assert!(share.regain(wrong).is_none(), "{wrong:x}");
        }
        let (_, at) = share.regain(address | headroom).unwrap();
        assert_eq!(at, 256);
        assert!(share.regain(address | headroom).is_none());
    }

    #[test]
    fn memory_of_another_kind_is_copied() {
        let (mut share, mut other) = (share(2), share(1));
        let mut frame = Frame::of(other.buffer().unwrap());
        let chunk = share.take().unwrap();
        let mut chunk = share.exchange(frame.buffer(), chunk).unwrap_err();
        share.write(&mut chunk, b"frame");
        let mut read = [0; 5];
        assert!(share.read(&chunk, 0, &mut read).is_some());
        assert_eq!(&read, b"frame");
        assert!(share.read(&chunk, BUFFER_BYTES - 4, &mut read).is_none());
        let mut heap = Frame::new();
        assert!(share.exchange(heap.buffer(), chunk).is_err());
    }

    #[test]
    fn no_chunk_lies_in_two_pages_or_outside() {
        let memory = Memory::new(100).unwrap();
        for chunk in 0..100 {
            let at = offset(chunk);
            assert_eq!(at / PAGE_BYTES, (at + BUFFER_BYTES - 1) / PAGE_BYTES);
            assert!(at + BUFFER_BYTES <= memory.mapping.bytes());
        }
        assert!(memory.share(60).is_some());
        assert!(memory.share(60).is_none());
    }
}
