//! NAT bindings that run out or change while they are needed.

use std::thread::sleep;
use std::time::Duration;

use strait_tests::baresip::{Account, Phone};
use strait_tests::namespace::Namespace;
use strait_tests::nat::Kind;
use strait_tests::require;
use strait_tests::strait::Configuration;
use strait_tests::topology::{ACCESS, ALICE, BOB};

use crate::scene::{CALL_LIMIT, Ear, Scene, assert_both_heard};

/// Longer than the NATs of these scenarios keep an idle binding.
const IDLE: Duration = Duration::from_secs(9);

#[test]
fn without_keepalive_an_idle_phone_cannot_be_called() {
    require!("baresip", "kamailio");
    assert!(!idle_phone_rings("none"));
}

#[test]
fn options_keep_an_idle_phone_reachable() {
    require!("baresip", "kamailio");
    assert!(idle_phone_rings("options"));
}

#[test]
fn crlf_keeps_an_idle_phone_reachable() {
    require!("baresip", "kamailio");
    assert!(idle_phone_rings("crlf"));
}

#[test]
fn a_short_expiry_keeps_an_idle_phone_reachable() {
    require!("baresip", "kamailio");
    assert!(idle_phone_rings("register"));
}

#[test]
fn a_media_binding_that_changes_in_mid_call_is_followed() {
    require!("sipp", "kamailio", "conntrack");
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
    let answering = bob.start(topology, "answer");
    let calling = alice.start(topology, "call-twelve-seconds");
    sleep(Duration::from_secs(3));
    // The NAT forgets alice's media and gives its next packet another port.
    let mut forget = topology.nat_a.command("conntrack");
    forget.args(["-D", "-p", "udp", "--orig-src", ALICE, "--sport", "6000"]);
    let output = forget.output().expect("conntrack is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    calling.succeed(CALL_LIMIT);
    answering.succeed(CALL_LIMIT);
    // Two of twelve seconds are lost until the old binding counts as silent.
    assert_both_heard(ears.0, ears.1, 500);
    scene.finish();
}

/// Whether bob, registered and then silent for longer than his NAT remembers, can be called.
fn idle_phone_rings(method: &str) -> bool {
    let configuration = Configuration {
        access: vec![
            format!("keepalive: {{ method: {method}, interval: 2s }}"),
            "registration: { minimum_expiry: 2s }".into(),
        ],
        ..Configuration::default()
    };
    let scene = Scene::configured(Kind::FullCone, Kind::Symmetric, &configuration);
    let topology = &scene.topology;
    forget_after_seconds(&topology.nat_b, 4);
    let proxy = format!("{ACCESS}:5060");
    let account = |user, address, answers| Account {
        user,
        address,
        proxy: &proxy,
        transport: "udp",
        answers,
    };
    let _bob = Phone::start(topology, &topology.bob, &account("bob", BOB, true));
    let alice = Phone::start(topology, &topology.alice, &account("alice", ALICE, false));
    sleep(IDLE);
    alice.command("dial", "sip:bob@example.test");
    sleep(Duration::from_secs(3));
    alice.output().contains("Call established")
}

/// Makes a NAT drop UDP bindings that were idle for so long.
fn forget_after_seconds(router: &Namespace, seconds: u32) {
    for key in [
        "nf_conntrack_udp_timeout",
        "nf_conntrack_udp_timeout_stream",
    ] {
        router.sysctl(&format!("net.netfilter.{key}"), &seconds.to_string());
    }
}
