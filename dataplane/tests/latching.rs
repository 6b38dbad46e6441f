//! Who may send where: policies, spoofed packets, rebinding NATs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod rig;

use std::time::Duration;

use rig::*;
use strait_shared::command::Event;
use strait_shared::drops::DropReason;
use strait_shared::slot::{Forwarding, Generation, LatchPolicy, SlotIndex};

const SDP: &str = "192.168.1.5:4000";
const NAT: &str = "198.51.100.1";
const NEAR_RTP: &str = "192.0.2.1:20000";
const NEAR_RTCP: &str = "192.0.2.1:20001";

struct Call {
    rig: Rig,
    rtp: SlotIndex,
    rtcp: SlotIndex,
}

/// A phone's RTP and RTCP slots, their peers sending to a sink.
fn call(policy: LatchPolicy) -> Call {
    let mut rig = Rig::new(
        vec![
            local("192.0.2.1", None, 20_000..=20_003, 0),
            local("10.0.0.1", None, 30_000..=30_003, 1),
        ],
        0,
    );
    let (rtp, rtcp) = (rig.slot(NEAR_RTP), rig.slot(NEAR_RTCP));
    let far = [rig.slot("10.0.0.1:30000"), rig.slot("10.0.0.1:30001")];
    for (slot, peer) in [(rtp, far[0]), (rtcp, far[1])] {
        rig.open(slot, phone(policy, peer, slot == rtcp));
        rig.open(
            peer,
            Forwarding {
                peer: Some(slot),
                signalled: addr("10.0.0.9:6000"),
                send_before_latch: true,
                ..Forwarding::default()
            },
        );
    }
    rig.events();
    Call { rig, rtp, rtcp }
}

fn phone(policy: LatchPolicy, peer: SlotIndex, rtcp: bool) -> Forwarding {
    Forwarding {
        peer: Some(peer),
        accept: true,
        policy,
        signalled: addr(if rtcp { "192.168.1.5:4001" } else { SDP }),
        signalling_source: Some(NAT.parse().unwrap()),
        rtcp,
        clock_hz: 8_000,
        ..Forwarding::default()
    }
}

impl Call {
    /// Whether a packet from `source` to the RTP slot came through.
    fn passes(&mut self, source: &str, payload: &[u8]) -> bool {
        self.rig.send(0, &frame(None, source, NEAR_RTP, payload));
        self.rig.datagram(1).is_some()
    }

    fn rtcp_passes(&mut self, source: &str, payload: &[u8]) -> bool {
        self.rig.send(0, &frame(None, source, NEAR_RTCP, payload));
        self.rig.datagram(1).is_some()
    }
}

fn packet(sequence: u16) -> Vec<u8> {
    rtp(0xabcd, sequence, u32::from(sequence) * 160, 172)
}

#[test]
fn signalled_admits_the_pair_of_the_sdp_alone() {
    let mut call = call(LatchPolicy::Signalled);
    for spoofed in ["192.168.1.5:4002", "198.51.100.1:4000", "203.0.113.7:4000"] {
        assert!(!call.passes(spoofed, &packet(1)), "{spoofed}");
    }
    assert!(call.passes(SDP, &packet(1)));
    assert!(!call.passes("198.51.100.1:4000", &packet(2)));
    assert_eq!(call.rig.counters(call.rtp).refused, 4);
}

#[test]
fn restricted_latches_the_nat_with_any_port_and_then_nothing_else() {
    let mut call = call(LatchPolicy::Restricted);
    assert!(!call.passes("203.0.113.7:4000", &packet(1)));
    assert!(call.passes("198.51.100.1:61234", &packet(1)));
    for spoofed in [
        "198.51.100.1:61235",
        SDP,
        "203.0.113.7:61234",
        "198.51.100.2:61234",
    ] {
        assert!(!call.passes(spoofed, &packet(2)), "{spoofed}");
    }
    assert!(call.passes("198.51.100.1:61234", &packet(2)));
    let latched = addr("198.51.100.1:61234");
    assert_eq!(call.rig.counters(call.rtp).latched, latched);
    assert_eq!(
        call.rig.worker.tally().dropped(DropReason::SourceRefused),
        5
    );
}

#[test]
fn symmetric_takes_the_first_and_keeps_to_it() {
    let mut call = call(LatchPolicy::Symmetric);
    assert!(call.passes("203.0.113.7:1", &packet(1)));
    for stranger in ["203.0.113.8:1", "203.0.113.7:2"] {
        assert!(!call.passes(stranger, &packet(1)), "{stranger}");
    }
    advance(Duration::from_secs(60));
    assert!(!call.passes("203.0.113.8:1", &packet(2)));
    assert!(call.passes("203.0.113.7:1", &packet(2)));
}

#[test]
fn who_came_first_gives_way_to_the_pair_of_the_sdp_at_once() {
    let mut call = call(LatchPolicy::Symmetric);
    assert!(call.passes("203.0.113.7:1", &packet(1)));
    assert!(!call.passes("192.168.1.5:4002", &packet(1)), "another port");
    assert!(call.passes(SDP, &packet(1)));
    assert!(!call.passes("203.0.113.7:1", &packet(2)), "and stays out");
    assert_eq!(call.rig.counters(call.rtp).latched, addr(SDP));
}

#[test]
fn who_came_first_gives_way_to_where_signalling_comes_from_when_it_falls_silent() {
    let mut call = call(LatchPolicy::Symmetric);
    assert!(call.passes("203.0.113.7:1", &packet(1)));
    advance(Duration::from_millis(1_999));
    assert!(!call.passes("198.51.100.1:61234", &packet(1)), "too soon");
    advance(Duration::from_millis(1));
    assert!(!call.passes("203.0.113.8:1", &packet(1)), "nobody knows it");
    assert!(call.passes("198.51.100.1:61234", &packet(1)));
    assert!(!call.passes("203.0.113.7:1", &packet(2)), "and stays out");
    assert!(
        !call.passes(SDP, &packet(2)),
        "both are named: it is no less credible than this"
    );
    assert!(call.rtcp_passes("203.0.113.7:2", &rtcp(1)));
    advance(Duration::from_millis(14_999));
    assert!(
        !call.rtcp_passes("198.51.100.1:61235", &rtcp(1)),
        "too soon"
    );
    advance(Duration::from_millis(1));
    assert!(call.rtcp_passes("198.51.100.1:61235", &rtcp(1)));
}

#[test]
fn restricted_keeps_to_the_address_that_latched() {
    let mut call = call(LatchPolicy::Restricted);
    assert!(call.passes("198.51.100.1:61234", &packet(1)));
    assert!(!call.passes(SDP, &packet(2)), "in mid-call");
    advance(Duration::from_secs(60));
    assert!(!call.passes("203.0.113.7:4000", &packet(2)), "a stranger");
    assert!(!call.passes(SDP, &packet(9_999)), "another stream");
}

#[test]
fn a_party_that_moves_is_followed_although_its_last_packet_from_the_old_place_latched_first() {
    for policy in [LatchPolicy::Restricted, LatchPolicy::Symmetric] {
        let mut call = call(policy);
        // The old place is where its signalling comes from, the new one is in its SDP.
        assert!(call.passes("198.51.100.1:61234", &packet(1)));
        advance(Duration::from_millis(1_999));
        assert!(!call.passes(SDP, &packet(100)), "too soon");
        advance(Duration::from_millis(1));
        assert!(call.passes(SDP, &packet(101)));
        assert_eq!(call.rig.counters(call.rtp).latched, addr(SDP));
        assert!(
            !call.passes("198.51.100.1:61234", &packet(102)),
            "stays out"
        );
    }
}

#[test]
fn ten_thousand_spoofed_packets_do_not_get_one_through() {
    for policy in [LatchPolicy::Restricted, LatchPolicy::Signalled] {
        let mut call = call(policy);
        let legitimate = if policy == LatchPolicy::Signalled {
            SDP
        } else {
            "198.51.100.1:61234"
        };
        for number in 0..5_000u32 {
            let source = format!(
                "203.{}.{}.{}:{}",
                number % 200,
                number % 97,
                number % 251,
                1 + number % 60_000
            );
            assert!(!call.passes(&source, &packet(number as u16)));
        }
        assert!(call.passes(legitimate, &packet(1)));
        for number in 0..5_000u16 {
            assert!(!call.passes(&format!("198.51.100.1:{}", 1 + number), &packet(number)));
        }
        assert!(call.passes(legitimate, &packet(2)));
        assert_eq!(call.rig.counters(call.rtp).packets, 2);
    }
}

#[test]
fn a_latch_and_a_refusal_are_reported_the_refusal_once_a_second() {
    let mut call = call(LatchPolicy::Restricted);
    assert!(call.passes("198.51.100.1:61234", &packet(1)));
    for number in 0..300 {
        call.passes("203.0.113.7:4000", &packet(number));
        advance(Duration::from_millis(10));
    }
    let events = call.rig.events();
    let latched = events.iter().filter(|e| matches!(e, Event::Latched { .. }));
    assert_eq!(latched.count(), 1);
    let refused: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Refused {
                slot,
                source,
                count,
                ..
            } => Some((*slot, source.to_string(), *count)),
            _ => None,
        })
        .collect();
    let expected = [1, 101, 201].map(|count| (call.rtp, "203.0.113.7:4000".to_owned(), count));
    assert_eq!(refused, expected);
}

#[test]
fn who_sends_to_a_closed_slot_that_was_open_for_it_is_reported_once_a_second_a_stranger_never() {
    for policy in [
        LatchPolicy::Signalled,
        LatchPolicy::Restricted,
        LatchPolicy::Symmetric,
    ] {
        let mut call = call(policy);
        let latches = policy != LatchPolicy::Signalled;
        assert_eq!(call.passes("198.51.100.1:61234", &packet(1)), latches);
        call.rig.close(call.rtp);
        call.rig.events();
        let late = |call: &mut Call, source: &str| {
            for number in 0..150 {
                assert!(!call.passes(source, &packet(number)));
                advance(Duration::from_millis(10));
            }
            call.rig.events()
        };
        assert_eq!(late(&mut call, "203.0.113.7:4000"), []);
        let told = Event::Late {
            slot: call.rtp,
            generation: Generation(1),
        };
        let events = late(&mut call, "198.51.100.1:61234");
        assert_eq!(events, [told, told], "where signalling came from");
        assert_eq!(late(&mut call, SDP), [told], "whom the description names");
    }
}

#[test]
fn a_nat_that_rebinds_is_followed_when_silence_address_and_stream_agree() {
    let mut call = call(LatchPolicy::Restricted);
    assert!(call.passes("198.51.100.1:61234", &packet(100)));
    advance(Duration::from_millis(1_999));
    assert!(!call.passes("198.51.100.1:50000", &packet(101)), "too soon");
    advance(Duration::from_millis(1));
    assert!(
        !call.passes("198.51.100.2:50000", &packet(101)),
        "another address"
    );
    assert!(
        !call.passes("198.51.100.1:50000", &rtp(1, 101, 0, 172)),
        "another stream"
    );
    assert!(
        !call.passes("198.51.100.1:50000", &packet(3_101)),
        "too far ahead"
    );
    assert!(!call.passes("198.51.100.1:50000", b"no RTP at all"));
    assert!(call.passes("198.51.100.1:50000", &packet(3_100)));
    assert!(
        !call.passes("198.51.100.1:61234", &packet(102)),
        "the old one is a stranger now"
    );
    let sources: Vec<_> = call
        .rig
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Latched { source, .. } => Some(source.port()),
            _ => None,
        })
        .collect();
    assert_eq!(sources, [61_234, 50_000]);
}

#[test]
fn signalled_never_follows_a_nat() {
    let mut call = call(LatchPolicy::Signalled);
    assert!(call.passes(SDP, &packet(100)));
    advance(Duration::from_secs(10));
    assert!(!call.passes("192.168.1.5:4002", &packet(101)));
}

#[test]
fn rtcp_follows_with_the_source_of_its_stream() {
    let mut call = call(LatchPolicy::Restricted);
    assert!(call.passes("198.51.100.1:61234", &packet(100)));
    assert!(call.rtcp_passes("198.51.100.1:61235", &rtcp(0xabcd)));
    advance(Duration::from_millis(14_999));
    assert!(
        !call.rtcp_passes("198.51.100.1:50001", &rtcp(0xabcd)),
        "too soon"
    );
    advance(Duration::from_millis(1));
    assert!(!call.rtcp_passes("198.51.100.1:50001", &rtcp(1)));
    assert!(!call.passes("198.51.100.1:50000", &rtcp(0xabcd)), "RTP's");
    assert!(call.rtcp_passes("198.51.100.1:50001", &rtcp(0xabcd)));
    assert_eq!(
        call.rig.counters(call.rtcp).latched,
        addr("198.51.100.1:50001")
    );
}

#[test]
fn the_port_of_the_sdp_is_believed_before_any_other_of_its_address() {
    for policy in [LatchPolicy::Restricted, LatchPolicy::Symmetric] {
        let mut call = call(policy);
        assert!(call.passes("192.168.1.5:7777", &packet(1)));
        assert!(!call.passes("198.51.100.1:4000", &packet(1)));
        assert!(call.passes(SDP, &packet(1)));
        assert!(!call.passes("192.168.1.5:7777", &packet(2)));
        assert_eq!(call.rig.counters(call.rtp).latched, addr(SDP));
    }
}

#[test]
fn signalling_re_arms() {
    let mut call = call(LatchPolicy::Restricted);
    assert!(call.passes("198.51.100.1:61234", &packet(1)));
    let far = call.rig.slot("10.0.0.1:30000");
    let mut forwarding = phone(LatchPolicy::Restricted, far, false);
    forwarding.signalled = addr("192.168.1.6:4000");
    call.rig.update(call.rtp, forwarding, false);
    assert!(call.passes("198.51.100.1:61234", &packet(2)));
    assert!(!call.passes("192.168.1.6:7777", &packet(2)));
    call.rig.update(call.rtp, forwarding, true);
    assert!(call.passes("192.168.1.6:7777", &packet(3)));
    assert!(!call.passes("198.51.100.1:61234", &packet(3)));
    assert_eq!(call.rig.counters(call.rtp).packets, 3);
}
