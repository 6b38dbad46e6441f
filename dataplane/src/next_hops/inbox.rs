//! How routes get to a worker, which never waits for them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::relay::Routes;

/// Holds the newest routes until the worker takes them.
#[derive(Default)]
pub struct Inbox {
    /// A hint that saves taking the lock, which alone orders what it guards. Written under it, so
    /// it is true whenever something waits.
    fresh: AtomicBool,
    newest: Mutex<Option<Arc<Routes>>>,
}

impl Inbox {
    /// Puts routes in place of those that were not taken.
    pub fn put(&self, routes: Arc<Routes>) {
        // Nobody panics while they hold the lock, and the content is whole at any time.
        let mut newest = self
            .newest
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        *newest = Some(routes);
        self.fresh.store(true, Ordering::Relaxed);
    }

    /// The newest routes, once. Costs a look at a flag when there are none; whoever puts some in
    /// at this moment is not waited for. Whoever put the last ones in still holds them, so
    /// nothing is freed here.
    #[inline]
    pub fn take(&self) -> Option<Arc<Routes>> {
        if !self.fresh.load(Ordering::Relaxed) {
            return None;
        }
        let mut newest = self.newest.try_lock().ok()?;
        self.fresh.store(false, Ordering::Relaxed);
        newest.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_taken_once() {
        let inbox = Inbox::default();
        assert!(inbox.take().is_none());
        let (old, new) = (Arc::<Routes>::default(), Arc::<Routes>::default());
        inbox.put(old.clone());
        inbox.put(new.clone());
        assert_eq!(Arc::strong_count(&old), 1, "never taken, so given up");
        assert!(
            inbox
                .take()
                .is_some_and(|routes| Arc::ptr_eq(&routes, &new))
        );
        assert!(inbox.take().is_none());
    }
}
