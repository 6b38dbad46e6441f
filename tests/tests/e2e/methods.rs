//! Ways to set a call up that are not the usual one, what may be said within a call, and what
//! goes without one.

use strait_tests::nat::Kind;
use strait_tests::require;
use strait_tests::topology::{ALICE, BOB};

use crate::scene::{CALL_LIMIT, Ear, Scene, assert_both_heard};

#[test]
fn an_offer_in_the_200_is_answered_in_the_ack() {
    require!("sipp", "kamailio");
    call("call-late-offer", "answer");
}

#[test]
fn a_reliable_183_carries_the_answer() {
    require!("sipp", "kamailio");
    call("call-reliably", "answer-reliably");
}

#[test]
fn every_request_passes_within_a_call() {
    require!("sipp", "kamailio");
    call("call-with-requests", "answer-requests");
}

#[test]
fn a_message_is_delivered() {
    require!("sipp", "kamailio");
    without_a_call("message", "receive-message");
}

#[test]
fn a_subscriber_is_notified() {
    require!("sipp", "kamailio");
    without_a_call("subscribe", "notify");
}

fn without_a_call(asking: &str, answering: &str) {
    let scene = Scene::start(Kind::Symmetric, Kind::Symmetric);
    let topology = &scene.topology;
    let alice = scene.phone(&topology.alice, ALICE, "alice", "bob");
    let bob = scene.phone(&topology.bob, BOB, "bob", "alice");
    alice.register(topology);
    bob.register(topology);
    let answering = bob.start(topology, answering);
    alice.run(topology, asking);
    answering.succeed(CALL_LIMIT);
    scene.finish();
}

fn call(calling: &str, answering: &str) {
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
    let answering = bob.start(topology, answering);
    alice.run(topology, calling);
    answering.succeed(CALL_LIMIT);
    assert_both_heard(ears.0, ears.1, 100);
    scene.finish();
}
