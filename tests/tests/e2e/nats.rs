//! Two phones behind NATs nobody may touch call each other and hear each other.

use strait_tests::nat::Kind;
use strait_tests::require;
use strait_tests::topology::{ALICE, BOB, CAROL};

use crate::scene::{CALL_LIMIT, Ear, Scene, assert_both_heard};

#[test]
fn full_cone_calls_symmetric() {
    require!("sipp", "kamailio");
    call(Kind::FullCone, Kind::Symmetric);
}

#[test]
fn symmetric_calls_symmetric() {
    require!("sipp", "kamailio");
    call(Kind::Symmetric, Kind::Symmetric);
}

#[test]
fn behind_two_nats_calls_symmetric() {
    require!("sipp", "kamailio");
    let scene = Scene::start(Kind::FullCone, Kind::Symmetric);
    let topology = &scene.topology;
    let bob = scene.phone(&topology.bob, BOB, "bob", "carol");
    let carol = scene.phone(&topology.carol, CAROL, "carol", "bob");
    bob.register(topology);
    carol.register(topology);
    let ears = (
        Ear::start(topology, &topology.carol, CAROL, "carol"),
        Ear::start(topology, &topology.bob, BOB, "bob"),
    );
    let answering = bob.start(topology, "answer");
    carol.run(topology, "call");
    answering.succeed(CALL_LIMIT);
    assert_both_heard(ears.0, ears.1, 100);
    scene.finish();
}

fn call(nat_a: Kind, nat_b: Kind) {
    let scene = Scene::start(nat_a, nat_b);
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
    // One call of the phones is two through Strait: in from alice, and out to bob.
    let records = scene.strait.records(2);
    for record in &records {
        let text = record.to_string();
        assert!(text.contains("alice") && text.contains("bob"), "{text}");
        let streams = record["streams"].as_array().expect("a record has streams");
        assert!(!streams.is_empty(), "{text}");
    }
    scene.finish();
}
