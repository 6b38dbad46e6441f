//! Control is killed outright under a thousand calls, over and over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::call::{Plan, State};
use crate::processes::Processes;
use crate::scene::{Scene, number_of, stream};
use crate::talk::PEOPLE;

/// Calls that stand at every kill.
const CALLS: usize = 1_000;
/// Calls that ring at every kill.
const RINGING: usize = 5;
/// Calls that are renegotiated, and calls that are ended and followed by new ones, after each kill.
const TOUCHED: usize = 20;
/// Calls with a session timer: as many are refreshed after each kill as are not.
const TIMED: usize = 10;
/// Longer than all that happens between two kills on a busy machine.
const SESSION_SECONDS: u32 = 30;

#[test]
fn control_killed_ten_times_under_a_thousand_calls() {
    kill_control(10);
}

#[test]
#[ignore = "a soak: as long as it is given"]
fn soak_control_killed_under_a_thousand_calls() {
    let kills = std::env::var("STRAIT_SOAK_KILLS").map_or(1_000, |text| text.parse().unwrap());
    kill_control(kills);
}

/// Strait, the people, and what is to come of their calls.
struct Killing {
    scene: Scene,
    processes: Processes,
    /// Calls with a session timer that is refreshed, and that is not.
    refreshed: Vec<u32>,
    expiring: Vec<u32>,
}

fn kill_control(kills: usize) {
    let mut killing = Killing::start();
    let mut attached: Vec<Duration> = (1..=kills).map(|kill| killing.kill(kill)).collect();
    killing.until_expired();
    killing.end(&mut attached);
}

impl Killing {
    fn start() -> Self {
        let mut scene = Scene::new(CALLS + CALLS / 4);
        let processes = Processes::start(&scene.place);
        scene.place.until_serving();
        scene.call(CALLS - 2 * TIMED, Plan::Answer);
        let timed = Plan::Refreshed(SESSION_SECONDS);
        Self {
            refreshed: scene.call(TIMED, timed),
            expiring: scene.call(TIMED, timed),
            scene,
            processes,
        }
    }

    /// Kills control once and sees that nothing is lost; how long its successor took.
    fn kill(&mut self, kill: usize) -> Duration {
        let scene = &mut self.scene;
        let ringing = scene.crowd.call(RINGING, Plan::Ring);
        let standing = scene.crowd.standing().len();
        scene.place.until_written();
        self.processes.control.kill();
        let attached = self.processes.control.start();
        let known = scene.place.calls().unwrap();
        assert!(
            known >= standing as u64 - TIMED as u64,
            "{}",
            scene.place.said()
        );
        scene.crowd.kept_alive = [0; PEOPLE];
        scene.talk.mark();
        scene
            .crowd
            .until("the end of what was being set up", |crowd| {
                let over = |number: &u32| {
                    let call = &crowd.calls[number];
                    call.state == State::Refused(503) && call.cancelled
                };
                ringing.iter().all(over)
            });
        scene.crowd.refresh(&self.refreshed);
        let plain = |number: &u32| scene.crowd.calls[number].plan == Plan::Answer;
        let oldest: Vec<u32> = scene.crowd.standing().into_iter().filter(plain).collect();
        scene.crowd.renegotiate(&oldest[oldest.len() - TOUCHED..]);
        scene.hang_up_whole(&oldest[..TOUCHED]);
        scene.call(TOUCHED, Plan::Answer);
        scene.crowd.until("keep-alives", |crowd| {
            crowd.kept_alive.iter().all(|heard| *heard > 0)
        });
        scene.talk.until_heard(&scene.crowd.standing(), 2);
        println!(
            "kill {kill}: the successor is ready after {attached:?}, knows {known} calls; \
             {RINGING} being set up failed towards both sides, {TOUCHED} renegotiated, \
             {TOUCHED} ended, {TOUCHED} new ones, {PEOPLE} phones kept alive"
        );
        attached
    }

    /// Waits until the sessions that nobody refreshes are over, by the clock of whichever control
    /// lives then.
    fn until_expired(&mut self) {
        let scene = &mut self.scene;
        let expiring = self.expiring.clone();
        scene.crowd.until("sessions that expire", |crowd| {
            expiring
                .iter()
                .all(|number| crowd.calls[number].told_bye == [true; 2])
        });
        let ways = scene.talk.hush(&expiring);
        // The relay closes before they hear of it: only what comes from elsewhere is wrong.
        assert!(
            ways.iter()
                .flatten()
                .all(|way| way.wrong == 0 && way.heard > 0)
        );
        println!("{TIMED} sessions that nobody refreshed have expired");
    }

    /// Ends what stands, and compares every record with what was said.
    fn end(mut self, attached: &mut [Duration]) {
        let scene = &mut self.scene;
        let standing = scene.crowd.standing();
        assert_eq!(standing.len(), CALLS - TIMED);
        // Who has told its parties still waits for what the relay counted.
        scene.place.until("those calls alone", |status| {
            status["calls"] == standing.len() as u64
        });
        scene.hang_up_whole(&standing);
        let records = scene.place.until_records(scene.crowd.calls.len());
        attached.sort_unstable();
        println!(
            "{} kills: {} packets sent, {} heard, {} lost; ready after {:?} at best, {:?} in the \
             middle, {:?} at worst; {} calls, {} records",
            attached.len(),
            scene.sent,
            scene.heard,
            scene.sent - scene.heard,
            attached[0],
            attached[attached.len() / 2],
            attached[attached.len() - 1],
            scene.crowd.calls.len(),
            records.len(),
        );
        records.iter().for_each(|record| self.assert_true(record));
        self.scene.until_nothing_is_left();
    }

    /// The record says why the call ended, and counts every packet.
    fn assert_true(&self, record: &Value) {
        let number = number_of(record);
        let plan = self.scene.crowd.calls[&number].plan;
        let expiring = self.expiring.contains(&number);
        let (reason, by) = match plan {
            Plan::Ring => ("control restarted", "strait"),
            _ if expiring => ("session expired", "strait"),
            _ => ("bye", "caller"),
        };
        assert_eq!(
            (&record["reason"], &record["ended_by"]),
            (&reason.into(), &by.into())
        );
        if plan == Plan::Ring || expiring {
            return;
        }
        for (side, way) in self.scene.talk.ways(number).into_iter().enumerate() {
            let stream = stream(record, side);
            let counted = (&stream["packets"], &stream["lost"], &stream["refused"]);
            assert_eq!(
                counted,
                (&way.sent.into(), &0.into(), &0.into()),
                "{record:#}"
            );
        }
    }
}

#[test]
fn control_killed_amid_hang_ups_leaves_no_call_and_no_call_without_a_record() {
    const HANGING_UP: usize = 200;
    let mut scene = Scene::new(HANGING_UP);
    scene.place.reconfigure(
        "port_quarantine: 5s",
        "port_quarantine: 5s\n  media_timeout: 5s",
    );
    let mut processes = Processes::start(&scene.place);
    scene.place.until_serving();
    let numbers = scene.crowd.call(HANGING_UP, Plan::Answer);
    scene.place.until_written();
    // At another moment each time between a hang-up and what the disk has of it.
    for (some, pause_ms) in numbers.chunks(HANGING_UP / 5).zip([0, 5, 20, 80, 320]) {
        scene.crowd.hang_up(some);
        std::thread::sleep(Duration::from_millis(pause_ms));
        processes.control.kill();
        processes.control.start();
    }
    scene.place.until("no call", |status| status["calls"] == 0);
    scene.place.until_written();
    let mut reasons = BTreeMap::new();
    let mut recorded = BTreeSet::new();
    for record in scene.place.records() {
        *reasons
            .entry(record["reason"].as_str().unwrap().to_owned())
            .or_insert(0) += 1;
        recorded.insert(number_of(&record));
    }
    println!("killed amid {HANGING_UP} hang-ups: none without a record; by reason {reasons:?}");
    assert_eq!(recorded, numbers.into_iter().collect());
    // One that had not been written down as over stood until its media were missed.
    let truthful = ["bye", "control restarted", "media timeout"];
    assert!(
        reasons
            .keys()
            .all(|reason| truthful.contains(&reason.as_str())),
        "{reasons:?}"
    );
}
