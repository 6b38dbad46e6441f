//! Every bound on what is kept of gateways and controllers, by name.

use std::time::Duration;

/// Gateways at once.
pub const MAX_ASSOCIATIONS: usize = 100_000;

/// Longest name of a gateway, termination, endpoint or connection that is kept, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// Numbers of requests of our own: at the upper end of what MGCP has (1 to 999999999, RFC 3435
/// §3.2.1.2), where few others are.
pub const FIRST_OWN: u32 = 900_000_000;

/// The last of them.
pub const LAST_OWN: u32 = 999_999_999;

/// Connections of one gateway that were ended here and are remembered.
pub const MAX_ENDED: usize = 256;

/// Requests on their way or lately answered at once.
pub const MAX_PASSAGES: usize = 200_000;

/// Bytes of those requests and their answers.
pub const MAX_PASSAGE_BYTES: usize = 256 << 20;

/// Until a request over UDP is repeated first (H.248.1 Annex D.1.3, RFC 3435 §4.3).
pub const FIRST_REPEAT: Duration = Duration::from_millis(500);

/// The longest time between two repetitions.
pub const LONGEST_REPEAT: Duration = Duration::from_secs(4);

/// How long a request may stay without an answer, or without another word that it is being
/// worked on (T-Max of RFC 3435 §4.3, T-Max of H.248.1 Annex D.1).
pub const GIVE_UP: Duration = Duration::from_secs(20);

/// How long a request may be worked on in all.
pub const LONGEST_WORK: Duration = Duration::from_secs(120);

/// How long an answer is kept for those who ask again: the LONG-TIMER of H.248.1 Annex D.1.4,
/// T-Hist of RFC 3435 §4.1.
pub const ANSWER_KEPT: Duration = Duration::from_secs(30);

/// Parts of one answer that are kept (version 3 of H.248.1 segments long ones).
pub const MAX_ANSWER_PARTS: usize = 32;

/// Streams of one leg.
pub const MAX_STREAMS: usize = 16;

/// Questions in a row that a gateway may leave unanswered before it is taken to be gone.
pub const UNANSWERED: u8 = 3;

/// How long a gateway that says nothing keeps its port and its legs.
pub const SILENT_GATEWAY_KEPT: Duration = Duration::from_secs(3_600);

/// How long a gateway that no controller has accepted keeps its port.
pub const STRANGER_KEPT: Duration = Duration::from_secs(60);

/// How often it is looked whether a gateway that is not asked still says something.
pub const LOOK_EVERY: Duration = Duration::from_secs(60);
