//! Who commands a gateway: failover, handoff, and controllers that do not answer.

use std::time::Duration;

use strait_control::gateway::io::Input;

use super::scene::{GATEWAYS, PRIVATE, PUBLIC, Scene, gateway_at, restart, say, second_controller};
use crate::world::{Party, World};

#[test]
fn a_controller_that_does_not_answer_is_followed_by_the_next() {
    let mut world = World::with(GATEWAYS);
    let gateway = gateway_at(PUBLIC, 0);
    let first = say(&mut world, gateway, &restart(PRIVATE, 1));
    assert_eq!(first.sent[0].flow.remote.to_string(), "10.0.0.1:2944");
    let outcome = world.wait(Duration::from_millis(8_100));
    let last = outcome.sent.last().unwrap();
    assert_eq!(last.flow.remote.to_string(), "10.0.0.2:2944");
    assert_eq!(last.text, first.sent[0].text);
    let second = Party { flow: last.flow };
    let reply = "MEGACO/1 [10.0.0.2]:2944 Reply=1{Context=-{ServiceChange=ROOT}}";
    let accepted = say(&mut world, second, reply);
    assert!(
        accepted
            .only(gateway)
            .starts_with("MEGACO/1 [192.0.2.1]:2944 Reply=1")
    );
    // The next one is not brought to the first, which is known not to answer.
    let other = gateway_at("203.0.113.7:40002", 0);
    let outcome = say(&mut world, other, &restart("192.168.1.6", 1));
    assert_eq!(outcome.sent[0].flow.remote.to_string(), "10.0.0.2:2944");
}

#[test]
fn a_controller_that_answers_too_late_is_not_heard() {
    let mut world = World::with(GATEWAYS);
    let gateway = gateway_at(PUBLIC, 0);
    let first = say(&mut world, gateway, &restart(PRIVATE, 1));
    let first = Party {
        flow: first.sent[0].flow,
    };
    let outcome = world.wait(Duration::from_millis(8_100));
    let second = Party {
        flow: outcome.sent.last().unwrap().flow,
    };
    assert_ne!(second.flow.remote, first.flow.remote);
    let late = "MEGACO/1 [10.0.0.1]:2944 Reply=1{Context=-{ServiceChange=ROOT}}";
    assert!(say(&mut world, first, late).sent.is_empty());
    let reply = "MEGACO/1 [10.0.0.2]:2944 Reply=1{Context=-{ServiceChange=ROOT}}";
    assert_eq!(say(&mut world, second, reply).sent.len(), 1);
    assert_eq!(world.gateway.gateways(world.now)[0].controller, "mgc-2");
}

#[test]
fn a_controller_that_is_not_there_at_all_is_not_waited_for() {
    let mut world = World::with(GATEWAYS);
    let gateway = gateway_at(PUBLIC, 0);
    let first = say(&mut world, gateway, &restart(PRIVATE, 1));
    let (flow, branch) = (first.sent[0].flow, None);
    let outcome = world.input(Input::SendFailed { flow, branch });
    assert_eq!(outcome.sent[0].flow.remote.to_string(), "10.0.0.2:2944");
    // A request within an association goes on being repeated.
    let mut scene = Scene::registered();
    let flow = scene.gateway.flow;
    scene.command(super::scene::SUBTRACT);
    let branch = None;
    let outcome = scene.world.input(Input::SendFailed { flow, branch });
    assert!(outcome.sent.is_empty());
}

#[test]
fn a_gateway_that_leaves_its_controller_comes_to_the_other() {
    let mut scene = Scene::registered();
    let failover = restart(PRIVATE, 2).replace("Restart", "Failover");
    let outcome = say(&mut scene.world, scene.gateway, &failover);
    assert_eq!(
        outcome.sent[0].flow,
        second_controller(&scene).flow,
        "by the same port"
    );
    assert!(outcome.sent[0].text.contains("Failover"));
}

#[test]
fn a_gateway_told_to_turn_to_another_controller_is_brought_there() {
    let mut scene = Scene::registered();
    let heard = scene.command(
        "MEGACO/1 [10.0.0.1]:2944 Transaction=60{Context=-{ServiceChange=ROOT{Services{\
         Method=Handoff,Reason=\"903 MGC Directed Change\",MgcIdToTry=[10.0.0.2]:2944}}}}",
    );
    assert!(heard.contains("MgcIdToTry=[192.0.2.1]:2944"), "{heard}");
    scene.answer(&format!(
        "MEGACO/1 [{PRIVATE}]:2944 Reply=60{{Context=-{{ServiceChange=ROOT}}}}"
    ));
    let handoff = restart(PRIVATE, 3).replace("Restart", "Handoff");
    let outcome = say(&mut scene.world, scene.gateway, &handoff);
    assert_eq!(outcome.sent[0].flow, second_controller(&scene).flow);
}

#[test]
fn a_registration_turned_away_is_brought_elsewhere() {
    let mut world = World::with(GATEWAYS);
    let gateway = gateway_at(PUBLIC, 0);
    let first = say(&mut world, gateway, &restart(PRIVATE, 1));
    let controller = Party {
        flow: first.sent[0].flow,
    };
    let reply = "MEGACO/1 [10.0.0.1]:2944 Reply=1{Context=-{ServiceChange=ROOT{Services{\
        MgcIdToTry=[10.0.0.2]:2944}}}}";
    let told = say(&mut world, controller, reply);
    assert!(told.only(gateway).contains("MgcIdToTry=[192.0.2.1]:2944"));
    let again = say(&mut world, gateway, &restart(PRIVATE, 2));
    assert_eq!(again.sent[0].flow.remote.to_string(), "10.0.0.2:2944");
}

#[test]
fn a_controller_says_where_it_wants_to_be_answered() {
    let mut world = World::with(GATEWAYS);
    let gateway = gateway_at(PUBLIC, 0);
    let first = say(&mut world, gateway, &restart(PRIVATE, 1));
    let controller = Party {
        flow: first.sent[0].flow,
    };
    let reply = "MEGACO/1 [10.0.0.1]:2944 Reply=1{Context=-{ServiceChange=ROOT{Services{\
        ServiceChangeAddress=55555}}}}";
    let told = say(&mut world, controller, reply);
    assert!(told.only(gateway).contains("ServiceChangeAddress=2944"));
    let notify = "MEGACO/1 [192.168.1.5]:2944 Transaction=5{Context=-{Notify=A4444{\
        ObservedEvents=2222{19990729T22000000:al/of}}}}";
    let heard = say(&mut world, gateway, notify);
    assert_eq!(heard.sent[0].flow.remote.to_string(), "10.0.0.1:55555");
}

#[test]
fn gateways_behind_one_address_and_of_one_name_are_told_apart() {
    let mut world = World::with(GATEWAYS);
    let mut ports = Vec::new();
    for (remote, own) in [
        ("203.0.113.7:40001", "192.168.1.5"),
        ("203.0.113.7:40002", "192.168.1.6"),
        ("203.0.113.8:40001", "192.168.1.5"),
    ] {
        let gateway = gateway_at(remote, 0);
        let outcome = say(&mut world, gateway, &restart(own, 1));
        let sent = &outcome.sent[0];
        assert!(
            sent.text.starts_with("MEGACO/1 [198.51.100.1]:310"),
            "{}",
            sent.text
        );
        ports.push(sent.flow.listener);
    }
    ports.sort();
    ports.dedup();
    assert_eq!(ports.len(), 3);
}

#[test]
fn no_port_left_is_said() {
    let mut world = World::with(GATEWAYS);
    for number in 0..5 {
        let gateway = gateway_at(&format!("203.0.113.7:{}", 40_000 + number), 0);
        let outcome = say(
            &mut world,
            gateway,
            &restart(&format!("192.168.1.{number}"), 1),
        );
        let text = &outcome.sent[0].text;
        let refused = text.contains("Error=510");
        assert_eq!(refused, number == 4, "{text}");
    }
}
