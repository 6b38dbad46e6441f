//! Commands and events over the rings.

use std::time::Duration;

use strait_control::link::{Link, Report};
use strait_shared::command::{Command, Event, RejectReason};
use strait_shared::region::Region;
use strait_shared::slot::{Forwarding, Generation, SlotIndex};
use strait_shared::time::Instant;

use crate::worker::{RING_CAPACITY, Running, Worker, close, geometry, open};

fn reports(link: &mut Link) -> Vec<Report> {
    let mut reports = Vec::new();
    link.poll(&mut reports).unwrap();
    reports
}

#[test]
fn each_command_goes_to_the_worker_that_owns_the_slot() {
    let region = Region::heap(geometry(3));
    let mut link = Link::take(&region).unwrap();
    let mut workers: Vec<Worker> = (0..3).map(|number| Worker::new(&region, number)).collect();
    for slot in 0..12 {
        link.send(open(slot)).unwrap();
    }
    for (number, worker) in (0..).zip(&mut workers) {
        worker.breathe();
        let owned = (0..12).filter(|slot| slot / 2 % 3 == number).map(open);
        assert_eq!(worker.applied(), owned.collect::<Vec<_>>());
    }
    assert_eq!(reports(&mut link), []);
    link.send(close(4)).unwrap();
    workers[2].breathe();
    let closed = reports(&mut link);
    let [
        Report::Event(Event::Closed {
            slot, generation, ..
        }),
    ] = closed[..]
    else {
        panic!("{closed:?}")
    };
    assert_eq!((slot, generation), (SlotIndex(4), Generation(1)));
}

#[test]
fn what_finds_the_ring_full_waits_in_order_and_nothing_is_lost() {
    let region = Region::heap(geometry(1));
    let mut link = Link::take(&region).unwrap();
    let mut worker = Worker::new(&region, 0);
    let all: Vec<_> = (0..3 * RING_CAPACITY).map(open).collect();
    for command in &all {
        link.send(*command).unwrap();
    }
    assert_eq!(link.waiting(), 2 * RING_CAPACITY as usize);
    let mut applied = Vec::new();
    while link.waiting() > 0 {
        worker.breathe();
        applied.extend(worker.applied());
        reports(&mut link);
    }
    worker.breathe();
    applied.extend(worker.applied());
    assert_eq!(applied, all);
    let counters = link.counters();
    assert_eq!(
        (counters.commands, counters.delayed, counters.lost),
        (24, 16, 0)
    );
}

#[test]
fn a_rejection_names_the_command() {
    let region = Region::heap(geometry(2));
    let mut link = Link::take(&region).unwrap();
    let mut worker = Worker::new(&region, 0);
    let forwarding = Forwarding::default();
    let again = Command::Open {
        slot: SlotIndex(0),
        generation: Generation(2),
        forwarding,
    };
    for command in [open(0), open(1), again, close(4)] {
        link.send(command).unwrap();
    }
    worker.breathe();
    let rejected = |command, reason| Report::Rejected { command, reason };
    let expected = [
        rejected(again, RejectReason::Occupied),
        rejected(close(4), RejectReason::Stale),
    ];
    assert_eq!(reports(&mut link), expected);
}

#[test]
fn what_an_earlier_control_left_open_is_closed_first() {
    let region = Region::heap(geometry(2));
    let mut workers: Vec<Worker> = (0..2).map(|number| Worker::new(&region, number)).collect();
    let mut first = Link::take(&region).unwrap();
    for slot in [0, 3, 50] {
        first.send(open(slot)).unwrap();
    }
    workers.iter_mut().for_each(Worker::breathe);
    // Still on the ring when it dies.
    first.send(open(7)).unwrap();
    workers[0].report(Event::Silent {
        slot: SlotIndex(0),
        generation: Generation(1),
    });
    drop(first);
    let _running: Vec<Running> = workers.into_iter().map(Running::start).collect();
    let mut second = Link::take(&region).unwrap();
    assert_eq!(reports(&mut second), []);
    let is_open = |slot| region.table().snapshot(SlotIndex(slot)).unwrap().open;
    assert_eq!((0..100).filter(|slot| is_open(*slot)).count(), 0);
}

#[test]
fn a_worker_that_does_not_move_is_noticed_and_so_is_its_return() {
    let region = Region::heap(geometry(2));
    let mut link = Link::take(&region).unwrap();
    let mut workers: Vec<Worker> = (0..2).map(|number| Worker::new(&region, number)).collect();
    let now = Instant::now();
    assert_eq!(link.alive(now), [true, true]);
    workers[1].breathe();
    let later = now + Duration::from_secs(2);
    assert_eq!(link.alive(later), [true, true]);
    let much_later = now + Duration::from_secs(4);
    assert_eq!(link.alive(much_later), [false, true]);
    workers[0].breathe();
    assert_eq!(link.alive(much_later), [true, true]);
}
