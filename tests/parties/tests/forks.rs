//! A softswitch that rings at all phones of a user.

mod stage;

use std::time::Duration;

use stage::Stage;
use strait_parties::phone::{Answer, Answering, EndReason, Event, State};
use strait_parties::world::HostId;

/// Alice, and two phones of Bob's.
fn three_phones(stage: &mut Stage) -> [HostId; 3] {
    let phones = [
        stage.phone("alice", "198.51.100.1"),
        stage.phone("bob", "198.51.100.2"),
        stage.phone("bob", "198.51.100.3"),
    ];
    stage.register(&phones);
    phones
}

fn answers(stage: &mut Stage, phone: HostId, answer: Answer) {
    stage.act(phone, |phone, _| {
        phone.set_answering(Answering {
            ring_after: Duration::from_millis(100),
            early_media: false,
            answer,
        });
    });
}

fn forking() -> Stage {
    Stage::with(1, "198.51.100.10:5060", |config| config.forking = true)
}

fn ended(stage: &mut Stage, phone: HostId) -> Option<EndReason> {
    let events = stage.events(phone).into_iter();
    let mut reasons = events.filter_map(|event| match event {
        Event::Ended { reason, .. } => Some(reason),
        _ => None,
    });
    reasons.next()
}

#[test]
fn who_answers_first_has_the_call() {
    let mut stage = forking();
    let [alice, desk, mobile] = three_phones(&mut stage);
    answers(&mut stage, desk, Answer::Never);
    answers(&mut stage, mobile, Answer::After(Duration::from_secs(1)));
    stage.call(alice, "bob");
    stage.run(6);
    assert_eq!(ended(&mut stage, desk), Some(EndReason::Cancelled));
    stage.assert_both_heard(alice, mobile, 3);
}

#[test]
fn the_second_of_two_answers_is_dismissed() {
    let mut stage = forking();
    let [alice, desk, mobile] = three_phones(&mut stage);
    for phone in [desk, mobile] {
        answers(&mut stage, phone, Answer::After(Duration::from_secs(1)));
    }
    stage.call(alice, "bob");
    stage.run(6);
    stage.assert_state(alice, State::Established);
    let ends = [ended(&mut stage, desk), ended(&mut stage, mobile)];
    let dismissed = ends
        .iter()
        .filter(|end| **end == Some(EndReason::RemoteHungUp));
    assert_eq!(dismissed.count(), 1, "{ends:?}");
    assert!(ends.contains(&None), "{ends:?}");
}

#[test]
fn a_refusal_counts_once_all_have_refused() {
    let mut stage = forking();
    let [alice, desk, mobile] = three_phones(&mut stage);
    let soon = Duration::from_millis(200);
    answers(&mut stage, desk, Answer::Reject(486, soon));
    answers(&mut stage, mobile, Answer::Reject(480, soon * 10));
    stage.call(alice, "bob");
    stage.run(1);
    stage.assert_state(alice, State::Calling);
    stage.run(3);
    assert_eq!(ended(&mut stage, alice), Some(EndReason::Rejected(480)));
}

#[test]
fn a_caller_that_gives_up_silences_every_phone() {
    let mut stage = forking();
    let [alice, desk, mobile] = three_phones(&mut stage);
    for phone in [desk, mobile] {
        answers(&mut stage, phone, Answer::Never);
    }
    let call = stage.call(alice, "bob");
    stage.run(1);
    stage.act(alice, |phone, now| phone.hang_up(now, call));
    stage.run(3);
    for phone in [alice, desk, mobile] {
        assert_eq!(ended(&mut stage, phone), Some(EndReason::Cancelled));
    }
}
