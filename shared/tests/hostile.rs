//! The region under a peer that writes what it likes: refused at attach, harmless after.
#![cfg(all(not(loom), not(miri)))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{at, geometry};
use strait_shared::geometry::WorkerIndex;
use strait_shared::net::Endpoint;
use strait_shared::region::{AttachError, Region};
use strait_shared::slot::{Forwarding, Generation, SlotIndex};
use strait_shared::table::{Latching, Repaired};

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

/// No bit of the header may be another and still attach where the configuration is known.
#[test]
fn a_damaged_header_is_refused() {
    let region = Region::create(geometry()).unwrap();
    attach(&region).unwrap();
    for (word, bit) in (0..HEADER_WORDS).flat_map(|word| (0..64).map(move |bit| (word, bit))) {
        let was = look(&region, word * 8);
        poke(&region, word * 8, was ^ 1 << bit);
        assert!(attach(&region).is_err(), "word {word}, bit {bit}");
        poke(&region, word * 8, was);
    }
    attach(&region).unwrap();
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
