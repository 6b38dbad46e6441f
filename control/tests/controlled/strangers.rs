//! Those who have no business here.

use super::scene::{ADD, GATEWAYS, PRIVATE, Scene, gateway_at, nobody, restart, say};
use crate::world::World;

#[test]
fn who_has_not_registered_is_told_to() {
    let mut world = World::with(GATEWAYS);
    let gateway = gateway_at("203.0.113.7:40001", 0);
    let notify = "MEGACO/1 [192.168.1.5]:2944 Transaction=5{Context=-{Notify=A4444{\
        ObservedEvents=2222{19990729T22000000:al/of}}}}";
    let outcome = say(&mut world, gateway, notify);
    let refused = outcome.only(gateway);
    assert!(refused.contains("Reply=5{Error=505{"), "{refused}");
    assert_eq!(world.gateway.sizes().gateways, 0);
}

#[test]
fn another_addresss_word_for_a_gateway_is_not_taken() {
    let mut scene = Scene::registered();
    let named = "MEGACO/1 <gw.example.net> Transaction=1{Context=-{ServiceChange=ROOT{Services{\
        Method=Restart}}}}";
    let named_gateway = gateway_at("203.0.113.7:41000", 0);
    assert_eq!(say(&mut scene.world, named_gateway, named).sent.len(), 1);
    let elsewhere = gateway_at("203.0.113.99:41000", 0);
    let notify = "MEGACO/1 <gw.example.net> Transaction=5{Context=-{Notify=A4444{\
        ObservedEvents=2222{19990729T22000000:al/of}}}}";
    let outcome = say(&mut scene.world, elsewhere, notify);
    assert!(outcome.only(elsewhere).contains("Reply=5{Error=504{"));
    // Another port of the address is the same party, whose NAT has forgotten.
    let rebound = gateway_at("203.0.113.7:41001", 0);
    assert_eq!(
        say(&mut scene.world, rebound, notify).sent[0].flow.realm.0,
        1
    );
}

#[test]
fn only_controllers_command() {
    let mut scene = Scene::registered();
    let stranger = nobody(&scene);
    assert!(say(&mut scene.world, stranger, ADD).sent.is_empty());
    assert_eq!(scene.world.gateway.sizes().legs, 0);
}

#[test]
fn what_is_no_message_is_answered_as_the_protocol_says() {
    let mut scene = Scene::registered();
    for text in [
        "MEGACO/1 [192.168.1.5]:2944 Trans",
        "MEGACO/1",
        "!/1 [",
        "hello",
    ] {
        let outcome = say(&mut scene.world, scene.gateway, text);
        let answer = outcome.only(scene.gateway);
        assert!(
            answer.contains("40") || answer.contains("ER="),
            "{text}: {answer}"
        );
    }
    let restarted = say(&mut scene.world, scene.gateway, &restart(PRIVATE, 9));
    assert_eq!(restarted.sent.len(), 1, "and what follows is taken");
}
