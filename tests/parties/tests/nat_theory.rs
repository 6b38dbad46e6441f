//! Two phones behind NATs without a session border controller: who hears whom is what RFC 4787's
//! terms say it must be.

mod stage;

use std::time::Duration;

use stage::Stage;
use strait_parties::net::link::Profile;
use strait_parties::net::nat::{Behaviour, Dependence, Nat, Ports};
use strait_parties::phone::{Config, State};
use strait_parties::world::{HostId, INTERNET, SegmentId};

use Dependence::{AddressAndPortDependent, AddressDependent, EndpointIndependent};

const KINDS: [Dependence; 3] = [
    EndpointIndependent,
    AddressDependent,
    AddressAndPortDependent,
];

fn behaviour(mapping: Dependence, filtering: Dependence) -> Behaviour {
    Behaviour {
        mapping,
        filtering,
        ports: Ports::Random,
        hairpin: false,
        idle: Duration::from_secs(60),
        inbound_refreshes: true,
    }
}

fn behind(
    stage: &mut Stage,
    user: &str,
    nat: Nat,
    set_up: impl FnOnce(&mut Config),
) -> (HostId, SegmentId) {
    let segment = stage.world.behind(nat, INTERNET);
    let access = Profile::delayed(Duration::from_millis(5));
    (
        stage.phone_with(user, "192.168.1.10", segment, access, set_up),
        segment,
    )
}

/// Alice calls bob, each behind a NAT; says whether alice heard bob, and bob alice.
fn punch(alice_nat: Behaviour, bob_nat: Behaviour) -> (bool, bool) {
    let mut stage = Stage::new(1);
    let reflector = stage.reflector;
    let reflected = move |config: &mut Config| config.reflector = Some(reflector);
    let nat = Nat::new(alice_nat, [198, 51, 100, 1].into(), 11);
    let (alice, _) = behind(&mut stage, "alice", nat, reflected);
    let nat = Nat::new(bob_nat, [198, 51, 100, 2].into(), 12);
    let (bob, _) = behind(&mut stage, "bob", nat, reflected);
    stage.register(&[alice, bob]);
    stage.act(alice, |phone, now| phone.reflect(now, 1));
    stage.act(bob, |phone, now| phone.reflect(now, 1));
    stage.run(1);
    stage.call(alice, "bob");
    stage.run(10);
    stage.assert_state(alice, State::Established);
    (
        stage.heard(alice).received > 300,
        stage.heard(bob).received > 300,
    )
}

/// What theory says: B's packets go to the address the reflector saw for A.
///
/// With endpoint-independent mapping that is the very mapping A sends to B through, so the filter
/// has seen B's address, and B's port if B's own mapping is the one it signalled. With any other
/// mapping it is one only the reflector was ever sent to through.
fn hears(own: &Behaviour, other: &Behaviour) -> bool {
    match (own.mapping, own.filtering) {
        (_, EndpointIndependent) => true,
        (EndpointIndependent, AddressDependent) => true,
        (EndpointIndependent, AddressAndPortDependent) => other.mapping == EndpointIndependent,
        _ => false,
    }
}

#[test]
fn all_pairs_of_mapping_and_filtering_behave_as_theory_says() {
    let kinds: Vec<Behaviour> = KINDS
        .iter()
        .flat_map(|mapping| KINDS.map(|filtering| behaviour(*mapping, filtering)))
        .collect();
    let mut both = 0;
    for one in &kinds {
        for other in &kinds {
            let expected = (hears(one, other), hears(other, one));
            assert_eq!(
                punch(one.clone(), other.clone()),
                expected,
                "{one:?} and {other:?}"
            );
            both += u32::from(expected == (true, true));
        }
    }
    // A canary for the theory itself: neither everything nor nothing works.
    assert!((20..60).contains(&both), "{both} of 81");
}

#[test]
fn private_addresses_in_descriptions_reach_nobody() {
    let mut stage = Stage::new(2);
    let nat = Nat::new(Behaviour::full_cone(), [198, 51, 100, 1].into(), 1);
    let (alice, _) = behind(&mut stage, "alice", nat, |_| {});
    let nat = Nat::new(Behaviour::full_cone(), [198, 51, 100, 2].into(), 2);
    let segment = stage.world.behind(nat, INTERNET);
    let access = Profile::delayed(Duration::from_millis(5));
    let bob = stage.phone_with("bob", "192.168.2.20", segment, access, |_| {});
    stage.register(&[alice, bob]);
    stage.call(alice, "bob");
    stage.run(6);
    stage.assert_state(alice, State::Established);
    assert_eq!(
        (stage.heard(alice).received, stage.heard(bob).received),
        (0, 0)
    );
    assert!(stage.world.losses().unroutable > 400);
}

#[test]
fn one_public_phone_hears_and_is_heard_only_if_it_answers_to_the_source() {
    for symmetric in [false, true] {
        let mut stage = Stage::new(3);
        let nat = Nat::new(Behaviour::symmetric(), [198, 51, 100, 1].into(), 1);
        let (alice, _) = behind(&mut stage, "alice", nat, |_| {});
        let access = Profile::delayed(Duration::from_millis(5));
        let bob = stage.phone_with("bob", "198.51.100.2", INTERNET, access, |config| {
            config.symmetric = symmetric;
        });
        stage.register(&[alice, bob]);
        stage.call(alice, "bob");
        stage.run(6);
        assert!(stage.heard(bob).received > 200 && stage.heard(bob).unsignalled > 200);
        assert_eq!(stage.heard(alice).received > 200, symmetric);
    }
}

#[test]
fn without_help_a_softswitch_cannot_even_ring_a_phone_behind_a_nat() {
    let mut stage = Stage::with(4, "203.0.113.10:5060", |softswitch| {
        softswitch.reach = strait_parties::softswitch::Reach::Contact;
    });
    let nat = Nat::new(Behaviour::full_cone(), [198, 51, 100, 1].into(), 1);
    let (alice, _) = behind(&mut stage, "alice", nat, |_| {});
    let bob = stage.phone("bob", "198.51.100.2");
    stage.register(&[alice, bob]);
    stage.call(bob, "alice");
    stage.run(40);
    assert_eq!(stage.phone_of(alice).calls().count(), 0);
    stage.assert_state(bob, State::Ended);
}

#[test]
fn an_idle_binding_expires_and_the_phone_is_out_of_reach_until_it_speaks() {
    let mut stage = Stage::new(5);
    let nat = Nat::new(
        behaviour(EndpointIndependent, AddressDependent),
        [198, 51, 100, 1].into(),
        1,
    );
    let (alice, _) = behind(&mut stage, "alice", nat, |config| {
        config.expiry = Duration::from_secs(400);
    });
    let bob = stage.phone("bob", "198.51.100.2");
    stage.register(&[alice, bob]);
    stage.run(100);
    stage.call(bob, "alice");
    stage.run(40);
    assert_eq!(
        stage.phone_of(alice).calls().count(),
        0,
        "the mapping lasted 60 s"
    );
    stage.run(70);
    // Refreshed at half its 400 s: the binding is open again.
    stage.call(bob, "alice");
    stage.run(5);
    assert_eq!(stage.phone_of(alice).calls().count(), 1);
}

#[test]
fn two_nats_in_a_row_are_as_strict_as_the_stricter() {
    let reach = |outer: Behaviour, inner: Behaviour| {
        let mut stage = Stage::new(6);
        let carrier = Nat::new(outer, [198, 51, 100, 1].into(), 1);
        let carrier = stage.world.behind(carrier, INTERNET);
        let home = Nat::new(inner, [100, 64, 0, 7].into(), 2);
        let home = stage.world.behind(home, carrier);
        let access = Profile::delayed(Duration::from_millis(5));
        let reflector = stage.reflector;
        let alice = stage.phone_with("alice", "192.168.1.10", home, access, |config| {
            config.reflector = Some(reflector);
        });
        let bob = stage.phone_with("bob", "198.51.100.2", INTERNET, access, |_| {});
        stage.register(&[alice, bob]);
        stage.act(alice, |phone, now| phone.reflect(now, 1));
        stage.run(1);
        stage.call(alice, "bob");
        stage.run(6);
        (
            stage.heard(alice).received > 200,
            stage.heard(bob).received > 200,
        )
    };
    let (full, symmetric) = (Behaviour::full_cone(), Behaviour::symmetric());
    assert_eq!(reach(full.clone(), full.clone()), (true, true));
    assert_eq!(reach(symmetric.clone(), full.clone()), (false, true));
    assert_eq!(reach(full, symmetric.clone()), (false, true));
    assert_eq!(reach(symmetric.clone(), symmetric), (false, true));
}

#[test]
fn neighbours_behind_one_nat_need_hairpin() {
    for hairpin in [true, false] {
        let mut stage = Stage::new(7);
        let kind = Behaviour {
            hairpin,
            ..Behaviour::full_cone()
        };
        let nat = Nat::new(kind, [198, 51, 100, 1].into(), 1);
        let segment = stage.world.behind(nat, INTERNET);
        let access = Profile::delayed(Duration::from_millis(5));
        let reflector = stage.reflector;
        let phones = [("alice", "192.168.1.10"), ("bob", "192.168.1.11")].map(|(user, at)| {
            stage.phone_with(user, at, segment, access, |config| {
                config.reflector = Some(reflector);
            })
        });
        stage.register(&phones);
        for phone in phones {
            stage.act(phone, |phone, now| phone.reflect(now, 1));
        }
        stage.run(1);
        stage.call(phones[0], "bob");
        stage.run(6);
        for phone in phones {
            assert_eq!(stage.heard(phone).received > 200, hairpin);
        }
    }
}

#[test]
fn a_rebinding_cuts_the_way_back_off() {
    let mut stage = Stage::new(8);
    let nat = Nat::new(Behaviour::restricted_cone(), [198, 51, 100, 1].into(), 1);
    let (alice, segment) = behind(&mut stage, "alice", nat, |_| {});
    let access = Profile::delayed(Duration::from_millis(5));
    let bob = stage.phone_with("bob", "198.51.100.2", INTERNET, access, |config| {
        config.symmetric = true;
    });
    stage.register(&[alice, bob]);
    stage.call(alice, "bob");
    stage.run(5);
    stage.assert_both_heard(alice, bob, 60);
    let before = stage.last_call(bob).stream().remote();
    stage.world.nat_mut(segment).unwrap().rebind();
    stage.run(3);
    let after = stage.last_call(bob).stream().remote();
    assert_ne!(before, after, "the same phone from another port");
    assert!(
        stage.heard(alice).longest_gap < Duration::from_millis(200),
        "bob followed at once"
    );
}
