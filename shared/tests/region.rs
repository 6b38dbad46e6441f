//! The region as its two sides use it: create, attach, refuse, hand over, go on.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::time::Duration;

use common::{geometry, sizes};
use strait_shared::command::{Command, CommandId, Event, EventId};
use strait_shared::drops::DropReason;
use strait_shared::geometry::{Geometry, WorkerIndex};
use strait_shared::region::{AttachError, EndError, Region};
use strait_shared::slot::{Forwarding, Generation, SlotIndex};

const WORKER: WorkerIndex = WorkerIndex(0);

fn close(slot: u32) -> Command {
    Command::Close {
        slot: SlotIndex(slot),
        generation: Generation(1),
    }
}

#[test]
fn commands_go_one_way_and_events_the_other() {
    let region = Region::heap(geometry());
    let mut control = region.control().unwrap();
    let mut worker = region.worker(WORKER).unwrap();
    let command = close(4);
    control.commands[0]
        .push(&command.encode(CommandId(7)))
        .unwrap();
    let record = worker.commands.peek().unwrap().unwrap();
    assert_eq!(Command::decode(&record), (CommandId(7), Ok(command)));
    worker.commands.release();
    worker.statistics.set_applied(CommandId(7));
    assert_eq!(control.statistics[0].applied(), CommandId(7));
    let event = Event::Silent {
        slot: SlotIndex(4),
        generation: Generation(1),
    };
    worker.events.push(&event.encode(EventId(1))).unwrap();
    let record = control.events[0].peek().unwrap().unwrap();
    assert_eq!(Event::decode(&record), Ok((EventId(1), event)));
}

#[test]
fn an_end_is_held_once_and_free_again_after() {
    let region = Region::heap(geometry());
    let control = region.control().unwrap();
    assert!(matches!(region.control(), Err(EndError::Held(_))));
    drop(control);
    region.control().unwrap();
    let worker = region.clone().worker(WORKER).unwrap();
    assert!(matches!(region.worker(WORKER), Err(EndError::Held(_))));
    drop(worker);
    region.worker(WORKER).unwrap();
    assert!(matches!(
        region.worker(WorkerIndex(2)),
        Err(EndError::NoWorker { .. })
    ));
}

#[test]
fn a_successor_sees_what_was_not_released_and_nothing_else() {
    let region = Region::heap(geometry());
    let mut control = region.control().unwrap();
    let mut worker = region.worker(WORKER).unwrap();
    for id in 0..5 {
        control.commands[0]
            .push(&close(4).encode(CommandId(id)))
            .unwrap();
    }
    worker.commands.pop().unwrap();
    worker.commands.pop().unwrap();
    worker.commands.peek().unwrap().unwrap();
    drop((worker, control));
    let mut control = region.control().unwrap();
    assert_eq!(control.commands[0].backlog(), Ok(3));
    control.commands[0]
        .push(&close(4).encode(CommandId(5)))
        .unwrap();
    let mut worker = region.worker(WORKER).unwrap();
    for id in 2..6 {
        assert_eq!(worker.commands.pop().unwrap().unwrap()[0], id);
    }
    assert_eq!(worker.commands.peek(), Ok(None));
}

#[test]
fn statistics_and_adjacencies_are_seen_by_readers() {
    let region = Region::heap(geometry());
    let worker = region.worker(WorkerIndex(1)).unwrap();
    let reader = region.statistics(WorkerIndex(1)).unwrap();
    let before = reader.read();
    worker.statistics.add_received(3, 300);
    worker.statistics.add_sent(2, 200);
    worker.statistics.add_dropped(DropReason::Closed, 1);
    worker.statistics.add_latency(Duration::from_micros(5), 2);
    let seen = reader.read().since(&before);
    assert_eq!((seen.packets_in, seen.packets_out), (3, 2));
    let dropped: u64 = seen.drops().map(|(_, count)| count).sum();
    assert_eq!(seen.packets_in, seen.packets_out + dropped);
    let median = seen.latency.quantile(0.5).as_nanos();
    assert!((5_000..5_400).contains(&median), "{median}");
    assert_eq!(seen.starts, 1);
    assert!(region.statistics(WorkerIndex(2)).is_none());
}

#[test]
#[cfg_attr(miri, ignore = "no memfd")]
fn attach_gives_back_the_geometry_and_shares_the_memory() {
    let made = Region::create(geometry()).unwrap();
    made.populate().unwrap();
    let fd = made.fd().unwrap().try_clone_to_owned().unwrap();
    let attached = Region::attach(fd, Some(&geometry())).unwrap();
    assert_eq!(**attached.geometry(), geometry());
    let mut worker = made.worker(WORKER).unwrap();
    worker
        .table
        .open(
            SlotIndex(0),
            Generation(9),
            &Forwarding::default(),
            common::at(1),
        )
        .unwrap();
    let seen = attached.table().snapshot(SlotIndex(0)).unwrap();
    assert!(seen.open && seen.generation == Generation(9));
}

#[test]
#[cfg_attr(miri, ignore = "no memfd")]
fn control_is_locked_out_by_another_control_even_on_another_descriptor() {
    let made = Region::create(geometry()).unwrap();
    let attach = || {
        let fd = made.fd().unwrap().try_clone_to_owned().unwrap();
        Region::attach(fd, None).unwrap()
    };
    let (first, second) = (attach(), attach());
    let held = first.control().unwrap();
    assert!(matches!(second.control(), Err(EndError::Held(_))));
    drop(held);
    second.control().unwrap();
}

#[test]
#[cfg_attr(miri, ignore = "no memfd")]
fn another_geometry_is_refused_with_what_differs() {
    let made = Region::create(geometry()).unwrap();
    let mut sizes = sizes();
    sizes.addresses[0].last_port = 20_005;
    let expected = Geometry::new(sizes).unwrap();
    let fd = made.fd().unwrap().try_clone_to_owned().unwrap();
    let error = Region::attach(fd, Some(&expected)).err().unwrap();
    assert!(matches!(error, AttachError::Geometry { .. }));
    let text = error.to_string();
    for part in ["media address 0", "20000-20009", "20000-20005"] {
        assert!(text.contains(part), "{text}");
    }
}
