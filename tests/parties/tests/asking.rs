//! What phones say to each other beside calls, and in them beside media: texts, questions,
//! subscriptions, session timers, offers before the answer.

#![allow(clippy::unwrap_used, reason = "all of it is test")]

mod stage;

use std::time::Duration;

use rsip::Method;
use stage::{Stage, seconds};
use strait_parties::net::link::{Loss, Profile};
use strait_parties::phone::{Answer, Answering, EndReason, Event, State};
use strait_parties::world::{HostId, INTERNET};

fn told(stage: &mut Stage, phone: HostId) -> Vec<(String, String)> {
    let events = stage.events(phone).into_iter();
    let told = events.filter_map(|event| match event {
        Event::Told { from, text } => Some((from, text)),
        _ => None,
    });
    told.collect()
}

fn answers(stage: &mut Stage, phone: HostId) -> Vec<(Method, u16)> {
    let events = stage.events(phone).into_iter();
    let answers = events.filter_map(|event| match event {
        Event::Answered { method, status, .. } => Some((method, status)),
        _ => None,
    });
    answers.collect()
}

/// A link that nothing comes through.
fn gone() -> Profile {
    Profile {
        loss: Loss::Random(1.0),
        ..Profile::default()
    }
}

fn pair(stage: &mut Stage) -> (HostId, HostId) {
    let alice = stage.phone("alice", "203.0.113.1");
    let bob = stage.phone("bob", "203.0.113.2");
    stage.register(&[alice, bob]);
    (alice, bob)
}

#[test]
fn a_text_and_a_question_get_their_answers() {
    let mut stage = Stage::new(1);
    let (alice, bob) = pair(&mut stage);
    stage.events(alice);
    stage.act(alice, |phone, now| {
        phone.text(now, "bob", "dinner?");
        phone.ask(now, "bob");
        phone.text(now, "nobody", "dinner?");
    });
    stage.run(1);
    let told = told(&mut stage, bob);
    assert_eq!(told, [("alice".to_owned(), "dinner?".to_owned())]);
    let mut answers = answers(&mut stage, alice);
    answers.sort_by_key(|(method, status)| (*status, method.to_string()));
    let expected = [
        (Method::Message, 200),
        (Method::Options, 200),
        (Method::Message, 404),
    ];
    assert_eq!(answers, expected);
}

#[test]
fn info_travels_within_a_call_both_ways() {
    let mut stage = Stage::new(2);
    let (alice, bob) = pair(&mut stage);
    let call = stage.call(alice, "bob");
    stage.run(2);
    stage.events(alice);
    let back = stage.last_call(bob).handle();
    stage.act(alice, |phone, now| phone.info(now, call, "Signal=1"));
    stage.act(bob, |phone, now| phone.info(now, back, "Signal=2"));
    stage.run(1);
    assert_eq!(told(&mut stage, bob), [("alice".into(), "Signal=1".into())]);
    assert_eq!(told(&mut stage, alice), [("bob".into(), "Signal=2".into())]);
}

#[test]
fn a_subscription_is_told_refreshed_and_given_up() {
    let mut stage = Stage::new(3);
    let (alice, bob) = pair(&mut stage);
    stage.act(alice, |phone, now| phone.watch(now, "bob"));
    stage.run(100);
    stage.act(bob, |phone, now| phone.publish(now, "busy"));
    stage.run(1);
    assert_eq!(told(&mut stage, alice), [("bob".into(), "busy".into())]);
    assert_eq!(stage.phone_of(bob).watches(), 1);
    stage.act(alice, |phone, now| phone.unwatch(now));
    stage.run(1);
    assert_eq!(stage.phone_of(alice).watches(), 0);
    assert_eq!(stage.phone_of(bob).watches(), 0);
}

#[test]
fn a_subscription_that_nobody_refreshes_lapses() {
    let mut stage = Stage::new(4);
    let (alice, bob) = pair(&mut stage);
    stage.act(alice, |phone, now| phone.watch(now, "bob"));
    stage.run(1);
    stage.world.set_access(alice, gone());
    stage.run(80);
    assert_eq!(stage.phone_of(bob).watches(), 0);
}

fn timed(stage: &mut Stage, updates: bool) -> (HostId, HostId) {
    let link = Profile::delayed(Duration::from_millis(10));
    let alice = stage.phone_with("alice", "203.0.113.1", INTERNET, link, |config| {
        config.session = Some(seconds(60));
        config.minimum_session = seconds(60);
        config.updates = updates;
    });
    let bob = stage.phone_with("bob", "203.0.113.2", INTERNET, link, |config| {
        config.updates = updates;
    });
    stage.register(&[alice, bob]);
    (alice, bob)
}

#[test]
fn a_session_is_agreed_on_refreshed_and_goes_on() {
    for updates in [false, true] {
        let mut stage = Stage::new(5);
        let (alice, bob) = timed(&mut stage, updates);
        stage.call(alice, "bob");
        stage.run(200);
        for phone in [alice, bob] {
            let refreshed = |event: &Event| matches!(event, Event::Refreshed(_));
            let count = stage.events(phone).into_iter().filter(refreshed).count();
            // 60 s were too brief for bob, who puts up with 90: every 45 s.
            assert_eq!(count, 5, "{updates}");
            stage.assert_state(phone, State::Established);
        }
    }
}

#[test]
fn a_session_ends_when_its_other_end_is_gone() {
    let mut stage = Stage::new(6);
    let (alice, bob) = timed(&mut stage, true);
    stage.call(alice, "bob");
    stage.run(3);
    stage.world.set_access(alice, gone());
    stage.run(120);
    let ends = [alice, bob].map(|phone| stage.last_call(phone).end_reason());
    let expected = [EndReason::Expired, EndReason::HungUp];
    let known = |end: Option<EndReason>| end.is_some_and(|end| expected.contains(&end));
    assert!(ends.into_iter().all(known), "{ends:?}");
}

#[test]
fn an_offer_before_the_answer_changes_what_is_agreed() {
    let mut stage = Stage::new(7);
    let link = Profile::delayed(Duration::from_millis(10));
    let phones = [("alice", "203.0.113.1"), ("bob", "203.0.113.2")].map(|(user, at)| {
        stage.phone_with(user, at, INTERNET, link, |config| {
            config.reliable = true;
            config.answering = Answering {
                ring_after: Duration::from_millis(100),
                early_media: true,
                answer: Answer::After(seconds(2)),
            };
        })
    });
    let [alice, bob] = phones;
    stage.register(&phones);
    let call = stage.call(alice, "bob");
    stage.run(1);
    let renegotiated = |event: &Event| matches!(event, Event::Renegotiated(_));
    assert!(!stage.events(bob).iter().any(renegotiated));
    stage.act(alice, |phone, now| phone.update_early(now, call));
    stage.run(10);
    assert!(stage.events(bob).iter().any(renegotiated));
    for phone in phones {
        stage.assert_state(phone, State::Established);
    }
    stage.assert_both_heard(alice, bob, 25);
}
