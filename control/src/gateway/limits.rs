//! Every bound of the gateway, by name. What an operator may set is in the configuration.

use std::time::Duration;

/// Dialogs one INVITE may set up before one of them is answered (RFC 3261 §12.1).
pub const MAX_EARLY_DIALOGS: usize = 8;

/// Dialogs one SUBSCRIBE or REFER may set up (RFC 6665 §4.1.4).
pub const MAX_FORKED_SUBSCRIPTIONS: usize = 8;

/// Contacts one registration request may name.
pub const MAX_CONTACTS: usize = 16;

/// How long a registration is kept that nobody refreshes, whatever the registrar says, in seconds.
pub const MAX_BINDING_SECONDS: u32 = 86_400;

/// Longest URI, tag, Call-ID or route set that is kept beyond its message, in bytes.
pub const MAX_KEPT_BYTES: usize = 2048;

/// Requests being forwarded at once, for each call the configuration allows.
pub const EXCHANGES_PER_CALL: usize = 4;

/// Requests being forwarded at once beyond those of calls.
pub const EXCHANGES_BESIDE_CALLS: usize = 20_000;

/// Bytes of all requests that are being forwarded at once.
pub const MAX_EXCHANGE_BYTES: usize = 256 << 20;

/// Dialogs beyond those of calls: subscriptions.
pub const DIALOGS_BESIDE_CALLS: usize = 100_000;

/// Tokens that lead back to a Contact nobody registered and no dialog holds.
pub const MAX_LEASED_TOKENS: usize = 100_000;

/// Replaced Call-IDs that can be given back their original form.
pub const MAX_REPLACED_CALL_IDS: usize = 100_000;

/// How long a token outlives what it was made for: redirections are followed, dialogs end.
pub const TOKEN_LINGER: Duration = Duration::from_secs(64);

/// Requests of a subscription dialog may come this long after the request that made it
/// (timer N of RFC 6665 §4.1.2).
pub const NOTIFY_WAIT: Duration = Duration::from_secs(32);

/// How long a REFER's subscription may stay without a word (RFC 3515 leaves it to the notifier).
pub const REFER_SUBSCRIPTION: Duration = Duration::from_secs(300);

/// How long a 2xx to an INVITE may stay without its ACK: 64 T1 (RFC 3261 §13.3.1.4).
pub const ACK_WAIT: Duration = Duration::from_secs(32);

/// How long a BYE that an earlier process passed on may take to come again, or its answer: as long
/// as it is repeated (RFC 3261 §17.1.2.2). A BYE that was challenged, as long to come with proof.
pub const BYE_WAIT: Duration = Duration::from_secs(32);

/// How long a party that cannot be reached may take to register again and hear of its calls that
/// are over: more than RFC 5626 §4.5 has a terminal wait after its first failures.
pub const OWED_FOR: Duration = Duration::from_secs(300);

/// How often the parties of a call are asked whether they are there while none of its media is
/// expected.
pub const INQUIRY_INTERVAL: Duration = Duration::from_secs(60);

/// How often in a row both have to leave that unanswered before their call ends.
pub const UNANSWERED_INQUIRIES: u8 = 2;

/// BYEs for such parties at once.
pub const MAX_OWED: usize = 4096;

/// How long a call that was being set up as control died stays in the journal, for whoever succeeds
/// a successor that dies too before both sides know: until a request has come through that was
/// lost twice (RFC 3261 §17.1.1.2), and no longer than a terminal knows a copy of it (Timer I).
pub const SETUP_CLEARED: Duration = Duration::from_secs(2);

/// What Retry-After says where nothing better is known, in seconds.
pub const RETRY_AFTER_SECONDS: u32 = 10;

/// Max-Forwards of requests that come without one (RFC 3261 §16.6 step 3).
pub const DEFAULT_MAX_FORWARDS: u8 = 70;

/// Our own earlier passages of one request that its branch remembers, so that loops show.
pub const MAX_REMEMBERED_PASSAGES: usize = 8;

/// Log lines a second; more are counted and summed up.
pub const LOG_LINES_PER_SECOND: u32 = 20;

/// Call numbers that are set aside in the journal at once, so that a successor gives none twice.
pub const NUMBERS_AHEAD: u64 = 1024;

/// Bytes of a journal entry that are set aside before it is written; few calls take more.
pub const ENTRY_BYTES: usize = 1024;

/// Between one party's keep-alive and the next one's when many are due at once.
pub const KEEPALIVE_PACE: Duration = Duration::from_millis(1);

/// How long a party that answered no keep-alive is asked on before it is left alone.
pub const KEEPALIVE_FAILURES: u8 = 3;

/// Sources of registrations whose rates are remembered at once.
pub const MAX_SOURCES: usize = 65_536;

/// Redirections remembered at once, so that two parties do not send each other in a circle.
pub const MAX_REDIRECTIONS: usize = 65_536;

/// How long a redirection is remembered.
pub const REDIRECTION_MEMORY: Duration = Duration::from_secs(4);

/// How often one caller is redirected from one callee within that time.
pub const REDIRECTIONS_IN_A_ROW: u8 = 3;

/// Places that one request is tried at, one after the other.
pub const MAX_TARGETS: usize = 16;

/// How long a place found by the server may stay without any response before the next one is
/// tried, where there is one.
pub const NEXT_TARGET_AFTER: Duration = Duration::from_secs(4);

/// Bytes that the answer to a REGISTER takes, for as long as it may be asked for again.
pub const REGISTERED_BYTES: usize = 512;
