//! A worker's counters on their way to its statistics page.

use std::time::Duration;

use strait_shared::command::CommandId;
use strait_shared::drops::DropReason;
use strait_shared::statistics::{Access, StatisticsWriter};
use strait_shared::time::Instant;

use crate::frame::Frame;
use crate::port::{FrameIndex, PortCounters};
use crate::relay::{Owner, Tally};

/// What has been counted and what of it has been published.
pub(super) struct Publication {
    statistics: StatisticsWriter,
    published: Tally,
    faults: PortCounters,
    breaths: u64,
    busy: Duration,
    delayed: u64,
}

impl Publication {
    pub(super) fn new(
        statistics: StatisticsWriter,
        accesses: impl Iterator<Item = Access>,
    ) -> Self {
        for (nic, access) in accesses.enumerate() {
            statistics.set_access(nic, access);
        }
        Self {
            statistics,
            published: Tally::default(),
            faults: PortCounters::default(),
            breaths: 0,
            busy: Duration::ZERO,
            delayed: 0,
        }
    }

    /// One breath is over; `busy` is how long it was at work on frames.
    pub(super) fn breath(&mut self, busy: Duration) {
        self.breaths += 1;
        self.busy += busy;
    }

    /// Whether an event had to wait in this breath.
    pub(super) fn delayed(&mut self, delayed: bool) {
        self.delayed += u64::from(delayed);
    }

    /// Frames have gone: counts how long each was in this machine. Frames that arrived at the
    /// same time are counted in one go.
    pub(super) fn sent(&mut self, gone: Instant, frames: &[Frame], chosen: &[FrameIndex]) {
        let received = |index: &FrameIndex| frames[usize::from(*index)].received;
        for run in chosen.chunk_by(|one, other| received(one) == received(other)) {
            let latency = gone.since(received(&run[0]));
            self.statistics.add_latency(latency, run.len() as u64);
        }
    }

    /// Brings the page up to date.
    pub(super) fn publish(&mut self, tally: &Tally, faults: PortCounters, owner: &Owner) {
        let (page, before) = (&self.statistics, &self.published);
        page.add_received(
            tally.received - before.received,
            tally.received_bytes - before.received_bytes,
        );
        page.add_sent(
            tally.sent - before.sent,
            tally.sent_bytes - before.sent_bytes,
        );
        for reason in DropReason::ALL {
            let dropped = tally.dropped(reason) - before.dropped(reason);
            if dropped > 0 {
                page.add_dropped(reason, dropped);
            }
        }
        page.add_events_delayed(std::mem::take(&mut self.delayed));
        page.add_breaths(
            std::mem::take(&mut self.breaths),
            std::mem::take(&mut self.busy),
        );
        page.add_missed(faults.missed - self.faults.missed);
        page.add_port_faults(
            faults.oversized - self.faults.oversized,
            faults.receive_errors - self.faults.receive_errors,
            faults.send_errors - self.faults.send_errors,
        );
        page.set_open_slots(owner.open_slots() as u64);
        if owner.applied() != CommandId::default() {
            page.set_applied(owner.applied());
        }
        self.published = *tally;
        self.faults = faults;
    }
}
