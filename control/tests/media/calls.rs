//! Calls as the dataplane sees them: which gates stand open, who is latched, what changes.

use strait_control::media::{Family, MediaError, OfferState, Side};
use strait_shared::slot::{LatchPolicy, Policer};

use crate::bench::{ACCESS, Bench, CORE, OpenSlot, phone, rtcp, switch, talking, told};

const CALLER: Side = Side::Caller;
const CALLEE: Side = Side::Callee;

/// Whether the caller's and the callee's media is let in.
fn gates(bench: &Bench, to_caller: &str, to_callee: &str) -> (bool, bool) {
    (
        bench.at(to_caller).forwarding.accept,
        bench.at(to_callee).forwarding.accept,
    )
}

#[test]
fn slots_carry_what_their_realms_ask_for() {
    let (bench, _, to_caller, to_callee) = talking();
    let OpenSlot { forwarding, .. } = bench.at(&to_caller);
    assert_eq!(forwarding.peer, Some(bench.slot_at(&to_callee)));
    assert_eq!(forwarding.policy, LatchPolicy::Restricted);
    assert_eq!(
        forwarding.signalled,
        Some("192.168.1.20:4000".parse().unwrap())
    );
    assert_eq!(
        forwarding.signalling_source,
        Some("198.51.100.7".parse().unwrap())
    );
    assert!(
        !forwarding.send_before_latch,
        "a private address behind a NAT is nowhere"
    );
    assert_eq!((forwarding.dscp, forwarding.clock_hz), (34, 8_000));
    let policer = Policer {
        packets_per_second: 200,
        bytes_per_second: 64_000,
        burst_ms: 200,
    };
    assert_eq!(forwarding.policer, Some(policer));
    assert_eq!(forwarding.silence_timeout_ms, 60_000);

    let OpenSlot { forwarding, .. } = bench.at(&to_callee);
    assert_eq!(
        forwarding.signalled,
        Some("10.0.0.1:16000".parse().unwrap())
    );
    assert!(forwarding.send_before_latch);
    assert_eq!((forwarding.dscp, forwarding.policer), (46, None));

    let control = bench.at(&rtcp(&to_callee)).forwarding;
    assert!(control.rtcp && control.accept);
    assert_eq!(control.signalled, Some("10.0.0.1:16001".parse().unwrap()));
    assert_eq!(control.peer, Some(bench.slot_at(&rtcp(&to_caller))));
    assert_eq!(control.clock_hz, 0);
}

#[test]
fn a_party_at_its_signalling_address_is_sent_to_at_once() {
    let mut bench = Bench::new();
    let call = bench.begin();
    let open = phone("m=audio 4000 RTP/AVP 8\n").replace("192.168.1.20", "198.51.100.7");
    bench.offer(call, CALLER, &open).unwrap();
    let answer = bench
        .answer(call, CALLEE, &switch("m=audio 16000 RTP/AVP 8\n"))
        .unwrap();
    assert!(bench.at(&told(&answer, 0)).forwarding.send_before_latch);
}

#[test]
fn nothing_passes_before_both_sides_have_spoken() {
    let mut bench = Bench::new();
    let call = bench.begin();
    let offer = bench
        .offer(call, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"))
        .unwrap();
    assert_eq!(bench.slots.len(), 4);
    assert!(bench.slots.values().all(|open| !open.forwarding.accept));
    // Early media: the answer comes in a provisional response, the call is not confirmed yet.
    let answer = bench
        .answer(call, CALLEE, &switch("m=audio 16000 RTP/AVP 8\n"))
        .unwrap();
    assert_eq!(
        gates(&bench, &told(&answer, 0), &told(&offer, 0)),
        (true, true)
    );
    let timeouts = bench
        .slots
        .values()
        .map(|open| open.forwarding.silence_timeout_ms);
    assert_eq!(timeouts.max(), Some(0), "ringing may be silent");
}

#[test]
fn hold_closes_one_direction_and_resume_opens_it() {
    // (offered by the callee, answered by the caller) -> (caller's media, callee's media) let in.
    for (offered, answered, expected) in [
        ("a=sendonly\n", "a=recvonly\n", (false, true)),
        ("a=recvonly\n", "a=sendonly\n", (true, false)),
        ("a=inactive\n", "a=inactive\n", (false, false)),
        ("a=sendonly\n", "", (false, true)),
        ("", "", (true, true)),
    ] {
        let (mut bench, call, to_caller, to_callee) = talking();
        let line = "m=audio 16000 RTP/AVP 8\n";
        let offer = bench
            .offer(call, CALLEE, &switch(&format!("{line}{offered}")))
            .unwrap();
        assert_eq!(
            gates(&bench, &to_caller, &to_callee),
            (true, true),
            "not yet answered"
        );
        let answer = phone(&format!("m=audio 4000 RTP/AVP 8\n{answered}"));
        let answer = bench.answer(call, CALLER, &answer).unwrap();
        assert_eq!(
            (told(&offer, 0), told(&answer, 0)),
            (to_caller.clone(), to_callee.clone())
        );
        assert_eq!(
            gates(&bench, &to_caller, &to_callee),
            expected,
            "{offered}{answered}"
        );
        let held = bench.at(&to_caller);
        assert_eq!(
            held.forwarding.silence_timeout_ms > 0,
            expected.0,
            "hold is no silence"
        );
        assert_eq!(held.rearmed, 0);
        assert!(
            bench.at(&rtcp(&to_caller)).forwarding.accept,
            "RTCP goes on (RFC 3264 §5.1)"
        );

        bench.offer(call, CALLEE, &switch(line)).unwrap();
        bench
            .answer(call, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"))
            .unwrap();
        assert_eq!(gates(&bench, &to_caller, &to_callee), (true, true));
        assert_eq!(
            bench.at(&to_caller).rearmed + bench.at(&to_callee).rearmed,
            0
        );
    }
}

#[test]
fn hold_by_an_unspecified_address_keeps_the_party_where_it_was() {
    let (mut bench, call, to_caller, to_callee) = talking();
    let held =
        phone("m=audio 4000 RTP/AVP 8\n").replace("c=IN IP4 192.168.1.20", "c=IN IP4 0.0.0.0");
    let offer = bench.offer(call, CALLER, &held).unwrap();
    assert!(offer.contains("c=IN IP4 0.0.0.0"), "{offer}");
    bench
        .answer(call, CALLEE, &switch("m=audio 16000 RTP/AVP 8\n"))
        .unwrap();
    assert_eq!(gates(&bench, &to_caller, &to_callee), (true, false));
    let slot = bench.at(&to_caller);
    assert_eq!(
        slot.forwarding.signalled,
        Some("192.168.1.20:4000".parse().unwrap())
    );
    assert_eq!(slot.rearmed, 0);
    assert!(
        !bench.at(&rtcp(&to_callee)).forwarding.accept,
        "nor RTCP (RFC 3264 §8.4)"
    );
}

#[test]
fn only_a_party_that_moves_is_latched_anew() {
    let (mut bench, call, to_caller, to_callee) = talking();
    bench
        .offer(call, CALLER, &phone("m=audio 4000 RTP/AVP 0\n"))
        .unwrap();
    bench
        .answer(call, CALLEE, &switch("m=audio 16000 RTP/AVP 0\n"))
        .unwrap();
    assert_eq!(
        (bench.at(&to_caller).rearmed, bench.at(&to_callee).rearmed),
        (0, 0),
        "codec"
    );

    bench
        .offer(call, CALLER, &phone("m=audio 4100 RTP/AVP 0\n"))
        .unwrap();
    bench
        .answer(call, CALLEE, &switch("m=audio 16000 RTP/AVP 0\n"))
        .unwrap();
    assert_eq!(
        (bench.at(&to_caller).rearmed, bench.at(&to_callee).rearmed),
        (1, 0),
        "port"
    );
    let moved = bench.at(&to_caller).forwarding.signalled;
    assert_eq!(moved, Some("192.168.1.20:4100".parse().unwrap()));
}

#[test]
fn an_answer_may_be_repeated_and_may_change() {
    let mut bench = Bench::new();
    let call = bench.begin();
    let offer = bench
        .offer(call, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"))
        .unwrap();
    let announcement = switch("m=audio 16000 RTP/AVP 8\n");
    let first = bench.answer(call, CALLEE, &announcement).unwrap();
    let before = bench.commands;
    assert_eq!(bench.answer(call, CALLEE, &announcement).unwrap(), first);
    assert_eq!(bench.commands, before, "nothing new, nothing to do");
    let callee = bench
        .answer(call, CALLEE, &switch("m=audio 17000 RTP/AVP 8\n"))
        .unwrap();
    assert_eq!(told(&callee, 0), told(&first, 0));
    let slot = bench.at(&told(&offer, 0));
    assert_eq!(
        slot.forwarding.signalled,
        Some("10.0.0.1:17000".parse().unwrap())
    );
    assert_eq!(slot.rearmed, 1);
}

#[test]
fn a_description_that_answers_nothing_is_edited_and_ignored() {
    let (mut bench, call, to_caller, _) = talking();
    bench
        .offer(call, CALLEE, &switch("m=audio 16000 RTP/AVP 8\n"))
        .unwrap();
    bench
        .answer(call, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"))
        .unwrap();
    let before = bench.commands;
    let late = bench
        .answer(call, CALLEE, &switch("m=audio 18000 RTP/AVP 8\n"))
        .unwrap();
    assert_eq!(told(&late, 0), to_caller);
    assert_eq!(bench.commands, before);
}

#[test]
fn offers_cross_or_wait() {
    let (mut bench, call, ..) = talking();
    assert_eq!(bench.plane.offer_state(call), Some(OfferState::Stable));
    bench
        .offer(call, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"))
        .unwrap();
    assert_eq!(
        bench.plane.offer_state(call),
        Some(OfferState::Offered(CALLER))
    );
    let crossing = bench.offer(call, CALLEE, &switch("m=audio 16000 RTP/AVP 8\n"));
    assert_eq!(crossing, Err(MediaError::Glare));
    let again = bench.offer(call, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"));
    assert_eq!(again, Err(MediaError::OfferPending));
    bench.rollback(call);
    assert_eq!(bench.plane.offer_state(call), Some(OfferState::Stable));
    bench
        .offer(call, CALLEE, &switch("m=audio 16000 RTP/AVP 8\n"))
        .unwrap();
}

#[test]
fn a_refused_offer_leaves_everything_as_it_was() {
    let (mut bench, call, to_caller, to_callee) = talking();
    let two = "m=audio 4100 RTP/AVP 8\nm=video 4102 RTP/AVP 96\n";
    let offer = bench.offer(call, CALLER, &phone(two)).unwrap();
    assert_eq!(told(&offer, 0), to_callee);
    assert_eq!(bench.slots.len(), 8);
    bench.rollback(call);
    assert_eq!(bench.slots.len(), 4);
    let slot = bench.at(&to_caller);
    assert_eq!(
        slot.forwarding.signalled,
        Some("192.168.1.20:4000".parse().unwrap())
    );
    assert_eq!((slot.rearmed, slot.forwarding.accept), (0, true));
    bench.close(call);
    bench.check_all_given_back();
}

#[test]
fn the_first_offer_may_be_made_again_on_the_same_ports() {
    let mut bench = Bench::new();
    let call = bench.begin();
    let two = "m=audio 4000 RTP/AVP 8\nm=video 4002 RTP/AVP 96\n";
    let first = bench.offer(call, CALLER, &phone(two)).unwrap();
    let again = bench
        .offer(call, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"))
        .unwrap();
    assert_eq!(told(&first, 0), told(&again, 0));
    assert_eq!(bench.slots.len(), 4, "the video's ports are given up");
}

#[test]
fn an_offer_made_again_counts_in_its_last_form() {
    let mut bench = Bench::new();
    let call = bench.begin();
    let four = phone("m=audio 4000 RTP/AVP 8\n");
    let six = four.replace("IP4 192.168.1.20", "IP6 2001:db8:77::20");
    for offer in [&four, &six, &four] {
        bench.offer(call, CALLER, offer).unwrap();
    }
    let answer = bench
        .answer(call, CALLEE, &switch("m=audio 16000 RTP/AVP 8\n"))
        .unwrap();
    assert!(told(&answer, 0).starts_with("192.0.2.1:"), "{answer}");
    bench.check_links();
    bench.close(call);
    bench.check_all_given_back();
}

#[test]
fn streams_come_and_go() {
    let (mut bench, call, _, to_callee) = talking();
    let audio_and = |line: &str| phone(&format!("m=audio 4000 RTP/AVP 8\n{line}"));
    let answer_and = |line: &str| switch(&format!("m=audio 16000 RTP/AVP 8\n{line}"));

    let offer = bench
        .offer(call, CALLER, &audio_and("m=video 4002 RTP/AVP 96\n"))
        .unwrap();
    bench
        .answer(call, CALLEE, &answer_and("m=video 16002 RTP/AVP 96\n"))
        .unwrap();
    let video = told(&offer, 1);
    assert!(bench.at(&video).forwarding.accept);
    assert_eq!(told(&offer, 0), to_callee, "what stays keeps its port");

    let offer = bench
        .offer(call, CALLEE, &answer_and("m=video 0 RTP/AVP 96\n"))
        .unwrap();
    assert!(offer.contains("m=video 0 "));
    assert_eq!(bench.slots.len(), 8, "until the withdrawal is answered");
    let answer = bench
        .answer(call, CALLER, &audio_and("m=video 0 RTP/AVP 96\n"))
        .unwrap();
    assert!(answer.contains("m=video 0 "));
    assert_eq!(bench.slots.len(), 4);

    let offer = bench
        .offer(call, CALLER, &audio_and("m=video 4002 RTP/AVP 96\n"))
        .unwrap();
    bench
        .answer(call, CALLEE, &answer_and("m=video 0 RTP/AVP 96\n"))
        .unwrap();
    assert_ne!(told(&offer, 1), video, "the old port is in quarantine");
    assert_eq!(bench.slots.len(), 4, "refused");
    bench.check_links();
    bench.close(call);
    bench.check_all_given_back();
}

#[test]
fn a_refused_line_keeps_its_ports_until_the_dialog_is_confirmed() {
    let mut bench = Bench::new();
    let call = bench.begin();
    let two = "m=audio 4000 RTP/AVP 8\nm=video 4002 RTP/AVP 96\n";
    let offer = bench.offer(call, CALLER, &phone(two)).unwrap();
    let without = "m=audio 16000 RTP/AVP 8\nm=video 0 RTP/AVP 96\n";
    let early = bench.answer(call, CALLEE, &switch(without)).unwrap();
    assert!(early.contains("m=video 0 "));
    assert!(!bench.at(&told(&offer, 1)).forwarding.accept);
    let with = "m=audio 16000 RTP/AVP 8\nm=video 16002 RTP/AVP 96\n";
    bench.answer(call, CALLEE, &switch(with)).unwrap();
    assert!(
        bench.at(&told(&offer, 1)).forwarding.accept,
        "the final answer takes it after all"
    );
    bench.answer(call, CALLEE, &switch(without)).unwrap();
    bench.confirm(call).unwrap();
    assert_eq!(bench.slots.len(), 4);
}

#[test]
fn a_late_offer_is_made_by_the_callee() {
    let mut bench = Bench::new();
    let call = bench.begin();
    let none = bench.answer(call, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"));
    assert_eq!(none, Err(MediaError::NoOffer));
    let offer = bench
        .offer(call, CALLEE, &switch("m=audio 16000 RTP/AVP 8\n"))
        .unwrap();
    assert!(told(&offer, 0).starts_with("192.0.2.1:"));
    bench.confirm(call).unwrap();
    let answer = bench
        .answer(call, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"))
        .unwrap();
    assert!(told(&answer, 0).starts_with("10.0.0.254:"));
    assert_eq!(
        gates(&bench, &told(&offer, 0), &told(&answer, 0)),
        (true, true)
    );
    bench.check_links();
}

#[test]
fn rtcp_shares_the_port_where_both_want_it() {
    for (answered, shared) in [("a=rtcp-mux\n", true), ("", false)] {
        let mut bench = Bench::new();
        let call = bench.begin();
        let offer = phone("m=audio 4000 RTP/AVP 8\na=rtcp-mux\n");
        let offer = bench.offer(call, CALLER, &offer).unwrap();
        let answer = switch(&format!("m=audio 16000 RTP/AVP 8\n{answered}"));
        let answer = bench.answer(call, CALLEE, &answer).unwrap();
        for local in [told(&offer, 0), told(&answer, 0)] {
            assert_eq!(bench.at(&local).forwarding.rtcp_mux, shared);
            assert_eq!(bench.at(&rtcp(&local)).forwarding.accept, !shared);
        }
    }
}

#[test]
fn fax_takes_over_the_line_and_has_no_rtcp() {
    let (mut bench, call, to_caller, to_callee) = talking();
    let offer = bench
        .offer(call, CALLEE, &switch("m=image 16000 udptl t38\n"))
        .unwrap();
    assert_eq!(told(&offer, 0), to_caller);
    bench
        .answer(call, CALLER, &phone("m=image 4000 udptl t38\n"))
        .unwrap();
    assert_eq!(gates(&bench, &to_caller, &to_callee), (true, true));
    assert!(!bench.at(&rtcp(&to_caller)).forwarding.accept);
    assert_eq!(
        bench.at(&to_caller).forwarding.silence_timeout_ms,
        0,
        "fax may pause"
    );
}

#[test]
fn a_party_moves_to_the_other_family() {
    let (mut bench, call, to_caller, to_callee) = talking();
    let moved =
        phone("m=audio 4000 RTP/AVP 8\n").replace("IP4 192.168.1.20", "IP6 2001:db8:77::20");
    let offer = bench.offer(call, CALLER, &moved).unwrap();
    assert_eq!(told(&offer, 0), to_callee, "the other side need not know");
    assert_eq!(bench.slots.len(), 4);
    let answer = bench
        .answer(call, CALLEE, &switch("m=audio 16000 RTP/AVP 8\n"))
        .unwrap();
    assert!(told(&answer, 0).starts_with("[2001:db8::1]:"), "{answer}");
    assert!(!bench.slots.contains_key(&bench.slot_at(&to_caller)));
    assert_eq!(gates(&bench, &told(&answer, 0), &to_callee), (true, true));
    bench.check_links();
    bench.close(call);
    bench.check_all_given_back();
}

#[test]
fn the_answer_keeps_to_the_offered_family() {
    let mut bench = Bench::new();
    let call = bench.begin();
    bench
        .offer(call, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"))
        .unwrap();
    let other = switch("m=audio 16000 RTP/AVP 8\n").replace("IP4 10.0.0.1", "IP6 2001:db8:c::1");
    let refused = bench.answer(call, CALLEE, &other);
    assert_eq!(refused, Err(MediaError::FamilyMismatch { line: 0 }));
    let more = switch("m=audio 16000 RTP/AVP 8\nm=video 16002 RTP/AVP 96\n");
    assert_eq!(
        bench.answer(call, CALLEE, &more),
        Err(MediaError::MoreLinesThanOffered)
    );
    bench
        .answer(call, CALLEE, &switch("m=audio 16000 RTP/AVP 8\n"))
        .unwrap();
}

#[test]
fn families_may_differ_between_the_sides() {
    let mut bench = Bench::new();
    let call = bench.begin_between((ACCESS, Family::V4), (CORE, Family::V6));
    let offer = bench
        .offer(call, CALLER, &phone("m=audio 4000 RTP/AVP 8\n"))
        .unwrap();
    assert!(told(&offer, 0).starts_with("[2001:db8:c::254]:"), "{offer}");
    let answer = switch("m=audio 16000 RTP/AVP 8\n").replace("IP4 10.0.0.1", "IP6 2001:db8:c::1");
    let answer = bench.answer(call, CALLEE, &answer).unwrap();
    assert!(answer.contains("o=sw 7 7 IN IP4 192.0.2.1\n"), "{answer}");
    bench.check_links();
}
