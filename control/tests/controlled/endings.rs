//! Calls that end here: their gateway and its controller are told, and what the controller says of
//! them afterwards finds an answer.

use std::time::Duration;

use strait_control::gateway::io::{CallNumber, Input, OperatorCommand};
use strait_control::h248::{
    Action, Body, CommandKind, ContextId, Message, Mode, ServiceChangeMethod, TransactionKind,
};
use strait_shared::command::Event;

use super::binary;
use super::scene::{ADD, ADDED, MODIFY, SUBTRACT, SUBTRACTED, Scene, say};
use crate::world::{Outcome, World};

/// The operator ends the first call.
fn ended_by_operator(world: &mut World) -> Outcome {
    world.input(Input::Operator(OperatorCommand::EndCall(CallNumber(1))))
}

/// Media that was heard is silent.
fn silent(world: &mut World) -> Outcome {
    let open = world.open.clone();
    let (slot, generation) = open[0];
    let source = "10.0.0.9:1111".parse().unwrap();
    let mut outcome = world.input(Input::Media(Event::Latched {
        slot,
        generation,
        source,
    }));
    for (slot, generation) in &open {
        let (slot, generation) = (*slot, *generation);
        outcome.extend(world.input(Input::Media(Event::Heard { slot, generation })));
    }
    for (slot, generation) in open {
        outcome.extend(world.input(Input::Media(Event::Silent { slot, generation })));
    }
    outcome
}

fn number(text: &str) -> &str {
    let from = text.find("Transaction=").expect("a request") + "Transaction=".len();
    text[from..].split('{').next().unwrap()
}

#[test]
fn what_the_operator_ends_is_told_to_both() {
    let mut scene = Scene::registered();
    scene.call();
    let outcome = ended_by_operator(&mut scene.world);
    let told = outcome.only(scene.controller).to_owned();
    assert!(told.starts_with("MEGACO/1 [198.51.100.1]:31"), "{told}");
    let forced = "{Context=2000{ServiceChange=a4445{Services{Method=Forced,\
        Reason=\"905 Termination taken out of service\"}}}}";
    assert!(told.ends_with(forced), "{told}");
    let silenced = outcome.only(scene.gateway).to_owned();
    assert!(
        silenced.starts_with("MEGACO/1 [192.0.2.1]:2944\n"),
        "{silenced}"
    );
    let inactive = "{Context=2000{Modify=a4445{Media{Stream=1{LocalControl{Mode=Inactive}}}}}}";
    assert!(silenced.ends_with(inactive), "{silenced}");
    let ending = outcome.records[0].ending.as_ref().unwrap();
    assert_eq!(ending.reason, "ended by operator");
    let sizes = scene.world.gateway.sizes();
    assert_eq!((sizes.legs, sizes.calls, sizes.sessions), (0, 0, 0));
    assert!(scene.world.open.is_empty());
    // Both are repeated until they are answered, which is nobody else's business.
    let repeated = scene.world.wait(Duration::from_millis(1_600));
    assert_eq!(repeated.to(scene.controller), [&told; 2]);
    assert_eq!(repeated.to(scene.gateway), [&silenced; 2]);
    let accepted = format!(
        "MEGACO/1 [10.0.0.1]:2944 Reply={}{{Context=2000{{ServiceChange=a4445}}}}",
        number(&told)
    );
    assert!(
        say(&mut scene.world, scene.controller, &accepted)
            .sent
            .is_empty()
    );
    let done = format!(
        "MEGACO/1 [192.168.1.5]:2944 Reply={}{{Context=2000{{Modify=a4445}}}}",
        number(&silenced)
    );
    assert!(say(&mut scene.world, scene.gateway, &done).sent.is_empty());
    assert!(
        scene
            .world
            .wait(Duration::from_secs(15))
            .to(scene.controller)
            .is_empty()
    );
    // The controller cleans the context up, as it would with a gateway that stood alone.
    assert!(scene.command(SUBTRACT).contains("Subtract=A4445"));
    assert!(scene.answer(SUBTRACTED).contains("nt/os=45123"));
}

#[test]
fn media_that_is_silent_is_told_to_both() {
    let mut scene = Scene::registered();
    scene.call();
    let outcome = silent(&mut scene.world);
    let told = outcome.only(scene.controller);
    assert!(
        told.contains("Method=Forced,Reason=\"906 Loss of lower layer"),
        "{told}"
    );
    assert!(outcome.only(scene.gateway).contains("Mode=Inactive"));
    assert_eq!(outcome.records.len(), 1);
    let ending = outcome.records[0].ending.as_ref().unwrap();
    assert_eq!(ending.reason, "media timeout");
}

#[test]
fn a_controller_that_works_on_it_or_is_silent_bothers_nobody() {
    let mut scene = Scene::registered();
    scene.call();
    let outcome = ended_by_operator(&mut scene.world);
    let number = number(outcome.only(scene.controller)).to_owned();
    let pending = format!("MEGACO/1 [10.0.0.1]:2944 Pending={number}{{}}");
    let said = say(&mut scene.world, scene.controller, &pending);
    assert!(said.sent.is_empty(), "the gateway has asked nothing");
    let outcome = scene.world.wait(Duration::from_secs(60));
    let last = outcome.to(scene.controller);
    assert!(last.iter().all(|text| text.contains("Forced")), "{last:?}");
    assert!((4..9).contains(&last.len()), "it is given up");
    let given_up = |line: &&strait_control::gateway::io::LogLine| line.text.contains("mgc-1");
    assert_eq!(outcome.logs.iter().filter(given_up).count(), 1);
    let numbered = |text: &&&str| text.contains(&format!("{{{number}")) || text.contains("Reply");
    assert_eq!(outcome.to(scene.gateway).iter().filter(numbered).count(), 0);
}

#[test]
fn what_is_ended_before_the_gateway_answers_is_refused_and_taken_back() {
    let silent = "MEGACO/1 [192.168.1.5]:2944 Reply=10{Context=2000{Add=A4444,Add=A4445}}";
    for added in [ADDED, silent] {
        let mut scene = Scene::registered();
        scene.command(ADD);
        let outcome = ended_by_operator(&mut scene.world);
        assert!(outcome.sent.is_empty(), "nobody knows yet what to speak of");
        let outcome = say(&mut scene.world, scene.gateway, added);
        let refused = outcome.only(scene.controller);
        assert!(refused.contains("Reply=10{Error=510{"), "{refused}");
        let told = outcome.to(scene.gateway);
        assert_eq!(told.len(), 2, "{told:?}");
        for (text, name) in told.iter().zip(["a4444", "a4445"]) {
            let subtract = format!("{{Context=2000{{Subtract={name}{{Audit{{}}}}}}}}");
            assert!(text.ends_with(&subtract), "{told:?}");
        }
        assert_eq!(scene.world.gateway.sizes().legs, 0);
    }
}

#[test]
fn what_a_gateway_has_added_in_vain_is_taken_back() {
    let mut scene = Scene::registered();
    scene.command(ADD);
    let nowhere = ADDED.replace("c=IN IP4 192.168.1.5", "c=IN IP4 127.0.0.1");
    let outcome = say(&mut scene.world, scene.gateway, &nowhere);
    assert!(
        outcome
            .only(scene.controller)
            .contains("Reply=10{Error=510{")
    );
    let told = outcome.to(scene.gateway);
    assert!(told[1].contains("Subtract=a4445"), "{told:?}");
    let sizes = scene.world.gateway.sizes();
    assert_eq!((sizes.legs, sizes.calls), (0, 0));
}

#[test]
fn a_controller_that_goes_on_regardless_begins_anew() {
    let mut scene = Scene::registered();
    scene.call();
    ended_by_operator(&mut scene.world);
    let again = scene.command(&MODIFY.replace("Transaction=11", "Transaction=15"));
    assert!(
        again.contains("c=IN IP4 192.0.2.1\r\nm=audio 20"),
        "{again}"
    );
    scene.answer("MEGACO/1 [192.168.1.5]:2944 Reply=15{Context=2000{Modify=A4445}}");
    assert_eq!(scene.world.gateway.sizes().legs, 1);
    scene.command(SUBTRACT);
    scene.answer(SUBTRACTED);
    assert_eq!(scene.world.gateway.sizes().legs, 0);
}

#[test]
fn media_that_went_with_the_machine_is_told_to_both() {
    let mut scene = Scene::registered();
    scene.call();
    let (restored, outcome) = scene.world.crash_all();
    assert_eq!((restored.gateways, restored.ended), (1, 1));
    assert!(
        outcome
            .only(scene.controller)
            .contains("Method=Forced,Reason=\"906 ")
    );
    assert!(outcome.only(scene.gateway).contains("Mode=Inactive"));
    assert_eq!(
        outcome.records[0].ending.as_ref().unwrap().reason,
        "dataplane lost"
    );
}

/// The controller remembers for 30 s what it has answered to which number.
#[test]
fn a_successor_does_not_number_its_requests_as_its_predecessor_did() {
    let mut scene = Scene::registered();
    scene.call();
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let outcome = scene
            .world
            .input(Input::Operator(OperatorCommand::EndAllCalls));
        numbers.push(number(outcome.only(scene.controller)).to_owned());
        let journal = scene.world.journal.clone();
        scene.world.crash(journal);
        scene.call();
    }
    assert!(
        numbers
            .iter()
            .all(|number| number.len() == 9 && number.starts_with('9'))
    );
    assert_ne!(numbers[0], numbers[1]);
}

#[test]
fn who_speaks_in_binary_is_told_in_binary() {
    let (mut world, gateway, controller) = binary::in_a_call();
    let outcome = ended_by_operator(&mut world);
    let forced = only_action(&binary::last_to(&outcome, controller));
    let change = forced.commands[0].service_change.as_ref().unwrap();
    assert_eq!(forced.commands[0].kind, CommandKind::ServiceChange);
    assert_eq!(
        (change.method, change.reason),
        (Some(ServiceChangeMethod::Forced), Some(905))
    );
    let silence = only_action(&binary::last_to(&outcome, gateway));
    assert_eq!(silence.commands[0].kind, CommandKind::Modify);
    assert_eq!(silence.commands[0].streams[0].mode, Some(Mode::Inactive));
    assert_eq!(
        forced.commands[0].terminations,
        silence.commands[0].terminations
    );
    assert!(matches!(forced.context, ContextId::Number(_)));
}

fn only_action(bytes: &[u8]) -> Action {
    let message = Message::parse(bytes).unwrap();
    let Body::Transactions(all) = &message.content.body else {
        panic!("transactions");
    };
    let TransactionKind::Request { actions, .. } = &all[0].kind else {
        panic!("a request");
    };
    actions[0].clone()
}
