//! Who is where, and who commands whom: restarts, redirection, failover, keep-alive.

use std::time::Duration;

use strait_control::gateway::io::Input;

use super::scene::{CONFIG, PUBLIC, Scene, gateway_at, party, receiver, say, second_agent};
use crate::world::{CORE, Party, World};

#[test]
fn restarts_end_what_they_say_has_ended() {
    for (method, left) in [
        ("graceful\r\nRD: 300", 1),
        ("cancel-graceful", 1),
        ("disconnected", 1),
        ("forced", 0),
        ("restart", 0),
    ] {
        let mut scene = Scene::by_address();
        scene.connect();
        let restart = format!("RSIP 7 aaln/*@GW MGCP 1.0\r\nRM: {method}\r\n");
        assert_eq!(scene.answer(&restart), restart);
        assert_eq!(scene.world.gateway.sizes().legs, left, "{method}");
        assert_eq!(scene.command("200 7 OK\r\n"), "200 7 OK\r\n");
    }
    let mut scene = Scene::by_name();
    scene.connect();
    scene.answer("RSIP 8 aaln/2@GW MGCP 1.0\r\nRM: forced\r\n");
    assert_eq!(scene.world.gateway.sizes().legs, 1, "another endpoint's");
}

#[test]
fn a_call_agent_that_does_not_answer_is_followed_by_the_next() {
    let mut world = World::with(CONFIG);
    let gateway = gateway_at(PUBLIC);
    let restart = "RSIP 1 *@[192.168.1.5] MGCP 1.0\r\nRM: restart\r\n";
    let first = say(&mut world, gateway, restart);
    assert_eq!(first.sent[0].flow.remote.to_string(), "10.0.0.1:2727");
    let outcome = world.wait(Duration::from_millis(8_100));
    let last = outcome.sent.last().unwrap();
    assert_eq!(last.flow.remote.to_string(), "10.0.0.2:2727");
    assert_eq!(last.text, first.sent[0].text);
    let second = Party { flow: last.flow };
    let accepted = say(&mut world, second, "200 1 OK\r\n");
    assert_eq!(accepted.only(gateway), "200 1 OK\r\n");
    // The next one is not brought to the first, which is known not to answer.
    let other = gateway_at("203.0.113.7:40002");
    let outcome = say(&mut world, other, &restart.replace("1.5", "1.6"));
    assert_eq!(outcome.sent[0].flow.remote.to_string(), "10.0.0.2:2727");
}

#[test]
fn a_call_agent_that_is_not_there_at_all_is_not_waited_for() {
    let mut world = World::with(CONFIG);
    let gateway = gateway_at(PUBLIC);
    let first = say(&mut world, gateway, "RSIP 1 *@gw MGCP 1.0\r\n");
    let flow = first.sent[0].flow;
    let outcome = world.input(Input::SendFailed { flow, branch: None });
    assert_eq!(outcome.sent[0].flow.remote.to_string(), "10.0.0.2:2727");
}

#[test]
fn what_happens_is_told_to_the_next_call_agent_too() {
    let mut scene = Scene::by_name();
    let hook = "NTFY 9 aaln/1@GW MGCP 1.0\r\nX: 1\r\nO: L/hd\r\n";
    let told = scene.answer(hook);
    let outcome = scene.world.wait(Duration::from_millis(8_100));
    let last = outcome.sent.last().unwrap();
    assert_eq!(last.flow, second_agent(&scene).flow, "by the same port");
    assert_eq!(
        last.text.replace(&format!("@{}", scene.domain), "@GW"),
        told
    );
    let second = second_agent(&scene);
    let answered = say(&mut scene.world, second, "200 9 OK\r\n");
    assert_eq!(answered.only(scene.gateway), "200 9 OK\r\n");
}

#[test]
fn a_gateway_is_brought_to_whom_its_call_agent_names() {
    let mut scene = Scene::by_address();
    let heard = scene.command("RQNT 11 aaln/1@GW MGCP 1.0\r\nN: ca@[10.0.0.2]:2727\r\nX: 1\r\n");
    assert!(heard.contains("N: ca@[192.0.2.1]:2727\r\n"), "{heard}");
    scene.answer("200 11 OK\r\n");
    let hook =
        "NTFY 12 aaln/1@[192.168.1.5] MGCP 1.0\r\nN: ca@[192.0.2.1]:2727\r\nX: 1\r\nO: L/hd\r\n";
    let outcome = say(&mut scene.world, scene.gateway, hook);
    assert_eq!(receiver(&outcome).flow, second_agent(&scene).flow);
    assert!(outcome.sent[0].text.contains("N: ca@[10.0.0.2]:2727\r\n"));
}

#[test]
fn two_of_the_same_name_are_told_apart() {
    let mut scene = Scene::by_name();
    let request = |number, entity: &str| {
        format!("RQNT {number} aaln/{number}@GW MGCP 1.0\r\nN: {entity}\r\nX: 1\r\n")
    };
    let heard = scene.command(&request(1, "ca@[10.0.0.1]:2727"));
    assert!(heard.contains("N: ca@[192.0.2.1]:2727\r\n"), "{heard}");
    let heard = scene.command(&request(2, "ca@[10.0.0.2]:2727"));
    assert!(heard.contains("N: ca-2@[192.0.2.1]:2727\r\n"), "{heard}");
    for (number, name, place) in [(3, "ca", "10.0.0.1:2727"), (4, "CA-2", "10.0.0.2:2727")] {
        let notify = format!(
            "NTFY {number} aaln/1@rgw-2567.example.net MGCP 1.0\r\nN: {name}@[192.0.2.1]:2727\r\n\
             X: 1\r\nO: L/hd\r\n"
        );
        let outcome = say(&mut scene.world, scene.gateway, &notify);
        assert_eq!(receiver(&outcome).flow.remote.to_string(), place);
    }
}

#[test]
fn a_gateway_redirected_comes_to_the_other_call_agent() {
    let mut scene = Scene::by_address();
    let restart = "RSIP 2 aaln/1@GW MGCP 1.0\r\nRM: restart\r\n";
    scene.answer(restart);
    let heard = scene.command("521 2 Redirected\r\nN: agent@[10.0.0.2]:2727\r\n");
    assert_eq!(heard, "521 2 Redirected\r\nN: agent@[192.0.2.1]:2727\r\n");
    let again = restart
        .replace("RSIP 2", "RSIP 3")
        .replace("@GW", "@[192.168.1.5]");
    let outcome = say(&mut scene.world, scene.gateway, &again);
    assert_eq!(receiver(&outcome).flow, second_agent(&scene).flow);
}

#[test]
fn a_gateway_behind_a_nat_is_asked_whether_it_is_there() {
    let mut scene = Scene::by_address();
    scene.answer("NTFY 5 aaln/3@GW MGCP 1.0\r\nX: 1\r\nO: L/hd\r\n");
    scene.command("200 5 OK\r\n");
    let outcome = scene.world.wait(Duration::from_millis(20_100));
    let asked = outcome.only(scene.gateway).to_owned();
    assert!(asked.starts_with("AUEP 9"), "{asked}");
    assert!(
        asked.ends_with(" aaln/3@[192.168.1.5] MGCP 1.0\r\n"),
        "{asked}"
    );
    let number = asked.split(' ').nth(1).unwrap();
    let outcome = say(
        &mut scene.world,
        scene.gateway,
        &format!("500 {number} Unknown\r\n"),
    );
    assert!(outcome.sent.is_empty(), "it is nobody else's business");
    // One that says nothing is asked three times over, and then left alone until it speaks.
    let outcome = scene.world.wait(Duration::from_secs(200));
    let asked: std::collections::BTreeSet<&str> = outcome.to(scene.gateway).into_iter().collect();
    assert!((3..=5).contains(&asked.len()), "{asked:?}");
    assert!(
        outcome
            .logs
            .iter()
            .any(|line| line.text.contains("answers no more"))
    );
}

#[test]
fn a_gateway_may_come_back_from_elsewhere_once_it_says_so() {
    let mut scene = Scene::by_name();
    let moved = gateway_at("203.0.113.99:40001");
    let hook = "NTFY 6 aaln/1@rgw-2567.example.net MGCP 1.0\r\nX: 1\r\nO: L/hd\r\n";
    assert!(say(&mut scene.world, moved, hook).sent.is_empty());
    let back = "RSIP 7 *@rgw-2567.example.net MGCP 1.0\r\nRM: disconnected\r\n";
    let outcome = say(&mut scene.world, moved, back);
    assert_eq!(receiver(&outcome).flow, scene.agent.flow);
    let outcome = say(&mut scene.world, scene.agent, "200 7 OK\r\n");
    assert_eq!(outcome.only(moved), "200 7 OK\r\n");
    assert_eq!(say(&mut scene.world, moved, hook).sent.len(), 1);
    let elsewhere = party(CORE, scene.agent.flow.listener.0, "10.0.0.1:9999");
    let outcome = say(
        &mut scene.world,
        elsewhere,
        "AUEP 8 *@rgw-2567.example.net MGCP 1.0\r\n",
    );
    assert_eq!(outcome.to(moved).len(), 1, "another port of the call agent");
    let outcome = say(&mut scene.world, moved, "200 8 OK\r\n");
    assert_eq!(outcome.only(elsewhere), "200 8 OK\r\n");
}
