//! Every bound of the MGCP reader, by name.

use crate::sip::limits::MAX_MESSAGE_BYTES;

/// Longest datagram that is read: offsets are 16 bits wide, and no datagram is longer.
pub const MAX_DATAGRAM_BYTES: usize = MAX_MESSAGE_BYTES;

/// Most messages that one datagram may carry (RFC 3435 §3.5.5).
pub const MAX_MESSAGES: usize = 32;

/// Most parameter lines in one message. An audit of all endpoints has one for each.
pub const MAX_PARAMETERS: usize = 1024;

/// Most session descriptions in one message (RFC 3435 §3.4): an audited connection has two.
pub const MAX_DESCRIPTIONS: usize = 2;

/// Longest local name of an endpoint, and longest domain (RFC 3435 §2.1.2).
pub const MAX_NAME_BYTES: usize = 255;

/// Longest name of a call or a connection: 32 hexadecimal digits (RFC 3435 §2.1.3).
pub const MAX_IDENTIFIER_BYTES: usize = 32;

/// Largest transaction number (RFC 3435 §3.2.1.2).
pub const MAX_TRANSACTION: u32 = 999_999_999;

/// Most ranges of acknowledged transactions in one message.
pub const MAX_ACKNOWLEDGED_RANGES: usize = 128;
