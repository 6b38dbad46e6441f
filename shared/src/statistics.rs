//! A worker's statistics page: written by the worker alone, read by anyone.
//!
//! Every word is a total since the region was made and only rises; readers take differences.
//! Words are whole each, but a copy is not of one moment.

mod access;
mod histogram;

pub use access::Access;
pub use histogram::{BUCKETS, Histogram};

use std::time::Duration;

use crate::command::CommandId;
use crate::drops::DropReason;
use crate::handover::Applied;
use crate::limits::{DROP_REASONS_MAX, NICS_MAX, SECTION_ALIGN_BYTES};
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;
use crate::words::Shared;

/// The page as it lies in the region.
#[repr(C, align(4096))]
pub(crate) struct StatisticsPage {
    starts: AtomicU64,
    applied: Applied,
    breaths: AtomicU64,
    busy_ns: AtomicU64,
    packets_in: AtomicU64,
    packets_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    open_slots: AtomicU64,
    events_delayed: AtomicU64,
    missed: AtomicU64,
    oversized: AtomicU64,
    receive_errors: AtomicU64,
    send_errors: AtomicU64,
    accesses: [AtomicU64; NICS_MAX],
    drops: [AtomicU64; DROP_REASONS_MAX],
    latency: [AtomicU64; BUCKETS],
}

/// Where each group of words lies, for the layout hash.
pub(crate) const OFFSETS: [usize; 5] = [
    std::mem::offset_of!(StatisticsPage, applied),
    std::mem::offset_of!(StatisticsPage, packets_in),
    std::mem::offset_of!(StatisticsPage, open_slots),
    std::mem::offset_of!(StatisticsPage, drops),
    std::mem::offset_of!(StatisticsPage, latency),
];

/// Bytes of a statistics page.
pub(crate) const PAGE_BYTES: usize = size_of::<StatisticsPage>();
const _: () = assert!(PAGE_BYTES.is_multiple_of(SECTION_ALIGN_BYTES));

/// The writing end, in the worker.
pub struct StatisticsWriter {
    page: Shared<StatisticsPage>,
}

impl StatisticsWriter {
    /// Takes over the page. Totals go on from where the last worker left them; the start is noted.
    pub(crate) fn take_over(page: Shared<StatisticsPage>) -> Self {
        add(&page.starts, 1);
        Self { page }
    }

    /// A burst came in.
    #[inline]
    pub fn add_received(&self, packets: u64, bytes: u64) {
        add(&self.page.packets_in, packets);
        add(&self.page.bytes_in, bytes);
    }

    /// A burst went out.
    #[inline]
    pub fn add_sent(&self, packets: u64, bytes: u64) {
        add(&self.page.packets_out, packets);
        add(&self.page.bytes_out, bytes);
    }

    /// Packets went no further.
    #[inline]
    pub fn add_dropped(&self, reason: DropReason, packets: u64) {
        add(&self.page.drops[reason.index()], packets);
    }

    /// One breath is over; `busy` is the time it took if it found work, else zero.
    #[inline]
    pub fn add_breaths(&self, breaths: u64, busy: Duration) {
        add(&self.page.breaths, breaths);
        add(&self.page.busy_ns, nanos(busy));
    }

    /// `packets` spent this long between receipt and sending.
    #[inline]
    pub fn add_latency(&self, latency: Duration, packets: u64) {
        add(
            &self.page.latency[histogram::bucket(nanos(latency))],
            packets,
        );
    }

    /// Events had to wait for room on their ring.
    #[inline]
    pub fn add_events_delayed(&self, events: u64) {
        add(&self.page.events_delayed, events);
    }

    /// Frames came while there was no room for them, or where no worker listens.
    pub fn add_missed(&self, frames: u64) {
        add(&self.page.missed, frames);
    }

    /// The ports could not bring frames in or out: too long for a buffer, refused by the system
    /// on the way in (ICMP errors among them), refused on the way out.
    pub fn add_port_faults(&self, oversized: u64, receive_errors: u64, send_errors: u64) {
        add(&self.page.oversized, oversized);
        add(&self.page.receive_errors, receive_errors);
        add(&self.page.send_errors, send_errors);
    }

    /// How many of the worker's slots are open.
    #[inline]
    pub fn set_open_slots(&self, slots: u64) {
        self.page.open_slots.store(slots, Relaxed);
    }

    /// How a NIC, by its number, is got at.
    pub fn set_access(&self, nic: usize, access: Access) {
        if let Some(word) = self.page.accesses.get(nic) {
            word.store(access as u64, Relaxed);
        }
    }

    /// Every command up to this one has taken effect in the table.
    #[inline]
    pub fn set_applied(&self, id: CommandId) {
        self.page.applied.publish(id);
    }
}

/// A reading end.
#[derive(Clone)]
pub struct StatisticsReader {
    page: Shared<StatisticsPage>,
}

impl StatisticsReader {
    pub(crate) fn new(page: Shared<StatisticsPage>) -> Self {
        Self { page }
    }

    /// The last command applied; what it did is in the table by now.
    pub fn applied(&self) -> CommandId {
        self.page.applied.see()
    }

    /// A copy of the page.
    pub fn read(&self) -> Statistics {
        let page = &*self.page;
        let load = |word: &AtomicU64| word.load(Relaxed);
        Statistics {
            starts: load(&page.starts),
            applied: self.applied(),
            breaths: load(&page.breaths),
            busy: Duration::from_nanos(load(&page.busy_ns)),
            packets_in: load(&page.packets_in),
            packets_out: load(&page.packets_out),
            bytes_in: load(&page.bytes_in),
            bytes_out: load(&page.bytes_out),
            open_slots: load(&page.open_slots),
            events_delayed: load(&page.events_delayed),
            missed: load(&page.missed),
            oversized: load(&page.oversized),
            receive_errors: load(&page.receive_errors),
            send_errors: load(&page.send_errors),
            accesses: std::array::from_fn(|nic| Access::decode(load(&page.accesses[nic]))),
            drops: std::array::from_fn(|index| load(&page.drops[index])),
            latency: Histogram::new(|index| load(&page.latency[index])),
        }
    }
}

/// A worker's totals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statistics {
    /// How often a worker has taken over this page; above 1 after a restart.
    pub starts: u64,
    /// The last command applied.
    pub applied: CommandId,
    /// Turns of the worker's loop.
    pub breaths: u64,
    /// Time spent in turns that found work.
    pub busy: Duration,
    /// Packets received.
    pub packets_in: u64,
    /// Packets sent.
    pub packets_out: u64,
    /// Bytes of frames received.
    pub bytes_in: u64,
    /// Bytes of frames sent.
    pub bytes_out: u64,
    /// Slots open now.
    pub open_slots: u64,
    /// Events that had to wait for room on their ring.
    pub events_delayed: u64,
    /// Frames that came while there was no room for them, or by a queue of no worker: not among
    /// the packets received.
    pub missed: u64,
    /// Frames that were longer than a buffer: not among the packets received.
    pub oversized: u64,
    /// Receive calls that failed, ICMP errors among them.
    pub receive_errors: u64,
    /// Frames that the system refused to send: among the dropped as `transmit_full`.
    pub send_errors: u64,
    /// How each NIC, by its number, is got at.
    pub accesses: [Option<Access>; NICS_MAX],
    /// Time from receipt to sending.
    pub latency: Histogram,
    drops: [u64; DROP_REASONS_MAX],
}

impl Statistics {
    /// Packets dropped for one reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason.index()]
    }

    /// Every reason with its count.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL
            .iter()
            .map(|&reason| (reason, self.dropped(reason)))
    }

    /// What was counted since an earlier copy; open slots, starts and applied as they are now.
    pub fn since(&self, earlier: &Self) -> Self {
        let since = |now: u64, then: u64| now.saturating_sub(then);
        Self {
            starts: self.starts,
            applied: self.applied,
            breaths: since(self.breaths, earlier.breaths),
            busy: self.busy.saturating_sub(earlier.busy),
            packets_in: since(self.packets_in, earlier.packets_in),
            packets_out: since(self.packets_out, earlier.packets_out),
            bytes_in: since(self.bytes_in, earlier.bytes_in),
            bytes_out: since(self.bytes_out, earlier.bytes_out),
            open_slots: self.open_slots,
            events_delayed: since(self.events_delayed, earlier.events_delayed),
            missed: since(self.missed, earlier.missed),
            oversized: since(self.oversized, earlier.oversized),
            receive_errors: since(self.receive_errors, earlier.receive_errors),
            send_errors: since(self.send_errors, earlier.send_errors),
            accesses: self.accesses,
            drops: std::array::from_fn(|index| since(self.drops[index], earlier.drops[index])),
            latency: self.latency.since(&earlier.latency),
        }
    }
}

/// Adds to a word that only this worker writes.
#[inline(always)]
fn add(word: &AtomicU64, amount: u64) {
    word.store(word.load(Relaxed).wrapping_add(amount), Relaxed);
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
