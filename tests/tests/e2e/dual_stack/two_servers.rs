//! Embodiment 2: two dual servers in two domains, with the DNS between them.

use strait_parties::phone::{Registering, Version};
use strait_tests::figure::assert_figure;
use strait_tests::nsd::Zone;
use strait_tests::require;

use super::scene::{
    ALICE, BOB, DNS_ONE, DNS_TWO, NET, NET_ZONE, ONE, ORG, Scene, TWO, assert_registrations,
};

const SERVER_JUDGES: &str = "media: direct, judge: arrival, mismatch: redirect";
const TERMINAL_JUDGES: &str = "media: direct, judge: terminal";

/// `two` in both versions.
const ORG_ZONE: &str = "
    _sip._udp SRV 0 0 5060 two
    two A 198.51.100.2
    two AAAA 2001:db8:1::2
";

fn scene(steering: &str, registering: Registering) -> Scene {
    let mut scene = domains();
    scene.server(ONE, NET, Some(DNS_ONE), steering);
    scene.server(TWO, ORG, Some(DNS_TWO), steering);
    scene.terminal(ALICE, NET, ONE, registering, true);
    scene.terminal(BOB, ORG, TWO, Registering::First, true);
    scene
}

/// The same with a dual server of example.org that is not ours and judges nothing.
fn scene_with_kamailio() -> Scene {
    let mut scene = domains();
    scene.server(ONE, NET, Some(DNS_ONE), TERMINAL_JUDGES);
    scene.kamailio(TWO, ORG, DNS_TWO, true);
    scene.terminal(ALICE, NET, ONE, Registering::First, true);
    scene.terminal(BOB, ORG, TWO, Registering::First, true);
    scene
}

fn domains() -> Scene {
    let mut scene = Scene::new(&[ALICE, BOB, ONE, TWO, DNS_ONE, DNS_TWO]);
    for dns in [DNS_ONE, DNS_TWO] {
        scene.dns(dns, &[Zone::new(NET, NET_ZONE), Zone::new(ORG, ORG_ZONE)]);
    }
    scene
}

#[test]
fn figure_13_the_far_server_judges() {
    require!("nsd");
    let scene = scene(SERVER_JUDGES, Registering::Each);
    scene.talk(ALICE, BOB, "bob@example.org", Version::V4);
    let said = scene.finish();
    assert_registrations(
        &said,
        "
        alice > one IPv6 REGISTER
        one > alice IPv6 200 REGISTER
        alice > one IPv4 REGISTER
        one > alice IPv4 200 REGISTER
        bob > two IPv4 REGISTER
        two > bob IPv4 200 REGISTER
        ",
    );
    assert_figure(
        &said.steps,
        "
        alice > one IPv6 INVITE
        one > dns-one IPv4 DNS
        one > two IPv6 INVITE
        two > one IPv6 380 INVITE
        one > two IPv6 ACK
        one > alice IPv6 380 INVITE
        alice > one IPv6 ACK
        alice > one IPv4 INVITE
        one > two IPv4 INVITE
        two > bob IPv4 INVITE
        bob > two IPv4 200 INVITE
        two > one IPv4 200 INVITE
        one > alice IPv4 200 INVITE
        alice > one IPv4 ACK
        one > two IPv4 ACK
        two > bob IPv4 ACK
        ",
    );
    assert_eq!(said.offers(ALICE, ONE)[1], said.offers(TWO, BOB)[0]);
}

#[test]
fn figure_14_a_call_from_the_terminal_of_one_version() {
    require!("nsd");
    let scene = scene(SERVER_JUDGES, Registering::Each);
    scene.talk(BOB, ALICE, "alice@example.net", Version::V4);
    let said = scene.finish();
    assert_figure(
        &said.steps,
        "
        bob > two IPv4 INVITE
        two > dns-two IPv4 DNS
        two > one IPv4 INVITE
        one > alice IPv4 INVITE
        alice > one IPv4 200 INVITE
        one > two IPv4 200 INVITE
        two > bob IPv4 200 INVITE
        bob > two IPv4 ACK
        two > one IPv4 ACK
        one > alice IPv4 ACK
        ",
    );
    assert_eq!(said.offers(BOB, TWO), said.offers(ONE, ALICE));
}

const FIGURE_15: &str = "
        alice > one IPv6 INVITE
        one > dns-one IPv4 DNS
        one > two IPv6 INVITE
        two > bob IPv4 INVITE
        bob > two IPv4 380 INVITE
        two > bob IPv4 ACK
        two > one IPv6 380 INVITE
        one > two IPv6 ACK
        one > alice IPv6 380 INVITE
        alice > one IPv6 ACK
        alice > one IPv6 INVITE
        one > two IPv6 INVITE
        two > bob IPv4 INVITE
        bob > two IPv4 200 INVITE
        two > one IPv6 200 INVITE
        one > alice IPv6 200 INVITE
        alice > one IPv6 ACK
        one > two IPv6 ACK
        two > bob IPv4 ACK
    ";

#[test]
fn figure_15_the_called_terminal_of_the_other_domain_judges() {
    require!("nsd");
    let scene = scene(TERMINAL_JUDGES, Registering::First);
    scene.talk(ALICE, BOB, "bob@example.org", Version::V4);
    let said = scene.finish();
    assert_figure(&said.steps, FIGURE_15);
    assert_eq!(said.offers(ALICE, ONE), said.offers(TWO, BOB));
}

#[test]
fn figure_15_with_kamailio_as_the_dual_server_of_the_other_domain() {
    require!("nsd", "kamailio");
    let scene = scene_with_kamailio();
    scene.talk(ALICE, BOB, "bob@example.org", Version::V4);
    let said = scene.finish();
    assert_figure(&said.steps, FIGURE_15);
    assert_eq!(said.offers(ALICE, ONE), said.offers(TWO, BOB));
}

#[test]
fn figure_16_a_call_to_the_terminal_that_registered_in_the_other_version() {
    require!("nsd");
    let scene = scene(TERMINAL_JUDGES, Registering::First);
    scene.talk(BOB, ALICE, "alice@example.net", Version::V4);
    let said = scene.finish();
    assert_figure(
        &said.steps,
        "
        bob > two IPv4 INVITE
        two > dns-two IPv4 DNS
        two > one IPv4 INVITE
        one > alice IPv6 INVITE
        alice > one IPv6 200 INVITE
        one > two IPv4 200 INVITE
        two > bob IPv4 200 INVITE
        bob > two IPv4 ACK
        two > one IPv4 ACK
        one > alice IPv6 ACK
        ",
    );
    assert_eq!(said.offers(BOB, TWO), said.offers(ONE, ALICE));
}
