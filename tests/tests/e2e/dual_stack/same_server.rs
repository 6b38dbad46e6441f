//! Embodiment 1, both terminals on one server, and embodiment 4, messages between versions.

use std::collections::BTreeSet;
use std::time::Duration;

use strait_parties::phone::{Event, Registering, Version};
use strait_tests::figure::{Actor, assert_figure};
use strait_tests::program::wait_until;
use strait_tests::require;

use super::scene::{ALICE, BOB, CAROL, NET, ONE, Scene, assert_registrations};

const SERVER_JUDGES: &str = "media: direct, judge: arrival, mismatch: redirect";
const TERMINAL_JUDGES: &str = "media: direct, judge: terminal";

const REDIRECTED: &str = "
    alice > one IPv6 INVITE
    one > alice IPv6 380 INVITE
    alice > one IPv6 ACK
    alice > one IPv4 INVITE
    one > bob IPv4 INVITE
    bob > one IPv4 200 INVITE
    one > alice IPv4 200 INVITE
    alice > one IPv4 ACK
    one > bob IPv4 ACK
";

const CALLED: &str = "
    bob > one IPv4 INVITE
    one > alice IPv4 INVITE
    alice > one IPv4 200 INVITE
    one > bob IPv4 200 INVITE
    bob > one IPv4 ACK
    one > alice IPv4 ACK
";

const EACH: &str = "
    alice > one IPv6 REGISTER
    one > alice IPv6 200 REGISTER
    alice > one IPv4 REGISTER
    one > alice IPv4 200 REGISTER
    bob > one IPv4 REGISTER
    one > bob IPv4 200 REGISTER
";

const TOGETHER: &str = "
    alice > one IPv6 REGISTER
    one > alice IPv6 200 REGISTER
    bob > one IPv4 REGISTER
    one > bob IPv4 200 REGISTER
";

fn scene(steering: &str, registering: Registering) -> Scene {
    let mut scene = Scene::new(&[ALICE, BOB, ONE]);
    scene.server(ONE, NET, None, steering);
    scene.terminal(ALICE, NET, ONE, registering, true);
    scene.terminal(BOB, NET, ONE, Registering::First, true);
    scene
}

#[test]
fn figure_3_a_dual_terminal_that_registered_twice_calls() {
    require!();
    let scene = scene(SERVER_JUDGES, Registering::Each);
    scene.talk(ALICE, BOB, "bob", Version::V4);
    let said = scene.finish();
    assert_registrations(&said, EACH);
    assert_figure(&said.steps, REDIRECTED);
    assert_eq!(said.offers(ALICE, ONE)[1], said.offers(ONE, BOB)[0]);
}

#[test]
fn figure_4_and_is_called() {
    require!();
    let scene = scene(SERVER_JUDGES, Registering::Each);
    scene.talk(BOB, ALICE, "alice", Version::V4);
    let said = scene.finish();
    assert_figure(&said.steps, CALLED);
    assert_eq!(said.offers(BOB, ONE), said.offers(ONE, ALICE));
}

#[test]
fn figure_5_a_dual_terminal_that_registered_both_at_once_calls() {
    require!();
    let scene = scene(SERVER_JUDGES, Registering::Together);
    scene.talk(ALICE, BOB, "bob", Version::V4);
    let said = scene.finish();
    assert_registrations(&said, TOGETHER);
    assert_figure(&said.steps, REDIRECTED);
}

#[test]
fn figure_6_and_is_called() {
    require!();
    let scene = scene(SERVER_JUDGES, Registering::Together);
    scene.talk(BOB, ALICE, "alice", Version::V4);
    let said = scene.finish();
    assert_registrations(&said, TOGETHER);
    assert_figure(&said.steps, CALLED);
}

#[test]
fn figure_7_the_called_terminal_judges() {
    require!();
    let scene = scene(TERMINAL_JUDGES, Registering::First);
    scene.talk(ALICE, BOB, "bob", Version::V4);
    let said = scene.finish();
    assert_figure(
        &said.steps,
        "
        alice > one IPv6 INVITE
        one > bob IPv4 INVITE
        bob > one IPv4 380 INVITE
        one > bob IPv4 ACK
        one > alice IPv6 380 INVITE
        alice > one IPv6 ACK
        alice > one IPv6 INVITE
        one > bob IPv4 INVITE
        bob > one IPv4 200 INVITE
        one > alice IPv6 200 INVITE
        alice > one IPv6 ACK
        one > bob IPv4 ACK
        ",
    );
    assert_eq!(said.offers(ALICE, ONE), said.offers(ONE, BOB));
}

#[test]
fn figure_8_a_terminal_of_ipv6_signalling_is_called() {
    require!();
    let scene = scene(TERMINAL_JUDGES, Registering::First);
    scene.talk(BOB, ALICE, "alice", Version::V4);
    let said = scene.finish();
    assert_figure(
        &said.steps,
        "
        bob > one IPv4 INVITE
        one > alice IPv6 INVITE
        alice > one IPv6 200 INVITE
        one > bob IPv4 200 INVITE
        bob > one IPv4 ACK
        one > alice IPv6 ACK
        ",
    );
    assert_eq!(said.offers(BOB, ONE), said.offers(ONE, ALICE));
}

/// An IPv6 terminal and an IPv4 terminal, registered.
fn of_one_version_each() -> Scene {
    let mut scene = Scene::new(&[BOB, CAROL, ONE]);
    scene.server(ONE, NET, None, SERVER_JUDGES);
    scene.terminal(CAROL, NET, ONE, Registering::First, true);
    scene.terminal(BOB, NET, ONE, Registering::First, true);
    scene
}

/// Waits until one of them has heard a text from another.
fn assert_hears(scene: &Scene, who: Actor, from: Actor, text: &str) {
    let wanted = Event::Told {
        from: from.name.to_owned(),
        text: text.to_owned(),
    };
    let heard = wait_until(Duration::from_secs(5), || {
        let events = scene
            .phone(who)
            .act(|phone, _| std::iter::from_fn(|| phone.poll_event()).collect::<Vec<_>>());
        events.contains(&wanted)
    });
    assert!(heard, "{} has not heard {}", who.name, from.name);
}

#[test]
fn figure_10_messages_pass_between_versions() {
    require!();
    let scene = of_one_version_each();
    for (from, to, text) in [(CAROL, BOB, "hello bob"), (BOB, CAROL, "hello carol")] {
        scene
            .phone(from)
            .act(move |phone, now| phone.text(now, to.name, text));
        assert_hears(&scene, to, from, text);
    }
    let said = scene.finish();
    assert_figure(
        &said.steps,
        "
        carol > one IPv6 MESSAGE
        one > bob IPv4 MESSAGE
        bob > one IPv4 200 MESSAGE
        one > carol IPv6 200 MESSAGE
        bob > one IPv4 MESSAGE
        one > carol IPv6 MESSAGE
        carol > one IPv6 200 MESSAGE
        one > bob IPv4 200 MESSAGE
        ",
    );
}

#[test]
fn presence_passes_between_versions() {
    require!();
    let scene = of_one_version_each();
    scene.phone(CAROL).act(|phone, now| phone.watch(now, "bob"));
    scene
        .phone(BOB)
        .wait("watched", |phone| phone.watches() == 1);
    scene
        .phone(BOB)
        .act(|phone, now| phone.publish(now, "out to lunch"));
    assert_hears(&scene, CAROL, BOB, "out to lunch");
    let said = scene.finish();
    // Answer and first notification overtake each other: it is the arrows that count.
    let arrows: BTreeSet<String> = said.steps.iter().map(ToString::to_string).collect();
    let wanted = [
        "bob > one IPv4 200 SUBSCRIBE",
        "bob > one IPv4 NOTIFY",
        "carol > one IPv6 200 NOTIFY",
        "carol > one IPv6 SUBSCRIBE",
        "one > bob IPv4 200 NOTIFY",
        "one > bob IPv4 SUBSCRIBE",
        "one > carol IPv6 200 SUBSCRIBE",
        "one > carol IPv6 NOTIFY",
    ];
    assert_eq!(arrows, wanted.map(str::to_owned).into());
}
