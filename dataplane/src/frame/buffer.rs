//! The memory of one frame: on the heap, or a port's own. A leaf with unsafe code.
//!
//! A port whose hardware or kernel reads and writes memory of its own exchanges a frame's buffer
//! for another of that memory, instead of copying what is in it.
#![allow(unsafe_code)]

use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::limits::BUFFER_BYTES;

/// Octets of a buffer.
#[derive(Debug)]
#[repr(align(64))]
pub struct Octets(pub [u8; BUFFER_BYTES]);

/// Memory that buffers are lent from. It stays as long as one of them does.
pub type Lender = Arc<dyn Any + Send + Sync>;

/// The memory of one frame. Nobody else has access to it.
#[derive(Debug)]
pub struct Buffer {
    octets: NonNull<Octets>,
    /// What the lender calls it.
    number: u64,
    /// `None` when it is on the heap.
    lender: Option<Lender>,
}

// SAFETY: the octets are this value's alone, and so is the right to free them; a lender may be
// held by any thread.
unsafe impl Send for Buffer {}

impl Buffer {
    /// On the heap.
    pub fn new() -> Self {
        let octets = Box::new(Octets([0; BUFFER_BYTES]));
        Self {
            octets: NonNull::from(Box::leak(octets)),
            number: 0,
            lender: None,
        }
    }

    /// Lent memory.
    ///
    /// # Safety
    /// The octets belong to `lender`, are initialised, stay as long as it does, and are given to
    /// nobody else before they come back by [`exchange`](Self::exchange).
    pub unsafe fn lent(octets: NonNull<Octets>, number: u64, lender: Lender) -> Self {
        Self {
            octets,
            number,
            lender: Some(lender),
        }
    }

    /// Gives the memory back to its lender, who gives other; returns the number of the old one.
    /// Nothing when it is another's.
    ///
    /// # Safety
    /// As for [`lent`](Self::lent).
    #[inline]
    pub unsafe fn exchange(
        &mut self,
        lender: &Lender,
        octets: NonNull<Octets>,
        number: u64,
    ) -> Option<u64> {
        let same = |own: &Lender| Arc::as_ptr(own).addr() == Arc::as_ptr(lender).addr();
        if !self.lender.as_ref().is_some_and(same) {
            return None;
        }
        self.octets = octets;
        Some(std::mem::replace(&mut self.number, number))
    }

    /// The octets.
    #[inline]
    pub fn octets(&self) -> &[u8; BUFFER_BYTES] {
        // SAFETY: they are this value's alone, initialised, and there as long as it is.
        unsafe { &self.octets.as_ref().0 }
    }

    /// Has the processor fetch the octets that begin at `at`, as far as a small packet goes, which
    /// another core or a device has just written.
    #[inline]
    pub fn prefetch(&self, at: usize) {
        const LINE_BYTES: usize = 64;
        for octet in self.octets().iter().skip(at).step_by(LINE_BYTES).take(4) {
            fetch(octet);
        }
    }

    /// The octets, to be written.
    #[inline]
    pub fn octets_mut(&mut self) -> &mut [u8; BUFFER_BYTES] {
        // SAFETY: as above.
        unsafe { &mut self.octets.as_mut().0 }
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.lender.is_none() {
            // SAFETY: it was leaked from a box by `new`, and is gone with this value.
            drop(unsafe { Box::from_raw(self.octets.as_ptr()) });
        }
    }
}

#[inline]
fn fetch(octet: &u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint on an address that a reference vouches for; it changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(octet).cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = octet;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_exchanged_with_its_lender_alone() {
        let mut memory = [Octets([1; BUFFER_BYTES]), Octets([2; BUFFER_BYTES])];
        let [one, two] = &mut memory;
        let (one, two) = (NonNull::from(one), NonNull::from(two));
        let (lender, other): (Lender, Lender) = (Arc::new(0_u8), Arc::new(0_u8));
        // SAFETY: the memory outlives the buffer, and each part of it is given once.
        unsafe {
            let mut buffer = Buffer::lent(one, 7, lender.clone());
            assert_eq!(buffer.exchange(&other, two, 8), None);
            assert_eq!(buffer.octets()[0], 1);
            assert_eq!(buffer.exchange(&lender, two, 8), Some(7));
            assert_eq!(buffer.octets()[0], 2);
            assert_eq!(Buffer::new().exchange(&lender, one, 7), None);
        }
    }

    #[test]
    fn the_lender_stays_as_long_as_a_buffer() {
        let lender: Lender = Arc::new(0_u8);
        let mut octets = Octets([0; BUFFER_BYTES]);
        // SAFETY: the memory outlives the buffer and is given once.
        let buffer = unsafe { Buffer::lent(NonNull::from(&mut octets), 0, lender.clone()) };
        assert_eq!(Arc::strong_count(&lender), 2);
        drop(buffer);
        assert_eq!(Arc::strong_count(&lender), 1);
    }
}
