//! The sixteen words: packing, unpacking and what is refused in either kind of record.

use crate::limits::RECORD_WORDS;
use crate::net::PackedIp;
use crate::slot::{Generation, SlotIndex};

/// A command or event as it travels.
pub type Record = [u64; RECORD_WORDS];

/// The version of the records' payloads.
pub const RECORD_VERSION: u16 = 1;

/// Why a record was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// Another version of the records.
    #[error("record version {0}, this is version {RECORD_VERSION}")]
    Version(u16),
    /// A kind that does not exist.
    #[error("record kind {0} does not exist")]
    Kind(u16),
    /// A latch policy that does not exist.
    #[error("latch policy does not exist")]
    Policy,
    /// A DSCP above six bits.
    #[error("DSCP {0} is above 63")]
    Dscp(u8),
    /// A reserved VLAN identifier.
    #[error("VLAN {0} is above 4094")]
    Vlan(u16),
    /// A policer out of range.
    #[error("policer rate or burst out of range")]
    Policer,
    /// An adjacency index out of range.
    #[error("adjacency index out of range")]
    Adjacency,
    /// An RTP clock out of range.
    #[error("RTP clock of {0} Hz is out of range")]
    Clock(u32),
    /// A reason that does not exist.
    #[error("reject reason {0} does not exist")]
    Reason(u64),
    /// An address that has to be there is not.
    #[error("an address is missing")]
    Address,
    /// Words or bits without meaning are not zero.
    #[error("bits without meaning are set")]
    Padding,
}

/// Where the payload starts.
const PAYLOAD: usize = 2;

/// A record's payload while it is written.
#[derive(Default)]
pub(super) struct Payload {
    words: Record,
    len: usize,
}

impl Payload {
    pub(super) fn put(&mut self, word: u64) {
        self.words[PAYLOAD + self.len] = word;
        self.len += 1;
    }

    pub(super) fn put_ip(&mut self, ip: PackedIp) {
        self.put(ip.0[0]);
        self.put(ip.0[1]);
    }

    pub(super) fn into_record(mut self, number: u64, kind: u16) -> Record {
        self.words[0] = number;
        self.words[1] = u64::from(kind) | u64::from(RECORD_VERSION) << 16;
        self.words
    }
}

/// A record's payload while it is read.
pub(super) struct Reader<'a> {
    rest: &'a [u64],
}

impl<'a> Reader<'a> {
    /// Checks version and head; answers with the kind.
    pub(super) fn new(record: &'a Record) -> Result<(u16, Self), DecodeError> {
        let head = record[1];
        if head >> 32 != 0 {
            return Err(DecodeError::Padding);
        }
        let version = (head >> 16) as u16;
        if version != RECORD_VERSION {
            return Err(DecodeError::Version(version));
        }
        Ok((
            head as u16,
            Self {
                rest: &record[PAYLOAD..],
            },
        ))
    }

    /// The next word. No kind has more words than a record: see the writing side.
    pub(super) fn take(&mut self) -> u64 {
        let (&word, rest) = self.rest.split_first().expect("payloads fit a record");
        self.rest = rest;
        word
    }

    pub(super) fn take_ip(&mut self) -> PackedIp {
        PackedIp([self.take(), self.take()])
    }

    pub(super) fn slot(&mut self) -> (SlotIndex, Generation) {
        let word = self.take();
        (SlotIndex(low(word)), Generation(high(word)))
    }

    /// Checks that nothing follows.
    pub(super) fn finish(self) -> Result<(), DecodeError> {
        if self.rest.iter().all(|&word| word == 0) {
            Ok(())
        } else {
            Err(DecodeError::Padding)
        }
    }
}

pub(super) fn pack(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

pub(super) fn low(word: u64) -> u32 {
    word as u32
}

pub(super) fn high(word: u64) -> u32 {
    (word >> 32) as u32
}
