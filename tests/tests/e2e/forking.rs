//! Two phones of one user ring; one answers, the other is cancelled.

use strait_tests::nat::Kind;
use strait_tests::require;
use strait_tests::topology::{ALICE, BOB, DAVE};

use crate::scene::{CALL_LIMIT, Ear, Scene, assert_both_heard};

#[test]
fn the_phone_that_answers_is_heard_and_the_other_is_cancelled() {
    require!("sipp", "kamailio");
    let scene = Scene::start(Kind::Symmetric, Kind::Symmetric);
    let topology = &scene.topology;
    let alice = scene.phone(&topology.alice, ALICE, "alice", "bob");
    let desk = scene.phone(&topology.bob, BOB, "bob", "alice");
    let attic = scene.phone(&topology.dave, DAVE, "bob", "alice");
    alice.register(topology);
    desk.register(topology);
    attic.register(topology);
    let ears = (
        Ear::start(topology, &topology.alice, ALICE, "alice"),
        Ear::start(topology, &topology.bob, BOB, "bob"),
    );
    let ringing = attic.start(topology, "ring-until-cancelled");
    let answering = desk.start(topology, "answer-slowly");
    alice.run(topology, "call");
    answering.succeed(CALL_LIMIT);
    ringing.succeed(CALL_LIMIT);
    assert_both_heard(ears.0, ears.1, 100);
    scene.finish();
}
