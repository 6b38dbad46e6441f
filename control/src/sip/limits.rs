//! Every bound of the SIP parsers, by name.

/// Longest message that is parsed: offsets are 16 bits wide, and no datagram is longer.
pub const MAX_MESSAGE_BYTES: usize = u16::MAX as usize;

/// Most header lines in one message (folded lines count once).
pub const MAX_HEADERS: usize = 128;

/// Longest start line and header section a stream may bring before its blank line.
pub const MAX_STREAM_HEAD_BYTES: usize = 32 * 1024;

/// Longest body a stream may announce.
pub const MAX_STREAM_BODY_BYTES: usize = MAX_MESSAGE_BYTES - MAX_STREAM_HEAD_BYTES;

/// How deep multipart bodies may nest before the description inside is no longer looked for.
pub const MAX_MULTIPART_DEPTH: usize = 3;

/// Longest boundary of a multipart body (RFC 2046 §5.1.1).
pub const MAX_BOUNDARY_BYTES: usize = 70;

/// Most parts looked at in one multipart body.
pub const MAX_MULTIPART_PARTS: usize = 32;

/// Sequence numbers stay below 2^31 (RFC 3261 §8.1.1.5).
pub const MAX_CSEQ: u32 = (1 << 31) - 1;

/// Max-Forwards is at most 255 (RFC 3261 §20.22).
pub const MAX_MAX_FORWARDS: u32 = 255;

/// How many times percent escapes are undone in search of addresses.
pub const ESCAPE_DEPTH: usize = 3;
