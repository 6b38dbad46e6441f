//! IPv4 here, IPv6 there; UDP here, TCP there.

use strait_tests::kamailio;
use strait_tests::nat::Kind;
use strait_tests::require;
use strait_tests::strait::{Configuration, softswitch};
use strait_tests::topology::{BOB, DAVE, SOFTSWITCH_V6, Topology};

use crate::scene::{CALL_LIMIT, Ear, Scene, assert_both_heard};

#[test]
fn ipv6_phone_calls_ipv4_phone_behind_a_nat() {
    require!("sipp", "kamailio");
    let scene = Scene::start(Kind::FullCone, Kind::Symmetric);
    call_from_dave(scene, false);
}

#[test]
fn ipv4_phone_and_ipv6_phone_over_an_ipv6_core() {
    require!("sipp", "kamailio");
    let topology = Topology::new(Kind::FullCone, Kind::Symmetric);
    let kamailio = kamailio::start(&topology, SOFTSWITCH_V6);
    let configuration = Configuration {
        softswitches: vec![softswitch("core-6", SOFTSWITCH_V6, "udp")],
        ..Configuration::default()
    };
    let scene = Scene::assemble(topology, Some(kamailio), &configuration);
    call_from_dave(scene, false);
}

#[test]
fn tcp_phone_calls_udp_phone() {
    require!("sipp", "kamailio");
    let scene = Scene::start(Kind::FullCone, Kind::FullCone);
    call_from_dave(scene, true);
}

#[test]
fn udp_phone_calls_over_a_tcp_core() {
    require!("sipp", "kamailio");
    let configuration = Configuration {
        softswitches: vec![softswitch(
            "core-1",
            strait_tests::topology::SOFTSWITCH,
            "tcp",
        )],
        ..Configuration::default()
    };
    let scene = Scene::configured(Kind::FullCone, Kind::Symmetric, &configuration);
    call_from_dave(scene, false);
}

fn call_from_dave(scene: Scene, dave_tcp: bool) {
    let topology = &scene.topology;
    let mut dave = scene.phone(&topology.dave, DAVE, "dave", "bob");
    let bob = scene.phone(&topology.bob, BOB, "bob", "dave");
    dave.tcp = dave_tcp;
    dave.register(topology);
    bob.register(topology);
    let ears = (
        Ear::start(topology, &topology.dave, DAVE, "dave"),
        Ear::start(topology, &topology.bob, BOB, "bob"),
    );
    let answering = bob.start(topology, "answer");
    dave.run(topology, "call");
    answering.succeed(CALL_LIMIT);
    assert_both_heard(ears.0, ears.1, 100);
    scene.finish();
}
