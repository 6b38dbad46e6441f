//! Commands over a network that loses and repeats: carried out at most once, repeated until they
//! are answered, in one datagram or several.

use std::time::Duration;

use super::scene::{CREATE, CREATED, Scene, say};

#[test]
fn a_command_that_comes_again_is_carried_out_once() {
    let mut scene = Scene::by_name();
    let create = CREATE.replace("@GW", &format!("@{}", scene.domain));
    let outcome = say(&mut scene.world, scene.agent, &create);
    assert_eq!(outcome.to(scene.gateway).len(), 1);
    assert!(
        say(&mut scene.world, scene.agent, &create).sent.is_empty(),
        "it waits"
    );
    let told = scene.answer(CREATED);
    assert!(
        say(&mut scene.world, scene.gateway, CREATED)
            .sent
            .is_empty()
    );
    let again = say(&mut scene.world, scene.agent, &create);
    assert_eq!(again.only(scene.agent), told);
    assert_eq!(scene.world.gateway.sizes().legs, 1);
    scene.world.wait(Duration::from_secs(31));
    let late = say(&mut scene.world, scene.agent, &create);
    assert_eq!(late.to(scene.gateway).len(), 1, "T-Hist is over");
}

#[test]
fn a_command_is_repeated_until_it_is_answered() {
    let mut scene = Scene::by_name();
    let heard = scene.command("AUEP 5 aaln/1@GW MGCP 1.0\r\n");
    let outcome = scene.world.wait(Duration::from_millis(3_600));
    let repeats = outcome.to(scene.gateway);
    assert_eq!(repeats.len(), 3, "after 0.5 s, 1 s and 2 s");
    let own = heard.replace("@GW", &format!("@{}", scene.domain));
    assert!(repeats.iter().all(|repeat| **repeat == *own));
    scene.answer("200 5 OK\r\n");
    assert!(
        scene
            .world
            .wait(Duration::from_secs(10))
            .to(scene.gateway)
            .is_empty()
    );
}

#[test]
fn work_that_takes_long_is_told_of_and_its_response_acknowledged() {
    let mut scene = Scene::by_name();
    scene.command(CREATE);
    assert_eq!(
        scene.answer("100 1204 Pending\r\nI: FDE234C8\r\n"),
        "100 1204 Pending\r\nI: FDE234C8\r\n"
    );
    let outcome = scene.world.wait(Duration::from_secs(18));
    assert!(outcome.to(scene.agent).is_empty());
    let last = CREATED.replace("OK\r\n", "OK\r\nK:\r\n");
    let outcome = say(&mut scene.world, scene.gateway, &last);
    assert_eq!(outcome.only(scene.gateway), "000 1204\r\n");
    assert!(
        outcome
            .only(scene.agent)
            .starts_with("200 1204 OK\r\nK:\r\n")
    );
    let outcome = say(&mut scene.world, scene.agent, "000 1204\r\n");
    assert!(outcome.sent.is_empty());
}

#[test]
fn messages_of_one_datagram_stay_together() {
    let mut scene = Scene::by_address();
    scene.connect();
    scene.answer("NTFY 2005 aaln/1@GW MGCP 1.0\r\nX: 1\r\nO: L/hu\r\n");
    let both = "200 2005 OK\r\n.\r\nDLCX 1244 aaln/1@GW MGCP 1.0\r\nC: A3C47F21456789F0\r\n\
        I: FDE234C8\r\n.\r\nRQNT 1245 aaln/1@GW MGCP 1.0\r\nK: 1204-1209\r\nX: 2\r\nR: L/hd\r\n";
    assert_eq!(scene.command(both), both);
    let answers = "250 1244 OK\r\nP: PS=1\r\n.\r\n200 1245 OK\r\n";
    assert_eq!(scene.answer(answers), answers);
    assert_eq!(scene.world.gateway.sizes().legs, 0);
    // What has been answered is answered again, the rest goes on.
    let again = both
        .replace("1245", "1246")
        .replace("200 2005 OK\r\n.\r\n", "");
    let outcome = say(
        &mut scene.world,
        scene.agent,
        &again.replace("@GW", "@[198.51.100.1]"),
    );
    assert_eq!(outcome.only(scene.agent), "250 1244 OK\r\nP: PS=1\r\n");
    assert!(
        outcome
            .only(scene.gateway)
            .starts_with("RQNT 1246 aaln/1@[192.168.1.5] ")
    );
}

#[test]
fn both_sides_may_use_the_same_numbers() {
    let mut scene = Scene::by_name();
    scene.command("RQNT 77 aaln/1@GW MGCP 1.0\r\nX: 1\r\n");
    scene.answer("NTFY 77 aaln/1@GW MGCP 1.0\r\nX: 1\r\nO: L/hd\r\n");
    assert_eq!(scene.answer("200 77 theirs\r\n"), "200 77 theirs\r\n");
    assert_eq!(scene.command("200 77 ours\r\n"), "200 77 ours\r\n");
    assert_eq!(scene.world.gateway.sizes().passages, 3, "and the restart");
}

const HOOK: &str = "NTFY 2 aaln/1@GW MGCP 1.0\r\nX: 1\r\nO: L/hd\r\n";

/// Whether a command of the gateway's is answered from what was answered before.
fn is_remembered(scene: &mut Scene, command: &str) -> bool {
    let text = command.replace("@GW", &format!("@{}", scene.domain));
    let outcome = say(&mut scene.world, scene.gateway, &text);
    outcome.to(scene.agent).is_empty()
}

#[test]
fn a_gateway_that_restarts_numbers_its_commands_anew() {
    for (restart, anew) in [
        // As it did before, but with a delay: the same number, other words.
        ("RSIP 1 *@GW MGCP 1.0\r\nRM: restart\r\nRD: 0\r\n", true),
        ("RSIP 1 aaln/1@GW MGCP 1.0\r\nRM: restart\r\n", true),
        ("RSIP 7 *@GW MGCP 1.0\r\n", true),
        ("RSIP 7 aaln/2@GW MGCP 1.0\r\nRM: restart\r\n", false),
        ("RSIP 7 *@GW MGCP 1.0\r\nRM: disconnected\r\n", false),
        ("RSIP 7 *@GW MGCP 1.0\r\nRM: graceful\r\n", false),
    ] {
        let mut scene = Scene::by_name();
        scene.answer(HOOK);
        scene.command("200 2 OK\r\n");
        assert!(is_remembered(&mut scene, HOOK));
        assert_eq!(scene.answer(restart), restart);
        assert!(is_remembered(&mut scene, restart), "it waits");
        let number = restart.split(' ').nth(1).unwrap().to_owned();
        scene.command(&format!("200 {number} OK\r\n"));
        assert!(is_remembered(&mut scene, restart), "it was answered");
        let repeated = format!("{restart}K: 2\r\n");
        assert!(
            is_remembered(&mut scene, &repeated),
            "what has arrived is said beside it"
        );
        assert_eq!(is_remembered(&mut scene, HOOK), !anew, "{restart}");
    }
}
