//! A slot as plain values: what control asks for and what the counters say.

use std::net::{IpAddr, SocketAddr};

use crate::time::Instant;

/// A slot's place in the table: one local (address, port), or a spare one for a forked dialog.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SlotIndex(pub u32);

/// Tells one use of a slot from the next; given by control, new at each open.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Generation(pub u32);

/// A next hop's place in the adjacency table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AdjacencyIndex(pub u16);

/// One of the dataplane's ports, in the configuration's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EgressPort(pub u8);

/// Who may become a slot's remote.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum LatchPolicy {
    /// Only the address and port in the party's SDP.
    Signalled,
    /// The first packet from the SDP's address or the one signalling came from, any port.
    #[default]
    Restricted,
    /// The first packet from anywhere.
    Symmetric,
}

/// What a slot does with what arrives, and where it sends what its peer took in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Forwarding {
    /// The slot that accepted packets leave from. Without one they are dropped.
    pub peer: Option<SlotIndex>,
    /// Whether packets arriving at this slot are let in: the gate.
    pub accept: bool,
    /// Whose first packet may latch the remote.
    pub policy: LatchPolicy,
    /// The media address in the party's SDP. `::` counts as none.
    pub signalled: Option<SocketAddr>,
    /// Where the party's signalling came from (its NAT's public address).
    pub signalling_source: Option<IpAddr>,
    /// Whether packets go to the signalled address as long as nothing has latched.
    pub send_before_latch: bool,
    /// Whether this slot carries RTCP alone.
    pub rtcp: bool,
    /// Whether RTP and RTCP share this slot (RFC 5761).
    pub rtcp_mux: bool,
    /// The DSCP of what leaves from this slot (RFC 2474), 0 to 63.
    pub dscp: u8,
    /// The VLAN of what leaves from this slot, 1 to 4094.
    pub vlan: Option<u16>,
    /// The rate that what arrives must keep to.
    pub policer: Option<Policer>,
    /// How long nothing may arrive before [`Event::Silent`](crate::command::Event::Silent);
    /// 0 means for ever.
    pub silence_timeout_ms: u32,
    /// The next slot that a source refused here is offered to (forked dialogs on one port).
    pub next_sibling: Option<SlotIndex>,
    /// For a spare slot, the slot whose local address and port it sends from.
    pub port_of: Option<SlotIndex>,
    /// The next hop; without one, the adjacency with the local address's own number.
    pub adjacency: Option<AdjacencyIndex>,
    /// The RTP clock of the stream, for its jitter (RFC 3550 §6.4.1); 0 leaves it unmeasured.
    pub clock_hz: u32,
}

/// A rate limit on what arrives, in packets and in bytes: both must conform (GCRA, ITU-T I.371).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policer {
    /// Sustained packets a second, at least 1.
    pub packets_per_second: u32,
    /// Sustained bytes of UDP payload a second, at least 64.
    pub bytes_per_second: u32,
    /// How far ahead of both rates a burst may run, at most 4 000 ms.
    pub burst_ms: u32,
}

/// What one slot has seen since it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Packets accepted.
    pub packets: u64,
    /// Bytes of UDP payload accepted.
    pub bytes: u64,
    /// Packets from a source that may not send here.
    pub refused: u64,
    /// Packets over the policer's rate.
    pub policed: u64,
    /// RTP packets missing from the sequence (RFC 3550 §6.4.1), over all sources.
    pub lost: u32,
    /// RTP packets that came late or twice.
    pub disordered: u32,
    /// Interarrival jitter in nanoseconds (RFC 3550 §6.4.1).
    pub jitter_ns: u64,
    /// The last RTP source heard.
    pub ssrc: Option<u32>,
    /// When the last packet was accepted, or the slot opened.
    pub last_seen: Instant,
    /// The remote that latched.
    pub latched: Option<SocketAddr>,
}
