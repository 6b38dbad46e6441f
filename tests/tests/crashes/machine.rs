//! Everything dies at once, as with a power cut: what the journal holds is all that is left.

use std::collections::BTreeSet;

use crate::call::{Plan, State};
use crate::scene::Scene;
use crate::supervised::Supervised;

/// Calls that stand at that moment.
const CALLS: usize = 200;

#[test]
fn registrations_and_resting_ports_survive_and_calls_end_with_records() {
    let mut scene = Scene::new(CALLS);
    scene
        .place
        .reconfigure("port_quarantine: 5s", "port_quarantine: 1m");
    let mut first = Supervised::start(&scene.place);
    scene.crowd.register();
    let numbers = scene.call(CALLS, Plan::Answer);
    let used = ports(&scene, &numbers);
    scene.place.until_written();
    first.kill_all();

    let second = Supervised::start(&scene.place);
    scene.crowd.until("the end of every call", |crowd| {
        numbers
            .iter()
            .all(|number| crowd.calls[number].told_bye == [true; 2])
    });
    let records = scene.place.until_records(CALLS);
    for record in &records {
        assert_eq!(record["reason"], "dataplane lost", "{record:#}");
        assert_eq!(record["ended_by"], "strait");
        let times = ["began", "answered", "ended"].map(|time| record[time].as_str().unwrap());
        assert!(times.is_sorted(), "{times:?}");
    }
    let status = scene.place.status().unwrap();
    assert_eq!(
        (&status["calls"], &status["registrations"]),
        (&0.into(), &20.into())
    );
    let core = (scene.place.ours[1], 5060).into();
    scene.crowd.reach_registered(core);
    println!("killed all: {CALLS} calls ended with records, 20 of 20 registrations survive");

    scene.talk.hush(&numbers);
    let fresh = scene.crowd.call(CALLS / 2, Plan::Answer);
    assert!(
        fresh
            .iter()
            .all(|number| scene.crowd.calls[number].state == State::Up)
    );
    let common = ports(&scene, &fresh).intersection(&used).count();
    assert_eq!(common, 0, "ports of the dead calls rest");
    scene.talk(&fresh);
    scene.hang_up_whole(&fresh);
    assert_eq!(second.terminate().code(), Some(0), "{}", scene.place.said());
}

fn ports(scene: &Scene, numbers: &[u32]) -> BTreeSet<std::net::SocketAddr> {
    let relays = numbers
        .iter()
        .flat_map(|number| scene.crowd.calls[number].relays);
    relays.flatten().collect()
}
