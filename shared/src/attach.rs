//! Handing the region's file to other processes over a Unix socket.
//!
//! The dataplane listens; whoever connects is asked by the kernel for its user, and gets one line
//! of text, with the file beside it (`SCM_RIGHTS`) if it may have it. The connection stays open as
//! long as the dataplane lives, so that its end tells the other side to fetch again.

mod fetch;
mod serve;

pub use fetch::{Attached, FetchError, fetch};
pub use serve::{RegionServer, ServeError};

/// The first words of an answer that brings the file.
const GRANTED: &str = "strait region";
/// The first words of an answer that does not; the reason follows.
const REFUSED: &str = "refused: ";
/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 256;
