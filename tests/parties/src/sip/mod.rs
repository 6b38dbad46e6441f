//! SIP as far as the parties speak it.
//!
//! `rsip` parses messages and names methods and status codes; `sdp-rs` builds descriptions. What
//! is ours, and why:
//!
//! * [`uri`]: `rsip` fails on every IPv6 literal, so request URIs are lifted out of the request
//!   line before it sees them and header values are taken as text and read here.
//! * [`digest`]: `rsip` spells the algorithm `SHA256` where RFC 8760 says `SHA-256`, and reads the
//!   nonce count as one decimal byte.
//! * [`message`] renders: `rsip` would write every body through a lossy UTF-8 conversion, and a
//!   proxy must add and remove headers at the top.
//! * [`description`] reads SDP itself: `sdp-rs` panics on `r=`, loses what follows a misplaced
//!   `c=`, and does not know `a=inactive`.

pub mod description;
pub mod dialog;
pub mod digest;
pub mod message;
pub mod transaction;
pub mod uri;
pub mod version;
