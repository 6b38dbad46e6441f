//! Hanging up at awkward moments.

mod stage;

use std::time::Duration;

use stage::Stage;
use strait_parties::net::link::{Loss, Profile};
use strait_parties::phone::{EndReason, State};
use strait_parties::world::HostId;

fn step(stage: &mut Stage) {
    let next = stage.world.now() + Duration::from_millis(1);
    stage.world.run_until(next);
}

/// A call that bob has answered, and that nothing reaches alice of; and her link as it was.
fn answered_unheard(stage: &mut Stage) -> [HostId; 2] {
    let (alice, bob) = (
        stage.phone("alice", "198.51.100.1"),
        stage.phone("bob", "198.51.100.2"),
    );
    stage.register(&[alice, bob]);
    stage.call(alice, "bob");
    let answered = |stage: &Stage| {
        let mut calls = stage.phone_of(bob).calls();
        calls.any(|call| call.state() == State::Established)
    };
    while !answered(stage) {
        step(stage);
    }
    let lost = Profile {
        loss: Loss::Random(1.0),
        ..Profile::default()
    };
    stage.world.set_access(alice, lost);
    [alice, bob]
}

#[test]
fn who_hangs_up_before_the_answer_is_acknowledged_waits_with_bye() {
    let mut stage = Stage::new(1);
    let [alice, bob] = answered_unheard(&mut stage);
    let call = stage.last_call(bob).handle();
    stage.act(bob, |phone, now| phone.hang_up(now, call));
    stage.assert_state(bob, State::Leaving);
    stage.run(1);
    // A BYE that came before the answer would find no call (RFC 3261 §15.1.1).
    let near = Profile::delayed(Duration::from_millis(10));
    stage.world.set_access(alice, near);
    stage.run(8);
    assert_eq!(
        stage.last_call(alice).end_reason(),
        Some(EndReason::RemoteHungUp)
    );
    assert_eq!(stage.last_call(bob).end_reason(), Some(EndReason::HungUp));
}

#[test]
fn who_is_never_acknowledged_leaves_all_the_same() {
    let mut stage = Stage::new(1);
    let [_, bob] = answered_unheard(&mut stage);
    let call = stage.last_call(bob).handle();
    stage.act(bob, |phone, now| phone.hang_up(now, call));
    stage.run(80);
    assert_eq!(stage.last_call(bob).end_reason(), Some(EndReason::HungUp));
}
