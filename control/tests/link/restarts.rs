//! Dataplanes that come, go and come back.

use std::path::Path;
use std::time::Duration;

use strait_control::link::{Change, Dataplane, DataplaneError, Found};
use strait_shared::attach::RegionServer;
use strait_shared::region::Region;
use strait_shared::time::Instant;

use crate::worker::{Running, Worker, geometry, open};

const LIMIT: Duration = Duration::from_secs(5);

fn attach(path: &Path) -> Dataplane {
    Dataplane::attach(path, &geometry(1), LIMIT).unwrap()
}

fn search(path: &Path, dataplane: &Dataplane) -> Found {
    Dataplane::search(path.to_owned(), &geometry(1), dataplane.identity(), LIMIT).unwrap()
}

#[test]
fn a_dataplane_that_never_comes_is_not_waited_for_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("region.sock");
    let limit = Duration::from_millis(50);
    let error = Dataplane::attach(&path, &geometry(1), limit).err().unwrap();
    assert!(matches!(error, DataplaneError::Fetch(_)));
    assert!(
        error.to_string().contains("is strait-dataplane running?"),
        "{error}"
    );
}

#[test]
fn a_region_of_another_configuration_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("region.sock");
    let region = Region::create(geometry(2)).unwrap();
    let _server = RegionServer::start(&path, &region).unwrap();
    let error = Dataplane::attach(&path, &geometry(1), LIMIT).err().unwrap();
    assert!(
        error
            .to_string()
            .contains("workers is 2, the configuration says 1"),
        "{error}"
    );
}

#[test]
fn a_restart_over_the_same_region_goes_on_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("region.sock");
    let region = Region::create(geometry(1)).unwrap();
    let server = RegionServer::start(&path, &region).unwrap();
    let mut dataplane = attach(&path);
    let mut worker = Worker::new(&region, 0);
    assert!(dataplane.is_ready());
    assert_eq!(dataplane.watch(Instant::now()), None);

    drop(server);
    wait_until(|| dataplane.wants_fetching());
    assert_eq!(
        dataplane.watch(Instant::now()),
        Some(Change::Lost("it has ended"))
    );
    assert_eq!(dataplane.watch(Instant::now()), None);
    assert!(!dataplane.is_ready());
    dataplane.send(open(3));

    let _server = RegionServer::start(&path, &region).unwrap();
    let found = search(&path, &dataplane);
    assert!(matches!(found, Found::Same(_)));
    assert!(!dataplane.adopt(found), "no call has lost its media");
    assert_eq!(dataplane.watch(Instant::now()), Some(Change::Back));
    assert!(dataplane.is_ready());
    worker.breathe();
    assert_eq!(worker.applied(), [open(3)]);
}

#[test]
fn a_new_region_means_that_calls_have_lost_their_media() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("region.sock");
    let old = Region::create(geometry(1)).unwrap();
    let server = RegionServer::start(&path, &old).unwrap();
    let mut dataplane = attach(&path);
    drop(server);
    let new = Region::create(geometry(1)).unwrap();
    let _running = Running::start(Worker::new(&new, 0));
    let _server = RegionServer::start(&path, &new).unwrap();
    wait_until(|| dataplane.wants_fetching());
    let found = search(&path, &dataplane);
    assert!(matches!(found, Found::New(..)));
    assert!(dataplane.adopt(found));
    assert!(dataplane.is_ready());
    dataplane.send(open(3));
    wait_until(|| {
        new.table()
            .snapshot(strait_shared::slot::SlotIndex(3))
            .unwrap()
            .open
    });
    assert_eq!(dataplane.reattached(), 1);
}

#[test]
fn a_second_control_is_kept_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("region.sock");
    let region = Region::create(geometry(1)).unwrap();
    let _server = RegionServer::start(&path, &region).unwrap();
    let _first = attach(&path);
    let error = Dataplane::attach(&path, &geometry(1), LIMIT).err().unwrap();
    assert!(error.to_string().contains("attached already"), "{error}");
}

/// Waits for what another thread or the kernel is about to do.
fn wait_until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        std::thread::sleep(Duration::from_millis(1));
    }
}
