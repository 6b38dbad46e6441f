//! A slot's life as workers and control see it.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::net::SocketAddr;

use common::{at, geometry};
use strait_shared::command::RejectReason;
use strait_shared::geometry::{AddressIndex, WorkerIndex};
use strait_shared::net::Endpoint;
use strait_shared::region::{Region, WorkerEnd};
use strait_shared::slot::{AdjacencyIndex, Forwarding, Generation, LatchPolicy, SlotIndex};
use strait_shared::table::{ApplyError, LatchState, Latching, SlotRef};

const SLOT: SlotIndex = SlotIndex(0);
const G1: Generation = Generation(1);
const G2: Generation = Generation(2);

fn worker() -> WorkerEnd {
    Region::heap(geometry()).worker(WorkerIndex(0)).unwrap()
}

fn party(text: &str) -> Endpoint {
    Endpoint::from(text.parse::<SocketAddr>().unwrap())
}

fn forwarding() -> Forwarding {
    Forwarding {
        peer: Some(SlotIndex(2)),
        accept: true,
        policy: LatchPolicy::Restricted,
        signalled: Some("198.51.100.7:4000".parse().unwrap()),
        signalling_source: Some("203.0.113.9".parse().unwrap()),
        send_before_latch: true,
        rtcp: true,
        rtcp_mux: false,
        dscp: 46,
        vlan: Some(100),
        policer: None,
        silence_timeout_ms: 60_000,
        next_sibling: Some(SlotIndex(14)),
        port_of: None,
        adjacency: Some(AdjacencyIndex(3)),
        clock_hz: 8_000,
    }
}

fn latch(slot: &SlotRef<'_>, source: Endpoint) -> Latching {
    slot.try_latch(&slot.view().unwrap(), source, false)
}

fn rejected(reason: RejectReason) -> Result<(), ApplyError> {
    Err(ApplyError::Rejected(reason))
}

#[test]
fn a_view_says_what_was_configured() {
    let mut end = worker();
    let slot = SLOT;
    assert!(
        !end.table
            .table()
            .slot(slot)
            .unwrap()
            .view()
            .unwrap()
            .is_open()
    );
    end.table.open(slot, G1, &forwarding(), at(1)).unwrap();
    let slot = end.table.table().slot(slot).unwrap();
    let view = slot.view().unwrap();
    assert!(view.is_open() && view.accepts() && view.is_rtcp() && view.sends_before_latch());
    assert!(!view.is_rtcp_mux() && !view.is_silent());
    assert_eq!(view.peer(), Some(SlotIndex(2)));
    assert_eq!(view.adjacency(), AdjacencyIndex(3));
    assert_eq!(view.address(), AddressIndex(0));
    assert_eq!(view.policy(), LatchPolicy::Restricted);
    assert_eq!(
        (view.dscp(), view.vlan(), view.clock_hz()),
        (46, 100, 8_000)
    );
    assert_eq!(
        (view.policer(), view.port_of(), view.remote()),
        (None, None, None)
    );
    let sources = slot.sources(&view).unwrap();
    assert_eq!(sources.signalled, Some(party("198.51.100.7:4000")));
    assert_eq!(sources.next_sibling, Some(SlotIndex(14)));
    assert_eq!(
        view.destination(&slot),
        Some((party("198.51.100.7:4000"), false))
    );
}

#[test]
fn without_an_adjacency_the_next_hop_is_the_local_address_own() {
    let mut end = worker();
    let plain = Forwarding {
        accept: true,
        ..Forwarding::default()
    };
    // Slot 12 lies on the second address.
    end.table.open(SlotIndex(12), G1, &plain, at(1)).unwrap();
    let view = end
        .table
        .table()
        .slot(SlotIndex(12))
        .unwrap()
        .view()
        .unwrap();
    assert_eq!(view.adjacency(), AdjacencyIndex(1));
}

#[test]
fn policies_admit_whom_they_say() {
    let mut end = worker();
    end.table.open(SLOT, G1, &forwarding(), at(1)).unwrap();
    let slot = end.table.table().slot(SLOT).unwrap();
    let sources = slot.sources(&slot.view().unwrap()).unwrap();
    let (sdp, sdp_port, source, stranger) = (
        party("198.51.100.7:4000"),
        party("198.51.100.7:9"),
        party("203.0.113.9:9"),
        party("192.0.2.66:4000"),
    );
    for (policy, admitted) in [
        (LatchPolicy::Signalled, [true, false, false, false]),
        (LatchPolicy::Restricted, [true, true, true, false]),
        (LatchPolicy::Symmetric, [true, true, true, true]),
    ] {
        let verdicts = [sdp, sdp_port, source, stranger].map(|from| sources.admit(policy, from));
        assert_eq!(verdicts, admitted, "{policy:?}");
    }
}

#[test]
fn without_addresses_restricted_admits_nobody() {
    let mut end = worker();
    let nowhere = Forwarding {
        accept: true,
        ..Forwarding::default()
    };
    end.table.open(SLOT, G1, &nowhere, at(1)).unwrap();
    let slot = end.table.table().slot(SLOT).unwrap();
    let sources = slot.sources(&slot.view().unwrap()).unwrap();
    for from in [Endpoint::default(), party("192.0.2.1:1")] {
        assert!(!sources.admit(LatchPolicy::Restricted, from));
        assert!(!sources.admit(LatchPolicy::Signalled, from));
    }
}

#[test]
fn the_first_claim_wins_and_the_remote_follows_it() {
    let mut end = worker();
    end.table.open(SLOT, G1, &forwarding(), at(1)).unwrap();
    let slot = end.table.table().slot(SLOT).unwrap();
    let before = slot.view().unwrap();
    let (first, second) = (party("203.0.113.9:7000"), party("203.0.113.9:7001"));
    assert_eq!(slot.try_latch(&before, first, true), Latching::Won);
    assert_eq!(slot.try_latch(&before, second, false), Latching::Lost);
    let view = slot.view().unwrap();
    assert_eq!(view.remote(), Some(first));
    assert_eq!(view.destination(&slot), Some((first, true)));
    assert!(!view.latch.is_announced());
    slot.mark_announced(view.latch);
    assert!(slot.view().unwrap().latch.is_announced());
    // A rebinding goes by what was seen last, and is to be announced again.
    assert_eq!(latch(&slot, second), Latching::Won);
    let view = slot.view().unwrap();
    assert_eq!(
        (view.remote(), view.latch.is_announced()),
        (Some(second), false)
    );
    assert_eq!(view.latch.epoch(), before.latch.epoch() + 2);
}

#[test]
fn a_claim_on_an_older_use_fails() {
    let mut end = worker();
    end.table.open(SLOT, G1, &forwarding(), at(1)).unwrap();
    let old = end.table.table().slot(SLOT).unwrap().view().unwrap();
    end.table.update(SLOT, G1, &forwarding(), true).unwrap();
    let slot = end.table.table().slot(SLOT).unwrap();
    assert_eq!(
        slot.try_latch(&old, party("203.0.113.9:1"), false),
        Latching::Lost
    );
    let old = slot.view().unwrap();
    end.table.close(SLOT, G1).unwrap();
    end.table.open(SLOT, G2, &forwarding(), at(2)).unwrap();
    let slot = end.table.table().slot(SLOT).unwrap();
    assert_eq!(
        slot.try_latch(&old, party("203.0.113.9:1"), false),
        Latching::Lost
    );
    assert_eq!(slot.view().unwrap().latch.state(), LatchState::Empty);
}

#[test]
fn update_keeps_the_latch_unless_it_re_arms() {
    let mut end = worker();
    end.table.open(SLOT, G1, &forwarding(), at(1)).unwrap();
    let remote = party("203.0.113.9:7000");
    latch(&end.table.table().slot(SLOT).unwrap(), remote);
    let shut = Forwarding {
        accept: false,
        ..forwarding()
    };
    end.table.update(SLOT, G1, &shut, false).unwrap();
    let view = end.table.table().slot(SLOT).unwrap().view().unwrap();
    assert!(view.is_open() && !view.accepts());
    assert_eq!(view.remote(), Some(remote));
    end.table.update(SLOT, G1, &forwarding(), true).unwrap();
    let slot = end.table.table().slot(SLOT).unwrap();
    assert_eq!(slot.view().unwrap().remote(), None);
}

#[test]
fn commands_apply_by_the_state_table() {
    let mut end = worker();
    let table = &mut end.table;
    let stale = rejected(RejectReason::Stale);
    assert_eq!(table.update(SLOT, G1, &forwarding(), false), stale);
    assert_eq!(table.close(SLOT, G1).map(drop), stale);
    table.open(SLOT, G1, &forwarding(), at(1)).unwrap();
    assert_eq!(
        table.open(SLOT, G2, &forwarding(), at(1)),
        rejected(RejectReason::Occupied)
    );
    assert_eq!(table.update(SLOT, G2, &forwarding(), false), stale);
    assert_eq!(table.close(SLOT, G2).map(drop), stale);
    table.close(SLOT, G1).unwrap();
    assert_eq!(table.update(SLOT, G1, &forwarding(), false), stale);
    table.open(SLOT, G2, &forwarding(), at(1)).unwrap();
}

#[test]
fn commands_applied_twice_have_the_effect_of_once() {
    let mut end = worker();
    end.table.open(SLOT, G1, &forwarding(), at(1)).unwrap();
    let slot = end.table.table().slot(SLOT).unwrap();
    let remote = party("203.0.113.9:7000");
    latch(&slot, remote);
    slot.record(at(2), 160);
    end.table.open(SLOT, G1, &forwarding(), at(3)).unwrap();
    let slot = end.table.table().slot(SLOT).unwrap();
    assert_eq!(
        (slot.view().unwrap().remote(), slot.packets()),
        (Some(remote), 1)
    );
    let first = end.table.close(SLOT, G1).unwrap();
    assert_eq!(first.latched, remote.socket_addr());
    assert_eq!(end.table.close(SLOT, G1), Ok(first));
}

#[test]
fn a_new_use_starts_from_zero() {
    let mut end = worker();
    end.table.open(SLOT, G1, &forwarding(), at(1)).unwrap();
    let slot = end.table.table().slot(SLOT).unwrap();
    latch(&slot, party("203.0.113.9:7000"));
    slot.record(at(2), 160);
    assert_eq!((slot.count_refused(), slot.count_refused()), (1, 2));
    slot.count_policed();
    end.table.set_silent(SLOT, true);
    let counters = end.table.close(SLOT, G1).unwrap();
    assert_eq!((counters.packets, counters.bytes), (1, 160));
    assert_eq!((counters.refused, counters.policed), (2, 1));
    assert_eq!(counters.last_seen, at(2));
    end.table.open(SLOT, G2, &forwarding(), at(9)).unwrap();
    let seen = end.table.table().snapshot(SLOT).unwrap();
    assert!(seen.open && !seen.silent && seen.generation == G2);
    assert_eq!(
        seen.counters.packets + seen.counters.refused + seen.counters.policed,
        0
    );
    assert_eq!(
        (seen.counters.last_seen, seen.counters.latched),
        (at(9), None)
    );
}

#[test]
fn silence_is_told_apart_from_configuration() {
    let mut end = worker();
    end.table.open(SLOT, G1, &forwarding(), at(1)).unwrap();
    end.table.set_silent(SLOT, true);
    end.table.update(SLOT, G1, &forwarding(), false).unwrap();
    assert!(end.table.table().snapshot(SLOT).unwrap().silent);
    end.table.set_silent(SLOT, false);
    assert!(!end.table.table().snapshot(SLOT).unwrap().silent);
}

#[test]
fn what_does_not_fit_the_geometry_is_rejected() {
    let mut end = worker();
    let mut refused = |slot: u32, change: fn(&mut Forwarding)| {
        let mut forwarding = forwarding();
        change(&mut forwarding);
        match end.table.open(SlotIndex(slot), G1, &forwarding, at(1)) {
            Err(ApplyError::Rejected(reason)) => reason,
            other => panic!("{other:?}"),
        }
    };
    use RejectReason::{Family, NotOwner, OutOfRange};
    assert_eq!(refused(18, |_| ()), OutOfRange);
    assert_eq!(refused(2, |_| ()), NotOwner);
    assert_eq!(refused(0, |f| f.peer = Some(SlotIndex(18))), OutOfRange);
    assert_eq!(
        refused(0, |f| f.next_sibling = Some(SlotIndex(18))),
        OutOfRange
    );
    assert_eq!(
        refused(0, |f| f.adjacency = Some(AdjacencyIndex(4))),
        OutOfRange
    );
    assert_eq!(refused(0, |f| f.port_of = Some(SlotIndex(2))), OutOfRange);
    assert_eq!(
        refused(0, |f| f.signalled = "[2001:db8::9]:4".parse().ok()),
        Family
    );
    // A spare slot has no port of its own, and cannot use another spare one's.
    assert_eq!(refused(16, |_| ()), OutOfRange);
    assert_eq!(refused(16, |f| f.port_of = Some(SlotIndex(14))), OutOfRange);
}

#[test]
fn a_spare_slot_uses_the_port_it_hangs_on() {
    let mut end = worker();
    let spare = Forwarding {
        port_of: Some(SLOT),
        ..forwarding()
    };
    end.table.open(SlotIndex(16), G1, &spare, at(1)).unwrap();
    let view = end
        .table
        .table()
        .slot(SlotIndex(16))
        .unwrap()
        .view()
        .unwrap();
    assert_eq!(view.port_of(), Some(SLOT));
}

#[test]
fn a_signalled_address_of_our_own_is_marked() {
    let mut end = worker();
    let own = Forwarding {
        signalled: "192.0.2.1:20004".parse().ok(),
        ..forwarding()
    };
    end.table.open(SLOT, G1, &own, at(1)).unwrap();
    let slot = end.table.table().slot(SLOT).unwrap();
    let (remote, hairpin) = slot.view().unwrap().destination(&slot).unwrap();
    assert!(hairpin);
    assert_eq!(remote, party("192.0.2.1:20004"));
}

#[test]
fn workers_share_all_slots_between_them() {
    let region = Region::heap(geometry());
    let ends = [0, 1].map(|worker| region.worker(WorkerIndex(worker)).unwrap());
    let mut all: Vec<_> = ends.iter().flat_map(|end| end.table.indices()).collect();
    all.sort();
    assert_eq!(all, (0..18).map(SlotIndex).collect::<Vec<_>>());
    for end in &ends {
        let owner = end.table.worker();
        assert!(
            end.table
                .indices()
                .all(|slot| region.geometry().owner(slot) == owner)
        );
    }
}

#[test]
fn a_successor_finds_the_open_slots_and_their_remotes() {
    let region = Region::heap(geometry());
    let mut end = region.worker(WorkerIndex(0)).unwrap();
    for slot in [SlotIndex(1), SlotIndex(4)] {
        end.table.open(slot, G1, &forwarding(), at(1)).unwrap();
    }
    let remote = party("203.0.113.9:7000");
    latch(&end.table.table().slot(SlotIndex(4)).unwrap(), remote);
    drop(end);
    let end = region.worker(WorkerIndex(0)).unwrap();
    assert_eq!(end.repaired, Default::default());
    let open: Vec<_> = end.table.open_indices().collect();
    assert_eq!(open, [SlotIndex(1), SlotIndex(4)]);
    let slot = end.table.table().slot(SlotIndex(4)).unwrap();
    assert_eq!(slot.view().unwrap().remote(), Some(remote));
}
