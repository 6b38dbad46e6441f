//! Another process that has the region's file and writes into it what it likes.

use std::os::fd::OwnedFd;

use crate::fuzz::Bytes;
use crate::geometry::Geometry;
use crate::limits::{RECORD_WORDS, SLOT_WORDS};
use crate::region::{Region, SECTIONS_WORD};

/// Bytes of a word.
const WORD: usize = 8;
/// Words of the header that mean something.
const HEADER_WORDS: usize = SECTIONS_WORD + 8;
/// Words from a ring's first index to its second.
const INDEX_WORDS: usize = 16;

/// Where the sections lie, in words, and how many of everything there are.
struct Plan {
    words: usize,
    workers: usize,
    stride: usize,
    rings: [usize; 2],
    statistics: usize,
    addresses: usize,
    adjacencies: usize,
    slots: usize,
    records: usize,
    slot_count: usize,
}

/// Writes single words of a region.
pub struct Liar {
    file: OwnedFd,
    plan: Plan,
}

impl Liar {
    /// Somebody who has the file of a region that is as it was made.
    ///
    /// # Panics
    /// When the region has no file, being on the heap.
    pub fn new(region: &Region) -> Self {
        let fd = region.fd().expect("a region with a file");
        let file = fd.try_clone_to_owned().expect("one more descriptor");
        let mut liar = Self {
            file,
            plan: Plan::empty(),
        };
        liar.plan = Plan::of(&liar, region.geometry());
        liar
    }

    /// A word as it stands.
    pub fn look(&self, word: usize) -> u64 {
        let mut bytes = [0; WORD];
        rustix::io::pread(&self.file, &mut bytes, (word * WORD) as u64).expect("within the file");
        u64::from_ne_bytes(bytes)
    }

    /// Writes a word.
    pub fn poke(&self, word: usize, value: u64) {
        rustix::io::pwrite(&self.file, &value.to_ne_bytes(), (word * WORD) as u64)
            .expect("within the file");
    }

    /// Writes one word of one's choice; not of the header or the addresses, where it is `attached`
    /// already, since those are read at attach alone.
    pub fn lie(&self, bytes: &mut Bytes, attached: bool) {
        let word = self.place(bytes, attached);
        let old = self.look(word);
        let new = match bytes.byte() % 5 {
            0 => bytes.u64(),
            1 => old ^ 1 << (bytes.byte() % 64),
            2 => old.wrapping_add_signed(i64::from(bytes.byte() as i8)),
            3 => old & !0xffff_ffff | u64::from(bytes.u32()),
            _ => u64::from(bytes.byte()).wrapping_sub(1),
        };
        self.poke(word, new);
    }

    /// Writes a record's place in a worker's ring: the first of the two carries commands, the
    /// second events.
    pub fn write_record(&self, worker: usize, ring: usize, index: usize, record: &[u64]) {
        let start = self.ring(worker, ring) + 2 * INDEX_WORDS;
        let place = start + index % self.plan.records * RECORD_WORDS;
        for (offset, word) in record.iter().take(RECORD_WORDS).enumerate() {
            self.poke(place + offset, *word);
        }
    }

    /// Says of a ring how many records were published and consumed.
    pub fn set_indices(&self, worker: usize, ring: usize, published: u32, consumed: u32) {
        let start = self.ring(worker, ring);
        self.poke(start, published.into());
        self.poke(start + INDEX_WORDS, consumed.into());
    }

    /// What a ring's indices say: published and consumed.
    pub fn indices(&self, worker: usize, ring: usize) -> (u32, u32) {
        let start = self.ring(worker, ring);
        (
            self.look(start) as u32,
            self.look(start + INDEX_WORDS) as u32,
        )
    }

    fn ring(&self, worker: usize, ring: usize) -> usize {
        self.plan.rings[ring % 2] + worker % self.plan.workers * self.plan.stride
    }

    fn place(&self, bytes: &mut Bytes, attached: bool) -> usize {
        let plan = &self.plan;
        let slot_words = plan.slot_count * SLOT_WORDS;
        let number = |bytes: &mut Bytes, bound: usize| usize::from(bytes.u16()) % bound;
        match bytes.byte() % 8 {
            0 if !attached => bytes.below(HEADER_WORDS),
            1 if !attached => plan.addresses + number(bytes, 512),
            2 => {
                let (worker, ring) = (bytes.below(plan.workers), bytes.below(2));
                self.ring(worker, ring) + bytes.below(2) * INDEX_WORDS
            }
            3 => {
                let (worker, ring) = (bytes.below(plan.workers), bytes.below(2));
                let records = plan.records * RECORD_WORDS;
                self.ring(worker, ring) + 2 * INDEX_WORDS + number(bytes, records)
            }
            4 => plan.statistics + bytes.below(plan.workers) * plan.stride + number(bytes, 512),
            5 => plan.adjacencies + bytes.below(16),
            6 if !attached => number(bytes, plan.words),
            _ => plan.slots + number(bytes, slot_words),
        }
    }
}

impl Plan {
    fn empty() -> Self {
        Self {
            words: 1,
            workers: 1,
            stride: 0,
            rings: [0; 2],
            statistics: 0,
            addresses: 0,
            adjacencies: 0,
            slots: 0,
            records: 1,
            slot_count: 1,
        }
    }

    fn of(liar: &Liar, geometry: &Geometry) -> Self {
        let [
            workers,
            stride,
            events,
            statistics,
            addresses,
            adjacencies,
            slots,
            bytes,
        ] = std::array::from_fn(|index| liar.look(SECTIONS_WORD + index) as usize / WORD);
        Self {
            words: bytes,
            workers: usize::from(geometry.workers()),
            stride,
            rings: [workers, workers + events],
            statistics: workers + statistics,
            addresses,
            adjacencies,
            slots,
            records: geometry.ring_capacity() as usize,
            slot_count: geometry.slots() as usize,
        }
    }
}
