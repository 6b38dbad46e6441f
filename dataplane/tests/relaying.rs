//! What the relay makes of frames between two open slots, to the byte.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod rig;

use rig::*;
use std::time::Duration;
use strait_shared::command::Command;
use strait_shared::drops::DropReason;
use strait_shared::slot::{AdjacencyIndex, Forwarding, LatchPolicy, Policer, SlotIndex};

const PHONE: &str = "192.0.2.9:4000";
const SWITCH: &str = "10.0.0.9:6000";
const PHONE6: &str = "[2001:db8::9]:4000";

/// NIC 0 untagged towards phones, IPv4 and IPv6; NIC 1 on VLAN 7 towards the softswitch.
fn rig() -> Rig {
    let addresses = vec![
        local("192.0.2.1", None, 20_000..=20_009, 0),
        local("2001:db8::1", None, 20_000..=20_009, 0),
        local("10.0.0.1", Some(7), 30_000..=30_009, 1),
    ];
    Rig::new(addresses, 8)
}

/// A stream between a phone's slot and the softswitch's.
fn stream(rig: &mut Rig, phone: &str, change: impl Fn(&mut Forwarding)) -> (SlotIndex, SlotIndex) {
    let local = if phone.starts_with('[') {
        "[2001:db8::1]:20000"
    } else {
        "192.0.2.1:20000"
    };
    let (near, far) = (rig.slot(local), rig.slot("10.0.0.1:30000"));
    let mut forwarding = Forwarding {
        peer: Some(far),
        accept: true,
        policy: LatchPolicy::Restricted,
        signalled: addr(phone),
        send_before_latch: true,
        clock_hz: 8_000,
        ..Forwarding::default()
    };
    change(&mut forwarding);
    rig.open(near, forwarding);
    let mut forwarding = Forwarding {
        peer: Some(near),
        accept: true,
        policy: LatchPolicy::Signalled,
        signalled: addr(SWITCH),
        send_before_latch: true,
        dscp: 46,
        vlan: Some(7),
        clock_hz: 8_000,
        ..Forwarding::default()
    };
    change(&mut forwarding);
    rig.open(far, forwarding);
    (near, far)
}

#[test]
fn a_packet_gets_new_headers_from_vlan_to_ttl() {
    let mut rig = rig();
    stream(&mut rig, PHONE, |_| {});
    let payload = rtp(7, 1, 160, 172);
    rig.send(0, &frame(None, PHONE, "192.0.2.1:20000", &payload));
    let out = rig.datagram(1).unwrap();
    let checksum = out.checksum;
    let mut hop = HOP;
    hop[5] = 2;
    let expected = Datagram {
        to_mac: hop,
        from_mac: NEAR.0,
        vlan: Some(7),
        from: "10.0.0.1:30000".parse().unwrap(),
        to: SWITCH.parse().unwrap(),
        dscp: 46,
        ttl: 64,
        checksum,
        right_checksum: checksum,
        payload: payload.clone(),
    };
    assert_eq!(out, expected);
    assert_ne!(checksum, 0);

    rig.send(1, &frame(Some(7), SWITCH, "10.0.0.1:30000", &payload));
    let back = rig.datagram(0).unwrap();
    assert_eq!((back.vlan, back.dscp, back.payload), (None, 0, payload));
    assert_eq!(
        (back.from, back.to),
        ("192.0.2.1:20000".parse().unwrap(), PHONE.parse().unwrap())
    );
    let tally = *rig.worker.tally();
    assert_eq!((tally.received, tally.sent, tally.all_dropped()), (2, 2, 0));
}

#[test]
fn ipv6_and_ipv4_are_relayed_into_each_other() {
    let mut rig = rig();
    stream(&mut rig, PHONE6, |_| {});
    let odd = rtp(7, 1, 160, 173);
    rig.send(0, &frame(None, PHONE6, "[2001:db8::1]:20000", &odd));
    let out = rig.datagram(1).unwrap();
    assert_eq!(
        (out.from.to_string(), out.to.to_string()),
        ("10.0.0.1:30000".into(), SWITCH.into())
    );
    assert_eq!(out.payload, odd);
    rig.send(1, &frame(Some(7), SWITCH, "10.0.0.1:30000", &odd));
    let back = rig.datagram(0).unwrap();
    assert_eq!(
        (back.from.to_string(), back.to.to_string()),
        ("[2001:db8::1]:20000".into(), PHONE6.into())
    );
    assert_eq!((back.payload, back.ttl), (odd, 64));
}

#[test]
fn a_checksum_left_out_stays_out_over_ipv4_and_is_made_for_ipv6() {
    let mut rig = rig();
    stream(&mut rig, PHONE, |_| {});
    let bare = without_checksum(frame(None, PHONE, "192.0.2.1:20000", b"odd"));
    rig.send(0, &bare);
    assert_eq!(rig.datagram(1).unwrap().checksum, 0);

    let mut rig = self::rig();
    stream(&mut rig, PHONE6, |_| {});
    let mut bare = frame(Some(7), SWITCH, "10.0.0.1:30000", b"odd");
    bare[44..46].copy_from_slice(&[0, 0]);
    rig.send(1, &bare);
    // The reader of the rig verifies it.
    assert_ne!(rig.datagram(0).unwrap().checksum, 0);
}

#[test]
fn a_wrong_checksum_stays_wrong() {
    let mut rig = rig();
    stream(&mut rig, PHONE, |_| {});
    let mut corrupt = frame(None, PHONE, "192.0.2.1:20000", b"payload");
    *corrupt.last_mut().unwrap() ^= 1;
    rig.send(0, &corrupt);
    let out = rig.received(1);
    let outcome = std::panic::catch_unwind(|| Datagram::read(&out[0]));
    assert!(
        outcome.is_err(),
        "the receiver must be able to see the damage"
    );
}

#[test]
fn keepalives_stun_and_fax_pass_uninterpreted() {
    let mut rig = rig();
    let (near, _) = stream(&mut rig, PHONE, |_| {});
    let long = vec![0x42; 1400];
    for payload in [&b""[..], b"\0", b"\x00\x01\x00\x00\x21\x12\xa4\x42", &long] {
        rig.send(0, &frame(None, PHONE, "192.0.2.1:20000", payload));
        assert_eq!(rig.datagram(1).unwrap().payload, payload);
    }
    let counters = rig.counters(near);
    assert_eq!(
        (counters.packets, counters.ssrc, counters.lost),
        (4, None, 0)
    );
}

#[test]
fn statistics_follow_loss_disorder_and_jitter() {
    let mut rig = rig();
    let (near, _) = stream(&mut rig, PHONE, |_| {});
    // 1 lost, then it comes late; 5 lost for good; 7 twice; arrivals 20 ms apart but for one.
    for (sequence, wait_ms) in [
        (0u16, 20),
        (2, 20),
        (1, 20),
        (3, 25),
        (4, 15),
        (6, 20),
        (7, 0),
        (7, 20),
    ] {
        rig.send(
            0,
            &frame(
                None,
                PHONE,
                "192.0.2.1:20000",
                &rtp(7, sequence, u32::from(sequence) * 160, 172),
            ),
        );
        advance(Duration::from_millis(wait_ms));
    }
    // RTCP on the port of RTP disturbs nothing.
    rig.send(0, &frame(None, PHONE, "192.0.2.1:20000", &rtcp(7)));
    let counters = rig.counters(near);
    assert_eq!(
        (counters.packets, counters.lost, counters.disordered),
        (9, 1, 2)
    );
    assert_eq!(counters.bytes, 8 * 172 + 8);
    assert_eq!(counters.ssrc, Some(7));
    assert!(counters.jitter_ns > 0);
}

#[test]
fn a_policer_holds_packets_and_bytes_to_their_rates() {
    let mut rig = rig();
    let policer = Policer {
        packets_per_second: 50,
        bytes_per_second: 1_000_000,
        burst_ms: 100,
    };
    let (near, _) = stream(&mut rig, PHONE, |f| f.policer = Some(policer));
    let send = |rig: &mut Rig, length| {
        rig.send(0, &frame(None, PHONE, "192.0.2.1:20000", &vec![0; length]));
        rig.received(1).len()
    };
    // The burst: one for now and one for each 20 ms within 100 ms.
    let passed: usize = (0..20).map(|_| send(&mut rig, 100)).sum();
    assert_eq!(passed, 6);
    advance(Duration::from_millis(20));
    assert_eq!((send(&mut rig, 100), send(&mut rig, 100)), (1, 0));
    assert_eq!(rig.worker.tally().dropped(DropReason::PacketRate), 15);

    let policer = Policer {
        packets_per_second: 100_000,
        bytes_per_second: 1_000,
        burst_ms: 1_000,
    };
    let slow = Forwarding {
        policer: Some(policer),
        ..forwarding_of(&mut rig, near)
    };
    rig.update(near, slow, false);
    advance(Duration::from_secs(10));
    let passed: usize = (0..20).map(|_| send(&mut rig, 250)).sum();
    assert_eq!(passed, 5);
    assert_eq!(rig.worker.tally().dropped(DropReason::ByteRate), 15);
    assert_eq!(rig.close(near).policed, 30);
}

fn forwarding_of(rig: &mut Rig, near: SlotIndex) -> Forwarding {
    Forwarding {
        peer: rig.region.table().snapshot(near).unwrap().peer,
        accept: true,
        signalled: addr(PHONE),
        ..Forwarding::default()
    }
}

/// Sends a frame that must be dropped for exactly this reason.
fn expect(rig: &mut Rig, nic: usize, packet: &[u8], reason: DropReason) {
    let before = rig.worker.tally().dropped(reason);
    rig.send(nic, packet);
    assert_eq!(rig.worker.tally().dropped(reason), before + 1, "{reason:?}");
    assert!(rig.received(0).is_empty() && rig.received(1).is_empty());
}

#[test]
fn what_is_not_for_us_or_from_nobody_is_told_apart() {
    let mut rig = rig();
    stream(&mut rig, PHONE, |f| f.send_before_latch = false);
    let ours = "192.0.2.1:20000";
    for (vlan, from, to, reason) in [
        (None, PHONE, "192.0.2.1:20002", DropReason::Closed),
        (None, PHONE, "192.0.2.1:20010", DropReason::NoSlot),
        (None, PHONE, "192.0.2.2:20000", DropReason::NoSlot),
        (Some(7), PHONE, ours, DropReason::NoSlot),
        (None, "0.0.0.0:1", ours, DropReason::Martian),
        (None, "239.0.0.1:1", ours, DropReason::Martian),
        (None, "192.0.2.9:0", ours, DropReason::Martian),
        (
            None,
            "[::ffff:192.0.2.9]:4000",
            "[2001:db8::1]:20000",
            DropReason::Martian,
        ),
        (None, "192.0.2.10:4000", ours, DropReason::SourceRefused),
        (None, PHONE, ours, DropReason::NoRemote),
    ] {
        expect(&mut rig, 0, &frame(vlan, from, to, b"x"), reason);
    }
    expect(
        &mut rig,
        1,
        &frame(None, PHONE, ours, b"x"),
        DropReason::NoSlot,
    );
}

#[test]
fn every_shut_door_has_its_counter() {
    let mut rig = rig();
    let (near, far) = stream(&mut rig, PHONE, |_| {});
    let packet = frame(None, PHONE, "192.0.2.1:20000", b"x");
    let mut shut = forwarding_of(&mut rig, near);
    shut.accept = false;
    rig.update(near, shut, false);
    expect(&mut rig, 0, &packet, DropReason::GateShut);
    shut.accept = true;
    shut.peer = None;
    rig.update(near, shut, false);
    expect(&mut rig, 0, &packet, DropReason::NoPeer);
    shut.peer = Some(far);
    rig.update(near, shut, false);
    rig.close(far);
    expect(&mut rig, 0, &packet, DropReason::NoPeer);
    stream_open_far(&mut rig, far, near);
    let index = AdjacencyIndex(2);
    rig.command(Command::Adjacency {
        index,
        next_hop: None,
    });
    rig.breathe();
    expect(&mut rig, 0, &packet, DropReason::NoAdjacency);
    rig.close(near);
    expect(&mut rig, 0, &packet, DropReason::Closed);
}

fn stream_open_far(rig: &mut Rig, far: SlotIndex, near: SlotIndex) {
    let forwarding = Forwarding {
        peer: Some(near),
        accept: true,
        signalled: addr(SWITCH),
        send_before_latch: true,
        ..Forwarding::default()
    };
    rig.open(far, forwarding);
}

#[test]
fn a_full_port_on_the_way_out_is_counted() {
    let mut rig = rig();
    stream(&mut rig, PHONE, |_| {});
    let packet = frame(None, PHONE, "192.0.2.1:20000", b"x");
    for _ in 0..300 {
        rig.send(0, &packet);
    }
    let tally = *rig.worker.tally();
    assert_eq!(
        (tally.sent, tally.dropped(DropReason::TransmitFull)),
        (256, 44)
    );
    assert_eq!(tally.received, tally.sent + tally.all_dropped());
}
