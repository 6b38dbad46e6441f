//! What a worker reports.

use std::net::SocketAddr;

use super::CommandId;
use super::record::{DecodeError, Payload, Reader, Record, high, low, pack};
use crate::net::{Endpoint, PackedIp};
use crate::slot::{Counters, Generation, SlotIndex};
use crate::time::Instant;

/// An event's number: rising, given by the worker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EventId(pub u64);

/// Why a worker did not apply a command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum RejectReason {
    /// The record could not be read.
    #[error("the record is malformed")]
    Malformed,
    /// A slot or adjacency beyond the table.
    #[error("no such slot or adjacency")]
    OutOfRange,
    /// The slot belongs to another worker.
    #[error("the slot belongs to another worker")]
    NotOwner,
    /// The slot is open under another generation.
    #[error("the slot is open under another generation")]
    Occupied,
    /// The slot is not open, or under another generation.
    #[error("the slot is not open under this generation")]
    Stale,
    /// The signalled address is of another family than the slot's own.
    #[error("the signalled address is of another family than the slot's own")]
    Family,
}

/// What a worker reports about its slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A remote has latched.
    Latched {
        /// The slot.
        slot: SlotIndex,
        /// The use of it.
        generation: Generation,
        /// The remote.
        source: SocketAddr,
    },
    /// Packets came from a source that may not send here; at most one a second a slot.
    Refused {
        /// The slot.
        slot: SlotIndex,
        /// The use of it.
        generation: Generation,
        /// The last source refused.
        source: SocketAddr,
        /// How many packets were refused since the slot opened.
        count: u64,
    },
    /// Nothing has arrived for the slot's silence timeout.
    Silent {
        /// The slot.
        slot: SlotIndex,
        /// The use of it.
        generation: Generation,
    },
    /// Something arrives again after [`Event::Silent`].
    Heard {
        /// The slot.
        slot: SlotIndex,
        /// The use of it.
        generation: Generation,
    },
    /// A use of a slot has ended.
    Closed {
        /// The slot.
        slot: SlotIndex,
        /// The use of it.
        generation: Generation,
        /// What it saw.
        counters: Counters,
    },
    /// Packets come to a slot that is not open any more, from whom its last use was for; at most
    /// one a second a slot.
    Late {
        /// The slot.
        slot: SlotIndex,
        /// The use of it that has ended.
        generation: Generation,
    },
    /// A command was not applied.
    Rejected {
        /// Which one.
        command: CommandId,
        /// Why.
        reason: RejectReason,
    },
}

mod kind {
    pub const LATCHED: u16 = 0x101;
    pub const REFUSED: u16 = 0x102;
    pub const SILENT: u16 = 0x103;
    pub const HEARD: u16 = 0x104;
    pub const CLOSED: u16 = 0x105;
    pub const REJECTED: u16 = 0x106;
    pub const LATE: u16 = 0x107;
}

/// Set beside the SSRC when one was heard: 0 is a valid SSRC.
const SSRC_HEARD: u64 = 1 << 48;

impl Event {
    /// The event as a record.
    pub fn encode(&self, id: EventId) -> Record {
        let mut payload = Payload::default();
        let kind = match self {
            Self::Latched {
                slot,
                generation,
                source,
            } => {
                payload.put(pack(slot.0, generation.0));
                put_source(&mut payload, *source);
                kind::LATCHED
            }
            Self::Refused {
                slot,
                generation,
                source,
                count,
            } => {
                payload.put(pack(slot.0, generation.0));
                put_source(&mut payload, *source);
                payload.put(*count);
                kind::REFUSED
            }
            Self::Silent { slot, generation } => {
                payload.put(pack(slot.0, generation.0));
                kind::SILENT
            }
            Self::Heard { slot, generation } => {
                payload.put(pack(slot.0, generation.0));
                kind::HEARD
            }
            Self::Closed {
                slot,
                generation,
                counters,
            } => {
                payload.put(pack(slot.0, generation.0));
                put_counters(&mut payload, counters);
                kind::CLOSED
            }
            Self::Late { slot, generation } => {
                payload.put(pack(slot.0, generation.0));
                kind::LATE
            }
            Self::Rejected { command, reason } => {
                payload.put(command.0);
                payload.put(reason_word(*reason));
                kind::REJECTED
            }
        };
        payload.into_record(id.0, kind)
    }

    /// Reads a record, believing nothing in it.
    pub fn decode(record: &Record) -> Result<(EventId, Self), DecodeError> {
        let (kind, mut reader) = Reader::new(record)?;
        let event = match kind {
            kind::REJECTED => {
                let command = CommandId(reader.take());
                Self::Rejected {
                    command,
                    reason: reason(reader.take())?,
                }
            }
            kind => decode_slot_event(kind, &mut reader)?,
        };
        reader.finish()?;
        Ok((EventId(record[0]), event))
    }
}

fn decode_slot_event(kind: u16, reader: &mut Reader<'_>) -> Result<Event, DecodeError> {
    let (slot, generation) = reader.slot();
    Ok(match kind {
        kind::LATCHED => Event::Latched {
            slot,
            generation,
            source: take_source(reader)?,
        },
        kind::REFUSED => {
            let source = take_source(reader)?;
            Event::Refused {
                slot,
                generation,
                source,
                count: reader.take(),
            }
        }
        kind::SILENT => Event::Silent { slot, generation },
        kind::HEARD => Event::Heard { slot, generation },
        kind::CLOSED => Event::Closed {
            slot,
            generation,
            counters: take_counters(reader)?,
        },
        kind::LATE => Event::Late { slot, generation },
        other => return Err(DecodeError::Kind(other)),
    })
}

fn put_source(payload: &mut Payload, source: SocketAddr) {
    let endpoint = Endpoint::from(source);
    payload.put_ip(endpoint.ip);
    payload.put(u64::from(endpoint.port));
}

fn take_source(reader: &mut Reader<'_>) -> Result<SocketAddr, DecodeError> {
    let ip = reader.take_ip();
    let port = u16::try_from(reader.take()).map_err(|_| DecodeError::Padding)?;
    Endpoint { ip, port }
        .socket_addr()
        .ok_or(DecodeError::Address)
}

fn put_counters(payload: &mut Payload, counters: &Counters) {
    let latched = Endpoint::from(counters.latched);
    payload.put(counters.packets);
    payload.put(counters.bytes);
    payload.put(counters.refused);
    payload.put(counters.policed);
    payload.put(pack(counters.lost, counters.disordered));
    let ssrc = counters.ssrc.map_or(0, |ssrc| SSRC_HEARD | u64::from(ssrc));
    payload.put(ssrc | u64::from(latched.port) << 32);
    payload.put(counters.last_seen.as_nanos());
    payload.put_ip(latched.ip);
    payload.put(counters.jitter_ns);
}

fn take_counters(reader: &mut Reader<'_>) -> Result<Counters, DecodeError> {
    let (packets, bytes) = (reader.take(), reader.take());
    let (refused, policed) = (reader.take(), reader.take());
    let (sequence, source) = (reader.take(), reader.take());
    let last_seen = Instant::from_nanos(reader.take());
    let ip = reader.take_ip();
    let port = (source >> 32) as u16;
    let heard = source & SSRC_HEARD != 0;
    let stray = (!heard && low(source) != 0) || (ip.is_none() && port != 0);
    if stray || source >> 49 != 0 {
        return Err(DecodeError::Padding);
    }
    Ok(Counters {
        packets,
        bytes,
        refused,
        policed,
        lost: low(sequence),
        disordered: high(sequence),
        jitter_ns: reader.take(),
        ssrc: heard.then_some(low(source)),
        last_seen,
        latched: latched(ip, port),
    })
}

fn latched(ip: PackedIp, port: u16) -> Option<SocketAddr> {
    Endpoint { ip, port }.socket_addr()
}

fn reason_word(reason: RejectReason) -> u64 {
    match reason {
        RejectReason::Malformed => 1,
        RejectReason::OutOfRange => 2,
        RejectReason::NotOwner => 3,
        RejectReason::Occupied => 4,
        RejectReason::Stale => 5,
        RejectReason::Family => 6,
    }
}

fn reason(word: u64) -> Result<RejectReason, DecodeError> {
    match word {
        1 => Ok(RejectReason::Malformed),
        2 => Ok(RejectReason::OutOfRange),
        3 => Ok(RejectReason::NotOwner),
        4 => Ok(RejectReason::Occupied),
        5 => Ok(RejectReason::Stale),
        6 => Ok(RejectReason::Family),
        _ => Err(DecodeError::Reason(word)),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::command::strategies;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_comes_back(id: u64, event in strategies::event()) {
            prop_assert_eq!(Event::decode(&event.encode(EventId(id))), Ok((EventId(id), event)));
        }

        #[test]
        fn any_words_decode_to_a_verdict_that_is_exact(record in strategies::near_record()) {
            if let Ok((id, event)) = Event::decode(&record) {
                prop_assert_eq!(event.encode(id), record);
            }
        }
    }

    #[test]
    fn a_latched_event_has_a_source() {
        let source = "192.0.2.9:4000".parse().unwrap();
        let event = Event::Latched {
            slot: SlotIndex(1),
            generation: Generation(2),
            source,
        };
        let mut record = event.encode(EventId(3));
        record[3] = 0;
        record[4] = 0;
        assert_eq!(Event::decode(&record), Err(DecodeError::Address));
    }
}
