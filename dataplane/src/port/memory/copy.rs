//! Copies between memory of our own and words that a peer may write at any moment.
//!
//! A leaf module with `unsafe`. Whatever the peer does, octets come out garbled at worst: the
//! words are read and written by atomics, or by machine code, which knows no data races. (Word by
//! word a frame takes twice as long.)
#![allow(unsafe_code)]

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

const WORD_BYTES: usize = 8;
const BLOCK_BYTES: usize = 16;
const LINE_BYTES: usize = 64;

/// Copies octets out of words.
///
/// # Panics
/// When there are fewer words than octets need.
#[inline]
pub(super) fn load(words: &[AtomicU64], octets: &mut [u8]) {
    let words = &words[..octets.len().div_ceil(WORD_BYTES)];
    // SAFETY: both hold so many octets; the words are behind atomics, of which machine code reads
    // octets; nobody else has `octets`.
    if unsafe { copy(words.as_ptr().cast(), octets.as_mut_ptr(), octets.len()) } {
        return;
    }
    for (octets, word) in octets.chunks_mut(WORD_BYTES).zip(words) {
        octets.copy_from_slice(&word.load(Relaxed).to_ne_bytes()[..octets.len()]);
    }
}

/// Copies octets into words; what is left of the last word is anything.
///
/// # Panics
/// When there are fewer words than octets need.
#[inline]
pub(super) fn store(octets: &[u8], words: &[AtomicU64]) {
    let words = &words[..octets.len().div_ceil(WORD_BYTES)];
    let target = words.as_ptr().cast_mut().cast();
    // SAFETY: both hold so many octets; the words are behind atomics, which may be written through
    // a shared reference.
    if unsafe { copy(octets.as_ptr(), target, octets.len()) } {
        return;
    }
    for (octets, word) in octets.chunks(WORD_BYTES).zip(words) {
        let mut padded = [0; WORD_BYTES];
        padded[..octets.len()].copy_from_slice(octets);
        word.store(u64::from_ne_bytes(padded), Relaxed);
    }
}

/// Copies octets by machine code; says whether it has: not on other machines, nor so few.
///
/// # Safety
/// `bytes` octets may be read from `from`, and written to `to`, by machine code.
#[inline(always)]
unsafe fn copy(from: *const u8, to: *mut u8, bytes: usize) -> bool {
    if !cfg!(all(target_arch = "x86_64", not(miri))) || bytes < BLOCK_BYTES {
        return false;
    }
    let lines = bytes - bytes % LINE_BYTES;
    let blocks = bytes - bytes % BLOCK_BYTES;
    // SAFETY: all of it lies within `bytes` octets. The last block may lie over the one before.
    unsafe {
        if lines > 0 {
            copy_lines(from, to, lines);
        }
        if blocks > lines {
            copy_blocks(from.add(lines), to.add(lines), blocks - lines);
        }
        if bytes > blocks {
            let last = bytes - BLOCK_BYTES;
            copy_blocks(from.add(last), to.add(last), BLOCK_BYTES);
        }
    }
    true
}

/// Copies whole cache lines, at least one.
///
/// # Safety
/// As for [`copy`].
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
unsafe fn copy_lines(from: *const u8, to: *mut u8, bytes: usize) {
    // SAFETY: from the ends, the counter runs from `-bytes` up to 0 in whole lines, inside both
    // by the contract. SSE2 is part of x86-64.
    unsafe {
        std::arch::asm!(
            "2:",
            "movdqu {one}, [{from} + {at}]",
            "movdqu {two}, [{from} + {at} + 16]",
            "movdqu {three}, [{from} + {at} + 32]",
            "movdqu {four}, [{from} + {at} + 48]",
            "movdqu [{to} + {at}], {one}",
            "movdqu [{to} + {at} + 16], {two}",
            "movdqu [{to} + {at} + 32], {three}",
            "movdqu [{to} + {at} + 48], {four}",
            "add {at}, 64",
            "jne 2b",
            one = out(xmm_reg) _,
            two = out(xmm_reg) _,
            three = out(xmm_reg) _,
            four = out(xmm_reg) _,
            from = in(reg) from.add(bytes),
            to = in(reg) to.add(bytes),
            at = inout(reg) bytes.wrapping_neg() => _,
            options(nostack),
        );
    }
}

/// Copies whole blocks, at least one.
///
/// # Safety
/// As for [`copy`].
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
unsafe fn copy_blocks(from: *const u8, to: *mut u8, bytes: usize) {
    // SAFETY: as for lines.
    unsafe {
        std::arch::asm!(
            "2:",
            "movdqu {block}, [{from} + {at}]",
            "movdqu [{to} + {at}], {block}",
            "add {at}, 16",
            "jne 2b",
            block = out(xmm_reg) _,
            from = in(reg) from.add(bytes),
            to = in(reg) to.add(bytes),
            at = inout(reg) bytes.wrapping_neg() => _,
            options(nostack),
        );
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
unsafe fn copy_lines(_: *const u8, _: *mut u8, _: usize) {}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
unsafe fn copy_blocks(_: *const u8, _: *mut u8, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_of_every_length_go_in_and_come_out() {
        let words: Vec<AtomicU64> = (0..39).map(|_| AtomicU64::new(0)).collect();
        for length in 0..=300usize {
            let octets: Vec<u8> = (0..length).map(|octet| octet as u8 ^ 0x5a).collect();
            words.iter().for_each(|word| word.store(u64::MAX, Relaxed));
            store(&octets, &words[..length.div_ceil(WORD_BYTES)]);
            let mut back = vec![0; length];
            load(&words, &mut back);
            assert_eq!(back, octets);
            let after = words[length.div_ceil(WORD_BYTES)].load(Relaxed);
            assert_eq!(after, u64::MAX, "nothing beyond the last word");
        }
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn more_octets_than_words_hold_are_a_mistake() {
        load(&[AtomicU64::new(0)], &mut [0; 9]);
    }
}
