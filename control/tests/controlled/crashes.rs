//! Control is killed: its successor knows the gateways, whom they are brought to, and their calls.

use super::scene::{SUBTRACT, SUBTRACTED, Scene, say};

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

#[test]
fn what_was_not_answered_yet_is_asked_again() {
    let mut scene = Scene::registered();
    scene.command(super::scene::ADD);
    let (restored, outcome) = scene.world.crash(scene.world.journal.clone());
    assert_eq!(
        (restored.gateways, restored.calls, restored.failed),
        (1, 0, 1)
    );
    assert_eq!(outcome.records.len(), 1);
    scene.call();
    assert_eq!(scene.world.gateway.sizes().legs, 1);
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
