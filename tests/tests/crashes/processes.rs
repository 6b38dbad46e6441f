//! Both processes, looked after by the test itself as systemd would: told of readiness, keeping
//! the region while the dataplane is dead.

use std::fs::OpenOptions;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use strait_shared::notify::{NOTIFY_SOCKET, NotifySocket, handover};
use strait_tests::strait::binary;

use crate::place::{PATIENCE, Place};

/// A process and what it notifies.
pub struct Process {
    name: &'static str,
    program: PathBuf,
    configuration: PathBuf,
    log: PathBuf,
    notify: NotifySocket,
    child: Option<Child>,
    kept: Option<OwnedFd>,
}

/// Both.
pub struct Processes {
    pub dataplane: Process,
    pub control: Process,
}

impl Processes {
    /// Starts both programs, found as ever.
    pub fn start(place: &Place) -> Self {
        Self::start_from(place, binary("strait-control").parent().unwrap())
    }

    /// Starts both, found in `folder`.
    pub fn start_from(place: &Place, folder: &Path) -> Self {
        std::fs::create_dir_all(place.runtime()).unwrap();
        let mut both = Self {
            dataplane: Process::new("strait-dataplane", place, folder),
            control: Process::new("strait-control", place, folder),
        };
        both.dataplane.start();
        both.control.start();
        both
    }
}

impl Process {
    fn new(name: &'static str, place: &Place, folder: &Path) -> Self {
        let notify = place.runtime().join(format!("{name}.notify"));
        Self {
            name,
            program: folder.join(name),
            configuration: place.configuration(),
            log: place.directory().join(format!("{name}.log")),
            notify: NotifySocket::bind(&notify).unwrap(),
            child: None,
            kept: None,
        }
    }

    /// Starts it; how long it took until it was ready.
    pub fn start(&mut self) -> Duration {
        let started = Instant::now();
        self.spawn();
        loop {
            if let Some(received) = self.notify.receive().unwrap() {
                self.kept = received.fds.into_iter().next_back().or(self.kept.take());
                if received.notification.ready {
                    return started.elapsed();
                }
            }
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            let said = std::fs::read_to_string(&self.log).unwrap();
            assert_eq!(ended, None, "{} does not start:\n{said}", self.name);
            assert!(started.elapsed() < PATIENCE, "not ready:\n{said}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Starts it and waits for its end.
    pub fn start_in_vain(&mut self) -> ExitStatus {
        self.spawn();
        self.child.take().unwrap().wait().unwrap()
    }

    fn spawn(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(&self.configuration);
        command.env(NOTIFY_SOCKET, self.notify.path());
        command.stdin(Stdio::null()).stderr(log.unwrap());
        let kept = self.kept.as_ref().map(|kept| ("region", kept.as_fd()));
        handover(&mut command, kept.as_slice()).unwrap();
        self.child = Some(command.spawn().unwrap());
    }

    /// Kills it outright.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before its end is not about the next one.
        while self.notify.receive().unwrap().is_some() {}
    }

    /// The region that is kept for the dataplane.
    pub fn region(&self) -> &OwnedFd {
        self.kept.as_ref().expect("the dataplane has stored it")
    }

    /// Forgets the region, as a reboot does.
    pub fn forget(&mut self) {
        self.kept = None;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
