//! Every bound of digest authentication, by name.

/// Nonces whose use is remembered: at 20 000 authentications a second the last thirteen seconds of
/// first uses. Whoever comes back with an older one is challenged once more.
pub const REMEMBERED_NONCES: usize = 1 << 18;

/// How far behind the highest one a nonce count may arrive: datagrams overtake each other.
pub const COUNT_WINDOW: u32 = 64;

/// Parameters of one Authorization header.
pub const MAX_PARAMETERS: usize = 32;

const _: () = assert!(REMEMBERED_NONCES.is_power_of_two());
