//! Every bound of the resolver, by name.

use std::time::Duration;

/// Places returned for one domain.
pub const MAX_HOPS: usize = 16;

/// Addresses of one family that are taken of one name, so that one target crowds out neither the
/// other family nor the other targets.
pub const MAX_ADDRESSES_PER_FAMILY: usize = 4;

/// Targets of SRV records whose addresses are asked for.
pub const MAX_TARGETS: usize = 8;

/// SRV records of one name that are put in order.
pub const MAX_SRV_RECORDS: usize = 64;

/// Services that the NAPTR records of one name may lead to.
pub const MAX_SERVICES: usize = 4;

/// NAPTR records that lead on to further ones, in one lookup.
pub const MAX_NAPTR_REWRITES: usize = 4;

/// Servers of the DNS that are asked, as many as the C library asks.
pub const MAX_SERVERS: usize = 3;

/// How long one server may take over one question. Lost datagrams are repeated meanwhile.
pub const QUESTION_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How long one lookup may take: the caller hears 100 Trying and waits.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(6);

/// Questions that wait for the DNS at one time; others wait for their turn.
pub const MAX_QUESTIONS: usize = 256;

/// Descriptors the resolver may hold: a question's datagram socket, and a connection where the
/// answer does not fit a datagram.
pub const MAX_DESCRIPTORS: u64 = 2 * MAX_QUESTIONS as u64;

/// Answers kept until their time to live has passed.
pub const MAX_CACHED: u64 = 16_384;

/// How long an answer is kept at most, whatever its time to live says.
pub const MAX_KEPT: Duration = Duration::from_secs(60 * 60);

/// How long "there is no such thing" is kept at least, so that a flood of calls to nowhere is not a
/// flood of questions.
pub const MIN_NEGATIVE_KEPT: Duration = Duration::from_secs(5);

/// How long "there is no such thing" is kept at most (RFC 2308 §5 advises up to hours; a domain
/// that has just been mended should not wait for them).
pub const MAX_NEGATIVE_KEPT: Duration = Duration::from_secs(5 * 60);

const _: () = assert!(MAX_HOPS == MAX_ADDRESSES_PER_FAMILY * 2 * 2);
const _: () = assert!(QUESTION_TIMEOUT.as_millis() * (MAX_SERVERS as u128) < 6_000);
