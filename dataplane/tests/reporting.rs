//! What a worker tells control, and what it does when control does not listen.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod rig;

use std::time::Duration;

use rig::*;
use strait_shared::command::{Command, Event, RejectReason};
use strait_shared::region::Region;
use strait_shared::slot::{Forwarding, Generation, SlotIndex};

const PHONE: &str = "192.0.2.9:4000";
const LOCAL: &str = "192.0.2.1:20000";

fn rig() -> Rig {
    Rig::new(vec![local("192.0.2.1", None, 20_000..=22_047, 0)], 2)
}

fn listening(timeout_ms: u32) -> Forwarding {
    Forwarding {
        accept: true,
        signalled: addr(PHONE),
        silence_timeout_ms: timeout_ms,
        ..Forwarding::default()
    }
}

fn kinds(events: &[Event]) -> Vec<&'static str> {
    let kind = |event: &Event| match event {
        Event::Latched { .. } => "latched",
        Event::Refused { .. } => "refused",
        Event::Silent { .. } => "silent",
        Event::Heard { .. } => "heard",
        Event::Closed { .. } => "closed",
        Event::Late { .. } => "late",
        Event::Rejected { .. } => "rejected",
    };
    events.iter().map(kind).collect()
}

#[test]
fn silence_is_told_once_and_so_is_its_end() {
    let mut rig = rig();
    let slot = rig.slot(LOCAL);
    rig.open(slot, listening(5_000));
    let heard = frame(None, PHONE, LOCAL, b"x");
    rig.send(0, &heard);
    rig.pass(Duration::from_millis(4_900));
    assert_eq!(kinds(&rig.events()), ["latched"]);
    rig.pass(Duration::from_millis(10_000));
    assert_eq!(kinds(&rig.events()), ["silent"]);
    rig.send(0, &heard);
    rig.pass(Duration::from_millis(4_000));
    assert_eq!(kinds(&rig.events()), ["heard"]);
    rig.pass(Duration::from_millis(10_000));
    assert_eq!(kinds(&rig.events()), ["silent"]);
}

#[test]
fn a_slot_that_never_heard_anything_falls_silent_too_but_not_a_shut_one() {
    let mut rig = rig();
    let (open, shut) = (rig.slot(LOCAL), rig.slot("192.0.2.1:20002"));
    rig.open(open, listening(2_000));
    rig.open(
        shut,
        Forwarding {
            accept: false,
            ..listening(2_000)
        },
    );
    rig.pass(Duration::from_secs(10));
    let events = rig.events();
    assert_eq!(kinds(&events), ["silent"]);
    assert!(matches!(events[0], Event::Silent { slot, .. } if slot == open));
    // Opening the gate again starts the time anew.
    rig.update(shut, listening(2_000), false);
    rig.pass(Duration::from_millis(1_500));
    assert_eq!(kinds(&rig.events()), [""; 0]);
    rig.pass(Duration::from_millis(4_000));
    assert_eq!(kinds(&rig.events()), ["silent"]);
}

#[test]
fn closing_brings_the_counters_home() {
    let mut rig = rig();
    let slot = rig.slot(LOCAL);
    rig.open(slot, listening(0));
    for sequence in 0..3 {
        rig.send(0, &frame(None, PHONE, LOCAL, &rtp(5, sequence, 0, 100)));
    }
    rig.send(0, &frame(None, "192.0.2.10:4000", LOCAL, b"spoofed"));
    let counters = rig.close(slot);
    assert_eq!(
        (counters.packets, counters.bytes, counters.refused),
        (3, 300, 1)
    );
    assert_eq!((counters.ssrc, counters.latched), (Some(5), addr(PHONE)));
}

#[test]
fn commands_that_cannot_be_are_rejected_by_name() {
    let mut rig = rig();
    let slot = rig.slot(LOCAL);
    rig.open(slot, listening(0));
    rig.events();
    let (slot, forwarding) = (slot, listening(0));
    let generation = Generation(2);
    let cases = [
        (
            Command::Open {
                slot,
                generation,
                forwarding,
            },
            RejectReason::Occupied,
        ),
        (
            Command::Update {
                slot,
                generation,
                forwarding,
                rearm: false,
            },
            RejectReason::Stale,
        ),
        (Command::Close { slot, generation }, RejectReason::Stale),
        (
            Command::Close {
                slot: SlotIndex(1 << 20),
                generation,
            },
            RejectReason::OutOfRange,
        ),
    ];
    for (command, expected) in cases {
        let id = rig.command(command);
        rig.breathe();
        assert_eq!(
            rig.events(),
            [Event::Rejected {
                command: id,
                reason: expected
            }]
        );
    }
    rig.control.commands[0].push(&[99; 16]).unwrap();
    rig.breathe();
    let events = rig.events();
    assert!(matches!(
        events[..],
        [Event::Rejected {
            reason: RejectReason::Malformed,
            ..
        }]
    ));
}

/// More slots close than the event ring holds: commands wait on their ring, no record is lost.
#[test]
fn a_full_event_ring_pushes_back_and_loses_nothing() {
    let mut rig = rig();
    let slots: Vec<SlotIndex> = (0..1_200).map(SlotIndex).collect();
    for &slot in &slots {
        rig.open(slot, listening(0));
    }
    let mut closed = Vec::new();
    let mut unsent = slots.clone();
    for _ in 0..100 {
        while let Some(&slot) = unsent.last() {
            let command = Command::Close {
                slot,
                generation: Generation(1),
            };
            let id = strait_shared::command::CommandId(5_000);
            if rig.control.commands[0].push(&command.encode(id)).is_err() {
                break;
            }
            unsent.pop();
        }
        rig.settle();
        // Control looks at a few events only.
        for _ in 0..50 {
            let Some(record) = rig.control.events[0].pop().unwrap() else {
                break;
            };
            if let (_, Event::Closed { slot, .. }) = Event::decode(&record).unwrap() {
                closed.push(slot);
            }
        }
    }
    closed.sort();
    assert_eq!(closed, slots);
}

/// The same for latches and refusals: the state is kept until there is room.
#[test]
fn what_found_no_room_is_told_later() {
    let mut rig = rig();
    let slots: Vec<SlotIndex> = (0..1_100).map(SlotIndex).collect();
    for &slot in &slots {
        rig.open(slot, listening(0));
    }
    for &slot in &slots {
        let to = rig.region.geometry().local(slot).unwrap();
        rig.send(0, &build(None, PHONE.parse().unwrap(), to, b"x"));
    }
    let mut latched = Vec::new();
    for _ in 0..40 {
        for event in rig.events() {
            if let Event::Latched { slot, .. } = event {
                latched.push(slot);
            }
        }
        rig.pass(Duration::from_millis(500));
    }
    latched.sort();
    assert_eq!(latched, slots);
}

#[test]
fn a_worker_that_takes_over_relays_on_and_reports_on() {
    let mut rig = rig();
    let slot = rig.slot(LOCAL);
    rig.open(slot, listening(3_000));
    rig.send(0, &frame(None, PHONE, LOCAL, b"x"));
    rig.events();
    let Rig {
        region,
        control,
        worker,
        ..
    } = rig;
    drop((worker, control));
    let mut rig = taken_over(region);
    rig.send(0, &frame(None, PHONE, LOCAL, b"x"));
    assert_eq!(rig.counters(slot).packets, 2);
    rig.pass(Duration::from_secs(8));
    assert_eq!(kinds(&rig.events()), ["silent"]);
    assert_eq!(rig.close(slot).packets, 2);
}

fn taken_over(region: Region) -> Rig {
    use strait_dataplane::port::{Port, memory::Link};
    let link = Link::create(1, 256).unwrap();
    let port: Box<dyn Port> = Box::new(link.port(0, "memory", NEAR));
    let worker = worker(&region, 0, vec![port]);
    Rig::over(region, worker, vec![link.far_end(0)])
}
