//! The shared-memory region: made once, sealed, attached by both processes, outliving either.
//!
//! ## Attach
//!
//! | state | event | next |
//! |---|---|---|
//! | none | the dataplane creates: sizes, header, seals, magic last | ready |
//! | ready | the dataplane hands the file out, or finds it in its supervisor's store | ready |
//! | ready | attach: seals, size, magic, version, hash, geometry, sections as expected | attached |
//! | ready | attach: anything differs | refused, nothing written |
//! | attached | an end is taken (control's, or a worker's) | held |
//! | held | its holder drops it or dies | attached; the next holder goes on at its indices |
//!
//! Forbidden: taking an end that is held (two producers on one ring); handing out a region whose
//! header is not written; resizing (sealed).
//!
//! The ends: [`Region::worker`] for each worker of the dataplane, [`Region::control`] for control,
//! [`Region::table`] and [`Region::statistics`] for anyone who reads.

mod ends;
mod header;
mod layout;
mod lock;

pub use ends::{ControlEnd, EndError, WorkerEnd};
pub(crate) use header::SECTIONS_WORD;
pub use header::{AttachError, LAYOUT_VERSION};
pub use lock::Held;

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use crate::adjacency::AdjacencyTable;
use crate::geometry::{Geometry, WorkerIndex};
use crate::mapping::{MapError, Mapping};
use crate::statistics::StatisticsReader;
use crate::table::Table;
use crate::words::Shared;
use layout::Layout;
use lock::Ends;

/// Why a region could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a region of {bytes} bytes: {cause}")]
pub struct CreateError {
    bytes: usize,
    cause: MapError,
}

/// The region, attached. Cheap to clone within a process; all clones share who holds which end.
#[derive(Clone)]
pub struct Region {
    mapping: Arc<Mapping>,
    geometry: Arc<Geometry>,
    layout: Layout,
    ends: Arc<Ends>,
}

impl Region {
    /// Makes a region in a sealed file that other processes can attach.
    pub fn create(geometry: Geometry) -> Result<Self, CreateError> {
        let layout = Layout::new(&geometry);
        let failed = |cause| CreateError {
            bytes: layout.bytes,
            cause,
        };
        let mapping = Mapping::create(layout.bytes).map_err(failed)?;
        Ok(Self::write_new(mapping, geometry, layout))
    }

    /// The bytes a region of this geometry takes, without making one.
    pub fn bytes_for(geometry: &Geometry) -> usize {
        Layout::new(geometry).bytes
    }

    /// Makes a region in this process's own memory: for tests and simulation.
    pub fn heap(geometry: Geometry) -> Self {
        let layout = Layout::new(&geometry);
        Self::write_new(Mapping::heap(layout.bytes), geometry, layout)
    }

    /// Attaches a region that was made here or by another process, believing nothing in it.
    /// With `expected`, from the configuration, it must have exactly that geometry.
    pub fn attach(fd: OwnedFd, expected: Option<&Geometry>) -> Result<Self, AttachError> {
        let mapping = Arc::new(Mapping::open(fd)?);
        let (geometry, layout) = header::read(&mapping)?;
        if let Some(expected) = expected {
            header::compare(&geometry, expected)?;
        }
        Ok(Self {
            mapping,
            geometry: Arc::new(geometry),
            layout,
            ends: Arc::default(),
        })
    }

    /// Has every page in place before the first packet; for the dataplane at start.
    pub fn populate(&self) -> Result<(), CreateError> {
        self.mapping.populate().map_err(|cause| CreateError {
            bytes: self.layout.bytes,
            cause,
        })
    }

    /// The file to hand out; nothing for a region on the heap.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.mapping.fd()
    }

    /// Size of the region.
    pub fn bytes(&self) -> usize {
        self.layout.bytes
    }

    /// The sizes everything has, and where each slot lives.
    pub fn geometry(&self) -> &Arc<Geometry> {
        &self.geometry
    }

    /// The slot table, to read.
    pub fn table(&self) -> Table {
        let slots = self.geometry.slots() as usize;
        Table::new(Shared::slice(&self.mapping, self.layout.slots, slots))
    }

    /// The next hops.
    pub fn adjacencies(&self) -> AdjacencyTable {
        let count = usize::from(self.geometry.adjacencies());
        AdjacencyTable::new(Shared::slice(&self.mapping, self.layout.adjacencies, count))
    }

    /// A worker's statistics; nothing for a worker that does not exist.
    pub fn statistics(&self, worker: WorkerIndex) -> Option<StatisticsReader> {
        let sections = self.sections(worker)?;
        Some(StatisticsReader::new(Shared::one(
            &self.mapping,
            sections.statistics,
        )))
    }

    fn sections(&self, worker: WorkerIndex) -> Option<layout::WorkerSections> {
        (worker.0 < self.geometry.workers()).then(|| self.layout.worker(worker))
    }

    fn write_new(mapping: Mapping, geometry: Geometry, layout: Layout) -> Self {
        let mapping = Arc::new(mapping);
        header::write(&mapping, &geometry, &layout);
        Self {
            mapping,
            geometry: Arc::new(geometry),
            layout,
            ends: Arc::default(),
        }
    }
}
