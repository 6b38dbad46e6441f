//! Writing a slot's configuration: under the sequence word, from a [`Forwarding`].
//!
//! | sequence | meaning | who leaves it |
//! |---|---|---|
//! | even | stable | |
//! | odd | the owner writes; readers look again | the owner, when done |
//! | odd, no worker running | the owner died writing | the next owner: closed, half written, even |
//!
//! Forbidden: a second writer; leaving the sequence odd across commands.

use crate::geometry::AddressIndex;
use crate::net::{Endpoint, PackedIp};
use crate::slot::{AdjacencyIndex, Forwarding, Generation, LatchPolicy};
use crate::sync::{Ordering, Site};
use crate::table::SlotWords;
use crate::table::policing;
use crate::table::view::load;
use crate::table::words::{flag, low, pack, slot_or_none};

/// A configuration as words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Configuration {
    pub(super) flags: u64,
    pub(super) links: u64,
    pub(super) policers: [u64; 2],
    pub(super) signalled: PackedIp,
    pub(super) signalling_source: PackedIp,
    pub(super) ports: u64,
    pub(super) usage: u64,
}

/// The way out of a slot, resolved against the geometry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Route {
    /// The local address that packets leave from.
    pub(super) address: AddressIndex,
    /// The next hop.
    pub(super) adjacency: AdjacencyIndex,
}

impl Route {
    fn word(self) -> u32 {
        u32::from(self.adjacency.0) | u32::from(self.address.0) << 16
    }
}

impl Configuration {
    /// An open slot's words; `hairpin` says whether the signalled address is ours.
    pub(super) fn new(
        forwarding: &Forwarding,
        generation: Generation,
        route: Route,
        hairpin: bool,
    ) -> Self {
        let signalled = Endpoint::from(forwarding.signalled);
        Self {
            flags: flags(forwarding, hairpin),
            links: pack(slot_or_none(forwarding.peer), route.word()),
            policers: policing::words(forwarding.policer, forwarding.clock_hz),
            signalled: signalled.ip,
            signalling_source: forwarding.signalling_source.into(),
            ports: pack(
                u32::from(signalled.port),
                slot_or_none(forwarding.next_sibling),
            ),
            usage: pack(generation.0, forwarding.silence_timeout_ms),
        }
    }
}

fn flags(forwarding: &Forwarding, hairpin: bool) -> u64 {
    let policy: u64 = match forwarding.policy {
        LatchPolicy::Signalled => 0,
        LatchPolicy::Restricted => 1,
        LatchPolicy::Symmetric => 2,
    };
    let mut flags = flag::OPEN
        | policy << flag::POLICY_SHIFT
        | u64::from(forwarding.dscp) << flag::DSCP_SHIFT
        | u64::from(forwarding.vlan.unwrap_or(0)) << flag::VLAN_SHIFT
        | u64::from(slot_or_none(forwarding.port_of)) << flag::PORT_OF_SHIFT;
    for (set, bit) in [
        (forwarding.accept, flag::ACCEPT),
        (forwarding.send_before_latch, flag::SEND_BEFORE_LATCH),
        (forwarding.rtcp, flag::RTCP),
        (forwarding.rtcp_mux, flag::RTCP_MUX),
        (hairpin, flag::HAIRPIN),
    ] {
        flags |= if set { bit } else { 0 };
    }
    flags
}

impl SlotWords {
    /// Runs `write` with readers kept off.
    pub(super) fn write<T>(&self, write: impl FnOnce(&Self) -> T) -> T {
        let sequence = load(&self.sequence);
        self.sequence
            .store(sequence.wrapping_add(1), Ordering::Relaxed);
        Site::ConfigureBegin.fence(Ordering::Release);
        let result = write(self);
        let end = Site::ConfigureEnd.ordering(Ordering::Release);
        self.sequence.store(sequence.wrapping_add(2), end);
        result
    }

    /// Inside [`SlotWords::write`]: the words of a configuration.
    pub(super) fn configure(&self, configuration: &Configuration) {
        let c = configuration;
        for (word, value) in [
            (&self.flags, c.flags),
            (&self.links, c.links),
            (&self.packet_policer, c.policers[0]),
            (&self.byte_policer, c.policers[1]),
            (&self.signalled[0], c.signalled.0[0]),
            (&self.signalled[1], c.signalled.0[1]),
            (&self.signalling_source[0], c.signalling_source.0[0]),
            (&self.signalling_source[1], c.signalling_source.0[1]),
            (&self.ports, c.ports),
            (&self.usage, c.usage),
        ] {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// Whether the slot is in use; for its owner.
    pub(super) fn is_open(&self) -> bool {
        load(&self.flags) & flag::OPEN != 0
    }

    /// The current or last use; for its owner.
    pub(super) fn generation(&self) -> Generation {
        Generation(low(load(&self.usage)))
    }

    /// Owner, at start, no worker running: makes a half-written slot readable, and closed until
    /// its command, which was not released, is applied again. Says whether there was one.
    pub(super) fn mend(&self) -> bool {
        let sequence = load(&self.sequence);
        if sequence.is_multiple_of(2) {
            return false;
        }
        let flags = (load(&self.flags) & !flag::OPEN) | flag::HALF_WRITTEN;
        self.flags.store(flags, Ordering::Relaxed);
        let end = Site::MendEnd.ordering(Ordering::Release);
        self.sequence.store(sequence.wrapping_add(1), end);
        true
    }

    /// Whether a worker died writing and the slot has not been written since.
    pub(super) fn is_half_written(&self) -> bool {
        load(&self.flags) & flag::HALF_WRITTEN != 0
    }
}
