//! At most once: requests that come again, answers that are lost, waiting, handshakes.

use std::time::Duration;

use super::scene::{ADD, ADDED, SUBTRACT, Scene, restart, say};

#[test]
fn a_request_that_comes_again_is_carried_out_once() {
    let mut scene = Scene::registered();
    scene.command(ADD);
    let again = say(&mut scene.world, scene.controller, ADD);
    let pending = again.only(scene.controller);
    assert!(pending.contains("Pending=10{"), "{pending}");
    assert!(say(&mut scene.world, scene.controller, ADD).sent.is_empty());
    assert_eq!(scene.world.gateway.sizes().legs, 1);
    let told = scene.answer(ADDED);
    assert!(
        told.contains("ImmAckRequired"),
        "it was told to wait: {told}"
    );
    let again = say(&mut scene.world, scene.controller, ADD);
    assert_eq!(again.only(scene.controller), told);
    assert!(say(&mut scene.world, scene.gateway, ADDED).sent.is_empty());
    let acknowledged = "MEGACO/1 [10.0.0.1]:2944 TransactionResponseAck{10}";
    assert!(
        say(&mut scene.world, scene.controller, acknowledged)
            .sent
            .is_empty()
    );
    assert_eq!(
        scene.world.gateway.sizes().passages,
        1,
        "the registration alone"
    );
    scene.world.wait(Duration::from_secs(31));
    assert_eq!(
        scene.world.gateway.sizes().passages,
        1,
        "a keep-alive alone"
    );
}

#[test]
fn a_request_is_repeated_until_it_is_answered_or_given_up() {
    let mut scene = Scene::registered();
    let first = scene.command(SUBTRACT);
    let outcome = scene.world.wait(Duration::from_secs(8));
    let repeated: Vec<&str> = outcome.to(scene.gateway);
    assert_eq!(repeated.len(), 4, "after 0.5, 1.5, 3.5 and 7.5 s");
    assert!(repeated.iter().all(|text| **text == first));
    let outcome = scene.world.wait(Duration::from_secs(14));
    let said: Vec<&str> = outcome.to(scene.controller);
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("Reply=12{Error=503{"), "{said:?}");
}

#[test]
fn who_says_that_he_works_is_waited_for() {
    let mut scene = Scene::registered();
    scene.command(SUBTRACT);
    let pending = "MEGACO/1 [192.168.1.5]:2944 Pending=12{}";
    let told = scene.answer(pending);
    assert!(told.contains("Pending=12{"), "{told}");
    for _ in 0..3 {
        scene.world.wait(Duration::from_secs(15));
        let said = say(&mut scene.world, scene.gateway, pending);
        assert!(said.sent.is_empty(), "told once");
    }
    let done = scene.answer(
        "MEGACO/1 [192.168.1.5]:2944 Reply=12{ImmAckRequired,\
        Context=2000{Subtract=A4444,Subtract=A4445}}",
    );
    assert!(done.contains("Reply=12"), "{done}");
}

#[test]
fn an_answer_that_asks_for_it_is_acknowledged() {
    let mut scene = Scene::registered();
    scene.command(SUBTRACT);
    let reply = "MEGACO/1 [192.168.1.5]:2944 Reply=12{ImmAckRequired,Context=2000{\
        Subtract=A4444}}";
    let outcome = say(&mut scene.world, scene.gateway, reply);
    let near: Vec<&str> = outcome.to(scene.gateway);
    assert!(near[0].contains("TransactionResponseAck{12}"), "{near:?}");
    assert!(outcome.to(scene.controller).len() == 1);
}

#[test]
fn several_transactions_of_a_message_go_their_ways() {
    let mut scene = Scene::registered();
    scene.command(SUBTRACT);
    // One that is known, one that is new, an answer, and an answer to nothing.
    let mixed = "MEGACO/1 [192.168.1.5]:2944 \
        Reply=12{Context=2000{Subtract=A4444}} Reply=777{Context=1{Subtract=X}} \
        Transaction=50{Context=-{Notify=A4444{ObservedEvents=2222{19990729T22000000:al/of}}}}";
    let heard = scene.answer(mixed);
    assert!(
        heard.contains("Reply=12{") && heard.contains("Transaction=50{"),
        "{heard}"
    );
    assert!(!heard.contains("777"), "{heard}");
}

#[test]
fn a_gateway_is_asked_whether_it_is_there() {
    let mut scene = Scene::registered();
    let outcome = scene.world.wait(Duration::from_secs(20));
    let asked: Vec<String> = outcome
        .to(scene.gateway)
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].contains("AuditValue=ROOT"), "{asked:?}");
    let number = asked[0].split("Transaction=").nth(1).unwrap();
    let number = number.split(['{', ' ']).next().unwrap().trim();
    let reply =
        format!("MEGACO/1 [192.168.1.5]:2944 Reply={number}{{Context=-{{AuditValue=ROOT}}}}");
    assert!(say(&mut scene.world, scene.gateway, &reply).sent.is_empty());
}

#[test]
fn two_requests_of_one_number_in_one_message_are_one_or_an_error() {
    let mut scene = Scene::registered();
    let audit =
        |name: &str| format!("Transaction=30{{Context=-{{AuditValue={name}{{Audit{{}}}}}}}}");
    let (one, other) = (audit("A1"), audit("A2"));
    let both = format!("MEGACO/1 [10.0.0.1]:2944 {one} {other}");
    let outcome = say(&mut scene.world, scene.controller, &both);
    let refused = outcome.only(scene.controller);
    assert!(refused.contains("Reply=30{Error=401{"), "{refused}");
    let sent = outcome.only(scene.gateway);
    assert!(sent.contains("A1") && !sent.contains("A2"), "{sent}");
    let answer = "MEGACO/1 [192.168.1.5]:2944 Reply=30{Context=-{AuditValue=A1}}";
    assert!(scene.answer(answer).contains("AuditValue=A1"));
    // The same once more is no other request.
    let twice = format!("MEGACO/1 [10.0.0.1]:2944 {one}\n{one}").replace("=30{", "=31{");
    let outcome = say(&mut scene.world, scene.controller, &twice);
    assert!(outcome.to(scene.controller).is_empty());
    assert_eq!(outcome.only(scene.gateway).matches("=31{").count(), 1);
    let answer = answer.replace("=30{", "=31{");
    assert!(scene.answer(&answer).contains("AuditValue=A1"));
}

/// The gateway's registration, with a word that tells one start from another.
fn started(number: u32, stamp: &str) -> String {
    restart("192.168.1.5", number).replace("\"901 Cold Boot\"", &format!("\"901 {stamp}\""))
}

fn notify(number: u32) -> String {
    format!(
        "MEGACO/1 [192.168.1.5]:2944 Transaction={number}{{Context=-{{Notify=A1{{\
         ObservedEvents=1{{al/of}}}}}}}}"
    )
}

fn answered(scene: &mut Scene, number: u32, what: &str) {
    scene.command(&format!(
        "MEGACO/1 [10.0.0.1]:2944 Reply={number}{{Context=-{{{what}}}}}"
    ));
}

#[test]
fn a_gateway_that_restarts_numbers_its_requests_anew() {
    let mut scene = Scene::registered();
    scene.answer(&notify(2));
    answered(&mut scene, 2, "Notify=A1");
    let again = say(&mut scene.world, scene.gateway, &notify(2));
    assert!(
        again.only(scene.gateway).contains("Reply=2{"),
        "it is a repetition"
    );
    let asked = scene.answer(&started(1, "Power Loss"));
    assert!(asked.contains("901 Power Loss"), "{asked}");
    // It is repeated while it waits, and once it is answered.
    let again = say(&mut scene.world, scene.gateway, &started(1, "Power Loss"));
    assert!(again.only(scene.gateway).contains("Pending=1{"));
    answered(&mut scene, 1, "ServiceChange=ROOT");
    let again = say(&mut scene.world, scene.gateway, &started(1, "Power Loss"));
    assert!(again.only(scene.gateway).contains("Reply=1{"));
    assert!(again.to(scene.controller).is_empty());
    assert!(scene.answer(&notify(2)).contains("Transaction=2{"));
}

#[test]
fn a_restart_with_a_number_of_its_own_is_one_too() {
    let mut scene = Scene::registered();
    scene.answer(&notify(2));
    answered(&mut scene, 2, "Notify=A1");
    scene.answer(&started(7, "Power Loss"));
    answered(&mut scene, 7, "ServiceChange=ROOT");
    assert!(scene.answer(&notify(2)).contains("Transaction=2{"));
}

#[test]
fn what_comes_back_is_not_new() {
    let mut scene = Scene::registered();
    scene.answer(&notify(2));
    answered(&mut scene, 2, "Notify=A1");
    scene.answer(&started(8, "x").replace("Restart", "Disconnected"));
    answered(&mut scene, 8, "ServiceChange=ROOT");
    let again = say(&mut scene.world, scene.gateway, &notify(2));
    assert!(again.only(scene.gateway).contains("Reply=2{"));
    // A line is no gateway.
    let line = started(10, "x").replace("ROOT", "A1");
    scene.answer(&line);
    let again = say(&mut scene.world, scene.gateway, &notify(2));
    assert!(again.only(scene.gateway).contains("Reply=2{"));
}
