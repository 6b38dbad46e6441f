//! Consistent copies of a slot's configuration and remote, for the hot path.

use crate::geometry::AddressIndex;
use crate::net::{Endpoint, PackedIp};
use crate::slot::{AdjacencyIndex, Generation, LatchPolicy, SlotIndex};
use crate::sync::{AtomicU64, Ordering, Site};
use crate::table::latch::LatchWord;
use crate::table::policing::PolicerView;
use crate::table::words::{flag, high, low, some_slot};
use crate::table::{SlotRef, SlotWords};

/// Looks at a slot before a reader gives up on it; each failed look means the owner, or a latch,
/// was at work at that very moment.
const VIEW_ATTEMPTS: u32 = 64;

/// The first line of a slot at one moment.
#[derive(Clone, Copy, Debug)]
pub struct ForwardingView {
    /// The latch word at that moment: what a claim compares against.
    pub latch: LatchWord,
    sequence: u64,
    flags: u64,
    links: u64,
    remote: PackedIp,
    policers: [u64; 2],
}

impl ForwardingView {
    /// Whether the slot is in use. Every other answer means something only if it is.
    #[inline(always)]
    pub fn is_open(&self) -> bool {
        self.flags & flag::OPEN != 0
    }

    /// Whether packets arriving here are let in.
    #[inline(always)]
    pub fn accepts(&self) -> bool {
        self.flags & (flag::OPEN | flag::ACCEPT) == flag::OPEN | flag::ACCEPT
    }

    /// The slot that packets accepted here leave from.
    #[inline(always)]
    pub fn peer(&self) -> Option<SlotIndex> {
        some_slot(low(self.links))
    }

    /// The next hop of what leaves from here.
    #[inline(always)]
    pub fn adjacency(&self) -> AdjacencyIndex {
        AdjacencyIndex(high(self.links) as u16)
    }

    /// The local address of what leaves from here.
    #[inline(always)]
    pub fn address(&self) -> AddressIndex {
        AddressIndex((high(self.links) >> 16) as u16)
    }

    /// Whose first packet may latch.
    #[inline(always)]
    pub fn policy(&self) -> LatchPolicy {
        match (self.flags & flag::POLICY_MASK) >> flag::POLICY_SHIFT {
            1 => LatchPolicy::Restricted,
            2 => LatchPolicy::Symmetric,
            // The strictest, also for a value that cannot be.
            _ => LatchPolicy::Signalled,
        }
    }

    /// Whether this slot carries RTCP alone.
    #[inline(always)]
    pub fn is_rtcp(&self) -> bool {
        self.flags & flag::RTCP != 0
    }

    /// Whether RTP and RTCP share this slot.
    #[inline(always)]
    pub fn is_rtcp_mux(&self) -> bool {
        self.flags & flag::RTCP_MUX != 0
    }

    /// Whether the owner has reported silence.
    #[inline(always)]
    pub fn is_silent(&self) -> bool {
        self.flags & flag::SILENT != 0
    }

    /// The DSCP of what leaves from here.
    #[inline(always)]
    pub fn dscp(&self) -> u8 {
        (self.flags >> flag::DSCP_SHIFT) as u8 & 0x3f
    }

    /// The VLAN of what leaves from here; 0 for none.
    #[inline(always)]
    pub fn vlan(&self) -> u16 {
        (self.flags >> flag::VLAN_SHIFT) as u16 & 0xfff
    }

    /// For a spare slot, the slot whose local address and port it uses.
    #[inline(always)]
    pub fn port_of(&self) -> Option<SlotIndex> {
        some_slot((self.flags >> flag::PORT_OF_SHIFT) as u32)
    }

    /// The policer, if there is one.
    #[inline(always)]
    pub fn policer(&self) -> Option<PolicerView> {
        PolicerView::new(self.policers[0], self.policers[1])
    }

    /// The stream's RTP clock; 0 when its jitter is not measured.
    #[inline(always)]
    pub fn clock_hz(&self) -> u32 {
        high(self.policers[1])
    }

    /// The remote, once latched.
    #[inline(always)]
    pub fn remote(&self) -> Option<Endpoint> {
        let remote = Endpoint {
            ip: self.remote,
            port: self.latch.port(),
        };
        self.latch.is_latched().then_some(remote)
    }

    /// Whether packets go to the signalled address as long as nothing has latched.
    #[inline(always)]
    pub fn sends_before_latch(&self) -> bool {
        self.flags & flag::SEND_BEFORE_LATCH != 0
    }

    /// Whether the slot has not been configured or latched since.
    #[inline(always)]
    pub(super) fn still_holds(&self, words: &SlotWords) -> bool {
        words.unchanged(self.sequence) && load(&words.latch) == self.latch.0
    }

    /// Where a packet that leaves from this slot goes, and whether that is one of ours. `slot` is
    /// where the view was taken; its third line is read only as long as nothing has latched.
    #[inline]
    pub fn destination(&self, slot: &SlotRef<'_>) -> Option<(Endpoint, bool)> {
        if let Some(remote) = self.remote() {
            return Some((remote, self.latch.is_hairpin()));
        }
        if !self.sends_before_latch() {
            return None;
        }
        let signalled = slot.sources(self)?.signalled?;
        Some((signalled, self.flags & flag::HAIRPIN != 0))
    }
}

/// Who a slot may listen to: its third line, at the moment of a [`ForwardingView`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourcesView {
    /// The media address in the party's SDP.
    pub signalled: Option<Endpoint>,
    /// Where the party's signalling came from; [`PackedIp::NONE`] when unknown.
    pub signalling_source: PackedIp,
    /// The next slot a refused source is offered to.
    pub next_sibling: Option<SlotIndex>,
}

impl SourcesView {
    /// Whether a first packet from `source` may latch.
    #[inline]
    pub fn admit(&self, policy: LatchPolicy, source: Endpoint) -> bool {
        match policy {
            LatchPolicy::Signalled => self.signalled == Some(source),
            LatchPolicy::Restricted => {
                self.signalled
                    .is_some_and(|signalled| signalled.ip == source.ip)
                    || (!source.ip.is_none() && self.signalling_source == source.ip)
            }
            LatchPolicy::Symmetric => true,
        }
    }
}

/// One use of a slot, for whoever reports on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UsageView {
    /// Its number.
    pub generation: Generation,
    /// How long nothing may arrive before silence is reported; 0 means for ever.
    pub silence_timeout_ms: u32,
}

impl SlotRef<'_> {
    /// The slot's first line at one moment; nothing when the owner would not let go of it.
    #[inline]
    pub fn view(&self) -> Option<ForwardingView> {
        (0..VIEW_ATTEMPTS).find_map(|_| self.words.view())
    }

    /// The slot's third line, provided that it still goes with `view`.
    #[inline]
    pub fn sources(&self, view: &ForwardingView) -> Option<SourcesView> {
        let words = self.words;
        let signalled = Endpoint {
            ip: PackedIp([load(&words.signalled[0]), load(&words.signalled[1])]),
            port: load(&words.ports) as u16,
        };
        let sources = SourcesView {
            signalled: (!signalled.ip.is_none()).then_some(signalled),
            signalling_source: PackedIp([
                load(&words.signalling_source[0]),
                load(&words.signalling_source[1]),
            ]),
            next_sibling: some_slot(high(load(&words.ports))),
        };
        words.unchanged(view.sequence).then_some(sources)
    }

    /// The use that `view` is of, provided that it has not changed since.
    #[inline]
    pub fn usage(&self, view: &ForwardingView) -> Option<UsageView> {
        let usage = load(&self.words.usage);
        let usage = UsageView {
            generation: Generation(low(usage)),
            silence_timeout_ms: high(usage),
        };
        self.words.unchanged(view.sequence).then_some(usage)
    }
}

impl SlotWords {
    /// One look; nothing when it cannot be trusted.
    #[inline(always)]
    pub(super) fn view(&self) -> Option<ForwardingView> {
        let sequence = self.begin()?;
        let latch = self.latch();
        let view = ForwardingView {
            latch,
            sequence,
            flags: load(&self.flags),
            links: load(&self.links),
            remote: self.remote_ip(),
            policers: [load(&self.packet_policer), load(&self.byte_policer)],
        };
        view.still_holds(self).then_some(view)
    }

    /// The sequence to read under; nothing while the owner writes.
    #[inline(always)]
    pub(super) fn begin(&self) -> Option<u64> {
        let sequence = self
            .sequence
            .load(Site::ViewBegin.ordering(Ordering::Acquire));
        sequence.is_multiple_of(2).then_some(sequence)
    }

    /// Whether what was read since [`SlotWords::begin`] is of one piece. Reads of the latch word
    /// that follow are ordered after those reads too.
    #[inline(always)]
    pub(super) fn unchanged(&self, sequence: u64) -> bool {
        Site::ViewEnd.fence(Ordering::Acquire);
        load(&self.sequence) == sequence
    }
}

#[inline(always)]
pub(super) fn load(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed)
}
