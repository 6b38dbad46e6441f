//! Every bound of the description parser, by name.

/// Most `m=` lines in one description; an offer with more is not acceptable here (488).
pub const MAX_MEDIA: usize = 16;
