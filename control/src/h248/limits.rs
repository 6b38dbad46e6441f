//! Every bound of the H.248 readers, by name.

/// Longest message that is read: no datagram and no TPKT packet is longer.
pub const MAX_MESSAGE_BYTES: usize = u16::MAX as usize;

/// Most transactions in one message.
pub const MAX_TRANSACTIONS: usize = 256;

/// Most actions, commands, terminations, streams and acknowledged ranges of one message, together:
/// a gateway of a thousand lines may answer for all of them at once.
pub const MAX_PARTS: usize = 8192;

/// Most streams of one termination.
pub const MAX_STREAMS: usize = 64;

/// How deep braces may nest. The grammar needs 13: an embedded signal list's notifications.
pub const MAX_DEPTH: usize = 16;

/// Longest name of a termination or a device (Annex B, `pathNAME`).
pub const MAX_PATH_BYTES: usize = 64;

/// Longest domain name (RFC 1035 §2.3.4).
pub const MAX_DOMAIN_BYTES: usize = 255;
