//! The dataplane is killed outright under calls, while they talk and while they are set up; its
//! successor goes on with the same table.

use std::net::SocketAddr;
use std::time::Duration;

use crate::call::{Plan, State};
use crate::processes::Processes;
use crate::scene::{Scene, number_of, stream};
use crate::supervised::Supervised;
use crate::table::Table;
use crate::talk::INTERVAL;

/// Calls that talk when it is killed.
const CALLS: usize = 1_000;
/// Packets a worker may have in its hands.
const BURST: u64 = 64;

#[test]
fn dataplane_killed_under_a_thousand_calls_comes_back_to_them() {
    kill_dataplane(3);
}

#[test]
fn dataplane_killed_while_calls_are_set_up_leaves_none_deaf() {
    kill_during_set_up(5);
}

#[test]
#[ignore = "a soak: as long as it is given"]
fn soak_dataplane_killed_while_calls_are_set_up() {
    let kills = std::env::var("STRAIT_SOAK_KILLS").map_or(1_000, |text| text.parse().unwrap());
    kill_during_set_up(kills);
}

fn kill_dataplane(kills: usize) {
    let mut scene = Scene::new(CALLS);
    let strait = Supervised::start(&scene.place);
    let numbers = scene.call(CALLS, Plan::Answer);
    for kill in 1..=kills {
        scene.talk.mark();
        strait.kill("strait-dataplane");
        scene.place.until_serving();
        // The first packet after the gap is one of them.
        scene.talk.until_heard(&numbers, 4);
        assert_eq!(
            scene.place.calls(),
            Some(CALLS as u64),
            "{}",
            scene.place.said()
        );
        let ways = numbers.iter().flat_map(|number| scene.talk.ways(*number));
        let mut gaps: Vec<Duration> = ways.map(|way| way.longest).collect();
        gaps.sort_unstable();
        println!(
            "kill {kill}: {CALLS} calls go on; silence of {:?} at best, {:?} in the middle, {:?} \
             at worst, where {INTERVAL:?} is the rule",
            gaps[0],
            gaps[gaps.len() / 2],
            gaps[gaps.len() - 1]
        );
    }
    let ways = scene.hang_up(&numbers);
    assert!(
        ways.iter().flatten().all(|way| way.wrong == 0),
        "nobody is misled"
    );
    let lost = scene.sent - scene.heard;
    let gap = INTERVAL.mul_f64(lost as f64 / (2 * CALLS * kills) as f64);
    println!(
        "{kills} kills: {} packets sent, {lost} lost while it was dead: a gap of {gap:?} each",
        scene.sent
    );
    assert!(
        lost > 0,
        "a dead dataplane relays nothing, or nothing was measured"
    );
    let records = scene.place.until_records(CALLS);
    let mut relayed = 0;
    for record in &records {
        assert_eq!(record["reason"], "bye", "{record:#}");
        for (side, way) in ways[number_of(record) as usize].iter().enumerate() {
            let packets = stream(record, side)["packets"].as_u64().unwrap();
            assert!(u64::from(way.heard) <= packets && packets <= u64::from(way.sent));
            relayed += packets;
        }
    }
    assert!(
        relayed - scene.heard <= BURST * kills as u64,
        "counters go on where they were"
    );
    scene.until_nothing_is_left();
    assert_eq!(strait.terminate().code(), Some(0), "{}", scene.place.said());
}

/// Calls asked for around each kill.
const STORM: usize = 200;

fn kill_during_set_up(kills: usize) {
    // Ports rest after each storm.
    let mut scene = Scene::new(5 * STORM);
    let mut processes = Processes::start(&scene.place);
    scene.place.until_serving();
    let (mut up, mut refused) = (0, 0);
    for kill in 1..=kills {
        let numbers = scene.crowd.begin(STORM, Plan::Answer);
        // At another moment of the storm each time.
        let before = kill * 37 % STORM;
        scene.crowd.until("some answers", |crowd| {
            let is_up = |number: &&u32| crowd.calls[number].state == State::Up;
            numbers.iter().filter(is_up).count() >= before
        });
        processes.dataplane.kill();
        processes.dataplane.start();
        scene.crowd.until("every answer", |crowd| {
            numbers
                .iter()
                .all(|number| crowd.calls[number].is_settled())
        });
        let standing = scene.crowd.standing();
        scene.talk(&standing);
        (up, refused) = (
            up + standing.len(),
            refused + numbers.len() - standing.len(),
        );
        scene.hang_up_whole(&standing);
        scene.place.until_serving();
    }
    println!(
        "{kills} kills amid {STORM} set-ups: {up} calls were answered and heard both ways, \
         {refused} were refused; {} packets, none lost",
        scene.sent
    );
    assert!(up > 0);
    let calls = &scene.crowd.calls;
    let clean = |state: State| matches!(state, State::Over | State::Refused(503));
    assert!(calls.values().all(|call| clean(call.state)));
    scene.until_nothing_is_left();
}

#[test]
fn what_a_dead_worker_left_half_done_is_mended() {
    const HALF: usize = 10;
    let mut scene = Scene::new(2 * HALF);
    let mut processes = Processes::start(&scene.place);
    scene.place.until_serving();
    let numbers = scene.call(2 * HALF, Plan::Answer);
    let (claimed, half_written) = numbers.split_at(HALF);
    processes.dataplane.kill();
    let table = Table::of(processes.dataplane.region());
    let slots = |numbers: &[u32]| -> Vec<SocketAddr> {
        let relays = numbers
            .iter()
            .map(|number| scene.crowd.calls[number].relays[0]);
        relays.map(Option::unwrap).collect()
    };
    slots(claimed).into_iter().for_each(|at| table.claim(at));
    slots(half_written)
        .into_iter()
        .for_each(|at| table.half_write(at));
    processes.dataplane.start();
    let said = scene.place.said();
    let mended = format!("half_written: {HALF}, claimed: {HALF}");
    assert!(said.contains(&mended), "{said}");

    // A claim that nobody holds is free again: who speaks next has it.
    scene.talk.mark();
    scene.talk.until_heard(claimed, 2);
    // What was half written stays shut until it is written anew.
    for number in half_written {
        assert_eq!(
            scene.talk.ways(*number)[0].heard_since,
            0,
            "a slot nobody can trust"
        );
    }
    scene.move_media(half_written);
    scene.talk.mark();
    scene.talk.until_heard(half_written, 2);
    println!("mended: {HALF} claimed latches, {HALF} half-written slots");
    let ways = scene.hang_up(&numbers);
    assert!(ways.iter().flatten().all(|way| way.wrong == 0));
    scene.until_nothing_is_left();
}
