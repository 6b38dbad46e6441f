//! Models of a slot: see `crate::models`.
#![allow(clippy::unwrap_used, reason = "a model that cannot go on has failed")]

pub(crate) mod restart;

use std::sync::Arc;

use loom::thread::{self, JoinHandle};

use crate::geometry::AddressIndex;
use crate::net::{Endpoint, PackedIp};
use crate::slot::{AdjacencyIndex, Forwarding, Generation, SlotIndex};
use crate::table::configure::{Configuration, Route};
use crate::table::{LatchWord, Latching, SlotRef, SlotWords};

/// The owner changes a configuration while a reader looks: all words of the old one or all of the
/// new one.
pub(crate) fn configure() {
    let slot = Arc::new(SlotWords::about_to_wrap());
    let owner = {
        let slot = Arc::clone(&slot);
        thread::spawn(move || slot.write(|slot| slot.configure(&configuration())))
    };
    look_at_configuration(&slot);
    owner.join().unwrap();
    assert_eq!(look_at_configuration(&slot), Some(true));
}

/// Two workers see a first packet each: one wins, and whoever sees a remote sees the whole one.
pub(crate) fn latch() {
    let slot = Arc::new(SlotWords::about_to_wrap());
    let before = slot.latch();
    let workers = [1, 2].map(|party| claim(&slot, before, party));
    look(&slot);
    let won = workers.map(|worker| worker.join().unwrap());
    assert_eq!(won.iter().filter(|&&won| won).count(), 1);
    assert!(look(&slot).is_some());
}

/// A party's NAT rebinds while another worker looks: the old remote or the new, never a mixture.
pub(crate) fn rebind() {
    let slot = Arc::new(SlotWords::about_to_wrap());
    assert!(claim(&slot, slot.latch(), 1).join().unwrap());
    let worker = claim(&slot, slot.latch(), 2);
    look(&slot);
    assert!(worker.join().unwrap());
    assert_eq!(look(&slot), Some(2));
}

/// The owner re-arms while a worker latches by what it saw before: the claim fails or is undone,
/// and the next remote is whole.
pub(crate) fn rearm() {
    let slot = Arc::new(SlotWords::about_to_wrap());
    let late = {
        let slot = Arc::clone(&slot);
        thread::spawn(move || latch_as(&slot, 1))
    };
    let disarmed = slot.write(SlotWords::disarm);
    let next = latch_as(&slot, 2);
    let seen = look(&slot);
    let late = late.join().unwrap();
    if disarmed && next {
        assert_eq!(seen, Some(2));
    }
    assert_eq!(look(&slot).is_some(), late || next);
}

/// A worker notes that control knows the remote while the party's NAT rebinds: the note is never
/// taken for one about the new remote.
pub(crate) fn announcing() {
    let slot = Arc::new(SlotWords::about_to_wrap());
    assert!(claim(&slot, slot.latch(), 1).join().unwrap());
    let before = slot.latch();
    let worker = claim(&slot, before, 2);
    SlotRef { words: &slot }.mark_announced(before);
    let rebound = worker.join().unwrap();
    assert_eq!(slot.latch().is_announced(), !rebound);
    assert_eq!(look(&slot), Some(if rebound { 2 } else { 1 }));
}

pub(super) fn endpoint(party: u64) -> Endpoint {
    Endpoint {
        ip: PackedIp([party; 2]),
        port: party as u16,
    }
}

/// A worker that claims by what was `before`. It takes no look of its own, after which loom
/// would no longer show others the old values that they may see.
fn claim(slot: &Arc<SlotWords>, before: LatchWord, party: u64) -> JoinHandle<bool> {
    let slot = Arc::clone(slot);
    thread::spawn(move || slot.try_latch(before, endpoint(party), false) == Latching::Won)
}

/// Latches as a worker does: a look, then a claim on what was seen.
pub(super) fn latch_as(slot: &SlotWords, party: u64) -> bool {
    let Some(view) = slot.view() else {
        return false;
    };
    slot.try_latch(view.latch, endpoint(party), false) == Latching::Won
}

/// The party that a look shows as remote, having checked that all its words belong together.
pub(super) fn look(slot: &SlotWords) -> Option<u64> {
    let remote = slot.view()?.remote()?;
    let party = u64::from(remote.port);
    assert_eq!(remote, endpoint(party));
    Some(party)
}

fn configuration() -> Configuration {
    let forwarding = Forwarding {
        peer: Some(SlotIndex(5)),
        dscp: 46,
        clock_hz: 8000,
        signalled: Some("192.0.2.1:4000".parse().unwrap()),
        next_sibling: Some(SlotIndex(6)),
        ..Forwarding::default()
    };
    let route = Route {
        address: AddressIndex(1),
        adjacency: AdjacencyIndex(2),
    };
    Configuration::new(&forwarding, Generation(1), route, false)
}

/// Whether a look shows the slot configured, having checked that all its words say the same.
fn look_at_configuration(slot: &SlotWords) -> Option<bool> {
    let view = slot.view()?;
    let words = [
        view.dscp() == 46,
        view.peer() == Some(SlotIndex(5)),
        view.clock_hz() == 8000,
    ];
    assert!(words == [view.is_open(); 3]);
    let sources = SlotRef { words: slot }.sources(&view)?;
    let words = [
        sources.signalled.is_some(),
        sources.next_sibling == Some(SlotIndex(6)),
    ];
    assert!(words == [view.is_open(); 2]);
    Some(view.is_open())
}
