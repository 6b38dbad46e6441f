//! Reading a call's messages takes no memory from the heap, and editing them none once the
//! buffers have grown.

#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use strait_control::sdp::Description;
use strait_control::sip::{Builder, HeaderName, Message, Splices, Status};

#[path = "../benches/messages/invite.rs"]
mod invite;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: hands every call on to the system allocator unchanged; counting touches only a
// thread-local integer, which neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: `memory` comes from `alloc` above, hence from the system allocator.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn reading_an_invite_and_its_description_allocates_nothing() {
    let count = allocations(|| {
        let message = Message::parse(invite::INVITE).unwrap();
        message.check().unwrap();
        assert_eq!(message.vias().filter_map(Result::ok).count(), 2);
        assert_eq!(
            message
                .addresses(HeaderName::Contact)
                .filter_map(Result::ok)
                .count(),
            1
        );
        let body = message.session_description().unwrap();
        let description = Description::parse_at(message.bytes(), body.span()).unwrap();
        assert_eq!(description.media().len(), 1);
        assert_eq!(description.alternatives().count(), 0);
    });
    assert_eq!(count, 0);
}

#[test]
fn relaying_an_invite_allocates_nothing_once_buffers_have_grown() {
    let mut edits = Splices::new();
    let mut out = Vec::new();
    invite::relay(&mut edits, &mut out);
    let first = out.clone();
    assert_ne!(first, invite::INVITE);
    assert_eq!(allocations(|| invite::relay(&mut edits, &mut out)), 0);
    assert_eq!(out, first);
}

#[test]
fn answering_allocates_nothing_once_the_buffer_has_grown() {
    let mut out = Vec::new();
    let mut answer = || {
        out.clear();
        let message = Message::parse(invite::INVITE).unwrap();
        Builder::response(&mut out, &message, Status::TRYING, None).finish();
    };
    answer();
    assert_eq!(allocations(answer), 0);
}
