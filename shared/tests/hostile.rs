//! The region under a peer that writes what it likes: refused at attach, harmless after.
#![cfg(all(not(loom), not(miri)))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{at, geometry};
use proptest::collection::vec;
use proptest::prelude::*;
use strait_shared::command::{Command, Event, EventId};
use strait_shared::geometry::WorkerIndex;
use strait_shared::net::Endpoint;
use strait_shared::region::{AttachError, Region};
use strait_shared::slot::{Forwarding, Generation, SlotIndex};
use strait_shared::table::{Latching, Repaired, RtpArrival};

const WORKER: WorkerIndex = WorkerIndex(0);
const SLOT_BYTES: u64 = 192;
/// Words of the header that mean something.
const HEADER_WORDS: u64 = 14;
/// The header's word that says where the slot table lies.
const SLOTS_WORD: u64 = 12;

fn poke(region: &Region, offset: u64, word: u64) {
    rustix::io::pwrite(region.fd().unwrap(), &word.to_ne_bytes(), offset).unwrap();
}

fn look(region: &Region, offset: u64) -> u64 {
    let mut word = [0; 8];
    rustix::io::pread(region.fd().unwrap(), &mut word, offset).unwrap();
    u64::from_ne_bytes(word)
}

/// Where a word of a slot lies.
fn slot_word(region: &Region, slot: u64, word: u64) -> u64 {
    look(region, SLOTS_WORD * 8) + slot * SLOT_BYTES + word * 8
}

fn attach(region: &Region) -> Result<Region, AttachError> {
    let fd = region.fd().unwrap().try_clone_to_owned().unwrap();
    Region::attach(fd, Some(&geometry()))
}

#[test]
fn what_is_no_region_is_refused() {
    let file = |name| {
        let flags = rustix::fs::MemfdFlags::ALLOW_SEALING;
        rustix::fs::memfd_create(name, flags).unwrap()
    };
    let unsealed = file("unsealed");
    rustix::fs::ftruncate(&unsealed, 1 << 20).unwrap();
    assert!(matches!(
        Region::attach(unsealed, None),
        Err(AttachError::Map(_))
    ));
    let sealed = file("sealed");
    rustix::fs::ftruncate(&sealed, 1 << 20).unwrap();
    use rustix::fs::SealFlags;
    rustix::fs::fcntl_add_seals(
        &sealed,
        SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
    )
    .unwrap();
    assert!(matches!(
        Region::attach(sealed, None),
        Err(AttachError::Foreign(_))
    ));
    let small = file("small");
    rustix::fs::ftruncate(&small, 100).unwrap();
    rustix::fs::fcntl_add_seals(
        &small,
        SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
    )
    .unwrap();
    assert!(matches!(
        Region::attach(small, None),
        Err(AttachError::Foreign(_))
    ));
    let (socket, _) = std::os::unix::net::UnixStream::pair().unwrap();
    assert!(matches!(
        Region::attach(socket.into(), None),
        Err(AttachError::Map(_))
    ));
}

#[test]
fn the_file_cannot_be_resized_under_us() {
    let region = Region::create(geometry()).unwrap();
    let fd = region.fd().unwrap();
    assert!(rustix::fs::ftruncate(fd, 0).is_err());
    assert!(rustix::fs::ftruncate(fd, 1 << 30).is_err());
    assert!(rustix::fs::fcntl_add_seals(fd, rustix::fs::SealFlags::WRITE).is_err());
}

#[test]
fn another_layout_is_told_with_what_to_do() {
    let region = Region::create(geometry()).unwrap();
    poke(&region, 8, 2);
    let error = attach(&region).err().unwrap();
    assert!(matches!(error, AttachError::Layout { found: 2, .. }));
    assert!(error.to_string().contains("stop both processes"), "{error}");
    poke(&region, 8, 1);
    poke(&region, 16, 0);
    assert!(matches!(
        attach(&region),
        Err(AttachError::Layout { found_hash: 0, .. })
    ));
}

proptest! {
    /// No word of the header may be another and still attach where the configuration is known.
    #[test]
    fn a_damaged_header_is_refused(word in 0..HEADER_WORDS, bit in 0..64u32) {
        let region = Region::create(geometry()).unwrap();
        attach(&region).unwrap();
        let was = look(&region, word * 8);
        poke(&region, word * 8, was ^ 1 << bit);
        prop_assert!(attach(&region).is_err());
    }

    /// Arbitrary words anywhere: both sides go on answering, whatever the answer.
    #[test]
    fn garbage_in_the_region_harms_nobody(
        pokes in vec((0..10_000_000u64, any::<u64>()), 1..200),
        header in any::<bool>(),
    ) {
        let region = Region::create(geometry()).unwrap();
        let mut worker = region.worker(WORKER).unwrap();
        let mut control = region.control().unwrap();
        let skip = if header { 0 } else { 4096 };
        for (place, word) in pokes {
            let words = (region.bytes() as u64 - skip) / 8;
            poke(&region, skip + place % words * 8, word);
        }
        if let Ok(again) = attach(&region) {
            prop_assert_eq!(again.bytes(), region.bytes());
        }
        while let Ok(Some(record)) = worker.commands.peek() {
            let _ = Command::decode(&record);
            worker.commands.release();
        }
        let event = Event::Silent { slot: SlotIndex(0), generation: Generation(0) };
        for id in 0..20 {
            let _ = worker.events.push(&event.encode(EventId(id)));
        }
        while let Ok(Some(record)) = control.events[0].pop() {
            let _ = Event::decode(&record);
        }
        for index in (0..18).map(SlotIndex) {
            let slot = control.table.slot(index).unwrap();
            if let Some(view) = slot.view() {
                let _ = (view.peer(), view.policy(), view.destination(&slot));
                if let Some(policer) = view.policer() {
                    slot.police(&policer, at(1), u32::MAX);
                }
                let source = Endpoint::default();
                let claimed = slot.try_latch(&view, source, true) == Latching::Won;
                prop_assert_eq!(slot.view().is_some_and(|v| v.remote() == Some(source)), claimed);
            }
            let rtp = RtpArrival { ssrc: 1, sequence: 2, timestamp: Some(3) };
            slot.record_rtp(at(1), u32::MAX, rtp, u32::MAX);
            control.table.snapshot(index);
        }
        let open = Forwarding::default();
        for index in worker.table.indices() {
            let _ = worker.table.open(index, Generation(1), &open, at(1));
            let _ = worker.table.close(index, Generation(1));
        }
        let seen = region.statistics(WORKER).unwrap().read();
        seen.latency.quantile(0.99);
        drop((worker, control));
        let _ = (region.worker(WORKER).is_ok(), region.control().is_ok());
    }
}

#[test]
fn a_slot_half_written_is_closed_until_its_command_comes_again() {
    let region = Region::create(geometry()).unwrap();
    let mut worker = region.worker(WORKER).unwrap();
    let (slot, generation) = (SlotIndex(4), Generation(3));
    let forwarding = Forwarding {
        accept: true,
        peer: Some(SlotIndex(5)),
        ..Forwarding::default()
    };
    worker
        .table
        .open(slot, generation, &forwarding, at(1))
        .unwrap();
    drop(worker);
    // A worker dies between the two stores of the sequence.
    let sequence = slot_word(&region, 4, 0);
    poke(&region, sequence, look(&region, sequence) | 1);
    assert!(region.table().slot(slot).unwrap().view().is_none());
    let mut worker = region.worker(WORKER).unwrap();
    assert_eq!(
        worker.repaired,
        Repaired {
            half_written: 1,
            claimed: 0
        }
    );
    assert!(!region.table().slot(slot).unwrap().view().unwrap().is_open());
    worker
        .table
        .update(slot, generation, &forwarding, false)
        .unwrap();
    assert!(region.table().slot(slot).unwrap().view().unwrap().accepts());
    drop(worker);
    assert_eq!(region.worker(WORKER).unwrap().repaired, Repaired::default());
}

#[test]
fn a_claim_whose_worker_died_is_undone_at_start_and_waited_for_before() {
    let region = Region::create(geometry()).unwrap();
    let mut worker = region.worker(WORKER).unwrap();
    let (slot, generation) = (SlotIndex(4), Generation(3));
    worker
        .table
        .open(slot, generation, &Forwarding::default(), at(1))
        .unwrap();
    let latch = slot_word(&region, 4, 3);
    poke(&region, latch, look(&region, latch) | 1);
    let claimed = worker
        .table
        .update(slot, generation, &Forwarding::default(), true);
    assert_eq!(claimed, Err(strait_shared::table::ApplyError::Claimed));
    let view = region.table().slot(slot).unwrap().view().unwrap();
    let source = Endpoint::from("192.0.2.9:5".parse::<std::net::SocketAddr>().unwrap());
    let again = region
        .table()
        .slot(slot)
        .unwrap()
        .try_latch(&view, source, false);
    assert_eq!((again, view.remote()), (Latching::Lost, None));
    drop(worker);
    let mut worker = region.worker(WORKER).unwrap();
    assert_eq!(
        worker.repaired,
        Repaired {
            half_written: 0,
            claimed: 1
        }
    );
    worker
        .table
        .update(slot, generation, &Forwarding::default(), true)
        .unwrap();
    let view = region.table().slot(slot).unwrap().view().unwrap();
    let again = region
        .table()
        .slot(slot)
        .unwrap()
        .try_latch(&view, source, false);
    assert_eq!(again, Latching::Won);
}
