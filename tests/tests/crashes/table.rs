//! The shared table as a worker that died in the midst of a step leaves it: written from outside,
//! through its file, while no worker runs.

use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use strait_shared::attach::fetch;
use strait_shared::limits::SLOT_BYTES;
use strait_shared::region::{LAYOUT_VERSION, Region};

use crate::place::{PATIENCE, Place};

/// Where words lie, in the region's header and in a slot.
const VERSION_WORD: u64 = 1;
const SLOTS_OFFSET_WORD: u64 = 12;
const SEQUENCE_WORD: u64 = 0;
const LATCH_WORD: u64 = 3;
/// The states of a latch word.
const STATE_MASK: u64 = 0b11;
const CLAIMED: u64 = 1;
const LATCHED: u64 = 2;

/// The file behind a region.
pub struct Table {
    file: File,
    region: Region,
}

impl Table {
    pub fn of(region: &OwnedFd) -> Self {
        Self {
            file: region.try_clone().unwrap().into(),
            region: Region::attach(region.try_clone().unwrap(), None).unwrap(),
        }
    }

    /// The table of a dataplane that runs.
    pub fn served(place: &Place) -> Self {
        let socket = place.runtime().join("region.sock");
        let region = fetch(&socket, None, PATIENCE).unwrap().region;
        let fd = region.fd().unwrap();
        Self {
            file: fd.try_clone_to_owned().unwrap().into(),
            region,
        }
    }

    /// A worker died between claiming this port's latch and setting it.
    pub fn claim(&self, local: SocketAddr) {
        let at = self.slot(local) + 8 * LATCH_WORD;
        let word = self.read(at);
        assert_eq!(word & STATE_MASK, LATCHED, "it was heard");
        self.write(at, (word & !STATE_MASK) | CLAIMED);
    }

    /// A worker died while it wrote this port's configuration.
    pub fn half_write(&self, local: SocketAddr) {
        let at = self.slot(local) + 8 * SEQUENCE_WORD;
        let word = self.read(at);
        assert_eq!(word % 2, 0, "it is whole");
        self.write(at, word + 1);
    }

    /// Another release made the region.
    pub fn of_another_release(&self) {
        self.write(8 * VERSION_WORD, LAYOUT_VERSION + 1);
    }

    /// This one did.
    pub fn of_this_release(&self) {
        self.write(8 * VERSION_WORD, LAYOUT_VERSION);
    }

    /// The offset of a local port's slot, in bytes.
    fn slot(&self, local: SocketAddr) -> u64 {
        let slot = self
            .region
            .geometry()
            .slot_at(local)
            .expect("one of our ports");
        self.read(8 * SLOTS_OFFSET_WORD) + u64::from(slot.0) * SLOT_BYTES as u64
    }

    fn read(&self, at: u64) -> u64 {
        let mut word = [0; 8];
        self.file.read_exact_at(&mut word, at).unwrap();
        u64::from_ne_bytes(word)
    }

    fn write(&self, at: u64, word: u64) {
        self.file.write_all_at(&word.to_ne_bytes(), at).unwrap();
    }
}
