//! Two real processes over one region: this one is control and supervisor, the other, this same
//! program started again, the dataplane. It is killed between applying a command and releasing
//! it, started again with the region it had its supervisor keep, and nothing accepted is lost.
#![cfg(all(not(loom), not(miri)))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program};
use std::time::{Duration, Instant as Wall};

use common::{at, geometry};
use strait_shared::attach::{Attached, FetchError, RegionServer, ServeError, fetch};
use strait_shared::command::{Command, CommandId, Event, EventId};
use strait_shared::geometry::WorkerIndex;
use strait_shared::notify::{NOTIFY_SOCKET, Notifier, NotifySocket, handover, inherited};
use strait_shared::region::{ControlEnd, EndError, Region};
use strait_shared::slot::{Forwarding, Generation, SlotIndex};

/// Which part this program plays when it is started again.
const ROLE: &str = "STRAIT_TEST_ROLE";
const DIRECTORY: &str = "STRAIT_TEST_DIRECTORY";
/// How many commands the dataplane applies before it dies without releasing the last.
const DIES_AFTER: &str = "STRAIT_TEST_DIES_AFTER";
/// Nothing here takes long; a test that waits this long hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const USES: u32 = 300;
const SLOT: SlotIndex = SlotIndex(4);

/// A directory of this test's own, gone afterwards.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("strait-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A child that does not outlive the test.
struct Dataplane(Child);

impl Drop for Dataplane {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn this_program(role: &str, directory: &Path) -> Program {
    let mut program = Program::new(std::env::current_exe().unwrap());
    program
        .args(["--exact", "as_another_process", "--nocapture"])
        .env(ROLE, role)
        .env(DIRECTORY, directory);
    program
}

/// Not a test of its own: where this program begins when a test starts it again.
#[test]
fn as_another_process() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    match role.as_str() {
        "dataplane" => dataplane(&directory),
        "stranger" => stranger(&directory),
        other => panic!("{other}"),
    }
}

/// Applies commands for ever; dies when told to.
fn dataplane(directory: &Path) {
    let notifier = Notifier::from_env().unwrap();
    let kept = inherited().into_iter().find(|(name, _)| name == "region");
    let region = match kept {
        Some((_, fd)) => Region::attach(fd, Some(&geometry())).unwrap(),
        None => {
            let region = Region::create(geometry()).unwrap();
            notifier.store("region", region.fd().unwrap()).unwrap();
            region
        }
    };
    assert!(inherited().is_empty());
    let mut end = region.worker(WorkerIndex(0)).unwrap();
    let _server = RegionServer::start(&directory.join("region.sock"), &region).unwrap();
    notifier.ready().unwrap();
    let lifetime = std::env::var(DIES_AFTER).map_or(u64::MAX, |text| text.parse().unwrap());
    let mut applied = 0;
    loop {
        let Some(record) = end.commands.peek().unwrap() else {
            std::thread::yield_now();
            continue;
        };
        if end.events.room().unwrap() == 0 {
            continue;
        }
        let (id, command) = Command::decode(&record);
        match command.unwrap() {
            Command::Open {
                slot,
                generation,
                forwarding,
            } => {
                end.table
                    .open(slot, generation, &forwarding, at(id.0))
                    .unwrap();
            }
            Command::Close { slot, generation } => {
                let counters = end.table.close(slot, generation).unwrap();
                let event = Event::Closed {
                    slot,
                    generation,
                    counters,
                };
                end.events.push(&event.encode(EventId(id.0))).unwrap();
            }
            other => panic!("{other:?}"),
        }
        applied += 1;
        if applied == lifetime {
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::KILL).unwrap();
        }
        end.commands.release();
        end.statistics.set_applied(id);
    }
}

/// What `strait run` does: starts the dataplane, keeps its region, starts it again.
struct Supervisor {
    directory: Directory,
    socket: NotifySocket,
    kept: Option<OwnedFd>,
}

impl Supervisor {
    fn new(name: &str) -> Self {
        let directory = Directory::new(name);
        let socket = NotifySocket::bind(&directory.join("notify.sock")).unwrap();
        Self {
            directory,
            socket,
            kept: None,
        }
    }

    /// Starts a dataplane and waits until it is ready.
    fn start(&mut self, dies_after: Option<u32>) -> Dataplane {
        let mut program = this_program("dataplane", &self.directory.0);
        program.env(NOTIFY_SOCKET, self.socket.path());
        program.envs(dies_after.map(|count| (DIES_AFTER, count.to_string())));
        let kept: Vec<_> = self.kept.iter().map(|fd| ("region", fd.as_fd())).collect();
        handover(&mut program, &kept).unwrap();
        let child = Dataplane(program.spawn().unwrap());
        let start = Wall::now();
        loop {
            assert!(start.elapsed() < PATIENCE, "the dataplane is not ready");
            let Some(received) = self.socket.receive().unwrap() else {
                std::thread::yield_now();
                continue;
            };
            assert_eq!(received.pid as u32, child.0.id());
            if received.notification.store.as_deref() == Some("region") {
                assert_eq!(received.fds.len(), 1);
                self.kept = received.fds.into_iter().next();
            }
            if received.notification.ready {
                return child;
            }
        }
    }

    fn fetch(&self) -> Attached {
        fetch(
            &self.directory.join("region.sock"),
            Some(&geometry()),
            PATIENCE,
        )
        .unwrap()
    }
}

/// Opens and closes one slot over and over, as far as the ring has room; collects what closed.
struct Calls {
    next: u32,
    closed: Vec<u32>,
}

impl Calls {
    fn new() -> Self {
        Self {
            next: 0,
            closed: Vec::new(),
        }
    }

    /// Pushes what fits and reads what came, until `done` says so.
    fn run(&mut self, control: &mut ControlEnd, mut done: impl FnMut(&Self) -> bool) {
        let start = Wall::now();
        while !done(self) {
            assert!(
                start.elapsed() < PATIENCE,
                "{} pushed, {:?}",
                self.next,
                self.closed.last()
            );
            while self.next < 2 * USES && control.commands[0].push(&self.command()).is_ok() {
                self.next += 1;
            }
            while let Some(record) = control.events[0].pop().unwrap() {
                let (_, event) = Event::decode(&record).unwrap();
                let Event::Closed {
                    generation,
                    counters,
                    ..
                } = event
                else {
                    panic!("{event:?}");
                };
                // A slot closes with the time of its open: the open's number.
                assert_eq!(counters.last_seen, at(u64::from(generation.0) * 2));
                self.closed.push(generation.0);
            }
            std::thread::yield_now();
        }
    }

    fn command(&self) -> [u64; 16] {
        let generation = Generation(self.next / 2);
        let command = if self.next.is_multiple_of(2) {
            Command::Open {
                slot: SLOT,
                generation,
                forwarding: Forwarding::default(),
            }
        } else {
            Command::Close {
                slot: SLOT,
                generation,
            }
        };
        command.encode(CommandId(u64::from(self.next)))
    }
}

#[test]
fn nothing_accepted_is_lost_when_the_dataplane_is_killed() {
    let mut supervisor = Supervisor::new("killed");
    // Odd: dies having applied an open. Even: a close.
    let mut calls = Calls::new();
    for dies_after in [101, 100] {
        let mut child = supervisor.start(Some(dies_after));
        let attached = supervisor.fetch();
        let mut control = attached.region.control().unwrap();
        calls.run(&mut control, |_| child.0.try_wait().unwrap().is_some());
        assert!(!attached.is_served());
    }
    let _child = supervisor.start(None);
    let attached = supervisor.fetch();
    let mut control = attached.region.control().unwrap();
    calls.run(&mut control, |calls| {
        calls.closed.last() == Some(&(USES - 1))
    });
    assert!(attached.is_served());
    let statistics = control.statistics[0].read();
    assert_eq!(
        (statistics.starts, statistics.applied),
        (3, CommandId(u64::from(2 * USES - 1)))
    );
    // Each use closed, in order; the one whose close was not released, twice.
    let mut once = calls.closed.clone();
    once.dedup();
    assert_eq!(once, (0..USES).collect::<Vec<_>>());
    assert_eq!(calls.closed.len(), once.len() + 1);
}

#[test]
fn control_comes_and_goes_while_the_dataplane_stays() {
    let mut supervisor = Supervisor::new("control");
    let _child = supervisor.start(None);
    let mut calls = Calls::new();
    for part in 1..=3 {
        let attached = supervisor.fetch();
        let mut control = attached.region.control().unwrap();
        let second = supervisor.fetch();
        assert!(matches!(second.region.control(), Err(EndError::Held(_))));
        let enough = USES * part / 3 - 1;
        calls.run(&mut control, |calls| {
            calls.closed.last().is_some_and(|&last| last >= enough)
        });
    }
    assert_eq!(calls.closed, (0..USES).collect::<Vec<_>>());
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let directory = Directory::new("sockets");
    let path = directory.join("region.sock");
    let absent = fetch(&path, None, Duration::from_millis(1)).err().unwrap();
    assert!(matches!(absent, FetchError::Absent { .. }), "{absent}");
    // A listener that dies leaves its socket behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let absent = fetch(&path, None, Duration::from_millis(1)).err().unwrap();
    assert!(matches!(absent, FetchError::Absent { .. }), "{absent}");
    // One that dies before it answers is absent too.
    let listener = std::os::unix::net::UnixListener::bind(directory.join("mute")).unwrap();
    let mute = std::thread::spawn(move || drop(listener.accept()));
    let absent = fetch(&directory.join("mute"), None, Duration::from_millis(1))
        .err()
        .unwrap();
    assert!(matches!(absent, FetchError::Absent { .. }), "{absent}");
    mute.join().unwrap();
    let region = Region::create(geometry()).unwrap();
    let server = RegionServer::start(&path, &region).unwrap();
    assert!(matches!(
        RegionServer::start(&path, &region),
        Err(ServeError::InUse(_))
    ));
    let attached = fetch(&path, None, PATIENCE).unwrap();
    assert!(attached.is_served());
    drop(server);
    assert!(!attached.is_served() && !path.exists());
    let heap = Region::heap(geometry());
    assert!(matches!(
        RegionServer::start(&path, &heap),
        Err(ServeError::NoFile)
    ));
}

#[test]
fn the_server_survives_more_clients_than_it_serves() {
    let directory = Directory::new("clients");
    let path = directory.join("region.sock");
    let region = Region::create(geometry()).unwrap();
    let _server = RegionServer::start(&path, &region).unwrap();
    let mut attached = Vec::new();
    let refused = loop {
        assert!(attached.len() < 1_000);
        match fetch(&path, None, PATIENCE) {
            Ok(one) => attached.push(one),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, FetchError::Refused(_)), "{refused}");
    attached.clear();
    fetch(&path, None, PATIENCE).unwrap();
}

#[test]
fn another_user_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can play another user");
        return;
    }
    let directory = Directory::new("stranger");
    let open = |path: &Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    };
    open(&directory.0);
    let region = Region::create(geometry()).unwrap();
    let path = directory.join("region.sock");
    let _server = RegionServer::start(&path, &region).unwrap();
    // The file mode keeps strangers out already; the server must not rely on it.
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    open(&path);
    let program = std::env::current_exe().unwrap();
    let copy = directory.join("program");
    std::fs::copy(program, &copy).unwrap();
    open(&copy);
    let status = Program::new(copy)
        .args(["--exact", "as_another_process", "--nocapture"])
        .env(ROLE, "stranger")
        .env(DIRECTORY, &directory.0)
        .uid(65_534)
        .status()
        .unwrap();
    assert!(status.success());
}

fn stranger(directory: &Path) {
    let error = fetch(&directory.join("region.sock"), None, PATIENCE)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("user 65534 may not attach"),
        "{error}"
    );
}
