//! DPDK's packet buffers: owned, filled, exchanged with those of frames. A leaf with unsafe code.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use capsule_ffi as ffi;
use strait_dataplane::frame::{Buffer, Frame, Lender, Octets};
use strait_dataplane::limits::{BUFFER_BYTES, HEADROOM_BYTES};

/// How far a frame's buffer begins before DPDK's, in the private area that lies there: what
/// arrives begins behind the headroom of both.
const LEAD_BYTES: usize = HEADROOM_BYTES - ffi::RTE_PKTMBUF_HEADROOM as usize;
/// What of a frame's buffer lies in DPDK's.
const REST_BYTES: usize = BUFFER_BYTES - LEAD_BYTES;

const _: () = {
    assert!(LEAD_BYTES <= ffi::PRIVATE_BYTES as usize);
    assert!(REST_BYTES <= ffi::RTE_MBUF_DEFAULT_BUF_SIZE as usize);
};

/// A buffer that is this value's alone, with one frame in one piece in it.
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct Mbuf(NonNull<ffi::rte_mbuf>);

// SAFETY: a buffer belongs to no thread; the pools take them back from any.
unsafe impl Send for Mbuf {}

impl Mbuf {
    fn raw(&self) -> &ffi::rte_mbuf {
        // SAFETY: valid for as long as it is owned.
        unsafe { self.0.as_ref() }
    }

    fn raw_mut(&mut self) -> &mut ffi::rte_mbuf {
        // SAFETY: valid for as long as it is owned, by this value alone.
        unsafe { self.0.as_mut() }
    }

    /// Whether the frame lies in one piece, as it does unless it is longer than a buffer.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        self.raw().nb_segs == 1
    }

    /// The frame, or the first piece of it.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        let raw = self.raw();
        // SAFETY: the driver says that the buffer holds so many octets there.
        unsafe {
            let at = raw.buf_addr.cast::<u8>().add(usize::from(raw.data_off));
            std::slice::from_raw_parts(at, usize::from(raw.data_len))
        }
    }

    /// Hands the frame over in exchange for the buffer that `frame` had, or copies it where that
    /// cannot be. Returns the one that is over, and whether the frame fits.
    #[inline]
    pub(crate) fn hand_over(self, frame: &mut Frame, lender: &Lender) -> (Self, bool) {
        let length = self.bytes().len();
        let start = LEAD_BYTES + usize::from(self.raw().data_off);
        if !self.is_lendable() || !frame.place(start, length) {
            let fits = frame.fill(self.bytes());
            return (self, fits);
        }
        match self.exchange(frame, lender) {
            Ok(empty) => {
                frame.buffer().prefetch(start);
                (empty, true)
            }
            Err(full) => {
                let fits = frame.fill(full.bytes());
                (full, fits)
            }
        }
    }

    /// Takes the frame out in exchange for this buffer, or copies it where that cannot be.
    /// Nothing when it does not fit.
    #[inline]
    pub(crate) fn take_over(self, frame: &mut Frame, lender: &Lender) -> Option<Self> {
        let (start, length) = (frame.start(), frame.bytes().len());
        if self.is_lendable() {
            match self.exchange(frame, lender) {
                Ok(mut full) => {
                    full.declare(start.checked_sub(LEAD_BYTES)?, length);
                    return Some(full);
                }
                Err(empty) => return empty.filled(frame.bytes()),
            }
        }
        self.filled(frame.bytes())
    }

    /// Gives the buffer to a frame for the one it has; gives it back when that is another's.
    #[inline]
    fn exchange(self, frame: &mut Frame, lender: &Lender) -> Result<Self, Self> {
        let (octets, number) = (self.window(), self.number());
        // SAFETY: all buffers of frames that have this lender are DPDK's; this one is given away
        // with its value, and stays for as long as the process.
        let old = unsafe { frame.buffer().exchange(lender, octets, number) };
        match old {
            Some(old) => {
                std::mem::forget(self);
                // SAFETY: the number was made by `number` of a value that was given away.
                Ok(unsafe { Self::numbered(old) })
            }
            None => Err(self),
        }
    }

    /// Gives the buffer to a frame that is yet to be; nothing where it cannot be one's.
    pub(crate) fn lend(self, lender: &Lender) -> Option<Buffer> {
        if !self.is_lendable() {
            return None;
        }
        let (octets, number) = (self.window(), self.number());
        std::mem::forget(self);
        // SAFETY: as in `exchange`.
        Some(unsafe { Buffer::lent(octets, number, lender.clone()) })
    }

    /// Whether all of a frame's buffer is there, and nobody else's.
    #[inline]
    fn is_lendable(&self) -> bool {
        let raw = self.raw();
        let own = raw.ol_flags & (ffi::MBUF_EXTERNAL | ffi::MBUF_INDIRECT) == 0;
        let room =
            usize::from(raw.priv_size) >= LEAD_BYTES && usize::from(raw.buf_len) >= REST_BYTES;
        own && room && raw.refcnt == 1 && self.window().is_aligned()
    }

    /// Where in this buffer a frame's is.
    #[inline]
    fn window(&self) -> NonNull<Octets> {
        let first = self.raw().buf_addr.cast::<u8>().wrapping_sub(LEAD_BYTES);
        NonNull::new(first.cast()).expect("a buffer has an address")
    }

    /// What frames know this buffer by.
    #[inline]
    fn number(&self) -> u64 {
        self.0.as_ptr().expose_provenance() as u64
    }

    /// # Safety
    /// The number is one of [`number`](Self::number)'s, and no value stands for that buffer.
    #[inline]
    unsafe fn numbered(number: u64) -> Self {
        let raw = std::ptr::with_exposed_provenance_mut(number as usize);
        // SAFETY: the caller says that it was a buffer's address.
        Self(unsafe { NonNull::new_unchecked(raw) })
    }

    /// This buffer with a copy of this frame in it; nothing when it does not fit.
    #[inline]
    fn filled(mut self, bytes: &[u8]) -> Option<Self> {
        let raw = self.raw();
        let start = ffi::RTE_PKTMBUF_HEADROOM as usize;
        if start + bytes.len() > usize::from(raw.buf_len) {
            return None;
        }
        self.declare(start, bytes.len());
        let at = self.raw().buf_addr.cast::<u8>();
        // SAFETY: there is room for so many octets, in a buffer nobody else has.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at.add(start), bytes.len()) };
        Some(self)
    }

    /// Says where the frame lies, and forgets what the driver said of the one that arrived.
    #[inline]
    fn declare(&mut self, start: usize, length: usize) {
        let raw = self.raw_mut();
        raw.data_off = start as u16;
        raw.data_len = length as u16;
        raw.pkt_len = length as u32;
        raw.ol_flags &= ffi::MBUF_EXTERNAL | ffi::MBUF_INDIRECT;
    }
}

impl Drop for Mbuf {
    fn drop(&mut self) {
        // SAFETY: owned, and given up here.
        unsafe { ffi::strait_pktmbuf_free(self.0.as_ptr()) }
    }
}

/// Where the buffers of one NIC come from.
#[derive(Clone, Copy, Debug)]
pub struct Pool(NonNull<ffi::rte_mempool>);

// SAFETY: pools are made for several cores.
unsafe impl Send for Pool {}
// SAFETY: as above.
unsafe impl Sync for Pool {}

impl Pool {
    /// The pool behind a pointer of DPDK's.
    ///
    /// # Safety
    /// The pool lives as long as the process.
    pub(crate) unsafe fn new(raw: NonNull<ffi::rte_mempool>) -> Self {
        Self(raw)
    }

    /// An empty buffer; nothing when there are none left.
    #[inline]
    pub(crate) fn take(self) -> Option<Mbuf> {
        // SAFETY: a pool of packet buffers; any thread may ask.
        let raw = unsafe { ffi::strait_pktmbuf_alloc(self.0.as_ptr()) };
        NonNull::new(raw).map(Mbuf)
    }

    /// A buffer with this frame in it; nothing when there are none left or it does not fit.
    pub(crate) fn filled(self, bytes: &[u8]) -> Option<Mbuf> {
        self.take()?.filled(bytes)
    }

    /// Buffers that nobody has.
    pub fn available(self) -> u32 {
        // SAFETY: the pool lives.
        unsafe { ffi::rte_mempool_avail_count(self.0.as_ptr()) }
    }
}
