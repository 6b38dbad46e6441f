//! A caller who gives up while it rings; early media before the answer.

use strait_tests::nat::Kind;
use strait_tests::require;
use strait_tests::topology::{ALICE, BOB};

use crate::scene::{CALL_LIMIT, Ear, Scene, assert_both_heard};

#[test]
fn cancel_reaches_the_callee_and_ends_the_call() {
    require!("sipp", "kamailio");
    let scene = Scene::start(Kind::Symmetric, Kind::Symmetric);
    let topology = &scene.topology;
    let alice = scene.phone(&topology.alice, ALICE, "alice", "bob");
    let bob = scene.phone(&topology.bob, BOB, "bob", "alice");
    alice.register(topology);
    bob.register(topology);
    let ringing = bob.start(topology, "ring-until-cancelled");
    alice.run(topology, "call-and-cancel");
    ringing.succeed(CALL_LIMIT);
    for record in scene.strait.records(2) {
        assert!(record.to_string().contains("cancel"), "{record}");
    }
    scene.finish();
}

#[test]
fn early_media_is_heard_before_the_answer() {
    require!("sipp", "kamailio");
    let scene = Scene::start(Kind::Symmetric, Kind::FullCone);
    let topology = &scene.topology;
    let alice = scene.phone(&topology.alice, ALICE, "alice", "bob");
    let bob = scene.phone(&topology.bob, BOB, "bob", "alice");
    alice.register(topology);
    bob.register(topology);
    let ears = (
        Ear::start(topology, &topology.alice, ALICE, "alice"),
        Ear::start(topology, &topology.bob, BOB, "bob"),
    );
    let answering = bob.start(topology, "early-media-then-busy");
    alice.run(topology, "call-until-busy");
    answering.succeed(CALL_LIMIT);
    // Two seconds of announcement each way, and never an answer.
    assert_both_heard(ears.0, ears.1, 60);
    scene.finish();
}
