//! A softswitch that is down: the next one takes the call; none at all is a 503.

use std::time::Duration;

use strait_tests::kamailio;
use strait_tests::nat::Kind;
use strait_tests::require;
use strait_tests::strait::{Configuration, softswitch};
use strait_tests::topology::{ALICE, BOB, SOFTSWITCH, SOFTSWITCH_2, Topology};

use crate::scene::{CALL_LIMIT, Ear, Scene, assert_both_heard};

#[test]
fn the_next_softswitch_takes_over() {
    require!("sipp", "kamailio");
    let topology = Topology::new(Kind::FullCone, Kind::Symmetric);
    let second = kamailio::start(&topology, SOFTSWITCH_2);
    let configuration = Configuration {
        softswitches: vec![
            softswitch("core-1", SOFTSWITCH, "udp"),
            softswitch("core-2", SOFTSWITCH_2, "udp"),
        ],
        ..Configuration::default()
    };
    let scene = Scene::assemble(topology, Some(second), &configuration);
    let topology = &scene.topology;
    let alice = scene.phone(&topology.alice, ALICE, "alice", "bob");
    let bob = scene.phone(&topology.bob, BOB, "bob", "alice");
    alice.register(topology);
    bob.register(topology);
    let ears = (
        Ear::start(topology, &topology.alice, ALICE, "alice"),
        Ear::start(topology, &topology.bob, BOB, "bob"),
    );
    let answering = bob.start(topology, "answer");
    alice.run(topology, "call");
    answering.succeed(CALL_LIMIT);
    assert_both_heard(ears.0, ears.1, 100);
    let status = scene.strait.query(&["status"]).unwrap();
    let up: Vec<bool> = status["softswitches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|softswitch| softswitch["up"].as_bool().unwrap())
        .collect();
    assert_eq!(up, [false, true], "{status}");
    scene.finish();
}

#[test]
fn without_any_softswitch_the_caller_is_told() {
    require!("sipp");
    let topology = Topology::new(Kind::FullCone, Kind::FullCone);
    let scene = Scene::assemble(topology, None, &Configuration::default());
    let alice = scene.phone(&scene.topology.alice, ALICE, "alice", "bob");
    alice
        .start(&scene.topology, "call-refused-503")
        .succeed(Duration::from_secs(40));
    scene.strait.assert_idle();
    scene.strait.stop();
}
