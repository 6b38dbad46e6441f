//! Phone, softswitch, phone, in virtual time: what a call can go through.

mod stage;

use std::time::Duration;

use stage::{Stage, seconds};
use strait_parties::net::link::{Loss, Profile};
use strait_parties::phone::{Answer, Answering, EndReason, Event, Hold, Offer, State};
use strait_parties::sip::description::Direction;
use strait_parties::sip::digest::Algorithm;
use strait_parties::world::{HostId, INTERNET};

fn two_phones(stage: &mut Stage) -> (HostId, HostId) {
    let (alice, bob) = (
        stage.phone("alice", "198.51.100.1"),
        stage.phone("bob", "198.51.100.2"),
    );
    stage.register(&[alice, bob]);
    (alice, bob)
}

fn ended(stage: &mut Stage, phone: HostId) -> Option<EndReason> {
    stage
        .events(phone)
        .into_iter()
        .find_map(|event| match event {
            Event::Ended { reason, .. } => Some(reason),
            _ => None,
        })
}

#[test]
fn a_call_is_placed_heard_and_hung_up_from_either_side() {
    for caller_hangs_up in [true, false] {
        let mut stage = Stage::new(1);
        let (alice, bob) = two_phones(&mut stage);
        let call = stage.call(alice, "bob");
        stage.run(8);
        stage.assert_state(alice, State::Established);
        let leaver = if caller_hangs_up { alice } else { bob };
        let leaving = stage.last_call(leaver).handle();
        stage.act(leaver, |phone, now| phone.hang_up(now, leaving));
        stage.run(2);
        let stayer = if caller_hangs_up { bob } else { alice };
        assert_eq!(ended(&mut stage, leaver), Some(EndReason::HungUp));
        assert_eq!(ended(&mut stage, stayer), Some(EndReason::RemoteHungUp));
        // Everything sent arrived: seven seconds of talk each way.
        stage.assert_both_heard(alice, bob, 0);
        assert_eq!(stage.heard(alice).lost, 0);
        let rtcp = stage.last_call(alice).stream().rtcp();
        assert!(
            rtcp.goodbye && rtcp.received >= 2 && rtcp.broken == 0,
            "{rtcp:?}"
        );
        stage.act(alice, |phone, _| phone.forget(call));
        assert!(stage.phone_of(alice).call_at(call).is_none());
    }
}

#[test]
fn late_offer_and_early_media() {
    let mut stage = Stage::new(2);
    let (alice, bob) = two_phones(&mut stage);
    stage.call_offering(alice, "bob", Offer::Late);
    stage.run(5);
    stage.assert_both_heard(alice, bob, 3);

    let mut stage = Stage::new(3);
    let (alice, bob) = two_phones(&mut stage);
    stage.act(bob, |phone, _| {
        phone.set_answering(Answering {
            ring_after: Duration::from_millis(100),
            early_media: true,
            answer: Answer::After(seconds(4)),
        });
    });
    stage.call(alice, "bob");
    stage.run(3);
    stage.assert_state(alice, State::Calling);
    stage.assert_both_heard(alice, bob, 3);
    stage.run(3);
    stage.assert_state(alice, State::Established);
    assert_eq!(stage.heard(alice).longest_gap, Duration::from_millis(20));
}

fn reliable_phones(stage: &mut Stage) -> (HostId, HostId) {
    let access = Profile::delayed(Duration::from_millis(10));
    let mut add = |user, at| {
        stage.phone_with(user, at, INTERNET, access, |config| {
            (config.reliable, config.updates) = (true, true);
        })
    };
    let both = (add("alice", "198.51.100.1"), add("bob", "198.51.100.2"));
    stage.register(&[both.0, both.1]);
    both
}

#[test]
fn acknowledged_early_media_flows_whoever_offers() {
    for offer in [Offer::Early, Offer::Late] {
        let mut stage = Stage::new(4);
        let (alice, bob) = reliable_phones(&mut stage);
        stage.act(bob, |phone, _| {
            phone.set_answering(Answering {
                ring_after: Duration::from_millis(100),
                early_media: true,
                answer: Answer::After(seconds(4)),
            });
        });
        stage.call_offering(alice, "bob", offer);
        stage.run(3);
        stage.assert_state(alice, State::Calling);
        stage.assert_both_heard(alice, bob, 3);
        stage.run(3);
        for phone in [alice, bob] {
            stage.assert_state(phone, State::Established);
        }
        let call = stage.last_call(alice).handle();
        stage.act(alice, |phone, now| phone.hang_up(now, call));
        stage.run(2);
        assert_eq!(ended(&mut stage, bob), Some(EndReason::RemoteHungUp));
    }
}

#[test]
fn nobody_is_answered_before_a_response_is_acknowledged() {
    let mut stage = Stage::new(4);
    let (alice, bob) = reliable_phones(&mut stage);
    let lost = Profile {
        loss: Loss::Random(1.0),
        ..Profile::default()
    };
    stage.call(alice, "bob");
    stage
        .world
        .run_until(stage.world.now() + Duration::from_millis(100));
    stage.world.set_access(alice, lost);
    stage.run(40);
    assert_eq!(ended(&mut stage, bob), Some(EndReason::Rejected(504)));
}

#[test]
fn the_round_trip_is_measured_over_rtcp() {
    let mut stage = Stage::new(4);
    let (alice, bob) = two_phones(&mut stage);
    stage.call(alice, "bob");
    stage.run(40);
    for phone in [alice, bob] {
        let trip = stage.last_call(phone).stream().rtcp().round_trip.unwrap();
        // Four access links of 10 ms; RTCP's clock has a grain of 15 µs.
        assert!(
            trip.abs_diff(Duration::from_millis(40)) < Duration::from_micros(100),
            "{trip:?}"
        );
    }
}

#[test]
fn hold_falls_silent_and_resume_speaks_again() {
    for hold in [Hold::SendOnly, Hold::Inactive, Hold::ZeroAddress] {
        let mut stage = Stage::new(5);
        let (alice, bob) = two_phones(&mut stage);
        let call = stage.call(alice, "bob");
        stage.run(4);
        stage.act(alice, |phone, now| phone.hold(now, call, hold));
        stage.run(1);
        let sent = stage.last_call(bob).stream().sent().packets;
        stage.run(3);
        assert_eq!(
            stage.last_call(bob).stream().sent().packets,
            sent,
            "{hold:?}: bob is quiet"
        );
        let expected = match hold {
            Hold::SendOnly => Direction::RecvOnly,
            Hold::Inactive => Direction::Inactive,
            Hold::ZeroAddress => Direction::SendRecv,
        };
        assert_eq!(stage.last_call(bob).stream().direction(), expected);
        stage.act(alice, |phone, now| phone.resume(now, call));
        stage.run(3);
        assert!(
            stage.last_call(bob).stream().sent().packets > sent + 100,
            "{hold:?}"
        );
        stage.assert_both_heard(alice, bob, 3);
        assert_eq!(stage.heard(alice).lost, 0, "a pause is no loss");
    }
}

#[test]
fn an_update_holds_and_resumes() {
    let mut stage = Stage::new(5);
    let (alice, bob) = reliable_phones(&mut stage);
    let call = stage.call(alice, "bob");
    stage.run(4);
    stage.act(alice, |phone, now| phone.hold(now, call, Hold::Inactive));
    stage.run(1);
    let sent = stage.last_call(bob).stream().sent().packets;
    stage.run(3);
    assert_eq!(stage.last_call(bob).stream().sent().packets, sent);
    stage.act(alice, |phone, now| phone.resume(now, call));
    stage.run(3);
    stage.assert_both_heard(alice, bob, 3);
}

#[test]
fn both_holding_at_once_is_glare_and_settles() {
    both_hold(two_phones);
    both_hold(reliable_phones);
}

fn both_hold(phones: impl FnOnce(&mut Stage) -> (HostId, HostId)) {
    let mut stage = Stage::new(6);
    let (alice, bob) = phones(&mut stage);
    let call = stage.call(alice, "bob");
    stage.run(4);
    let other = stage.last_call(bob).handle();
    stage.act(alice, |phone, now| phone.hold(now, call, Hold::SendOnly));
    stage.act(bob, |phone, now| phone.hold(now, other, Hold::SendOnly));
    stage.run(10);
    for phone in [alice, bob] {
        assert_eq!(
            stage.last_call(phone).stream().direction(),
            Direction::Inactive
        );
    }
    stage.act(alice, |phone, now| phone.resume(now, call));
    stage.run(6);
    stage.act(bob, |phone, now| phone.resume(now, other));
    stage.run(6);
    for phone in [alice, bob] {
        stage.assert_state(phone, State::Established);
        assert_eq!(
            stage.last_call(phone).stream().direction(),
            Direction::SendRecv
        );
    }
}

#[test]
fn cancel_rejection_and_unknown_users() {
    let mut stage = Stage::new(7);
    let (alice, bob) = two_phones(&mut stage);
    stage.act(bob, |phone, _| {
        let ring_after = Duration::from_millis(100);
        phone.set_answering(Answering {
            ring_after,
            early_media: false,
            answer: Answer::Never,
        });
    });
    let call = stage.call(alice, "bob");
    stage.run(3);
    stage.act(alice, |phone, now| phone.hang_up(now, call));
    stage.run(2);
    assert_eq!(ended(&mut stage, alice), Some(EndReason::Cancelled));
    assert_eq!(ended(&mut stage, bob), Some(EndReason::Cancelled));

    stage.act(bob, |phone, _| {
        phone.set_answering(Answering {
            ring_after: Duration::from_millis(100),
            early_media: false,
            answer: Answer::Reject(486, seconds(1)),
        });
    });
    for (user, status) in [("bob", 486), ("carol", 480), ("nobody", 404)] {
        stage.call(alice, user);
        stage.run(3);
        assert_eq!(
            ended(&mut stage, alice),
            Some(EndReason::Rejected(status)),
            "{user}"
        );
    }
    assert_eq!(stage.last_call(alice).stream().sent().packets, 0);
}

#[test]
fn a_cancel_that_crosses_the_answer_ends_in_bye() {
    let mut stage = Stage::new(8);
    let (alice, bob) = two_phones(&mut stage);
    stage.act(bob, |phone, _| {
        let ring_after = Duration::from_millis(100);
        let answer = Answer::After(seconds(1));
        phone.set_answering(Answering {
            ring_after,
            early_media: false,
            answer,
        });
    });
    let call = stage.call(alice, "bob");
    // Bob has answered; his 200 is on its way when alice gives up.
    let crossing = stage.world.now() + Duration::from_millis(1030);
    stage.world.run_until(crossing);
    stage.assert_state(bob, State::Established);
    stage.assert_state(alice, State::Calling);
    stage.act(alice, |phone, now| phone.hang_up(now, call));
    stage.run(3);
    assert_eq!(ended(&mut stage, alice), Some(EndReason::HungUp));
    assert_eq!(ended(&mut stage, bob), Some(EndReason::RemoteHungUp));
}

#[test]
fn a_transfer_connects_the_other_two() {
    let mut stage = Stage::new(9);
    let (alice, bob) = two_phones(&mut stage);
    let carol = stage.phone("carol", "198.51.100.3");
    stage.register(&[carol]);
    let call = stage.call(alice, "bob");
    stage.run(4);
    stage.act(alice, |phone, now| phone.transfer(now, call, "carol"));
    stage.run(6);
    let reports: Vec<u16> = stage
        .events(alice)
        .into_iter()
        .filter_map(|event| match event {
            Event::Transfer { status, .. } => Some(status),
            _ => None,
        })
        .collect();
    assert_eq!(
        (reports.first(), reports.last()),
        (Some(&100), Some(&200)),
        "{reports:?}"
    );
    stage.assert_state(alice, State::Ended);
    assert_eq!(stage.last_call(bob).remote_user(), "carol");
    stage.assert_both_heard(bob, carol, 3);
}

#[test]
fn passwords_are_checked_with_either_hash_and_for_calls_too() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let mut stage = Stage::with(10, "203.0.113.10:5060", |softswitch| {
            softswitch.algorithm = algorithm;
            softswitch.challenge_calls = true;
        });
        let (alice, bob) = two_phones(&mut stage);
        stage.call(alice, "bob");
        stage.run(4);
        stage.assert_both_heard(alice, bob, 3);

        let access = Profile::default();
        let thief = stage.phone_with("carol", "198.51.100.3", INTERNET, access, |config| {
            config.password = "guessed".to_owned();
        });
        stage.act(thief, |phone, now| phone.register(now));
        stage.run(2);
        assert_eq!(stage.events(thief), [Event::RegistrationFailed(Some(401))]);
        stage.call(thief, "bob");
        stage.run(2);
        assert_eq!(ended(&mut stage, thief), Some(EndReason::Rejected(407)));
    }
}

#[test]
fn calls_survive_heavy_loss_because_everything_is_repeated() {
    for seed in 0..20 {
        let mut stage = Stage::new(seed);
        let lossy = Profile {
            delay: Duration::from_millis(15),
            jitter: Duration::from_millis(5),
            loss: Loss::Burst {
                begin: 0.1,
                end: 0.4,
            },
            duplicate: 0.05,
            ..Profile::default()
        };
        let alice = stage.phone_with("alice", "198.51.100.1", INTERNET, lossy, |_| {});
        let bob = stage.phone_with("bob", "198.51.100.2", INTERNET, lossy, |_| {});
        for phone in [alice, bob] {
            stage.act(phone, |phone, now| phone.register(now));
        }
        stage.run(30);
        let call = stage.call(alice, "bob");
        stage.run(30);
        stage.act(alice, |phone, now| phone.hang_up(now, call));
        stage.run(70);
        for phone in [alice, bob] {
            stage.assert_state(phone, State::Ended);
            let heard = stage.heard(phone);
            assert!(heard.is_clean(), "seed {seed}: {heard:?}");
            assert!(
                heard.lost > 100 && heard.duplicates > 10,
                "seed {seed}: {heard:?}"
            );
        }
        assert!(
            ended(&mut stage, bob) == Some(EndReason::RemoteHungUp),
            "seed {seed}"
        );
    }
}

#[test]
fn a_dead_network_ends_every_wait() {
    let mut stage = Stage::new(12);
    let (alice, bob) = two_phones(&mut stage);
    let call = stage.call(alice, "bob");
    stage.run(5);
    let dead = Profile {
        loss: Loss::Random(1.0),
        ..Profile::default()
    };
    stage.world.set_access(alice, dead);
    stage.act(alice, |phone, now| phone.hang_up(now, call));
    stage.call(alice, "carol");
    stage.run(40);
    let reasons: Vec<_> = stage
        .events(alice)
        .into_iter()
        .filter_map(|event| match event {
            Event::Ended { reason, .. } => Some(reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons.len(), 2);
    assert!(reasons.contains(&EndReason::NoResponse) && reasons.contains(&EndReason::HungUp));
    stage.assert_state(bob, State::Established);
}

#[test]
fn ipv6_phones_call_each_other() {
    let mut stage = Stage::with(13, "[2001:db8::10]:5060", |_| {});
    let (alice, bob) = (
        stage.phone("alice", "2001:db8:1::1"),
        stage.phone("bob", "2001:db8:2::1"),
    );
    stage.register(&[alice, bob]);
    let call = stage.call(alice, "bob");
    stage.run(5);
    stage.assert_both_heard(alice, bob, 3);
    stage.act(alice, |phone, now| phone.hold(now, call, Hold::SendOnly));
    stage.run(1);
    stage.act(alice, |phone, now| phone.hang_up(now, call));
    stage.run(1);
    assert_eq!(ended(&mut stage, bob), Some(EndReason::RemoteHungUp));
}

#[test]
fn one_run_is_like_another() {
    let run = || {
        let mut stage = Stage::new(14);
        let jitter = Profile {
            jitter: Duration::from_millis(30),
            loss: Loss::Random(0.05),
            ..Profile::default()
        };
        let alice = stage.phone_with("alice", "198.51.100.1", INTERNET, jitter, |_| {});
        let bob = stage.phone_with("bob", "198.51.100.2", INTERNET, jitter, |_| {});
        stage.act(alice, |phone, now| phone.register(now));
        stage.act(bob, |phone, now| phone.register(now));
        stage.run(20);
        stage.call(alice, "bob");
        stage.run(20);
        (
            stage.heard(alice),
            stage.heard(bob),
            stage.world.losses().clone(),
        )
    };
    let first = run();
    assert!(first.0.received > 500 && first.0.jitter > Duration::ZERO);
    assert_eq!(first, run());
}
