//! Ports that an earlier control had.

use std::net::SocketAddr;

use strait_control::media::{KeptSession, Side};
use strait_shared::command::{Command, Event};
use strait_shared::slot::{Generation, SlotIndex};

use crate::bench::{Bench, rtcp, source, talking};
use crate::ports::draw;

/// What is kept of a call that talks, and its ports with whom each is for.
fn kept() -> (Bench, KeptSession, [(String, SocketAddr, Side); 4]) {
    let (bench, call, access, core) = talking();
    let kept = bench.plane.keep(call).unwrap();
    let for_whom = |local: &str, side| {
        let signalled = bench.at(local).forwarding.signalled;
        (local.to_owned(), signalled.unwrap(), side)
    };
    let ports = [
        for_whom(&access, Side::Caller),
        for_whom(&rtcp(&access), Side::Caller),
        for_whom(&core, Side::Callee),
        for_whom(&rtcp(&core), Side::Callee),
    ];
    (bench, kept, ports)
}

#[test]
fn a_use_that_was_lost_with_the_table_is_repeated_there_with_its_gates_shut() {
    let (mut bench, kept, ports) = kept();
    bench.lose_table();
    let commands = bench.succeed(&kept);
    assert_eq!(commands.len(), 8);
    for ((local, expected, side), pair) in ports.iter().zip(commands.chunks(2)) {
        let [
            Command::Open {
                slot,
                generation: Generation(1),
                forwarding,
            },
            close,
        ] = pair
        else {
            panic!("{pair:?}");
        };
        assert_eq!(*slot, bench.slot_at(local));
        assert_eq!(
            *close,
            Command::Close {
                slot: *slot,
                generation: Generation(1)
            }
        );
        assert!(!forwarding.accept && forwarding.peer.is_none());
        assert_eq!(forwarding.signalled, Some(*expected));
        assert_eq!(forwarding.signalling_source, Some(source(*side)));
    }
    assert_eq!(
        bench.plane.given_up().len(),
        2,
        "they rest for the next control too"
    );
}

#[test]
fn a_port_whose_use_was_lost_rests_as_long_as_a_party_of_it_sends_to_it() {
    let (mut bench, kept, ports) = kept();
    bench.lose_table();
    bench.succeed(&kept);
    bench.report_closed();
    let (core, ..) = &ports[2];
    let late = Event::Late {
        slot: bench.slot_at(core),
        generation: Generation(1),
    };
    for _ in 0..6 {
        bench.event(&late);
        bench.pass(1);
    }
    assert!(!draw(&mut bench).contains(core));
    bench.pass(5);
    assert_eq!(draw(&mut bench), std::slice::from_ref(core));
    assert_eq!(bench.at(core).generation, Generation(2));
}

#[test]
fn uses_are_counted_on_from_those_in_the_table() {
    let (mut bench, kept, ports) = kept();
    let slots: Vec<SlotIndex> = ports
        .iter()
        .map(|(local, ..)| bench.slot_at(local))
        .collect();
    bench.end_uses();
    assert_eq!(bench.succeed(&kept), []);
    bench.pass(5);
    draw(&mut bench);
    let mut later = bench
        .slots
        .iter()
        .filter(|(_, open)| open.generation == Generation(2));
    assert_eq!(later.clone().count(), 4);
    assert!(later.all(|(slot, _)| slots.contains(slot)));
}
