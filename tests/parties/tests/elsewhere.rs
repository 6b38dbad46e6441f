//! Phones that send their callers elsewhere, and phones whose media moves in mid-call.

mod stage;

use std::net::IpAddr;
use std::time::Duration;

use stage::Stage;
use strait_parties::phone::{Answer, Answering, EndReason, Event, State};
use strait_parties::world::HostId;

fn redirects(stage: &mut Stage, phone: HostId, deputy: Option<&str>) {
    stage.act(phone, |phone, _| {
        phone.set_deputy(deputy);
        phone.set_answering(Answering {
            ring_after: Duration::from_millis(100),
            early_media: true,
            answer: Answer::Redirect(302, Duration::from_millis(500)),
        });
    });
}

#[test]
fn who_is_sent_on_talks_to_whoever_is_named() {
    let mut stage = Stage::new(1);
    let alice = stage.phone("alice", "198.51.100.1");
    let bob = stage.phone("bob", "198.51.100.2");
    let carol = stage.phone("carol", "198.51.100.3");
    stage.register(&[alice, bob, carol]);
    redirects(&mut stage, bob, Some("carol"));
    let call = stage.call(alice, "bob");
    stage.run(8);
    let to = "carol".to_owned();
    assert!(stage.events(alice).contains(&Event::SentOn { call, to }));
    assert_eq!(stage.last_call(alice).remote_user(), "carol");
    assert_eq!(
        stage.last_call(bob).end_reason(),
        Some(EndReason::Rejected(302))
    );
    stage.assert_both_heard(alice, carol, 3);
}

#[test]
fn who_is_sent_to_another_contact_is_answered_there() {
    let mut stage = Stage::new(2);
    let (alice, bob) = (
        stage.phone("alice", "198.51.100.1"),
        stage.phone("bob", "198.51.100.2"),
    );
    stage.register(&[alice, bob]);
    redirects(&mut stage, bob, None);
    stage.call(alice, "bob");
    stage.run(8);
    stage.assert_both_heard(alice, bob, 3);
}

#[test]
fn nobody_goes_round_in_a_circle() {
    let mut stage = Stage::new(3);
    let (alice, bob) = (
        stage.phone("alice", "198.51.100.1"),
        stage.phone("bob", "198.51.100.2"),
    );
    stage.register(&[alice, bob]);
    redirects(&mut stage, bob, Some("bob"));
    stage.call(alice, "bob");
    stage.run(20);
    let ended = stage.last_call(alice).end_reason();
    assert_eq!(ended, Some(EndReason::Rejected(302)));
    assert_eq!(stage.phone_of(bob).calls().count(), 4);
}

#[test]
fn media_moves_in_mid_call() {
    let mut stage = Stage::new(4);
    let (alice, bob) = (
        stage.phone("alice", "198.51.100.1"),
        stage.phone("bob", "198.51.100.2"),
    );
    stage.register(&[alice, bob]);
    let call = stage.call(alice, "bob");
    stage.run(4);
    let before = stage.last_call(alice).stream().local();
    let same: IpAddr = before.ip();
    stage.act(alice, |phone, now| phone.move_media(now, call, same));
    stage.run(4);
    let stream = stage.last_call(alice).stream();
    let (left, now) = (stream.left().map(|(place, _)| place), stream.local());
    assert_eq!(left, Some(before));
    assert_ne!(now, before);
    assert_eq!(stage.last_call(bob).stream().remote(), Some(now));
    // What was under way to the old place still counts; nothing is lost.
    stage.assert_both_heard(alice, bob, 3);
}

#[test]
fn a_call_that_is_over_moves_nowhere() {
    let mut stage = Stage::new(5);
    let (alice, bob) = (
        stage.phone("alice", "198.51.100.1"),
        stage.phone("bob", "198.51.100.2"),
    );
    stage.register(&[alice, bob]);
    let call = stage.call(alice, "bob");
    stage.run(4);
    let before = stage.last_call(alice).stream().local();
    let elsewhere: IpAddr = "198.51.100.77".parse().unwrap();
    // Both at once: the offer finds no call.
    stage.act(bob, |phone, now| {
        let call = phone.calls().last().unwrap().handle();
        phone.hang_up(now, call);
    });
    stage.act(alice, |phone, now| phone.move_media(now, call, elsewhere));
    stage.run(2);
    assert_eq!(stage.last_call(alice).stream().local(), before);
    stage.assert_state(alice, State::Ended);
}
