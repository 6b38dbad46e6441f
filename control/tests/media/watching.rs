//! What the dataplane reports while a call lasts, and what is made of it.

use strait_control::media::{Component, Notice, Side};
use strait_shared::command::Event;
use strait_shared::slot::Generation;

use crate::bench::{Bench, phone, rtcp, switch, talking};

const CALLER: Side = Side::Caller;
const CALLEE: Side = Side::Callee;

#[test]
fn a_call_is_dead_when_everything_expected_is_silent() {
    let (mut bench, call, to_caller, to_callee) = talking();
    let locals = [
        to_caller.clone(),
        rtcp(&to_caller),
        to_callee.clone(),
        rtcp(&to_callee),
    ];
    let event = |bench: &mut Bench, local: &str, heard: bool| {
        let slot = bench.slot_at(local);
        let generation = bench.slots[&slot].generation;
        bench.event(&match heard {
            true => Event::Heard { slot, generation },
            false => Event::Silent { slot, generation },
        });
    };
    for local in &locals[..3] {
        event(&mut bench, local, false);
    }
    assert_eq!(bench.notices, [], "RTCP still comes from the callee");
    event(&mut bench, &locals[3], false);
    assert_eq!(bench.notices, [Notice::Dead { session: call }]);
    event(&mut bench, &locals[0], true);
    event(&mut bench, &locals[0], false);
    assert_eq!(bench.notices.len(), 2, "and again after it was heard");
}

#[test]
fn on_hold_only_the_other_direction_counts() {
    let (mut bench, call, to_caller, to_callee) = talking();
    bench
        .offer(
            call,
            CALLEE,
            &switch("m=audio 16000 RTP/AVP 8\na=inactive\n"),
        )
        .unwrap();
    bench
        .answer(call, CALLER, &phone("m=audio 4000 RTP/AVP 8\na=inactive\n"))
        .unwrap();
    for local in [&to_caller, &to_callee] {
        assert_eq!(bench.at(local).forwarding.silence_timeout_ms, 0);
        assert_eq!(
            bench.at(&rtcp(local)).forwarding.silence_timeout_ms,
            0,
            "not RTCP either"
        );
    }
}

#[test]
fn silence_before_hold_does_not_count_after_it() {
    let (mut bench, call, to_caller, to_callee) = talking();
    let all = [
        to_caller.clone(),
        rtcp(&to_caller),
        to_callee.clone(),
        rtcp(&to_callee),
    ];
    let silent = |bench: &mut Bench, local: &str| {
        let slot = bench.slot_at(local);
        let generation = bench.slots[&slot].generation;
        bench.event(&Event::Silent { slot, generation });
    };
    silent(&mut bench, &all[0]);
    for attribute in ["a=inactive\n", ""] {
        let line = format!("m=audio 16000 RTP/AVP 8\n{attribute}");
        bench.offer(call, CALLEE, &switch(&line)).unwrap();
        bench
            .answer(call, CALLER, &phone(&line.replace("16000", "4000")))
            .unwrap();
    }
    all[1..].iter().for_each(|local| silent(&mut bench, local));
    assert_eq!(bench.notices, []);
    silent(&mut bench, &all[0]);
    assert_eq!(bench.notices, [Notice::Dead { session: call }]);
}

#[test]
fn what_latches_and_what_is_refused_is_told() {
    let (mut bench, call, to_caller, _) = talking();
    let slot = bench.slot_at(&rtcp(&to_caller));
    let generation = bench.slots[&slot].generation;
    let source = "198.51.100.7:61001".parse().unwrap();
    bench.event(&Event::Latched {
        slot,
        generation,
        source,
    });
    bench.event(&Event::Refused {
        slot,
        generation,
        source,
        count: 9,
    });
    let latched = Notice::Latched {
        session: call,
        line: 0,
        side: CALLER,
        component: Component::Rtcp,
        source,
    };
    let refused = Notice::Refused {
        session: call,
        line: 0,
        side: CALLER,
        source,
        count: 9,
    };
    assert_eq!(bench.notices, [latched, refused]);
    bench.close(call);
    bench.notices.clear();
    let stale = Generation(generation.0 + 1);
    bench.event(&Event::Latched {
        slot,
        generation: stale,
        source,
    });
    assert_eq!(bench.notices, [], "a use that is not ours");
    bench.report_closed();
    bench.notices.clear();
    bench.event(&Event::Latched {
        slot,
        generation,
        source,
    });
    assert_eq!(bench.notices, [], "a use that is over");
}
