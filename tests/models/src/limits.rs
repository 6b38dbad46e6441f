//! The one bound that the frame ring takes from its crate, small enough for a model.

/// Octets in a frame: one word of them.
pub const FRAME_BYTES_MAX: usize = 8;
