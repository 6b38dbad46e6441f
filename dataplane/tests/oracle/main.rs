//! The relay against an obvious one: one frame after the other, no vectors, no shared memory.
//!
//! Random configurations, bursts of half-sensible and of damaged frames, waits; after every burst
//! both must have sent the same datagrams and counted the same drops.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../rig/mod.rs"]
mod rig;
mod scalar;
mod world;

use std::time::Duration;

use proptest::prelude::*;
use rig::{Datagram, Rig, advance, now};
use scalar::{Scalar, Sent};
use strait_shared::command::Command;
use strait_shared::drops::DropReason;
use strait_shared::slot::{Generation, SlotIndex};
use world::{Operation, addresses};

const GENERATION: Generation = Generation(1);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_vector_relay_does_what_the_obvious_one_does(
        operations in proptest::collection::vec(world::operation(), 1..40),
    ) {
        let mut rig = Rig::new(addresses(), world::SPARES);
        let mut scalar = Scalar::new(rig.region.geometry());
        for operation in operations {
            apply(&operation, &mut rig, &mut scalar)?;
            compare(&mut rig, &mut scalar)?;
        }
    }

    #[test]
    fn every_frame_is_counted_once_whatever_it_is(
        bursts in proptest::collection::vec(
            proptest::collection::vec(world::hostile_frame(), 0..64), 1..8
        ),
        operations in proptest::collection::vec(world::configuration(), 0..12),
    ) {
        let mut rig = Rig::new(addresses(), world::SPARES);
        let mut scalar = Scalar::new(rig.region.geometry());
        for operation in operations {
            apply(&operation, &mut rig, &mut scalar)?;
        }
        let before = *rig.worker.tally();
        let mut put = 0;
        for burst in bursts {
            for (nic, frame) in burst {
                prop_assert!(rig.far[nic].send(&frame));
                put += 1;
            }
            rig.settle();
            rig.received(0);
            rig.received(1);
        }
        let tally = rig.worker.tally();
        prop_assert_eq!(tally.received - before.received, put);
        prop_assert_eq!(tally.received, tally.sent + tally.all_dropped());
    }
}

fn apply(operation: &Operation, rig: &mut Rig, scalar: &mut Scalar) -> Result<(), TestCaseError> {
    match operation.clone() {
        Operation::Open(slot, forwarding) => {
            scalar.open(slot, forwarding);
            rig.command(Command::Open {
                slot,
                generation: GENERATION,
                forwarding,
            });
            rig.breathe();
        }
        Operation::Update(slot, forwarding, rearm) => {
            scalar.update(slot, forwarding, rearm);
            rig.command(Command::Update {
                slot,
                generation: GENERATION,
                forwarding,
                rearm,
            });
            rig.breathe();
        }
        Operation::Close(slot) => {
            scalar.close(slot);
            rig.command(Command::Close {
                slot,
                generation: GENERATION,
            });
            rig.breathe();
        }
        Operation::Wait(ms) => advance(Duration::from_millis(ms)),
        Operation::Burst(frames) => {
            // One NIC after the other: which of two the worker asks first is its own affair.
            for nic in 0..2 {
                for (_, frame) in frames.iter().filter(|(on, _)| *on == nic) {
                    prop_assert!(rig.far[nic].send(frame));
                }
                rig.breathe();
                scalar.burst(nic, &frames, now());
            }
        }
    }
    rig.events();
    Ok(())
}

fn compare(rig: &mut Rig, scalar: &mut Scalar) -> Result<(), TestCaseError> {
    for nic in 0..2 {
        let sent: Vec<Datagram> = rig
            .received(nic)
            .iter()
            .map(|frame| Datagram::read_unverified(frame))
            .collect();
        let expected = scalar.sent(nic);
        prop_assert_eq!(sent.len(), expected.len());
        for (sent, expected) in sent.iter().zip(&expected) {
            same(sent, expected)?;
        }
    }
    for reason in DropReason::ALL {
        let (dropped, expected) = (rig.worker.tally().dropped(reason), scalar.dropped(reason));
        prop_assert_eq!(dropped, expected, "{:?}", reason);
    }
    for index in 0..rig.region.geometry().slots() {
        let Some(expected) = scalar.counters(SlotIndex(index)) else {
            continue;
        };
        let counters = rig.counters(SlotIndex(index));
        let counted = (
            counters.packets,
            counters.bytes,
            counters.refused,
            counters.policed,
        );
        prop_assert_eq!((counted, counters.latched), expected, "slot {}", index);
    }
    Ok(())
}

fn same(sent: &Datagram, expected: &Sent) -> Result<(), TestCaseError> {
    prop_assert_eq!(
        (
            sent.from,
            sent.to,
            sent.vlan,
            sent.dscp,
            sent.ttl,
            &sent.payload
        ),
        (
            expected.from,
            expected.to,
            expected.vlan,
            expected.dscp,
            64,
            &expected.payload
        )
    );
    match expected.damage {
        None => prop_assert_eq!(sent.checksum, 0),
        Some(damage) => {
            prop_assert_ne!(sent.checksum, 0);
            prop_assert_eq!(scalar::damage(sent.checksum, sent.right_checksum), damage);
        }
    }
    Ok(())
}
