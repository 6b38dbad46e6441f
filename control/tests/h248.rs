//! H.248 messages read, changed and written.

#![allow(clippy::unwrap_used)]

#[path = "h248/binary.rs"]
mod binary;
#[path = "h248/examples.rs"]
mod examples;
#[path = "h248/spelling.rs"]
mod spelling;
#[path = "h248/text.rs"]
mod text;
