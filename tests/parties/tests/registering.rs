//! Phones and their registrar: registrations refreshed, lengthened and given up.

mod stage;

use std::time::Duration;

use stage::{Stage, seconds};
use strait_parties::net::link::{Loss, Profile};
use strait_parties::phone::Event;
use strait_parties::world::INTERNET;

#[test]
fn registrations_are_refreshed_lengthened_and_given_up() {
    let mut stage = Stage::with(11, "203.0.113.10:5060", |softswitch| {
        softswitch.minimum_expiry = seconds(60);
    });
    let access = Profile::default();
    let alice = stage.phone_with("alice", "198.51.100.1", INTERNET, access, |config| {
        config.expiry = seconds(20);
    });
    stage.register(&[alice]);
    assert_eq!(
        stage.events(alice),
        [Event::Registered(seconds(60))],
        "423 made it longer"
    );
    stage.run(600);
    let softswitch = stage.world.party(stage.softswitch).softswitch();
    assert_eq!(softswitch.bindings(stage.world.now(), "alice").count(), 1);
    assert!(softswitch.counters().registrations >= 20);
    stage.act(alice, |phone, now| phone.unregister(now));
    stage.run(100);
    let softswitch = stage.world.party(stage.softswitch).softswitch();
    assert_eq!(softswitch.bindings(stage.world.now(), "alice").count(), 0);
    assert_eq!(stage.events(alice).last(), Some(&Event::Unregistered));
}

#[test]
fn what_is_given_up_is_not_asked_for_again_by_a_request_that_was_under_way() {
    let mut stage = Stage::new(12);
    let alice = stage.phone("alice", "198.51.100.1");
    stage.register(&[alice]);
    let silence = Profile {
        loss: Loss::Random(1.0),
        ..Profile::default()
    };
    let pause = |stage: &mut Stage, time_ms| {
        let until = stage.world.now() + Duration::from_millis(time_ms);
        stage.world.run_until(until);
    };
    stage.world.set_access(alice, silence);
    stage.act(alice, |phone, now| phone.register(now));
    pause(&mut stage, 250);
    stage.act(alice, |phone, now| phone.unregister(now));
    // Repeated 500, 1500 and 3500 ms after they were sent: the later one is heard first.
    pause(&mut stage, 1_350);
    stage.world.set_access(alice, Profile::default());
    stage.run(60);
    assert_eq!(stage.events(alice).last(), Some(&Event::Unregistered));
    let softswitch = stage.world.party(stage.softswitch).softswitch();
    assert_eq!(softswitch.bindings(stage.world.now(), "alice").count(), 0);
}
