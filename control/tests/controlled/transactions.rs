//! At most once: requests that come again, answers that are lost, waiting, handshakes.

use std::time::Duration;

use super::scene::{ADD, ADDED, SUBTRACT, Scene, say};

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
