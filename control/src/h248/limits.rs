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

/// How deep elements of the binary encoding may nest. The grammar needs 33, for the parameters of
/// a signal in an embedded, regulated event; an explicit tag may stand around any of them.
pub const MAX_BINARY_DEPTH: usize = 48;

/// Most elements in one message of the binary encoding: a reply for one termination has about ten.
pub const MAX_BINARY_ELEMENTS: usize = 16 * 1024;

/// Most lines of one description in the binary encoding.
pub const MAX_DESCRIPTION_LINES: usize = 256;

/// Longest TPKT packet, header included (RFC 1006 §6).
pub const MAX_TPKT_BYTES: usize = u16::MAX as usize;
