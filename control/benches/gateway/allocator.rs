//! Counts what is asked of the heap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
}

// SAFETY: hands every call on to the system allocator unchanged; counting touches only
// thread-local integers, which neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        took(size as i64 - layout.size() as i64);
        // SAFETY: `memory` comes from `alloc` above, hence from the system allocator, and the
        // caller keeps the contract of `realloc`.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.with(|held| held.set(held.get() - layout.size() as i64));
        // SAFETY: `memory` comes from `alloc` above, hence from the system allocator.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn took(bytes: i64) {
    COUNT.with(|count| count.set(count.get() + 1));
    HELD.with(|held| held.set(held.get() + bytes));
}

/// How many bytes are held.
pub fn held() -> i64 {
    HELD.get()
}

/// How often memory was asked for so far.
pub fn count() -> u64 {
    COUNT.get()
}
