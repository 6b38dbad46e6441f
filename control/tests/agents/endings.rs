//! Connections that end here: their gateway and its call agent are told, and what the call agent
//! says of them afterwards finds an answer.

use std::time::Duration;

use strait_control::gateway::io::{CallNumber, Input, OperatorCommand};
use strait_shared::command::Event;

use super::scene::{CREATE, CREATED, DELETE, Scene, say, second_agent};
use crate::world::{Outcome, World};

fn ended_by_operator(world: &mut World) -> Outcome {
    world.input(Input::Operator(OperatorCommand::EndCall(CallNumber(1))))
}

fn number(text: &str) -> &str {
    text.split(' ').nth(1).expect("a command")
}

#[test]
fn what_the_operator_ends_is_told_to_both() {
    let mut scene = Scene::by_address();
    scene.connect();
    let outcome = ended_by_operator(&mut scene.world);
    let told = outcome.only(scene.agent).to_owned();
    assert!(told.starts_with("DLCX 9"), "{told}");
    assert!(
        told.ends_with(
            " aaln/1@[198.51.100.1] MGCP 1.0\r\nC: A3C47F21456789F0\r\nI: FDE234C8\r\n\
             E: 904 - Manual intervention\r\n"
        ),
        "{told}"
    );
    let deleted = outcome.only(scene.gateway).to_owned();
    assert!(
        deleted.ends_with(" aaln/1@[192.168.1.5] MGCP 1.0\r\nI: FDE234C8\r\n"),
        "{deleted}"
    );
    let ending = outcome.records[0].ending.as_ref().unwrap();
    assert_eq!(ending.reason, "ended by operator");
    assert!(scene.world.open.is_empty());
    let repeated = scene.world.wait(Duration::from_millis(1_600));
    assert_eq!(repeated.to(scene.agent), [&told; 2]);
    assert_eq!(repeated.to(scene.gateway), [&deleted; 2]);
    let accepted = format!("200 {} OK\r\n", number(&told));
    assert!(
        say(&mut scene.world, scene.agent, &accepted)
            .sent
            .is_empty()
    );
    let done = format!("250 {} OK\r\nP: PS=1\r\n", number(&deleted));
    assert!(say(&mut scene.world, scene.gateway, &done).sent.is_empty());
    assert!(scene.world.wait(Duration::from_secs(15)).sent.is_empty());
}

#[test]
fn media_that_is_silent_is_told_to_both() {
    let mut scene = Scene::by_name();
    scene.connect();
    let open = scene.world.open.clone();
    let source = "10.0.0.9:1296".parse().unwrap();
    let (slot, generation) = open[0];
    scene.world.input(Input::Media(Event::Latched {
        slot,
        generation,
        source,
    }));
    for (slot, generation) in open.clone() {
        scene
            .world
            .input(Input::Media(Event::Heard { slot, generation }));
    }
    let mut outcome = Outcome::default();
    for (slot, generation) in open {
        outcome.extend(
            scene
                .world
                .input(Input::Media(Event::Silent { slot, generation })),
        );
    }
    let told = outcome.only(scene.agent);
    assert!(
        told.ends_with("I: FDE234C8\r\nE: 902 - Loss of lower layer connectivity\r\n"),
        "{told}"
    );
    assert!(outcome.only(scene.gateway).starts_with("DLCX 9"));
    let ending = outcome.records[0].ending.as_ref().unwrap();
    assert_eq!(ending.reason, "media timeout");
}

#[test]
fn a_call_agent_whose_word_crosses_ours_is_answered() {
    for delete in [
        DELETE,
        "DLCX 1210 aaln/1@GW MGCP 1.0\r\nC: a3c47f21456789f0\r\n",
        "DLCX 1210 aaln/*@GW MGCP 1.0\r\n",
    ] {
        let mut scene = Scene::by_name();
        scene.connect();
        ended_by_operator(&mut scene.world);
        assert_eq!(scene.command(delete), delete);
        assert_eq!(scene.answer("515 1210 Unknown\r\n"), "250 1210 OK\r\n");
        let again = delete.replace("1210", "1211");
        scene.command(&again);
        assert_eq!(scene.answer("516 1211 Unknown\r\n"), "250 1211 OK\r\n");
    }
}

#[test]
fn what_nobody_ended_here_is_unknown_as_the_gateway_says() {
    let mut scene = Scene::by_name();
    scene.connect();
    ended_by_operator(&mut scene.world);
    for (number, rest) in [
        (1210, "aaln/1@GW MGCP 1.0\r\nI: FDE234C9\r\n"),
        (1211, "aaln/1@GW MGCP 1.0\r\nC: B\r\n"),
        (1212, "aaln/2@GW MGCP 1.0\r\n"),
    ] {
        scene.command(&format!("DLCX {number} {rest}"));
        let unknown = format!("515 {number} Unknown\r\n");
        assert_eq!(scene.answer(&unknown), unknown);
    }
}

#[test]
fn a_call_agent_that_is_silent_is_followed_by_the_next() {
    let mut scene = Scene::by_name();
    scene.connect();
    let told = ended_by_operator(&mut scene.world);
    let told = told.only(scene.agent).to_owned();
    let outcome = scene.world.wait(Duration::from_millis(8_100));
    let second = second_agent(&scene);
    assert_eq!(outcome.to(second), [&told]);
    let accepted = format!("200 {} OK\r\n", number(&told));
    assert!(say(&mut scene.world, second, &accepted).sent.is_empty());
    assert!(
        scene
            .world
            .wait(Duration::from_secs(9))
            .to(second)
            .is_empty()
    );
}

#[test]
fn what_is_ended_before_the_gateway_answers_is_refused_and_deleted() {
    for description in [true, false] {
        let mut scene = Scene::by_name();
        scene.command(CREATE);
        let outcome = ended_by_operator(&mut scene.world);
        assert!(outcome.sent.is_empty(), "nobody knows yet what to speak of");
        let created = match description {
            true => CREATED,
            false => "200 1204 OK\r\nI: FDE234C8\r\n",
        };
        let outcome = say(&mut scene.world, scene.gateway, created);
        let refused = outcome.only(scene.agent);
        assert_eq!(refused, "403 1204 Insufficient resources\r\n");
        let deleted = outcome.only(scene.gateway);
        assert!(
            deleted.ends_with("MGCP 1.0\r\nI: FDE234C8\r\n"),
            "{deleted}"
        );
    }
}

#[test]
fn a_successor_names_a_connection_as_its_gateway_does() {
    let mut scene = Scene::by_address();
    scene.connect();
    let journal = scene.world.journal.clone();
    scene.world.crash(journal);
    let outcome = ended_by_operator(&mut scene.world);
    let told = outcome.only(scene.agent);
    assert!(
        told.contains("\r\nC: A3C47F21456789F0\r\nI: FDE234C8\r\nE: "),
        "{told}"
    );
}

#[test]
fn media_that_went_with_the_machine_is_told_to_both() {
    let mut scene = Scene::by_address();
    scene.connect();
    let (restored, outcome) = scene.world.crash_all();
    assert_eq!((restored.gateways, restored.ended), (1, 1));
    assert!(outcome.only(scene.agent).contains("\r\nE: 902 "));
    assert!(outcome.only(scene.gateway).contains("I: FDE234C8"));
}

#[test]
fn what_was_to_be_made_is_taken_back_and_refused() {
    for (endpoint, said, deleted) in [
        ("aaln/1@", "", "aaln/1@"),
        ("aaln/$@", "Z: aaln/2@GW\r\n", "aaln/2@"),
    ] {
        let mut scene = Scene::by_name();
        let create = CREATE.replace("aaln/1@", endpoint);
        scene.command(&create);
        let (restored, outcome) = scene.world.crash(scene.world.journal.clone());
        assert_eq!((restored.gateways, restored.failed), (1, 1));
        let nothing = format!("AUEP 1204 {endpoint}{} MGCP 1.0\r\n", scene.domain);
        assert_eq!(outcome.only(scene.gateway), nothing);
        let said = said.replace("GW", scene.domain);
        let created = CREATED.replace("I: ", &format!("{said}I: "));
        let outcome = say(&mut scene.world, scene.gateway, &created);
        let delete = outcome.only(scene.gateway);
        let to = format!(" {deleted}{} MGCP 1.0\r\nI: FDE234C8\r\n", scene.domain);
        assert!(
            delete.starts_with("DLCX ") && delete.ends_with(&to),
            "{delete}"
        );
        let again = create.replace("@GW", &format!("@{}", scene.shown));
        let outcome = say(&mut scene.world, scene.agent, &again);
        assert_eq!(outcome.sent.len(), 1, "the gateway hears nothing of it");
        assert!(outcome.only(scene.agent).starts_with("400 1204 "));
        assert_eq!(scene.world.gateway.sizes().legs, 0);
    }
}
