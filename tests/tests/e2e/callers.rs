//! Programs that are not ours register at Strait itself and call each other: they prove who they
//! are by digest.

use std::thread::sleep;
use std::time::Duration;

use strait_tests::baresip::{Account, Phone};
use strait_tests::kamailio::DOMAIN;
use strait_tests::namespace::Namespace;
use strait_tests::nat::Kind;
use strait_tests::program::wait_until;
use strait_tests::require;
use strait_tests::strait::Configuration;
use strait_tests::topology::{ACCESS, ALICE, BOB, CAROL, DAVE, Topology};

use crate::scene::{CALL_LIMIT, Ear, Scene, assert_both_heard};

const TALK: Duration = Duration::from_secs(3);

/// Strait serves the domain by itself. Neither program knows another algorithm than MD5.
fn scene() -> Scene {
    let topology = Topology::new(Kind::Symmetric, Kind::FullCone);
    let user = |name| format!("- {{ user: {name}, domain: {DOMAIN}, password: secret }}\n");
    let users = user("alice") + &user("bob") + &user("dave");
    std::fs::write(topology.file("users.yaml"), users).unwrap();
    let serve = format!(
        "serve: {{ domains: [ {DOMAIN} ], users: \"{{directory}}/users.yaml\", \
         digest: [ md5 ], dns: false }}"
    );
    let configuration = Configuration {
        softswitches: Vec::new(),
        access: vec![serve],
        ..Configuration::default()
    };
    Scene::assemble(topology, None, &configuration)
}

/// baresip at Alice's place, registered.
fn alice(topology: &Topology) -> Phone<'_> {
    let account = Account {
        user: "alice",
        address: ALICE,
        proxy: &format!("{ACCESS}:5060"),
        transport: "udp",
        answers: false,
    };
    Phone::start(topology, &topology.alice, &account)
}

/// SIPp has been started there, and now takes calls.
fn wait_for_listener(host: &Namespace) {
    let listens = || {
        let sockets = host.command("ss").args(["-uanH", "sport = :5060"]).output();
        sockets.is_ok_and(|output| !output.stdout.is_empty())
    };
    assert!(
        wait_until(Duration::from_secs(10), listens),
        "nobody listens"
    );
}

#[test]
fn baresip_behind_a_nat_calls_sipp_on_ipv6() {
    require!("sipp", "baresip");
    let scene = scene();
    let topology = &scene.topology;
    let dave = scene.phone(&topology.dave, DAVE, "dave", "alice");
    dave.register(topology);
    let mut alice = alice(topology);
    let ears = (
        Ear::start(topology, &topology.alice, ALICE, "alice"),
        Ear::start(topology, &topology.dave, DAVE, "dave"),
    );
    let answering = dave.start(topology, "answer");
    wait_for_listener(&topology.dave);
    alice.command("dial", &format!("sip:dave@{DOMAIN}"));
    alice.wait_for("Call established");
    sleep(TALK);
    alice.command("hangup", "");
    answering.succeed(CALL_LIMIT);
    assert_both_heard(ears.0, ears.1, 100);
    // Nothing crossed the core, whose capture is thus empty.
    scene.strait.assert_idle();
    scene.strait.stop();
}

#[test]
fn all_phones_of_a_user_ring_and_the_one_that_answers_has_the_call() {
    require!("sipp", "baresip");
    let scene = scene();
    let topology = &scene.topology;
    let desk = scene.phone(&topology.bob, BOB, "bob", "alice");
    let attic = scene.phone(&topology.carol, CAROL, "bob", "alice");
    desk.register(topology);
    attic.register(topology);
    let mut alice = alice(topology);
    let ears = (
        Ear::start(topology, &topology.alice, ALICE, "alice"),
        Ear::start(topology, &topology.bob, BOB, "bob"),
    );
    let ringing = attic.start(topology, "ring-until-cancelled");
    let answering = desk.start(topology, "answer-slowly");
    wait_for_listener(&topology.bob);
    wait_for_listener(&topology.carol);
    alice.command("dial", &format!("sip:bob@{DOMAIN}"));
    alice.wait_for("Call established");
    ringing.succeed(CALL_LIMIT);
    sleep(TALK);
    alice.command("hangup", "");
    answering.succeed(CALL_LIMIT);
    assert_both_heard(ears.0, ears.1, 100);
    scene.strait.assert_idle();
    scene.strait.stop();
}
