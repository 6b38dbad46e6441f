//! Where something runs out: ports, a party's life, the operator's patience.

use std::time::Duration;

use strait_tests::capture::tshark;
use strait_tests::nat::Kind;
use strait_tests::program::wait_until;
use strait_tests::require;
use strait_tests::sipp::Calls;
use strait_tests::strait::Configuration;
use strait_tests::topology::{ALICE, BOB, CAROL};

use crate::scene::{CALL_LIMIT, Scene};

#[test]
fn the_call_that_finds_no_port_is_told_when_to_try_again() {
    require!("sipp", "kamailio");
    let configuration = Configuration {
        ports: "20000-20003",
        ..Configuration::default()
    };
    let scene = Scene::configured(Kind::FullCone, Kind::Symmetric, &configuration);
    let topology = &scene.topology;
    let alice = scene.phone(&topology.alice, ALICE, "alice", "bob");
    let bob = scene.phone(&topology.bob, BOB, "bob", "alice");
    let carol = scene.phone(&topology.carol, CAROL, "carol", "bob");
    for phone in [&alice, &bob, &carol] {
        phone.register(topology);
    }
    let answering = bob.start(topology, "answer");
    let calling = alice.start(topology, "call-until-hung-up");
    wait_for_calls(&scene, 2);
    carol.run(topology, "call-refused-503");
    end_all(&scene);
    calling.succeed(CALL_LIMIT);
    answering.succeed(CALL_LIMIT);
    let (access, _, _topology) = scene.finish();
    let refused = tshark(&access, "sip.Status-Code == 503 && sip.Retry-After");
    assert!(!refused.is_empty(), "no Retry-After");
}

#[test]
fn a_call_whose_parties_died_ends_by_itself() {
    require!("sipp", "kamailio");
    let configuration = Configuration {
        access: vec!["media_timeout: 5s".into()],
        core: vec!["media_timeout: 5s".into()],
        ..Configuration::default()
    };
    let scene = Scene::configured(Kind::FullCone, Kind::Symmetric, &configuration);
    let topology = &scene.topology;
    let alice = scene.phone(&topology.alice, ALICE, "alice", "bob");
    let bob = scene.phone(&topology.bob, BOB, "bob", "alice");
    alice.register(topology);
    bob.register(topology);
    let answering = bob.start(topology, "answer");
    let calling = alice.start(topology, "call-until-hung-up");
    wait_for_calls(&scene, 2);
    wait_for_media(&scene);
    answering.signal("STOP");
    calling.signal("STOP");
    let records = scene.strait.records(2);
    assert!(
        records.iter().any(|r| r.to_string().contains("media")),
        "{records:#?}"
    );
    // Who comes back to life finds that the call is over.
    answering.signal("CONT");
    calling.signal("CONT");
    calling.succeed(CALL_LIMIT);
    answering.succeed(CALL_LIMIT);
    scene.finish();
}

#[test]
fn a_hundred_calls_leave_nothing_behind() {
    require!("sipp", "kamailio");
    let configuration = Configuration {
        ports: "20000-20999",
        ..Configuration::default()
    };
    let scene = Scene::configured(Kind::FullCone, Kind::Symmetric, &configuration);
    let topology = &scene.topology;
    let mut alice = scene.phone(&topology.alice, ALICE, "alice", "bob");
    let mut bob = scene.phone(&topology.bob, BOB, "bob", "alice");
    alice.register(topology);
    bob.register(topology);
    (alice.calls, bob.calls) = (
        Calls {
            total: 100,
            rate: 20,
        },
        Calls {
            total: 100,
            rate: 1,
        },
    );
    let answering = bob.start(topology, "answer");
    alice.start(topology, "call").succeed(CALL_LIMIT);
    answering.succeed(CALL_LIMIT);
    let records = scene.strait.records(200);
    let unheard: Vec<_> = records
        .iter()
        .filter(|record| record["streams"].as_array().is_none_or(Vec::is_empty))
        .collect();
    assert!(unheard.is_empty(), "{unheard:#?}");
    scene.finish();
}

fn wait_for_calls(scene: &Scene, count: usize) {
    let list = || scene.strait.query(&["calls", "list"]).unwrap_or_default();
    let up = wait_until(Duration::from_secs(10), || {
        list().as_array().is_some_and(|calls| {
            calls.len() == count && calls.iter().all(|call| call["state"] == "answered")
        })
    });
    assert!(up, "{:#}", list());
}

/// Waits until every party of every call has been heard, so that each is past its ACK.
fn wait_for_media(scene: &Scene) {
    let list = || scene.strait.query(&["calls", "list"]).unwrap_or_default();
    let heard =
        |stream: &serde_json::Value| stream["rtcp"] == true || stream["packets"].as_u64() > Some(0);
    let all = wait_until(Duration::from_secs(10), || {
        let calls = list();
        let mut calls = calls.as_array().into_iter().flatten();
        calls.all(|call| {
            let streams = call["streams"].as_array();
            streams.is_some_and(|streams| streams.iter().all(heard))
        })
    });
    assert!(all, "{:#}", list());
}

fn end_all(scene: &Scene) {
    for call in scene
        .strait
        .query(&["calls", "list"])
        .unwrap_or_default()
        .as_array()
        .unwrap()
    {
        // The second of a pair may have ended with the first.
        let _ = scene
            .strait
            .query(&["calls", "end", &call["number"].to_string()]);
    }
}
