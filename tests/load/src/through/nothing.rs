//! Nothing in between: what the generator and the kernel's loopback do by themselves.

use super::Through;

/// The parties send to each other.
pub struct Nothing;

impl Through for Nothing {}
