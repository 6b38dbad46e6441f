//! What the operator does to running calls: looks, ends one, drains.

use std::time::Duration;

use strait_tests::nat::Kind;
use strait_tests::program::wait_until;
use strait_tests::require;
use strait_tests::topology::{ALICE, BOB};

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
    let list = || scene.strait.query(&["calls", "list"]).unwrap_or_default();
    let up = wait_until(Duration::from_secs(10), || {
        list().as_array().is_some_and(|calls| {
            calls.len() == 2 && calls.iter().all(|call| call["state"] == "answered")
        })
    });
    assert!(up, "{:#}", list());
    let number = list()[0]["number"].to_string();
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
