//! baresip as the phone: hold, resume, and a transfer to a third party.

use std::thread::sleep;
use std::time::Duration;

use strait_tests::baresip::{Account, Phone};
use strait_tests::nat::Kind;
use strait_tests::require;
use strait_tests::topology::{ACCESS, ALICE, BOB, CAROL};

use crate::scene::{Ear, Scene, assert_both_heard, assert_talked};

const TALK: Duration = Duration::from_secs(3);

#[test]
fn hold_silences_the_call_and_resume_brings_it_back() {
    require!("baresip", "kamailio");
    let scene = Scene::start(Kind::Symmetric, Kind::Symmetric);
    let topology = &scene.topology;
    let proxy = format!("{ACCESS}:5060");
    let account = |user, address, answers| Account {
        user,
        address,
        proxy: &proxy,
        transport: "udp",
        answers,
    };
    let _bob = Phone::start(topology, &topology.bob, &account("bob", BOB, true));
    let mut alice = Phone::start(topology, &topology.alice, &account("alice", ALICE, false));
    let ears = (
        Ear::start(topology, &topology.alice, ALICE, "alice"),
        Ear::start(topology, &topology.bob, BOB, "bob"),
    );
    alice.command("dial", "sip:bob@example.test");
    alice.wait_for("Call established");
    sleep(TALK);
    alice.command("hold", "");
    sleep(Duration::from_secs(1));
    let held = alice_packets(&scene);
    sleep(Duration::from_secs(1));
    assert_eq!(
        alice_packets(&scene),
        held,
        "media passed while the call was on hold"
    );
    alice.command("resume", "");
    sleep(TALK);
    assert!(alice_packets(&scene) > held, "no media after resume");
    alice.command("hangup", "");
    scene.strait.records(2);
    assert_both_heard(ears.0, ears.1, 200);
    scene.finish();
}

#[test]
fn transfer_joins_the_third_party() {
    require!("baresip", "kamailio");
    let scene = Scene::start(Kind::Symmetric, Kind::FullCone);
    let topology = &scene.topology;
    let proxy = format!("{ACCESS}:5060");
    let account = |user, address, answers| Account {
        user,
        address,
        proxy: &proxy,
        transport: "udp",
        answers,
    };
    let _carol = Phone::start(topology, &topology.carol, &account("carol", CAROL, true));
    let bob = Phone::start(topology, &topology.bob, &account("bob", BOB, true));
    let mut alice = Phone::start(topology, &topology.alice, &account("alice", ALICE, false));
    alice.command("dial", "sip:bob@example.test");
    alice.wait_for("Call established");
    sleep(Duration::from_secs(1));
    let ears = (
        Ear::start(topology, &topology.bob, BOB, "bob"),
        Ear::start(topology, &topology.carol, CAROL, "carol"),
    );
    alice.command("transfer", "sip:carol@example.test");
    bob.wait_until_output("the transferred call", |output| {
        output.matches("Call established").count() >= 2
    });
    sleep(TALK);
    bob.command("hangup", "");
    // alice to bob and bob to carol, each in and out of Strait.
    scene.strait.records(4);
    assert_talked(ears.0, ears.1, 100);
    scene.finish();
}

/// Packets that went through the calls that are up, summed.
fn alice_packets(scene: &Scene) -> u64 {
    let calls = scene
        .strait
        .query(&["calls", "list"])
        .expect("strait answers");
    calls
        .as_array()
        .expect("a list of calls")
        .iter()
        .flat_map(|call| call["streams"].as_array().cloned().unwrap_or_default())
        .filter(|stream| stream["rtcp"] != true)
        .filter_map(|stream| stream["packets"].as_u64())
        .sum()
}
