//! The one writer of a slot's configuration: the worker that owns it.
//!
//! | slot | Open g | Update g | Close g |
//! |---|---|---|---|
//! | closed | open, counters zero, latch empty | `Stale` | its record if g was last; else `Stale` |
//! | open, g | anew, rest stays | anew, latch empty if re-armed | closed |
//! | open, other | `Occupied` | `Stale` | `Stale` |
//! | half written | as closed | as open, if g is its use | as closed |
//!
//! Every cell may be applied twice with the same effect, because a command whose worker died
//! before it released the record is applied again by the next.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::command::RejectReason;
use crate::geometry::{Geometry, WorkerIndex};
use crate::slot::{AdjacencyIndex, Counters, Forwarding, Generation, SlotIndex};
use crate::sync::Ordering::Relaxed;
use crate::table::configure::{Configuration, Route};
use crate::table::view::load;
use crate::table::words::flag;
use crate::table::{SlotWords, Table};
use crate::time::Instant;

/// Why a command was not applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ApplyError {
    /// It never will be.
    #[error(transparent)]
    Rejected(#[from] RejectReason),
    /// Another worker is latching the slot at this moment and has lost its core. Leave the
    /// command on the ring and try again next breath.
    #[error("the slot is being latched")]
    Claimed,
}

/// What a restarted worker found and mended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Repaired {
    /// Slots whose configuration was half written.
    pub half_written: u32,
    /// Slots whose latch was claimed and never set.
    pub claimed: u32,
}

/// The table in the hands of one worker: reads anywhere, writes its own slots.
pub struct OwnerTable {
    table: Table,
    geometry: Arc<Geometry>,
    worker: WorkerIndex,
}

impl OwnerTable {
    /// Takes over a worker's slots, mending what its predecessor left half done. No worker of the
    /// dataplane may be running yet.
    pub(crate) fn take_over(
        table: Table,
        geometry: Arc<Geometry>,
        worker: WorkerIndex,
    ) -> (Self, Repaired) {
        let owner = Self {
            table,
            geometry,
            worker,
        };
        let mut repaired = Repaired::default();
        for index in owner.indices() {
            let slot = owner.words(index).expect("own indices are in the table");
            repaired.half_written += u32::from(slot.mend());
            repaired.claimed += u32::from(slot.abandon_claim());
        }
        (owner, repaired)
    }

    /// The whole table, to read.
    #[inline]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The worker that owns.
    pub fn worker(&self) -> WorkerIndex {
        self.worker
    }

    /// Every slot this worker owns.
    pub fn indices(&self) -> impl Iterator<Item = SlotIndex> + use<> {
        let (workers, worker) = (u32::from(self.geometry.workers()), u32::from(self.worker.0));
        let slots = self.geometry.slots();
        (worker * 2..slots)
            .step_by(workers as usize * 2)
            .flat_map(move |first| first..slots.min(first + 2))
            .map(SlotIndex)
    }

    /// Every slot this worker owns that is in use, for rebuilding what a worker keeps privately.
    pub fn open_indices(&self) -> impl Iterator<Item = SlotIndex> + '_ {
        self.indices()
            .filter(|&index| self.words(index).is_ok_and(SlotWords::is_open))
    }

    /// Starts a use of a slot.
    pub fn open(
        &mut self,
        index: SlotIndex,
        generation: Generation,
        forwarding: &Forwarding,
        now: Instant,
    ) -> Result<(), ApplyError> {
        let slot = self.words(index)?;
        let configuration = self.configuration(index, generation, forwarding)?;
        let again = slot.is_open() && slot.generation() == generation;
        if slot.is_open() && !again {
            return Err(RejectReason::Occupied.into());
        }
        slot.write(|slot| {
            if !again {
                if !slot.disarm() {
                    return Err(ApplyError::Claimed);
                }
                slot.reset_running(now);
            }
            slot.configure(&configuration);
            Ok(())
        })
    }

    /// Changes what an open slot does. Counters stay, and so does silence that was reported, unless
    /// the timeout is another one: a new wait begins with it.
    pub fn update(
        &mut self,
        index: SlotIndex,
        generation: Generation,
        forwarding: &Forwarding,
        rearm: bool,
    ) -> Result<(), ApplyError> {
        let slot = self.words(index)?;
        let mut configuration = self.configuration(index, generation, forwarding)?;
        let open = slot.is_open() || slot.is_half_written();
        if !open || slot.generation() != generation {
            return Err(RejectReason::Stale.into());
        }
        if configuration.usage == load(&slot.usage) {
            configuration.flags |= load(&slot.flags) & flag::SILENT;
        }
        slot.write(|slot| {
            if rearm && !slot.disarm() {
                return Err(ApplyError::Claimed);
            }
            slot.configure(&configuration);
            Ok(())
        })
    }

    /// Ends a use of a slot and says what it saw.
    pub fn close(
        &mut self,
        index: SlotIndex,
        generation: Generation,
    ) -> Result<Counters, ApplyError> {
        let slot = self.words(index)?;
        if slot.generation() != generation {
            return Err(RejectReason::Stale.into());
        }
        if slot.is_open() || slot.is_half_written() {
            slot.write(|slot| {
                let closed = load(&slot.flags) & !(flag::OPEN | flag::ACCEPT | flag::HALF_WRITTEN);
                slot.flags.store(closed, Relaxed);
            });
        }
        Ok(slot.counters())
    }

    /// Notes that silence was reported, or that it has ended.
    ///
    /// # Panics
    /// When the slot is not this worker's.
    pub fn set_silent(&mut self, index: SlotIndex, silent: bool) {
        let slot = self
            .words(index)
            .expect("a worker reports on its own slots");
        // One bit of one word that has one writer: readers need no sequence to see it whole.
        let flags = load(&slot.flags) & !flag::SILENT;
        slot.flags
            .store(flags | if silent { flag::SILENT } else { 0 }, Relaxed);
    }

    fn words(&self, index: SlotIndex) -> Result<&SlotWords, RejectReason> {
        let slot = self.table.slot(index).ok_or(RejectReason::OutOfRange)?;
        if self.geometry.owner(index) != self.worker {
            return Err(RejectReason::NotOwner);
        }
        Ok(slot.words)
    }

    /// Checks a forwarding against the geometry: the record's reader could not.
    fn configuration(
        &self,
        index: SlotIndex,
        generation: Generation,
        forwarding: &Forwarding,
    ) -> Result<Configuration, RejectReason> {
        let geometry = &self.geometry;
        let links = [forwarding.peer, forwarding.next_sibling, forwarding.port_of];
        if links
            .iter()
            .flatten()
            .any(|link| link.0 >= geometry.slots())
        {
            return Err(RejectReason::OutOfRange);
        }
        // A spare slot needs a port to send from; any other has its own.
        let port = match (geometry.local(index), forwarding.port_of) {
            (Some(_), None) => index,
            (None, Some(port)) => port,
            _ => return Err(RejectReason::OutOfRange),
        };
        let local = geometry.local(port).ok_or(RejectReason::OutOfRange)?;
        let address = geometry.address(port).ok_or(RejectReason::OutOfRange)?;
        let adjacency = forwarding.adjacency.unwrap_or(AdjacencyIndex(address.0));
        if adjacency.0 >= geometry.adjacencies() {
            return Err(RejectReason::OutOfRange);
        }
        let route = Route { address, adjacency };
        let foreign = |signalled: SocketAddr| signalled.is_ipv4() != local.is_ipv4();
        if forwarding.signalled.is_some_and(foreign) {
            return Err(RejectReason::Family);
        }
        let hairpin = forwarding
            .signalled
            .is_some_and(|signalled| geometry.slot_at(signalled).is_some());
        Ok(Configuration::new(forwarding, generation, route, hairpin))
    }
}
