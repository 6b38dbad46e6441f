//! What the operator does to running calls: looks, ends one, drains.

use strait_tests::nat::Kind;
use strait_tests::require;
use strait_tests::topology::{ALICE, BOB, CAROL};

use crate::scene::{CALL_LIMIT, Scene};

#[test]
fn a_call_is_listed_shown_and_ended() {
    require!("sipp", "kamailio");
    let scene = Scene::start(Kind::FullCone, Kind::Symmetric);
    let topology = &scene.topology;
    let alice = scene.phone(&topology.alice, ALICE, "alice", "bob");
    let bob = scene.phone(&topology.bob, BOB, "bob", "alice");
    alice.register(topology);
    bob.register(topology);
    let answering = bob.start(topology, "answer");
    let calling = alice.start(topology, "call-until-hung-up");
    scene.wait_for_answered(2);
    let list = scene
        .strait
        .query(&["calls", "list"])
        .expect("calls are up");
    let number = list[0]["number"].to_string();
    let shown = scene
        .strait
        .query(&["calls", "show", &number])
        .expect("the call is up");
    assert!(shown.to_string().contains("alice"), "{shown:#}");
    scene
        .strait
        .query(&["calls", "end", &number])
        .expect("the call can be ended");
    calling.succeed(CALL_LIMIT);
    answering.succeed(CALL_LIMIT);
    let records = scene.strait.records(2);
    assert!(
        records.iter().any(|r| r.to_string().contains("operator")),
        "{records:#?}"
    );
    scene.finish();
}

#[test]
fn a_drain_refuses_new_calls_and_lets_those_that_stand_end_by_themselves() {
    require!("sipp", "kamailio");
    let scene = Scene::start(Kind::FullCone, Kind::Symmetric);
    let topology = &scene.topology;
    let alice = scene.phone(&topology.alice, ALICE, "alice", "bob");
    let bob = scene.phone(&topology.bob, BOB, "bob", "alice");
    let carol = scene.phone(&topology.carol, CAROL, "carol", "bob");
    for phone in [&alice, &bob, &carol] {
        phone.register(topology);
    }
    let answering = bob.start(topology, "answer");
    let calling = alice.start(topology, "call");
    scene.wait_for_answered(2);
    scene.strait.query(&["drain"]).expect("it drains");
    carol.run(topology, "call-refused-503");
    calling.succeed(CALL_LIMIT);
    answering.succeed(CALL_LIMIT);
    for record in scene.strait.records(2) {
        assert_eq!(record["reason"], "bye", "{record:#}");
    }
    scene.finish();
}

#[test]
fn a_stop_ends_the_calls_that_stand_after_the_drain_timeout() {
    require!("sipp", "kamailio");
    let scene = Scene::start(Kind::FullCone, Kind::Symmetric);
    let topology = &scene.topology;
    let alice = scene.phone(&topology.alice, ALICE, "alice", "bob");
    let bob = scene.phone(&topology.bob, BOB, "bob", "alice");
    alice.register(topology);
    bob.register(topology);
    let answering = bob.start(topology, "answer");
    let calling = alice.start(topology, "call-until-hung-up");
    scene.wait_for_answered(2);
    let (_, _, topology) = scene.stop();
    calling.succeed(CALL_LIMIT);
    answering.succeed(CALL_LIMIT);
    let records = std::fs::read_to_string(topology.file("calls.jsonl")).expect("records");
    assert_eq!(records.lines().count(), 2, "{records}");
}
