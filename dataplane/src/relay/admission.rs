//! Stage 2: whether a datagram may enter at its slot, and which slot it leaves from.

use strait_shared::drops::DropReason;
use strait_shared::limits::FORK_CHAIN_MAX;
use strait_shared::net::Endpoint;
use strait_shared::slot::{LatchPolicy, SlotIndex};
use strait_shared::table::{
    ForwardingView, LatchState, Latching, PolicerView, Rate, RtpArrival, SlotRef, SourcesView,
    Table,
};
use strait_shared::time::Instant;

use super::arrival::Arrival;
use super::locals::Locals;
use super::notices::Notices;
use crate::limits::{REBIND_SILENCE, RTCP_REBIND_SILENCE, SEQUENCE_DROPOUT_MAX};
use crate::wire::{Rtcp, Rtp};

/// Looks at a slot whose latch moves at the very moment before the packet is given up.
const LATCH_ATTEMPTS: usize = 3;
/// Packet types that RFC 3551 §6 keeps clear of on every port: RTCP even without rtcp-mux.
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 200..=204;

/// Everything that admission reads and writes.
pub(super) struct Door<'a> {
    pub(super) table: &'a Table,
    pub(super) locals: &'a Locals,
    pub(super) notices: &'a mut Notices,
    pub(super) now: Instant,
}

/// What a slot says to a source: come in, or why not.
enum Answer<'a> {
    Welcome(SlotRef<'a>, ForwardingView),
    Refused(DropReason),
}

impl<'a> Door<'a> {
    /// The slot a datagram leaves from, once it has entered and been counted.
    #[inline]
    pub(super) fn admit(
        &mut self,
        arrival: &Arrival,
        payload: &[u8],
    ) -> Result<SlotIndex, DropReason> {
        let slot = self.table.slot(arrival.slot).ok_or(DropReason::Closed)?;
        let view = slot.view().ok_or(DropReason::Contended)?;
        if view.accepts() && view.remote() == Some(arrival.source) {
            return enter(slot, view, self.now, payload);
        }
        // Everything but the remote that has latched is rare, and kept out of the way.
        self.admit_stranger(arrival, payload)
    }

    #[cold]
    #[inline(never)]
    fn admit_stranger(
        &mut self,
        arrival: &Arrival,
        payload: &[u8],
    ) -> Result<SlotIndex, DropReason> {
        let (slot, view) = match self.ask(arrival.slot, arrival.source, payload)? {
            Answer::Welcome(slot, view) => (slot, view),
            Answer::Refused(reason) => self.ask_siblings(arrival, payload, reason)?,
        };
        enter(slot, view, self.now, payload)
    }

    /// One slot's answer, latching the source where the slot's policy says so.
    fn ask(
        &mut self,
        index: SlotIndex,
        source: Endpoint,
        payload: &[u8],
    ) -> Result<Answer<'a>, DropReason> {
        let slot = self.table.slot(index).ok_or(DropReason::Closed)?;
        for _ in 0..LATCH_ATTEMPTS {
            let view = slot.view().ok_or(DropReason::Contended)?;
            if !view.is_open() {
                if is_of_last_use(&slot, &view, source) {
                    self.notices.late(index, self.now);
                }
                return Err(DropReason::Closed);
            }
            if !view.accepts() {
                return Ok(Answer::Refused(DropReason::GateShut));
            }
            if view.remote() == Some(source) {
                return Ok(Answer::Welcome(slot, view));
            }
            if !self.may_latch(index, &slot, &view, source, payload)? {
                return Ok(Answer::Refused(DropReason::SourceRefused));
            }
            let hairpin = self.is_local(&view, source);
            if slot.try_latch(&view, source, hairpin) == Latching::Won {
                self.notices.latched(index);
                return Ok(Answer::Welcome(slot, view));
            }
        }
        Err(DropReason::Latching)
    }

    /// Offers a refused source to the slots of further forked dialogs on the same port.
    fn ask_siblings(
        &mut self,
        arrival: &Arrival,
        payload: &[u8],
        reason: DropReason,
    ) -> Result<(SlotRef<'a>, ForwardingView), DropReason> {
        let mut next = self.sibling(arrival.slot);
        for _ in 0..FORK_CHAIN_MAX {
            let Some(index) = next else { break };
            match self.ask(index, arrival.source, payload) {
                Ok(Answer::Welcome(slot, view)) => return Ok((slot, view)),
                Ok(Answer::Refused(_)) => next = self.sibling(index),
                Err(_) => break,
            }
        }
        if reason == DropReason::SourceRefused
            && let Some(slot) = self.table.slot(arrival.slot)
        {
            let count = slot.count_refused();
            self.notices
                .refused(arrival.slot, arrival.source, count, self.now);
        }
        Err(reason)
    }

    fn sibling(&self, index: SlotIndex) -> Option<SlotIndex> {
        let slot = self.table.slot(index)?;
        slot.sources(&slot.view()?)?.next_sibling
    }

    /// Whether `source`, which is not the remote, may become it.
    fn may_latch(
        &self,
        index: SlotIndex,
        slot: &SlotRef<'_>,
        view: &ForwardingView,
        source: Endpoint,
        payload: &[u8],
    ) -> Result<bool, DropReason> {
        match view.latch.state() {
            LatchState::Empty => {
                let sources = slot.sources(view).ok_or(DropReason::Contended)?;
                Ok(sources.admit(view.policy(), source))
            }
            LatchState::Latched => {
                let Some(remote) = view.remote() else {
                    return Ok(false);
                };
                let policy = view.policy();
                if policy == LatchPolicy::Signalled {
                    return Ok(false);
                }
                let sources = slot.sources(view).ok_or(DropReason::Contended)?;
                if remote.ip != source.ip {
                    let gives_way = policy == LatchPolicy::Symmetric
                        && self.gives_way(slot, view, &sources, remote, source);
                    // Who moves to another address may be overtaken by its own last packets from
                    // the old one, which its signalling still comes from.
                    let is_named = sources.admit(LatchPolicy::Restricted, source);
                    return Ok(
                        gives_way || (is_named && self.has_rebound(index, slot, view, payload))
                    );
                }
                // Of all ports of an address, the one its SDP names is the most credible.
                let is_signalled = sources.signalled == Some(source);
                Ok(is_signalled || self.has_rebound(index, slot, view, payload))
            }
            LatchState::Claimed => Err(DropReason::Latching),
        }
    }

    /// Whether a remote that latched from anywhere gives way to another address: to the pair of the
    /// SDP at once, to an address that signalling names when it is silent itself; and never if
    /// signalling names its own. A stranger or a forked call's loser may have come first.
    fn gives_way(
        &self,
        slot: &SlotRef<'_>,
        view: &ForwardingView,
        sources: &SourcesView,
        remote: Endpoint,
        source: Endpoint,
    ) -> bool {
        let is_named = |endpoint| sources.admit(LatchPolicy::Restricted, endpoint);
        let patience = if view.is_rtcp() {
            RTCP_REBIND_SILENCE
        } else {
            REBIND_SILENCE
        };
        let is_silent = || self.now.since(slot.last_seen()) >= patience;
        !is_named(remote)
            && (sources.signalled == Some(source) || (is_named(source) && is_silent()))
    }

    /// Whether the party has another port or address, from its NAT or because it has moved: the old
    /// one is silent, and the packet continues what was heard.
    fn has_rebound(
        &self,
        index: SlotIndex,
        slot: &SlotRef<'_>,
        view: &ForwardingView,
        payload: &[u8],
    ) -> bool {
        let silence = self.now.since(slot.last_seen());
        // RTCP knows the source of its stream from the RTP slot beside it.
        let rtp_slot = if view.is_rtcp() {
            SlotIndex(index.0 & !1)
        } else {
            index
        };
        let reception = self.table.slot(rtp_slot).and_then(|slot| slot.reception());
        let Some(heard) = reception else { return false };
        if let Some(rtp) = rtp(view, payload) {
            return silence >= REBIND_SILENCE
                && rtp.ssrc == heard.ssrc
                && heard.distance(rtp.sequence) <= SEQUENCE_DROPOUT_MAX;
        }
        // A pause between two reports is no silence yet, and a report has no sequence to continue.
        (view.is_rtcp() || view.is_rtcp_mux())
            && silence >= RTCP_REBIND_SILENCE
            && Rtcp::parse(payload).is_some_and(|rtcp| rtcp.sender_ssrc() == heard.ssrc)
    }

    /// Whether a remote is one of our own slots, on the network of the slot that sends to it.
    fn is_local(&self, view: &ForwardingView, remote: Endpoint) -> bool {
        let local = self.locals.get(view.address());
        local.is_some_and(|local| self.locals.find(local.network, remote).is_some())
    }
}

/// Whether the last use of a closed slot was for `source`: it had latched, or could have by its
/// address. A stranger counts for nothing, or spraying would keep ports from being used again.
fn is_of_last_use(slot: &SlotRef<'_>, view: &ForwardingView, source: Endpoint) -> bool {
    let is_named = |sources: SourcesView| sources.admit(LatchPolicy::Restricted, source);
    view.remote() == Some(source) || slot.sources(view).is_some_and(is_named)
}

/// Holds a packet from the right source to the slot's rates, counts it, and answers with the
/// slot it leaves from.
#[inline(always)]
fn enter(
    slot: SlotRef<'_>,
    view: ForwardingView,
    now: Instant,
    payload: &[u8],
) -> Result<SlotIndex, DropReason> {
    let bytes = payload.len() as u32;
    if let Some(policer) = view.policer() {
        police(&slot, &policer, now, bytes)?;
    }
    match rtp(&view, payload) {
        Some(rtp) => slot.record_rtp(now, bytes, rtp, view.clock_hz()),
        None => slot.record(now, bytes),
    }
    view.peer().ok_or(DropReason::NoPeer)
}

#[inline]
fn police(
    slot: &SlotRef<'_>,
    policer: &PolicerView,
    now: Instant,
    bytes: u32,
) -> Result<(), DropReason> {
    let reason = match slot.police(policer, now, bytes) {
        Rate::Conforms => return Ok(()),
        Rate::TooManyPackets => DropReason::PacketRate,
        Rate::TooManyBytes => DropReason::ByteRate,
    };
    slot.count_policed();
    Err(reason)
}

/// What an RTP packet says; nothing for RTCP and for everything that is neither.
#[inline]
fn rtp(view: &ForwardingView, payload: &[u8]) -> Option<RtpArrival> {
    let rtp = Rtp::parse(payload)?;
    let kind = payload[1];
    let rtcp = view.is_rtcp()
        || RTCP_TYPES.contains(&kind)
        || (view.is_rtcp_mux() && Rtcp::parse(payload).is_some());
    (!rtcp).then(|| RtpArrival {
        ssrc: rtp.ssrc(),
        sequence: rtp.sequence(),
        timestamp: Some(rtp.timestamp()),
    })
}
