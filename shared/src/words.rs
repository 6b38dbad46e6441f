//! Handles on what lies in the region, and the cell a record travels in.
//!
//! A leaf module: the only one beside `mapping` that holds `unsafe`. What the rest of the crate
//! gets from here are shared references to atomics, alive as long as the mapping.
#![allow(unsafe_code)]

use std::ops::Deref;
use std::sync::Arc;

use crate::limits::RECORD_WORDS;
use crate::sync::AtomicU64;
#[cfg(not(loom))]
use crate::sync::Ordering;

#[cfg(not(loom))]
use crate::mapping::Mapping;

/// A type that may be laid over any bytes of the region.
///
/// # Safety
/// The type is `repr(C)` or `repr(transparent)` and consists of nothing but atomic integers and
/// other such types, so that every bit pattern is valid, all zeros included, and another process
/// may write it at any time. Its alignment is at most a section's.
#[cfg(not(loom))]
pub(crate) unsafe trait Words: Sync {}

// SAFETY: an atomic integer.
#[cfg(not(loom))]
unsafe impl Words for AtomicU64 {}
// SAFETY: `repr(C)`, two padded atomic integers.
#[cfg(not(loom))]
unsafe impl Words for crate::ring::Indices {}
// SAFETY: `repr(C)`, atomic integers.
#[cfg(not(loom))]
unsafe impl Words for crate::statistics::StatisticsPage {}
// SAFETY: `repr(C)`, atomic integers.
#[cfg(not(loom))]
unsafe impl Words for crate::table::SlotWords {}

/// A part of the region, kept alive by holding the mapping.
#[cfg(not(loom))]
pub(crate) struct Shared<T: ?Sized> {
    target: std::ptr::NonNull<T>,
    mapping: Arc<Mapping>,
}

#[cfg(not(loom))]
impl<T: Words> Shared<[T]> {
    /// `count` elements from `offset` on.
    ///
    /// # Panics
    /// When the part is not inside the mapping or not aligned: layouts are checked before.
    pub(crate) fn slice(mapping: &Arc<Mapping>, offset: usize, count: usize) -> Self {
        let bytes = count
            .checked_mul(size_of::<T>())
            .expect("layouts are checked");
        let end = offset.checked_add(bytes).expect("layouts are checked");
        assert!(end <= mapping.len() && offset.is_multiple_of(align_of::<T>()));
        // SAFETY: inside the mapping, by the assertion.
        let start = unsafe { mapping.base().add(offset) }.cast::<T>();
        Self {
            target: std::ptr::NonNull::slice_from_raw_parts(start, count),
            mapping: Arc::clone(mapping),
        }
    }
}

#[cfg(not(loom))]
impl<T: Words> Shared<T> {
    /// The one element at `offset`; panics as [`Shared::slice`] does.
    pub(crate) fn one(mapping: &Arc<Mapping>, offset: usize) -> Self {
        let slice = Shared::<[T]>::slice(mapping, offset, 1);
        Self {
            target: slice.target.cast(),
            mapping: slice.mapping,
        }
    }
}

#[cfg(not(loom))]
impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: made by `slice` or `one` from an aligned part of a mapping that lives as long
        // as `self.mapping` and whose file is sealed against shrinking; `T: Words` makes every
        // content valid and every access atomic.
        unsafe { self.target.as_ref() }
    }
}

#[cfg(not(loom))]
impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self {
            target: self.target,
            mapping: Arc::clone(&self.mapping),
        }
    }
}

// SAFETY: gives out `&T` of atomics only, which are `Sync`; the mapping is `Send` and `Sync`.
#[cfg(not(loom))]
unsafe impl<T: ?Sized + Sync> Send for Shared<T> {}
// SAFETY: as above.
#[cfg(not(loom))]
unsafe impl<T: ?Sized + Sync> Sync for Shared<T> {}

/// A part of a modelled region.
#[cfg(loom)]
pub(crate) struct Shared<T: ?Sized>(pub(crate) Arc<T>);

#[cfg(loom)]
impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(loom)]
impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// One record's place in a ring: copied word by word, so that a peer that breaks the protocol
/// can garble a record but never cause a data race.
#[cfg(not(loom))]
#[repr(C, align(128))]
pub(crate) struct RecordCell([AtomicU64; RECORD_WORDS]);

// SAFETY: an array of atomics.
#[cfg(not(loom))]
unsafe impl Words for RecordCell {}

#[cfg(not(loom))]
impl RecordCell {
    #[inline]
    pub(crate) fn write(&self, record: &[u64; RECORD_WORDS]) {
        for (cell, word) in self.0.iter().zip(record) {
            cell.store(*word, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn read(&self) -> [u64; RECORD_WORDS] {
        std::array::from_fn(|index| self.0[index].load(Ordering::Relaxed))
    }
}

/// One record's place in a modelled ring: loom reports any access the indices do not order.
/// (Atomic words would never count as a race, and a weakened index would go unnoticed.)
#[cfg(loom)]
pub(crate) struct RecordCell(loom::cell::UnsafeCell<[u64; RECORD_WORDS]>);

// SAFETY: loom checks that accesses from several threads are ordered, and panics otherwise.
#[cfg(loom)]
unsafe impl Sync for RecordCell {}

#[cfg(loom)]
impl RecordCell {
    pub(crate) fn new() -> Self {
        Self(loom::cell::UnsafeCell::new([0; RECORD_WORDS]))
    }

    pub(crate) fn write(&self, record: &[u64; RECORD_WORDS]) {
        // SAFETY: loom has checked that nobody else has access.
        self.0.with_mut(|cell| unsafe { *cell = *record });
    }

    pub(crate) fn read(&self) -> [u64; RECORD_WORDS] {
        // SAFETY: loom has checked that nobody writes.
        self.0.with(|cell| unsafe { *cell })
    }
}

/// Asks for the cache line of `word`, without waiting for it.
#[inline(always)]
pub(crate) fn prefetch(word: &AtomicU64) {
    #[cfg(all(target_arch = "x86_64", not(loom), not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint on an address that a reference vouches for; it changes nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(word).cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(loom), not(miri))))]
    let _ = word;
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<RecordCell>() == crate::limits::RECORD_BYTES);
