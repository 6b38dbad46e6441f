//! What a session's streams carried: for records and for whoever watches.

use std::net::SocketAddr;

use strait_shared::slot::{Counters, SlotIndex};

use super::session::Session;
use super::side::{Component, Side};
use super::terms::Codec;

/// Reads a slot's running counters, which live in the dataplane's table.
pub trait CounterReader {
    /// What the slot has seen since it opened; nothing when it cannot be read.
    fn counters(&self, slot: SlotIndex) -> Option<Counters>;
}

impl<F: Fn(SlotIndex) -> Option<Counters>> CounterReader for F {
    fn counters(&self, slot: SlotIndex) -> Option<Counters> {
        self(slot)
    }
}

/// What one party sent on one stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamReport {
    /// Which `m=` line, from 0.
    pub line: u16,
    /// `audio`, `video`, …; empty when nothing was ever agreed on.
    pub media: String,
    /// The codec agreed on.
    pub codec: Option<Codec>,
    /// Whose packets these are.
    pub side: Side,
    /// RTP or RTCP.
    pub component: Component,
    /// Where they arrive: our address and port.
    pub local: SocketAddr,
    /// Where the party's SDP says that it receives.
    pub signalled: Option<SocketAddr>,
    /// What arrived.
    pub counters: Counters,
}

impl Session {
    /// Notes what is known about a slot that is being closed; its counters follow. A stream that
    /// is opened again counts on, so there are four entries for each `m=` line at most.
    pub(super) fn enter(&mut self, line: u16, side: Side, component: Component, local: SocketAddr) {
        let entry = self.entry(line, side, component, local, Counters::default());
        merge(&mut self.report, entry);
    }

    /// Adds what a closed slot saw.
    pub(super) fn count(
        &mut self,
        line: u16,
        side: Side,
        component: Component,
        counters: &Counters,
    ) {
        let key = (line, side, component);
        let mut entries = self.report.iter_mut();
        if let Some(entry) = entries.find(|entry| entry.key() == key) {
            entry.counters = add(&entry.counters, counters);
        }
    }

    /// What the closed slots carried, by line, side and component.
    pub(super) fn final_report(&mut self) -> Vec<StreamReport> {
        let mut report = std::mem::take(&mut self.report);
        report.sort_by_key(StreamReport::key);
        report
    }

    /// What all slots have carried so far, by line, side and component.
    pub(super) fn running_report(&self, reader: &impl CounterReader) -> Vec<StreamReport> {
        let mut report = self.report.clone();
        for (line, stream) in self.streams.iter().enumerate() {
            for side in Side::BOTH {
                let Some(end) = stream.ends[side].as_ref().filter(|end| end.sent.is_some()) else {
                    continue;
                };
                for component in Component::BOTH {
                    let counters = reader
                        .counters(end.pair.slot(component))
                        .unwrap_or_default();
                    let entry = self.entry(line as u16, side, component, end.local, counters);
                    merge(&mut report, entry);
                }
            }
        }
        report.sort_by_key(StreamReport::key);
        report
    }

    fn entry(
        &self,
        line: u16,
        side: Side,
        component: Component,
        local: SocketAddr,
        counters: Counters,
    ) -> StreamReport {
        let stream = &self.streams[usize::from(line)];
        let (signalled, port) = match component {
            Component::Rtp => (stream.party[side].rtp, local.port()),
            Component::Rtcp => (stream.party[side].rtcp, local.port() + 1),
        };
        StreamReport {
            line,
            media: stream.media.clone(),
            codec: stream.codec.clone(),
            side,
            component,
            local: SocketAddr::new(local.ip(), port),
            signalled,
            counters,
        }
    }
}

impl StreamReport {
    fn key(&self) -> (u16, Side, Component) {
        (self.line, self.side, self.component)
    }
}

fn merge(report: &mut Vec<StreamReport>, entry: StreamReport) {
    match report.iter_mut().find(|before| before.key() == entry.key()) {
        Some(before) => {
            let counters = add(&before.counters, &entry.counters);
            *before = StreamReport { counters, ..entry };
        }
        None => report.push(entry),
    }
}

/// Both uses of a stream together; what can only be said of one is said of the later.
fn add(earlier: &Counters, later: &Counters) -> Counters {
    let heard = later.packets > 0;
    Counters {
        packets: earlier.packets.saturating_add(later.packets),
        bytes: earlier.bytes.saturating_add(later.bytes),
        refused: earlier.refused.saturating_add(later.refused),
        policed: earlier.policed.saturating_add(later.policed),
        lost: earlier.lost.saturating_add(later.lost),
        disordered: earlier.disordered.saturating_add(later.disordered),
        jitter_ns: if heard {
            later.jitter_ns
        } else {
            earlier.jitter_ns
        },
        ssrc: later.ssrc.or(earlier.ssrc),
        last_seen: later.last_seen.max(earlier.last_seen),
        latched: later.latched.or(earlier.latched),
    }
}
