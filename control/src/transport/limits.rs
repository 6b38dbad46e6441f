//! Every bound of the transport, by name.

use std::time::Duration;

/// Longest datagram that is read.
pub const MAX_DATAGRAM_BYTES: usize = 65_535;

/// Datagrams read from one socket before the others get their turn.
pub const DATAGRAMS_PER_TURN: usize = 64;

/// Reports of undeliverable datagrams read before the sockets get their turn.
pub const REPORTS_PER_TURN: usize = 64;

/// Kernel buffer asked for on each UDP socket: a second of a busy hour. The kernel may give less.
pub const UDP_BUFFER_BYTES: usize = 4 << 20;

/// Bytes read from one connection at a time.
pub const READ_BYTES: usize = 16 * 1024;

/// Reads from one connection before the others get their turn.
pub const READS_PER_TURN: usize = 4;

/// Bytes that wait for a slow reader before its connection is given up.
pub const MAX_QUEUED_BYTES: usize = 256 * 1024;

/// Bytes that wait for slow readers on all connections together; whoever takes nothing of a message
/// beyond them is given up.
pub const MAX_WAITING_BYTES: usize = 128 << 20;

/// Bytes of messages that are not whole yet on all connections together. A connection that has
/// brought no whole message may add to the first half of them only.
pub const MAX_UNFINISHED_BYTES: usize = 128 << 20;

/// Connections accepted from one IPv4 address or IPv6 /64. A large office behind one NAT fits.
pub const MAX_ACCEPTED_PER_SOURCE: usize = 2_000;

/// Connections the kernel completes before we accept them.
pub const ACCEPT_BACKLOG: i32 = 1_024;

/// How long accepting pauses when the process has no descriptors left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a connection may take to open: less than a softswitch's default failover time.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long an accepted connection may take to bring its first whole message.
pub const FIRST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a message may take from its first byte to its last.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a peer may take nothing of what is waiting for it.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a connection may stand without a byte either way: longer than the longest registration
/// that is granted by default, so that a registered terminal stays reachable.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(65 * 60);

/// When the kernel starts to ask whether a silent peer is still there, and how often it asks.
pub const TCP_PROBE_AFTER: Duration = Duration::from_secs(60);
/// Time between two such questions.
pub const TCP_PROBE_INTERVAL: Duration = Duration::from_secs(20);

const _: () = assert!(READ_BYTES * 2 < MAX_QUEUED_BYTES);
