//! RTP and RTCP (RFC 3550) with G.711 (RFC 3551): what a phone plays and how it judges what it
//! hears.

pub mod capture;
pub mod g711;
pub mod heard;
pub mod packet;
pub mod player;
pub mod rtcp;
pub mod voice;

use std::time::Duration;

/// Samples a second of G.711.
pub const CLOCK_RATE: u32 = 8000;
/// Bytes, and samples, in one packet.
pub const FRAME_BYTES: usize = 160;
/// Audio in one packet.
pub const FRAME_TIME: Duration = Duration::from_millis(20);

/// The audio of one packet.
pub type Frame = [u8; FRAME_BYTES];
