//! `strait run` itself is killed outright: its processes go on, and the next one takes them over.
//! Where it was the demonstration's, it ends with it.

use std::process::{Command, Stdio};

use strait_tests::program::wait_until;
use strait_tests::strait::binary;

use crate::call::Plan;
use crate::place::{PATIENCE, PROGRAMS, Place};
use crate::scene::Scene;
use crate::supervised::{Supervised, kill, pid, programs};

/// Calls that stand meanwhile.
const CALLS: usize = 200;

#[test]
fn the_next_supervisor_takes_over_and_no_call_notices() {
    let mut scene = Scene::new(CALLS);
    let mut first = Supervised::start(&scene.place);
    let numbers = scene.call(CALLS, Plan::Answer);
    let before = ["strait-control", "strait-dataplane"].map(|name| first.pid(name));
    first.orphan();
    scene.talk.mark();
    scene.talk.until_heard(&numbers, 2);
    assert_eq!(scene.place.calls(), Some(CALLS as u64), "both go on alone");

    let second = Supervised::take_over(&scene.place, &programs());
    let after = ["strait-control", "strait-dataplane"].map(|name| second.pid(name));
    assert_eq!(before, after, "{}", scene.place.said());
    scene.crowd.renegotiate(&numbers[..20]);
    scene.place.until_written();
    second.kill("strait-control");
    scene.place.until_serving();
    assert_eq!(scene.place.calls(), Some(CALLS as u64));
    scene.crowd.renegotiate(&numbers[..20]);
    scene.hang_up_whole(&numbers[..100]);

    second.kill("strait-dataplane");
    scene.talk.mark();
    scene.talk.until_heard(&numbers[100..], 2);
    scene.place.until_serving();
    let ways = scene.hang_up(&numbers[100..]);
    assert!(ways.iter().flatten().all(|way| way.wrong == 0));
    let records = scene.place.until_records(CALLS);
    assert!(records.iter().all(|record| record["reason"] == "bye"));
    assert_eq!(second.terminate().code(), Some(0), "{}", scene.place.said());
    println!(
        "strait run killed: {CALLS} calls went on, {} of {} packets lost, all of them while the \
         dataplane was dead",
        scene.sent - scene.heard,
        scene.sent
    );
}

#[test]
fn one_told_to_end_ends_what_it_has_taken_over() {
    let place = Place::new(10);
    let mut first = Supervised::start(&place);
    first.orphan();
    let second = Supervised::take_over(&place, &programs());
    assert_eq!(second.terminate().code(), Some(0), "{}", place.said());
    for socket in ["control.sock", "region.sock"] {
        assert!(!place.runtime().join(socket).exists(), "{socket} is left");
    }
}

#[test]
fn a_dataplane_with_another_table_is_not_taken_over_and_goes_on() {
    let place = Place::new(10);
    let mut first = Supervised::start(&place);
    let alive = first.pid("strait-dataplane");
    place.configure(20);
    first.orphan();
    let refused = Supervised::refused(&place);
    assert_eq!(refused.code(), Some(6), "{}", place.said());
    let last = place.said();
    let last = last
        .lines()
        .rfind(|line| line.starts_with("strait: "))
        .unwrap();
    assert!(last.contains("cannot be taken over and goes on"), "{last}");
    assert!(last.contains("go back to the old configuration"), "{last}");
    assert_eq!(first.pid("strait-dataplane"), alive);
    place.configure(10);
    let third = Supervised::take_over(&place, &programs());
    assert_eq!(third.pid("strait-dataplane"), alive);
    assert_eq!(third.terminate().code(), Some(0));
}

#[test]
fn a_log_that_nobody_reads_any_more_ends_nothing() {
    let mut scene = Scene::new(10);
    let strait = Supervised::start_unheard(&scene.place);
    let numbers = scene.call(10, Plan::Answer);
    scene.place.until_written();
    for name in ["strait-dataplane", "strait-control"] {
        strait.kill(name);
        scene.place.until_serving();
    }
    let before = ["strait-control", "strait-dataplane"].map(|name| strait.pid(name));
    scene.crowd.renegotiate(&numbers);
    let ways = scene.hang_up(&numbers);
    assert!(ways.iter().flatten().all(|way| way.wrong == 0));
    let records = scene.place.until_records(numbers.len());
    assert!(records.iter().all(|record| record["reason"] == "bye"));
    let after = ["strait-control", "strait-dataplane"].map(|name| strait.pid(name));
    assert_eq!(before, after, "neither has died of it");
    assert_eq!(strait.terminate().code(), Some(0));
}

#[test]
fn a_demonstration_that_is_killed_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let configuration = directory.path().join("demo.yaml");
    let configuration = configuration.to_str().unwrap();
    let mut command = Command::new(binary("strait"));
    command.args(["demo", "--seconds", "30", "--output"]);
    command.arg(directory.path()).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut demo = command.spawn().unwrap();
    let running = || PROGRAMS.map(|name| pid(name, configuration));
    let all = wait_until(PATIENCE, || running().iter().all(Option::is_some));
    demo.kill().unwrap();
    demo.wait().unwrap();
    let gone = wait_until(PATIENCE, || running() == [None; 3]);
    running().into_iter().flatten().for_each(kill);
    assert!(
        all && gone,
        "{:?}",
        std::fs::read_to_string(directory.path().join("strait.log"))
    );
}
