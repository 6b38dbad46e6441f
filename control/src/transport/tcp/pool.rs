//! Memory that all connections share one bound on.

use std::cell::Cell;
use std::rc::Rc;

/// How much all connections hold of something.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool(Rc<Cell<usize>>);

/// What one connection holds of it; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    pool: Pool,
    bytes: usize,
}

impl Pool {
    /// A share of nothing yet.
    pub fn share(&self) -> Share {
        let pool = self.clone();
        Share { pool, bytes: 0 }
    }

    /// All shares together.
    pub fn bytes(&self) -> usize {
        self.0.get()
    }
}

impl Share {
    /// How much this one is.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How much all shares of the pool are together.
    pub fn of_all(&self) -> usize {
        self.pool.bytes()
    }

    /// Makes this one so much.
    pub fn set(&mut self, bytes: usize) {
        let others = self.pool.0.get() - self.bytes;
        self.pool.0.set(others + bytes);
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_are_given_back() {
        let pool = Pool::default();
        let (mut one, mut other) = (pool.share(), pool.share());
        one.set(10);
        other.set(5);
        one.set(7);
        assert_eq!((one.bytes(), one.of_all()), (7, 12));
        drop(one);
        assert_eq!(pool.bytes(), 5);
        drop(other);
        assert_eq!(pool.bytes(), 0);
    }
}
