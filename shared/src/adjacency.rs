//! The adjacency table: where a next hop is, one atomic word each.
//!
//! An ARP or NDP change touches one word, whichever slots point to it. Bits 0-47 MAC address,
//! 48-55 egress port, 63 resolved. Written by whichever worker got the command; a word is whole,
//! so readers need no sequence.

use crate::command::{NextHop, RejectReason};
use crate::slot::{AdjacencyIndex, EgressPort};
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;
use crate::words::Shared;

const RESOLVED: u64 = 1 << 63;
const PORT_SHIFT: u32 = 48;

/// Every next hop of the region. Cheap to clone.
#[derive(Clone)]
pub struct AdjacencyTable {
    words: Shared<[AtomicU64]>,
}

impl AdjacencyTable {
    pub(crate) fn new(words: Shared<[AtomicU64]>) -> Self {
        Self { words }
    }

    /// The next hop, once resolved.
    #[inline]
    pub fn get(&self, index: AdjacencyIndex) -> Option<NextHop> {
        let word = self.words.get(usize::from(index.0))?.load(Relaxed);
        if word & RESOLVED == 0 {
            return None;
        }
        let [_, _, mac @ ..] = word.to_be_bytes();
        Some(NextHop {
            egress_port: EgressPort((word >> PORT_SHIFT) as u8),
            mac,
        })
    }

    /// Sets or withdraws a next hop.
    pub fn set(
        &self,
        index: AdjacencyIndex,
        next_hop: Option<NextHop>,
    ) -> Result<(), RejectReason> {
        let word = self
            .words
            .get(usize::from(index.0))
            .ok_or(RejectReason::OutOfRange)?;
        word.store(next_hop.map_or(0, encode), Relaxed);
        Ok(())
    }
}

fn encode(hop: NextHop) -> u64 {
    let mut octets = [0; 8];
    octets[2..].copy_from_slice(&hop.mac);
    RESOLVED | u64::from(hop.egress_port.0) << PORT_SHIFT | u64::from_be_bytes(octets)
}
