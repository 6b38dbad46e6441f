//! Arbitrary commands, events and almost-records for the property tests.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::record::RECORD_VERSION;
use super::{Command, CommandId, Event, EventId, NextHop, Record, RejectReason};
use crate::slot::{
    AdjacencyIndex, Counters, EgressPort, Forwarding, Generation, LatchPolicy, Policer, SlotIndex,
};
use crate::time::Instant;

pub(super) fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (slot(), any::<u32>(), forwarding()).prop_map(|(slot, generation, forwarding)| {
            Command::Open {
                slot,
                generation: Generation(generation),
                forwarding,
            }
        }),
        (slot(), any::<u32>(), forwarding(), any::<bool>()).prop_map(
            |(slot, generation, forwarding, rearm)| Command::Update {
                slot,
                generation: Generation(generation),
                forwarding,
                rearm,
            }
        ),
        (slot(), any::<u32>()).prop_map(|(slot, generation)| Command::Close {
            slot,
            generation: Generation(generation),
        }),
        (any::<u16>(), option::of((any::<u8>(), any::<[u8; 6]>()))).prop_map(|(index, hop)| {
            let next_hop = hop.map(|(port, mac)| NextHop {
                egress_port: EgressPort(port),
                mac,
            });
            Command::Adjacency {
                index: AdjacencyIndex(index),
                next_hop,
            }
        }),
    ]
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let reason = prop_oneof![
        Just(RejectReason::Malformed),
        Just(RejectReason::OutOfRange),
        Just(RejectReason::NotOwner),
        Just(RejectReason::Occupied),
        Just(RejectReason::Stale),
        Just(RejectReason::Family),
    ];
    prop_oneof![
        (slot(), any::<u32>(), address(), any::<u64>(), 0..5u8).prop_map(slot_event),
        (slot(), any::<u32>(), counters()).prop_map(|(slot, generation, counters)| {
            Event::Closed {
                slot,
                generation: Generation(generation),
                counters,
            }
        }),
        (any::<u64>(), reason).prop_map(|(id, reason)| Event::Rejected {
            command: CommandId(id),
            reason
        }),
    ]
}

fn slot_event(
    (slot, generation, source, count, kind): (SlotIndex, u32, SocketAddr, u64, u8),
) -> Event {
    let generation = Generation(generation);
    match kind {
        0 => Event::Latched {
            slot,
            generation,
            source,
        },
        1 => Event::Refused {
            slot,
            generation,
            source,
            count,
        },
        2 => Event::Silent { slot, generation },
        3 => Event::Heard { slot, generation },
        _ => Event::Late { slot, generation },
    }
}

/// Random words, or a valid record with one word damaged, which gets deeper into the decoder.
pub(super) fn near_record() -> impl Strategy<Value = Record> {
    let head = (0..8u64, prop_oneof![Just(0u64), Just(0x100)])
        .prop_map(|(kind, side)| kind | side | u64::from(RECORD_VERSION) << 16);
    let valid = prop_oneof![
        command().prop_map(|command| command.encode(CommandId(1))),
        event().prop_map(|event| event.encode(EventId(1))),
    ];
    prop_oneof![
        any::<Record>(),
        (any::<Record>(), head).prop_map(|(mut record, head)| {
            record[1] = head;
            record
        }),
        (valid, 0..16usize, vec(0..64u32, 1..4)).prop_map(|(mut record, word, bits)| {
            for bit in bits {
                record[word] ^= 1 << bit;
            }
            record
        }),
    ]
}

fn slot() -> impl Strategy<Value = SlotIndex> {
    (0..u32::MAX).prop_map(SlotIndex)
}

/// Every address but `::`, and no mapped IPv4, which is the plain IPv4 address.
fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>()
            .prop_map(Ipv6Addr::from)
            .prop_filter("none and mapped", |ip| {
                !ip.is_unspecified() && ip.to_ipv4_mapped().is_none()
            })
            .prop_map(IpAddr::V6),
    ]
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (ip(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

fn policer() -> impl Strategy<Value = Policer> {
    (1..=u32::MAX, 64..=u32::MAX, 0..=4_000u32).prop_map(|(packets, bytes, burst_ms)| Policer {
        packets_per_second: packets,
        bytes_per_second: bytes,
        burst_ms,
    })
}

fn forwarding() -> impl Strategy<Value = Forwarding> {
    let policy = prop_oneof![
        Just(LatchPolicy::Signalled),
        Just(LatchPolicy::Restricted),
        Just(LatchPolicy::Symmetric),
    ];
    let links = (option::of(slot()), option::of(slot()), option::of(slot()));
    let addresses = (
        option::of(address()),
        option::of(ip()),
        option::of(any::<u16>()),
    );
    let bits = any::<[bool; 4]>();
    let numbers = (
        0..64u8,
        option::of(1..=4094u16),
        any::<u32>(),
        0..=1_000_000u32,
    );
    (
        policy,
        links,
        addresses,
        bits,
        numbers,
        option::of(policer()),
    )
        .prop_map(
            |(policy, links, addresses, bits, numbers, policer)| Forwarding {
                peer: links.0,
                accept: bits[0],
                policy,
                signalled: addresses.0,
                signalling_source: addresses.1,
                send_before_latch: bits[1],
                rtcp: bits[2],
                rtcp_mux: bits[3],
                dscp: numbers.0,
                vlan: numbers.1,
                policer,
                silence_timeout_ms: numbers.2,
                next_sibling: links.1,
                port_of: links.2,
                adjacency: addresses.2.map(AdjacencyIndex),
                clock_hz: numbers.3,
            },
        )
}

fn counters() -> impl Strategy<Value = Counters> {
    (
        any::<[u64; 6]>(),
        any::<[u32; 2]>(),
        option::of(any::<u32>()),
        option::of(address()),
    )
        .prop_map(|(wide, narrow, ssrc, latched)| Counters {
            packets: wide[0],
            bytes: wide[1],
            refused: wide[2],
            policed: wide[3],
            lost: narrow[0],
            disordered: narrow[1],
            jitter_ns: wide[4],
            ssrc,
            last_seen: Instant::from_nanos(wide[5]),
            latched,
        })
}
