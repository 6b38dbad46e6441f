//! New programs in the place of those that run, under live calls; and a table that another release
//! made.

use std::os::unix::fs::PermissionsExt;

use strait_tests::program::wait_until;

use crate::call::Plan;
use crate::place::{PATIENCE, renew};
use crate::processes::Processes;
use crate::scene::Scene;
use crate::supervised::{Supervised, programs};
use crate::table::Table;

/// Calls that stand meanwhile.
const CALLS: usize = 100;

#[test]
fn new_programs_take_over_live_calls_under_strait_run() {
    let mut scene = Scene::new(CALLS);
    let folder = scene.place.copies();
    let mut old = Supervised::start_from(&scene.place, &folder);
    let numbers = scene.call(CALLS, Plan::Answer);
    scene.place.until_written();
    renew(&folder.join("strait"));
    old.orphan();
    let new = Supervised::take_over(&scene.place, &folder);
    assert!(new.runs("strait", &folder.join("strait")));
    let check = scene.place.command(&["check"]);
    assert!(
        check.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&check.stderr)
    );
    for (name, signal) in [("strait-control", "-USR2"), ("strait-dataplane", "-TERM")] {
        let program = folder.join(name);
        renew(&program);
        assert!(!new.runs(name, &program), "the old {name} still runs");
        new.send(name, signal);
        scene.place.until_serving();
        assert!(wait_until(PATIENCE, || new.runs(name, &program)), "{name}");
    }
    go_on_and_end(&mut scene, &numbers);
    assert_eq!(new.terminate().code(), Some(0), "{}", scene.place.said());
}

#[test]
fn new_programs_take_over_live_calls_from_plain_processes() {
    let mut scene = Scene::new(CALLS);
    let folder = scene.place.copies();
    let mut processes = Processes::start_from(&scene.place, &folder);
    scene.place.until_serving();
    let numbers = scene.call(CALLS, Plan::Answer);
    scene.place.until_written();
    let Processes { dataplane, control } = &mut processes;
    for (process, name) in [(control, "strait-control"), (dataplane, "strait-dataplane")] {
        renew(&folder.join(name));
        process.kill();
        process.start();
    }
    scene.place.until_serving();
    go_on_and_end(&mut scene, &numbers);
}

#[test]
fn a_control_that_refuses_what_the_old_one_left_can_be_taken_back() {
    let mut scene = Scene::new(CALLS);
    let folder = scene.place.copies();
    let strait = Supervised::start_from(&scene.place, &folder);
    let numbers = scene.call(CALLS, Plan::Answer);
    let control = folder.join("strait-control");
    let refusing = folder.join("refusing");
    std::fs::write(&refusing, "#!/bin/sh\nexit 6\n").unwrap();
    std::fs::set_permissions(&refusing, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::rename(refusing, &control).unwrap();
    strait.send("strait-control", "-USR2");
    let refused = || scene.place.said().contains("calls go on without it");
    assert!(wait_until(PATIENCE, refused), "{}", scene.place.said());
    scene.talk.mark();
    scene.talk.until_heard(&numbers, 3);
    renew(&control);
    scene.place.until_serving();
    assert_eq!(
        scene.place.calls(),
        Some(CALLS as u64),
        "{}",
        scene.place.said()
    );
    scene.hang_up_whole(&numbers);
    let records = scene.place.until_records(CALLS);
    assert!(records.iter().all(|record| record["reason"] == "bye"));
    assert_eq!(strait.terminate().code(), Some(0), "{}", scene.place.said());
}

/// The calls know nothing of it: they talk, are renegotiated and hung up.
fn go_on_and_end(scene: &mut Scene, numbers: &[u32]) {
    assert_eq!(
        scene.place.calls(),
        Some(CALLS as u64),
        "{}",
        scene.place.said()
    );
    scene.talk.mark();
    scene.talk.until_heard(numbers, 2);
    scene.crowd.renegotiate(numbers);
    let ways = scene.hang_up(numbers);
    assert!(ways.iter().flatten().all(|way| way.wrong == 0));
    let records = scene.place.until_records(CALLS);
    assert!(records.iter().all(|record| record["reason"] == "bye"));
    scene.until_nothing_is_left();
    println!(
        "new programs: {CALLS} calls went on, {} of {} packets lost, while the relay was replaced",
        scene.sent - scene.heard,
        scene.sent
    );
}

#[test]
fn a_table_of_another_release_is_refused_and_starting_anew_ends_the_calls_truthfully() {
    let mut scene = Scene::new(CALLS);
    let mut processes = Processes::start(&scene.place);
    scene.place.until_serving();
    let numbers = scene.call(CALLS, Plan::Answer);
    processes.dataplane.kill();
    Table::of(processes.dataplane.region()).of_another_release();
    let refused = processes.dataplane.start_in_vain();
    assert_eq!(refused.code(), Some(6), "{}", scene.place.said());
    assert_one_line_and_a_way_out(&scene, "strait-dataplane: ");
    assert_eq!(
        scene.place.calls(),
        Some(CALLS as u64),
        "the old release could still have it"
    );
    // The way out: both processes of one release, the old table forgotten.
    processes.dataplane.forget();
    processes.dataplane.start();
    assert_lost(&mut scene, &numbers);
}

#[test]
fn strait_run_starts_anew_where_the_table_is_of_another_release() {
    let mut scene = Scene::new(CALLS);
    let strait = Supervised::start(&scene.place);
    let numbers = scene.call(CALLS, Plan::Answer);
    scene.place.until_written();
    Table::served(&scene.place).of_another_release();
    strait.kill("strait-dataplane");
    assert_lost(&mut scene, &numbers);
    assert_one_line_and_a_way_out(&scene, "strait-dataplane: ");
    let said = scene.place.said();
    assert!(
        said.contains("without the region it left; its calls are lost"),
        "{said}"
    );
    scene.place.until_serving();
    let fresh = scene.call(10, Plan::Answer);
    scene.hang_up_whole(&fresh);
    assert_eq!(strait.terminate().code(), Some(0), "{}", scene.place.said());
}

#[test]
fn strait_run_of_another_release_touches_nothing() {
    let mut scene = Scene::new(CALLS);
    let mut old = Supervised::start(&scene.place);
    let numbers = scene.call(CALLS, Plan::Answer);
    let table = Table::served(&scene.place);
    table.of_another_release();
    old.orphan();
    assert_eq!(
        Supervised::refused(&scene.place).code(),
        Some(6),
        "{}",
        scene.place.said()
    );
    assert_one_line_and_a_way_out(&scene, "strait: ");
    table.of_this_release();
    let new = Supervised::take_over(&scene.place, &programs());
    assert_eq!(scene.place.calls(), Some(CALLS as u64));
    scene.hang_up_whole(&numbers);
    assert_eq!(new.terminate().code(), Some(0), "{}", scene.place.said());
}

fn assert_one_line_and_a_way_out(scene: &Scene, begins: &str) {
    let said = scene.place.said();
    let mut lines = said.lines().filter(|line| line.contains("layout version"));
    let line = lines.next().unwrap_or_else(|| panic!("{said}"));
    assert_eq!(lines.next(), None, "it is said once");
    assert!(line.starts_with(begins), "{line}");
    assert!(
        line.contains("stop both processes, then start both from one release"),
        "{line}"
    );
}

/// Both parties of every call are told, and every record says why.
fn assert_lost(scene: &mut Scene, numbers: &[u32]) {
    scene.crowd.until("the end of every call", |crowd| {
        numbers
            .iter()
            .all(|number| crowd.calls[number].told_bye == [true; 2])
    });
    for record in scene.place.until_records(numbers.len()) {
        assert_eq!(record["reason"], "dataplane lost", "{record:#}");
        assert_eq!(record["ended_by"], "strait");
    }
    scene.talk.hush(numbers);
}
