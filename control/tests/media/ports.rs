//! Where ports come from and when they come back.

use std::collections::BTreeSet;
use std::time::Duration;

use strait_control::media::limits::LATE_MAX;
use strait_control::media::{Family, MediaError, MediaPlane, Notice, SessionId, Side};
use strait_shared::command::{Command, Event, RejectReason};
use strait_shared::slot::{Counters, Generation};

use crate::bench::{ACCESS, Bench, CONFIG, CORE, phone, switch, talking, told};

const AUDIO: &str = "m=audio 4000 RTP/AVP 8\n";

/// The ports that as many calls as fit get towards the callee.
pub fn draw(bench: &mut Bench) -> Vec<String> {
    draw_calls(bench).0
}

/// The same with the calls, and the one that did not fit.
fn draw_calls(bench: &mut Bench) -> (Vec<String>, Vec<SessionId>) {
    let (mut ports, mut calls) = (Vec::new(), Vec::new());
    loop {
        let call = bench.begin();
        calls.push(call);
        match bench.offer(call, Side::Caller, &phone(AUDIO)) {
            Ok(offer) => ports.push(told(&offer, 0)),
            Err(MediaError::Exhausted { .. }) => return (ports, calls),
            Err(other) => panic!("{other}"),
        }
        bench.check_links();
    }
}

#[test]
fn every_pair_is_given_once_then_none() {
    let mut bench = Bench::new();
    let ports = draw(&mut bench);
    assert_eq!(ports.len(), 20, "20 pairs on each IPv4 address");
    assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 20);
    for port in &ports {
        let (_, port) = port.rsplit_once(':').unwrap();
        assert_eq!(port.parse::<u16>().unwrap() % 2, 0, "RTP is even");
    }
    for realm in [ACCESS, CORE] {
        assert_eq!(
            bench.plane.port_usage(bench.now, realm).free,
            20,
            "the IPv6 pairs"
        );
    }
}

#[test]
fn the_seed_decides_the_order() {
    let order = |seed: u8| {
        let mut bench = Bench::new();
        let config = crate::bench::CONFIG.parse().unwrap();
        bench.plane = MediaPlane::new(&config, &bench.geometry, [seed; 32]);
        draw(&mut bench)
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
    let mut sorted = order(1);
    sorted.sort();
    assert_ne!(order(1), sorted);
}

#[test]
fn a_port_rests_after_its_last_packet_could_have_come() {
    let mut bench = Bench::new();
    let calls: Vec<_> = (0..20).map(|_| bench.begin()).collect();
    for call in &calls {
        bench.offer(*call, Side::Caller, &phone(AUDIO)).unwrap();
    }
    let late = bench.begin();
    let exhausted = |bench: &mut Bench| {
        let offer = bench.offer(late, Side::Caller, &phone(AUDIO));
        matches!(offer, Err(MediaError::Exhausted { .. }))
    };
    bench.close(calls[0]);
    assert!(exhausted(&mut bench), "closed, not yet reported");
    bench.report_closed();
    assert!(exhausted(&mut bench), "reported, in quarantine");
    bench.pass(4);
    assert!(exhausted(&mut bench));
    bench.pass(1);
    assert!(!exhausted(&mut bench));
}

#[test]
fn a_port_rests_as_long_as_a_session_sends_to_it() {
    let mut bench = Bench::new();
    let first = bench.begin();
    let offer = bench.offer(first, Side::Caller, &phone(AUDIO)).unwrap();
    let port = told(&offer, 0);
    // The softswitch sends the call back, to another phone; that leg outlives the first.
    let back = bench.begin_between((CORE, Family::V4), (ACCESS, Family::V4));
    let (_, number) = port.rsplit_once(':').unwrap();
    let audio = format!("m=audio {number} RTP/AVP 8\n");
    let sdp = switch(&audio).replace("c=IN IP4 10.0.0.1", "c=IN IP4 10.0.0.254");
    bench.offer(back, Side::Caller, &sdp).unwrap();
    bench.close(first);
    bench.report_closed();
    for _ in 0..3 {
        bench.pass(6);
        let (others, calls) = draw_calls(&mut bench);
        assert!(others.len() == 18 && !others.contains(&port));
        calls.into_iter().for_each(|call| bench.close(call));
        bench.report_closed();
    }
    bench.close(back);
    bench.report_closed();
    bench.pass(5);
    assert!(draw(&mut bench).contains(&port));
}

#[test]
fn a_port_rests_as_long_as_a_party_of_its_last_use_sends_to_it_but_not_for_ever() {
    let mut bench = Bench::new();
    let call = bench.begin();
    let offer = bench.offer(call, Side::Caller, &phone(AUDIO)).unwrap();
    let (port, slot) = (told(&offer, 0), bench.slot_at(&told(&offer, 0)));
    let late = Event::Late {
        slot,
        generation: Generation(1),
    };
    bench.event(&late);
    bench.close(call);
    bench.report_closed();
    assert_eq!(bench.plane.given_up().len(), 2, "both sides' pairs, once");
    let began = bench.now;
    let mut rested = 0;
    while bench.now.since(began) < LATE_MAX - Duration::from_secs(10) {
        for _ in 0..6 {
            bench.event(&late);
            bench.pass(1);
        }
        rested += bench.plane.given_up().len();
        let (others, calls) = draw_calls(&mut bench);
        assert!(others.len() == 19 && !others.contains(&port));
        calls.into_iter().for_each(|call| bench.close(call));
        bench.report_closed();
        bench.plane.given_up();
    }
    assert!(
        rested >= 250,
        "a successor is told every five seconds: {rested}"
    );
    for _ in 0..10 {
        bench.event(&late);
        bench.pass(1);
    }
    assert!(draw(&mut bench).contains(&port), "half an hour is enough");
}

#[test]
fn a_port_that_need_not_rest_does_not_because_somebody_sends_to_it() {
    let mut bench = Bench::with(&CONFIG.replace("port_quarantine: 5s", "port_quarantine: 0s"));
    let call = bench.begin();
    let offer = bench.offer(call, Side::Caller, &phone(AUDIO)).unwrap();
    let port = told(&offer, 0);
    let slot = bench.slot_at(&port);
    bench.close(call);
    bench.report_closed();
    bench.plane.given_up();
    for _ in 0..3 {
        let generation = Generation(1);
        bench.event(&Event::Late { slot, generation });
    }
    assert!(bench.plane.given_up().is_empty(), "nothing for a successor");
    assert!(draw(&mut bench).contains(&port));
}

#[test]
fn a_port_that_nobody_sends_to_any_more_is_used_again() {
    let mut bench = Bench::new();
    let call = bench.begin();
    let offer = bench.offer(call, Side::Caller, &phone(AUDIO)).unwrap();
    let port = told(&offer, 0);
    let late = Event::Late {
        slot: bench.slot_at(&port),
        generation: Generation(1),
    };
    bench.close(call);
    bench.report_closed();
    bench.pass(4);
    bench.event(&late);
    bench.pass(4);
    assert!(!draw(&mut bench).contains(&port));
    bench.pass(5);
    assert_eq!(draw(&mut bench), [port]);
}

#[test]
fn a_dataplane_that_never_reports_is_given_up_on() {
    let mut bench = Bench::new();
    let call = bench.begin();
    bench.offer(call, Side::Caller, &phone(AUDIO)).unwrap();
    bench.close(call);
    let unreported = std::mem::take(&mut bench.unreported);
    bench.pass(9);
    assert_eq!(
        (&bench.notices[..], &bench.closed_again[..]),
        (&[][..], &[][..])
    );
    bench.pass(1);
    // What became of its commands is not known: should any be open still, it is of no use.
    assert_eq!(bench.closed_again, unreported);
    assert!(matches!(&bench.notices[..], [Notice::Finished { session, .. }] if *session == call));
    bench.check_all_given_back();
    for (slot, generation) in unreported {
        bench.event(&Event::Closed {
            slot,
            generation,
            counters: Counters::default(),
        });
    }
    bench.check_all_given_back();
}

#[test]
fn a_slot_the_dataplane_does_not_open_fails_its_call() {
    let mut bench = Bench::new();
    let call = bench.begin();
    let offer = bench.offer(call, Side::Caller, &phone(AUDIO)).unwrap();
    let slot = bench.slot_at(&told(&offer, 0));
    let open = bench.slots.remove(&slot).unwrap();
    let command = Command::Open {
        slot,
        generation: open.generation,
        forwarding: open.forwarding,
    };
    bench
        .plane
        .rejected(bench.now, &command, RejectReason::Occupied);
    bench.close(call);
    assert_eq!(bench.unreported.len(), 3, "what is not open is not closed");
    let failed = Notice::Failed {
        session: call,
        reason: RejectReason::Occupied,
    };
    assert_eq!(bench.notices, [failed]);
    bench.check_all_given_back();
}

#[test]
fn a_close_that_is_damaged_on_its_way_is_sent_again() {
    let (mut bench, call, to_caller, _) = talking();
    let slot = bench.slot_at(&to_caller);
    let generation = bench.slots[&slot].generation;
    bench.plane.close(bench.now, call);
    let close = Command::Close { slot, generation };
    let sent = |bench: &mut Bench| std::iter::from_fn(|| bench.plane.poll_command()).collect();
    let first: Vec<Command> = sent(&mut bench);
    assert!(first.contains(&close));
    let damaged = RejectReason::Malformed;
    bench.plane.rejected(bench.now, &close, damaged);
    let again: Vec<Command> = sent(&mut bench);
    assert_eq!(again, [close]);
    // Also when the pair was given up meanwhile: what stays open is never to be used again.
    bench.pass(60);
    bench.plane.rejected(bench.now, &close, damaged);
    let again: Vec<Command> = sent(&mut bench);
    assert_eq!(again, [close]);
}

#[test]
fn the_report_has_what_every_slot_saw() {
    let mut bench = Bench::new();
    let call = bench.begin();
    bench.offer(call, Side::Caller, &phone(AUDIO)).unwrap();
    bench
        .answer(call, Side::Callee, &switch("m=audio 16000 RTP/AVP 8\n"))
        .unwrap();
    bench.confirm(call).unwrap();
    let live = bench
        .plane
        .report(call, &|slot: strait_shared::slot::SlotIndex| {
            Some(Counters {
                packets: 1_000 + u64::from(slot.0),
                ..Counters::default()
            })
        });
    bench.close(call);
    bench.report_closed();
    let [Notice::Finished { report, .. }] = &bench.notices[..] else {
        panic!("{:?}", bench.notices);
    };
    assert_eq!((live.len(), report.len()), (4, 4));
    for (live, closed) in live.iter().zip(report) {
        assert_eq!(live.counters.packets, closed.counters.packets + 1_000);
        assert_eq!(live.local, closed.local);
        assert_eq!((closed.line, closed.media.as_str()), (0, "audio"));
        assert_eq!(closed.codec.as_ref().unwrap().name, "PCMA");
    }
    let signalled: Vec<_> = report
        .iter()
        .map(|entry| entry.signalled.unwrap())
        .collect();
    let expected = [
        "192.168.1.20:4000",
        "192.168.1.20:4001",
        "10.0.0.1:16000",
        "10.0.0.1:16001",
    ];
    assert_eq!(signalled, expected.map(|text| text.parse().unwrap()));
}
