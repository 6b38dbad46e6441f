//! Packets that meet our own addresses again, and several callees on one port.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod rig;

use rig::*;
use strait_shared::drops::DropReason;
use strait_shared::slot::{Forwarding, LatchPolicy, SlotIndex};

const PHONE: &str = "192.0.2.9:4000";

/// NIC 0 untagged towards phones; NIC 1 on VLAN 7 towards the softswitch.
fn rig() -> Rig {
    let addresses = vec![
        local("192.0.2.1", None, 20_000..=20_009, 0),
        local("10.0.0.1", Some(7), 30_000..=30_009, 1),
    ];
    Rig::new(addresses, 8)
}

#[test]
fn two_phones_of_one_switch_meet_inside_and_a_loop_ends() {
    // Two streams, each from the switch's point of view: what leaves slot b for the address of
    // slot c arrives there in the same breath.
    let mut rig = rig();
    let slots: Vec<SlotIndex> = [
        "192.0.2.1:20000",
        "10.0.0.1:30000",
        "10.0.0.1:30002",
        "192.0.2.1:20002",
    ]
    .map(|local| rig.slot(local))
    .into();
    let remotes = [PHONE, "10.0.0.1:30002", "10.0.0.1:30000", "192.0.2.8:4000"];
    let peers = [1, 0, 3, 2];
    for number in 0..4 {
        let forwarding = Forwarding {
            peer: Some(slots[peers[number]]),
            accept: true,
            signalled: addr(remotes[number]),
            send_before_latch: true,
            vlan: (number == 1 || number == 2).then_some(7),
            ..Forwarding::default()
        };
        rig.open(slots[number], forwarding);
    }
    rig.send(0, &frame(None, PHONE, "192.0.2.1:20000", b"hello"));
    let out = rig.datagram(0).unwrap();
    assert_eq!(
        (out.from.to_string(), out.to.to_string()),
        ("192.0.2.1:20002".into(), "192.0.2.8:4000".into())
    );
    assert_eq!(out.payload, b"hello");
    assert_eq!(rig.worker.tally().sent, 1);
    assert_eq!(rig.counters(slots[2]).latched, addr("10.0.0.1:30000"));

    // Now both ends of the inner hop are peers of each other's arrivals: a packet would go round.
    let round = Forwarding {
        peer: Some(slots[2]),
        accept: true,
        signalled: addr("10.0.0.1:30000"),
        send_before_latch: true,
        policy: LatchPolicy::Symmetric,
        ..Forwarding::default()
    };
    rig.update(slots[2], round, true);
    rig.send(0, &frame(None, PHONE, "192.0.2.1:20000", b"hello"));
    let more = Forwarding {
        peer: Some(slots[1]),
        policy: LatchPolicy::Symmetric,
        ..round
    };
    let more = Forwarding {
        signalled: addr("10.0.0.1:30002"),
        ..more
    };
    rig.update(slots[1], more, true);
    rig.received(0);
    rig.send(0, &frame(None, PHONE, "192.0.2.1:20000", b"hello"));
    assert!(rig.received(0).is_empty() && rig.received(1).is_empty());
    assert!(rig.worker.tally().dropped(DropReason::HairpinLimit) >= 1);
    let tally = rig.worker.tally();
    assert_eq!(tally.received, tally.sent + tally.all_dropped());
}

#[test]
fn an_address_of_ours_on_another_vlan_is_a_stranger() {
    // 10.0.0.1 is ours on VLAN 7 only; a remote of that address elsewhere is somebody else's.
    let mut rig = Rig::new(
        vec![
            local("192.0.2.1", None, 20_000..=20_003, 0),
            local("10.0.0.1", Some(7), 30_000..=30_003, 0),
        ],
        0,
    );
    let (a, b) = (rig.slot("192.0.2.1:20000"), rig.slot("192.0.2.1:20002"));
    rig.open(
        a,
        Forwarding {
            peer: Some(b),
            accept: true,
            signalled: addr(PHONE),
            ..Forwarding::default()
        },
    );
    let to = addr("10.0.0.1:30000");
    let forwarding = Forwarding {
        signalled: to,
        send_before_latch: true,
        ..Forwarding::default()
    };
    rig.open(b, forwarding);
    rig.send(0, &frame(None, PHONE, "192.0.2.1:20000", b"x"));
    assert_eq!(Some(rig.datagram(0).unwrap().to), to);
}

#[test]
fn forked_callees_on_one_port_each_have_their_stream() {
    let mut rig = rig();
    let head = rig.slot("10.0.0.1:30000");
    let spares = rig.region.geometry().spares();
    let spare = SlotIndex(spares.start);
    let (caller, early) = (rig.slot("192.0.2.1:20000"), rig.slot("192.0.2.1:20002"));
    for (slot, peer, remote) in [(caller, head, PHONE), (early, spare, "192.0.2.9:4002")] {
        let forwarding = Forwarding {
            peer: Some(peer),
            accept: true,
            signalled: addr(remote),
            send_before_latch: true,
            ..Forwarding::default()
        };
        rig.open(slot, forwarding);
    }
    let forwarding = Forwarding {
        accept: true,
        policy: LatchPolicy::Restricted,
        vlan: Some(7),
        ..Forwarding::default()
    };
    rig.open(
        spare,
        Forwarding {
            peer: Some(early),
            port_of: Some(head),
            signalled: addr("10.0.0.21:9000"),
            ..forwarding
        },
    );
    rig.open(
        head,
        Forwarding {
            peer: Some(caller),
            next_sibling: Some(spare),
            signalled: addr("10.0.0.20:9000"),
            ..forwarding
        },
    );
    for (from, to) in [
        ("10.0.0.20:9100", PHONE),
        ("10.0.0.21:9100", "192.0.2.9:4002"),
    ] {
        rig.send(1, &frame(Some(7), from, "10.0.0.1:30000", b"early media"));
        assert_eq!(rig.datagram(0).unwrap().to.to_string(), to);
    }
    // What goes to the second callee leaves from the shared port.
    rig.send(
        0,
        &frame(None, "192.0.2.9:4002", "192.0.2.1:20002", b"dtmf"),
    );
    let out = rig.datagram(1).unwrap();
    assert_eq!(
        (out.from.to_string(), out.to.to_string()),
        ("10.0.0.1:30000".into(), "10.0.0.21:9100".into())
    );
    assert_eq!(out.vlan, Some(7));
    // A third is refused by both.
    rig.send(1, &frame(Some(7), "10.0.0.22:9000", "10.0.0.1:30000", b"x"));
    assert_eq!(rig.worker.tally().dropped(DropReason::SourceRefused), 1);
    assert_eq!(
        (rig.counters(head).packets, rig.counters(spare).packets),
        (1, 1)
    );
}
