//! Strait's processes are killed in the middle of calls; the calls go on.

use std::thread::sleep;
use std::time::{Duration, Instant};

use strait_tests::capture::Holes;
use strait_tests::nat::Kind;
use strait_tests::port::Port;
use strait_tests::program::wait_until;
use strait_tests::require;
use strait_tests::topology::{ALICE, BOB};

use crate::scene::{CALL_LIMIT, Ear, Scene, missed};

/// What a phone sends in a packet.
const PACKET_MS: usize = 20;

#[test]
fn control_killed_over_and_over_costs_no_packet_and_no_call() {
    require!("sipp", "kamailio");
    let missed = call_while(|scene| {
        for _ in 0..3 {
            let started = Instant::now();
            scene.strait.kill("strait-control");
            println!("signalling answers again after {:?}", started.elapsed());
            assert!(both_calls_stand(scene), "{}", scene.strait.output());
            sleep(Duration::from_secs(1));
        }
    });
    for (who, holes) in ["alice", "bob"].into_iter().zip(missed) {
        println!(
            "{who}: {} packets lost while control was killed",
            holes.missing
        );
        assert_eq!(holes.missing, 0, "media does not need control");
    }
}

#[test]
fn the_dataplane_killed_comes_back_to_the_same_calls() {
    require!("sipp", "kamailio");
    let missed = call_while(|scene| {
        scene.strait.kill(Port::chosen().dataplane());
        assert!(both_calls_stand(scene), "{}", scene.strait.output());
    });
    for (who, holes) in ["alice", "bob"].into_iter().zip(missed) {
        println!(
            "{who}: {} packets lost, a gap of {} ms",
            holes.missing,
            holes.longest * PACKET_MS
        );
    }
}

/// A call of twelve seconds between two registered phones, with `fault` in its midst; it ends with
/// a BYE and its records. What alice and bob said and the other did not hear.
fn call_while(fault: impl FnOnce(&Scene)) -> [Holes; 2] {
    let scene = Scene::start(Kind::FullCone, Kind::Symmetric);
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
    let calling = alice.start(topology, "call-twelve-seconds");
    assert!(both_calls_stand(&scene), "the call is up");
    sleep(Duration::from_secs(2));
    fault(&scene);
    calling.succeed(CALL_LIMIT);
    answering.succeed(CALL_LIMIT);
    let missed = missed(ears.0, ears.1, 500);
    let records = scene.strait.records(2);
    for record in &records {
        assert_eq!(record["reason"], "bye", "{record:#}");
        let packets = |stream: &serde_json::Value| stream["packets"].as_u64();
        let streams = record["streams"].as_array().expect("a record has streams");
        let most = streams.iter().filter_map(packets).max();
        assert!(
            most.is_some_and(|most| most > 500),
            "counters went on: {record:#}"
        );
    }
    scene.finish();
    missed
}

/// One call of the phones is two through Strait.
fn both_calls_stand(scene: &Scene) -> bool {
    wait_until(Duration::from_secs(10), || {
        let list = scene.strait.query(&["calls", "list"]).unwrap_or_default();
        let calls = list.as_array().cloned().unwrap_or_default();
        calls.len() == 2 && calls.iter().all(|call| call["state"] == "answered")
    })
}
