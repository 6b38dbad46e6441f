//! Embodiment 3: a far server that speaks only IPv4, and is not ours: Kamailio.

use strait_parties::phone::{Registering, Version};
use strait_tests::figure::assert_figure;
use strait_tests::nsd::Zone;
use strait_tests::require;

use super::scene::{
    ALICE, BOB, DNS_ONE, DNS_TWO, NET, NET_ZONE, ONE, ORG, Scene, TWO, assert_registrations,
};

/// `two` in IPv4 alone.
const ORG_ZONE: &str = "
    _sip._udp SRV 0 0 5060 two
    two A 198.51.100.2
";

fn scene(steering: &str, registering: Registering) -> Scene {
    let mut scene = Scene::new(&[ALICE, BOB, ONE, TWO, DNS_ONE, DNS_TWO]);
    for dns in [DNS_ONE, DNS_TWO] {
        scene.dns(dns, &[Zone::new(NET, NET_ZONE), Zone::new(ORG, ORG_ZONE)]);
    }
    scene.server(ONE, NET, Some(DNS_ONE), steering);
    scene.kamailio(TWO, ORG, DNS_TWO, false);
    scene.terminal(ALICE, NET, ONE, registering, true);
    scene.terminal(BOB, ORG, TWO, Registering::First, true);
    scene
}

#[test]
fn figure_17_a_call_to_a_server_of_ipv4_alone() {
    require!("nsd", "kamailio");
    let scene = scene(
        "media: direct, judge: arrival, mismatch: redirect",
        Registering::Each,
    );
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
fn figure_18_a_call_from_a_server_of_ipv4_alone() {
    require!("nsd", "kamailio");
    let scene = scene(
        "media: direct, judge: arrival, mismatch: redirect",
        Registering::Each,
    );
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

#[test]
fn figure_19_the_terminal_behind_a_server_of_ipv4_alone_judges() {
    require!("nsd", "kamailio");
    let scene = scene("media: direct, judge: terminal", Registering::First);
    scene.talk(ALICE, BOB, "bob@example.org", Version::V4);
    let said = scene.finish();
    assert_figure(
        &said.steps,
        "
        alice > one IPv6 INVITE
        one > dns-one IPv4 DNS
        one > two IPv4 INVITE
        two > bob IPv4 INVITE
        bob > two IPv4 380 INVITE
        two > bob IPv4 ACK
        two > one IPv4 380 INVITE
        one > two IPv4 ACK
        one > alice IPv6 380 INVITE
        alice > one IPv6 ACK
        alice > one IPv6 INVITE
        one > two IPv4 INVITE
        two > bob IPv4 INVITE
        bob > two IPv4 200 INVITE
        two > one IPv4 200 INVITE
        one > alice IPv6 200 INVITE
        alice > one IPv6 ACK
        one > two IPv4 ACK
        two > bob IPv4 ACK
        ",
    );
    assert_eq!(said.offers(ALICE, ONE), said.offers(TWO, BOB));
}

#[test]
fn figure_20_a_call_from_there_to_a_terminal_registered_in_ipv6() {
    require!("nsd", "kamailio");
    let scene = scene("media: direct, judge: terminal", Registering::First);
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
