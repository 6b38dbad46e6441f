//! Control is killed: its successor knows the gateways, whom they are brought to, and their calls.

use std::time::Duration;

use super::scene::{ADD, ADDED, SUBTRACT, SUBTRACTED, Scene, say};

#[test]
fn a_call_goes_on_under_the_successor() {
    let mut scene = Scene::registered();
    scene.call();
    let gates = scene.world.gates.clone();
    let (restored, _) = scene.world.crash(scene.world.journal.clone());
    assert_eq!(
        (restored.gateways, restored.calls, restored.skipped),
        (1, 1, 0)
    );
    assert_eq!(scene.world.gates, gates);
    let held = scene.command(
        "!/1 [10.0.0.1]:2944 T=70{C=2000{MF=A4445{M{ST=1{O{MO=IN},R{v=0\r\nc=IN IP4 10.0.0.9\r\n\
         m=audio 1111 RTP/AVP 4\r\n}}}}}}",
    );
    assert!(held.contains("c=IN IP4 192.0.2.1\r\nm=audio 20"), "{held}");
    scene.answer("!/1 [192.168.1.5]:2944 P=70{C=2000{MF=A4445}}");
    assert_eq!(scene.world.gates.len(), 2);
    scene.command(SUBTRACT);
    let outcome = say(&mut scene.world, scene.gateway, SUBTRACTED);
    assert_eq!(outcome.records.len(), 1);
    assert_eq!(
        outcome.records[0].ending.as_ref().unwrap().reason,
        "subtracted"
    );
    assert!(scene.world.open.is_empty());
}

/// The controller's command once more, and what it is told.
fn refused(scene: &mut Scene) -> String {
    let again = say(&mut scene.world, scene.controller, ADD);
    assert_eq!(again.sent.len(), 1, "the gateway hears nothing of it");
    again.only(scene.controller).to_owned()
}

#[test]
fn what_was_to_be_made_is_taken_back_and_refused() {
    let mut scene = Scene::registered();
    scene.command(ADD);
    let (restored, outcome) = scene.world.crash(scene.world.journal.clone());
    assert_eq!(
        (restored.gateways, restored.calls, restored.failed),
        (1, 0, 1)
    );
    assert_eq!(outcome.records.len(), 1);
    let nothing = outcome.only(scene.gateway);
    assert!(
        nothing.ends_with("Transaction=10{Context=-{AuditValue=ROOT{Audit{}}}}"),
        "{nothing}"
    );
    // It remembers the number: both leave that it has added, and the controller is refused.
    let outcome = say(&mut scene.world, scene.gateway, ADDED);
    let [line, media] = &outcome.sent[..] else {
        panic!("{:?}", outcome.sent);
    };
    let subtracted = |text: &str, name| text.contains(&format!("Context=2000{{Subtract={name}"));
    assert!(subtracted(&line.text, "a4444"), "{}", line.text);
    assert!(subtracted(&media.text, "a4445"), "{}", media.text);
    let told = refused(&mut scene);
    assert!(told.contains("Reply=10{Error=500"), "{told}");
    assert_eq!(refused(&mut scene), told);
    assert_eq!(scene.world.gateway.sizes().legs, 0);
}

#[test]
fn who_asks_again_before_the_gateway_answers_is_told_as_it_does() {
    let mut scene = Scene::registered();
    scene.command(ADD);
    scene.world.crash(scene.world.journal.clone());
    let asked = say(&mut scene.world, scene.controller, ADD);
    assert!(asked.sent.is_empty(), "{:?}", asked.sent);
    let nothing = "MEGACO/1 [192.168.1.5]:2944 Reply=10{Context=-{AuditValue=ROOT}}";
    let told = scene.answer(nothing);
    assert!(told.contains("Reply=10{Error=500"), "{told}");
    assert_eq!(refused(&mut scene), told);
}

#[test]
fn a_gateway_that_is_silent_is_given_up_and_its_controller_told() {
    let mut scene = Scene::registered();
    scene.command(ADD);
    scene.world.crash(scene.world.journal.clone());
    scene.world.wait(Duration::from_secs(40));
    let told = refused(&mut scene);
    assert!(told.contains("Reply=10{Error=500"), "{told}");
}

#[test]
fn media_that_went_with_the_machine_ends_with_a_record() {
    let mut scene = Scene::registered();
    scene.call();
    let (restored, outcome) = scene.world.crash_all();
    assert_eq!(
        (restored.gateways, restored.calls, restored.ended),
        (1, 0, 1)
    );
    assert_eq!(
        outcome.records[0].ending.as_ref().unwrap().reason,
        "dataplane lost"
    );
    assert_eq!(scene.world.gateway.sizes().legs, 0);
}
