//! Where each section lies, computed from the geometry alone.
//!
//! header · per worker {command ring, event ring, statistics page} · local addresses ·
//! adjacencies · slot table, each on a multiple of 4096 bytes. A ring is its two indices followed
//! by its records.

use crate::geometry::{Geometry, WorkerIndex};
use crate::limits::{RECORD_BYTES, SECTION_ALIGN_BYTES, SLOT_BYTES};
use crate::ring::Indices;
use crate::statistics;

/// Bytes of the header.
pub(super) const HEADER_BYTES: usize = SECTION_ALIGN_BYTES;
/// Bytes of one local address.
pub(super) const ADDRESS_BYTES: usize = 4 * 8;
/// Bytes of one adjacency.
const ADJACENCY_BYTES: usize = 8;
/// Where a ring's records start.
pub(super) const RECORDS_OFFSET: usize = size_of::<Indices>();

/// Offsets in bytes from the region's start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    /// The first worker's sections.
    pub(super) workers: usize,
    /// From one worker's sections to the next one's.
    pub(super) worker_stride: usize,
    /// A worker's event ring, from its sections' start.
    pub(super) events: usize,
    /// A worker's statistics page, from its sections' start.
    pub(super) statistics: usize,
    pub(super) addresses: usize,
    pub(super) adjacencies: usize,
    pub(super) slots: usize,
    /// The whole region.
    pub(super) bytes: usize,
}

/// One worker's sections.
pub(super) struct WorkerSections {
    pub(super) commands: usize,
    pub(super) events: usize,
    pub(super) statistics: usize,
}

impl Layout {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let ring = align(RECORDS_OFFSET + geometry.ring_capacity() as usize * RECORD_BYTES);
        let worker_stride = 2 * ring + align(statistics::PAGE_BYTES);
        let workers = HEADER_BYTES;
        let addresses = workers + usize::from(geometry.workers()) * worker_stride;
        let adjacencies = addresses + align(geometry.addresses().len() * ADDRESS_BYTES);
        let slots = adjacencies + align(usize::from(geometry.adjacencies()) * ADJACENCY_BYTES);
        let bytes = slots + align(geometry.slots() as usize * SLOT_BYTES);
        Self {
            workers,
            worker_stride,
            events: ring,
            statistics: 2 * ring,
            addresses,
            adjacencies,
            slots,
            bytes,
        }
    }

    pub(super) fn worker(&self, worker: WorkerIndex) -> WorkerSections {
        let start = self.workers + usize::from(worker.0) * self.worker_stride;
        WorkerSections {
            commands: start,
            events: start + self.events,
            statistics: start + self.statistics,
        }
    }

    /// As words of the header.
    pub(super) fn words(&self) -> [u64; 8] {
        [
            self.workers,
            self.worker_stride,
            self.events,
            self.statistics,
            self.addresses,
            self.adjacencies,
            self.slots,
            self.bytes,
        ]
        .map(|offset| offset as u64)
    }
}

fn align(bytes: usize) -> usize {
    bytes.next_multiple_of(SECTION_ALIGN_BYTES)
}
