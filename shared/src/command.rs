//! What control asks of a worker and what a worker reports, as fixed records of sixteen words.
//!
//! Word 0 is the record's number, word 1 its kind and version, the rest payload. Words and bits
//! without meaning are zero, and a record in which they are not is refused.

mod event;
mod forwarding;
mod record;
#[cfg(all(test, not(loom)))]
mod strategies;

pub use event::{Event, EventId, RejectReason};
pub use record::{DecodeError, RECORD_VERSION, Record};

use crate::slot::{AdjacencyIndex, EgressPort, Forwarding, Generation, SlotIndex};
use record::{Payload, Reader, pack};

/// A command's number: rising, given by control, echoed when rejected.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct CommandId(pub u64);

/// The next hop behind an adjacency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NextHop {
    /// The dataplane port to leave by.
    pub egress_port: EgressPort,
    /// The next hop's MAC address, as sent on the wire; or [`BY_REMOTE`](Self::BY_REMOTE).
    pub mac: [u8; 6],
}

impl NextHop {
    /// Stands for a next hop that depends on the remote. No host has this address.
    pub const BY_REMOTE: [u8; 6] = [0; 6];
}

/// What control asks of the worker that owns a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Start a use of a slot: counters zero, nothing latched.
    Open {
        /// The slot.
        slot: SlotIndex,
        /// The number of this use.
        generation: Generation,
        /// What the slot is to do.
        forwarding: Forwarding,
    },
    /// Change what an open slot does; counters stay.
    Update {
        /// The slot.
        slot: SlotIndex,
        /// The use that is meant.
        generation: Generation,
        /// What the slot is to do from now on.
        forwarding: Forwarding,
        /// Whether the remote is to be latched anew.
        rearm: bool,
    },
    /// End a use of a slot; its counters come back in [`Event::Closed`].
    Close {
        /// The slot.
        slot: SlotIndex,
        /// The use that is meant.
        generation: Generation,
    },
    /// Set or withdraw a next hop.
    Adjacency {
        /// Which one.
        index: AdjacencyIndex,
        /// Where it leads, once resolved.
        next_hop: Option<NextHop>,
    },
}

mod kind {
    pub const OPEN: u16 = 1;
    pub const UPDATE: u16 = 2;
    pub const CLOSE: u16 = 3;
    pub const ADJACENCY: u16 = 4;
}

impl Command {
    /// The slot the command is about, if it is about one.
    pub fn slot(&self) -> Option<SlotIndex> {
        match *self {
            Self::Open { slot, .. } | Self::Update { slot, .. } | Self::Close { slot, .. } => {
                Some(slot)
            }
            Self::Adjacency { .. } => None,
        }
    }

    /// The command as a record.
    pub fn encode(&self, id: CommandId) -> Record {
        let mut payload = Payload::default();
        let kind = match self {
            Self::Open {
                slot,
                generation,
                forwarding,
            } => {
                payload.put(pack(slot.0, generation.0));
                forwarding::put(&mut payload, forwarding, false);
                kind::OPEN
            }
            Self::Update {
                slot,
                generation,
                forwarding,
                rearm,
            } => {
                payload.put(pack(slot.0, generation.0));
                forwarding::put(&mut payload, forwarding, *rearm);
                kind::UPDATE
            }
            Self::Close { slot, generation } => {
                payload.put(pack(slot.0, generation.0));
                kind::CLOSE
            }
            Self::Adjacency { index, next_hop } => {
                payload.put(u64::from(index.0));
                put_next_hop(&mut payload, *next_hop);
                kind::ADJACENCY
            }
        };
        payload.into_record(id.0, kind)
    }

    /// Reads a record, believing nothing in it. The number comes back even from a bad record, so
    /// that it can be rejected by name.
    pub fn decode(record: &Record) -> (CommandId, Result<Self, DecodeError>) {
        (CommandId(record[0]), Self::decode_payload(record))
    }

    fn decode_payload(record: &Record) -> Result<Self, DecodeError> {
        let (kind, mut reader) = Reader::new(record)?;
        let command = match kind {
            kind::OPEN => {
                let (slot, generation) = reader.slot();
                let (forwarding, rearm) = forwarding::take(&mut reader)?;
                if rearm {
                    return Err(DecodeError::Padding);
                }
                Self::Open {
                    slot,
                    generation,
                    forwarding,
                }
            }
            kind::UPDATE => {
                let (slot, generation) = reader.slot();
                let (forwarding, rearm) = forwarding::take(&mut reader)?;
                Self::Update {
                    slot,
                    generation,
                    forwarding,
                    rearm,
                }
            }
            kind::CLOSE => {
                let (slot, generation) = reader.slot();
                Self::Close { slot, generation }
            }
            kind::ADJACENCY => {
                let index = u16::try_from(reader.take()).map_err(|_| DecodeError::Adjacency)?;
                let next_hop = take_next_hop(&mut reader)?;
                Self::Adjacency {
                    index: AdjacencyIndex(index),
                    next_hop,
                }
            }
            other => return Err(DecodeError::Kind(other)),
        };
        reader.finish()?;
        Ok(command)
    }
}

/// Set where the next hop is known.
const RESOLVED: u64 = 1;

fn put_next_hop(payload: &mut Payload, next_hop: Option<NextHop>) {
    let Some(hop) = next_hop else {
        return;
    };
    let mut mac = [0; 8];
    mac[2..].copy_from_slice(&hop.mac);
    payload.put(RESOLVED | u64::from(hop.egress_port.0) << 8);
    payload.put(u64::from_be_bytes(mac));
}

fn take_next_hop(reader: &mut Reader<'_>) -> Result<Option<NextHop>, DecodeError> {
    let (head, mac) = (reader.take(), reader.take());
    if head & RESOLVED == 0 {
        return if head | mac == 0 {
            Ok(None)
        } else {
            Err(DecodeError::Padding)
        };
    }
    if head & !(RESOLVED | 0xff00) != 0 || mac >> 48 != 0 {
        return Err(DecodeError::Padding);
    }
    let [_, _, mac @ ..] = mac.to_be_bytes();
    Ok(Some(NextHop {
        egress_port: EgressPort((head >> 8) as u8),
        mac,
    }))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(id: u64, command in strategies::command()) {
            let record = command.encode(CommandId(id));
            prop_assert_eq!(Command::decode(&record), (CommandId(id), Ok(command)));
        }

        #[test]
        fn any_words_decode_to_a_verdict_that_is_exact(record in strategies::near_record()) {
            let (id, decoded) = Command::decode(&record);
            prop_assert_eq!(id.0, record[0]);
            if let Ok(command) = decoded {
                prop_assert_eq!(command.encode(id), record);
            }
        }
    }

    #[test]
    fn each_bad_field_is_named() {
        let open = Command::Open {
            slot: SlotIndex(4),
            generation: Generation(1),
            forwarding: Forwarding::default(),
        };
        let broken = |word: usize, value: u64| {
            let mut record = open.encode(CommandId(9));
            record[word] = value;
            Command::decode(&record).1.unwrap_err()
        };
        let version = u64::from(RECORD_VERSION) << 16;
        assert_eq!(broken(1, version | 99), DecodeError::Kind(99));
        assert_eq!(
            broken(1, (version + (1 << 16)) | 1),
            DecodeError::Version(RECORD_VERSION + 1)
        );
        assert_eq!(broken(3, 3 << 8), DecodeError::Policy);
        assert_eq!(broken(3, 64 << 16), DecodeError::Dscp(64));
        assert_eq!(broken(3, 4095 << 32), DecodeError::Vlan(4095));
        assert_eq!(broken(3, 1 << 5), DecodeError::Policer);
        assert_eq!(broken(5, 1 << 48), DecodeError::Adjacency);
        assert_eq!(broken(10, u64::MAX), DecodeError::Clock(u32::MAX));
        assert_eq!(broken(15, 1), DecodeError::Padding);
    }
}
