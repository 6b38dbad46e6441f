//! The clock Strait reads: virtual, one for each thread, and so for each world.

use std::cell::Cell;

use strait_shared::time::Instant;

thread_local! {
    static NOW: Cell<Instant> = const { Cell::new(Instant::ZERO) };
}

/// What the clock shows.
pub fn now() -> Instant {
    NOW.get()
}

/// Sets the clock.
pub fn set(now: Instant) {
    NOW.set(now);
}
