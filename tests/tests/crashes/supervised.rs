//! `strait run` with both its processes, each of which may be killed.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use strait_tests::program::wait_until;
use strait_tests::strait::binary;

use crate::place::{PATIENCE, PROGRAMS, Place};

/// The supervisor; it and what it started are killed when this is dropped.
pub struct Supervised {
    child: Child,
    configuration: String,
}

impl Supervised {
    /// Starts it and waits until both processes serve.
    pub fn start(place: &Place) -> Self {
        Self::start_from(place, &programs())
    }

    /// The same with the programs in `folder`.
    pub fn start_from(place: &Place, folder: &Path) -> Self {
        let supervised = Self::spawn(place, folder);
        place.until_serving();
        supervised
    }

    /// Starts it where an earlier one has left both processes, and waits until it has them.
    pub fn take_over(place: &Place, folder: &Path) -> Self {
        let taken = || place.said().matches("is taken over").count();
        let before = taken();
        let supervised = Self::spawn(place, folder);
        assert!(
            wait_until(PATIENCE, || taken() == before + 2),
            "{}",
            place.said()
        );
        place.until_serving();
        supervised
    }

    /// Starts it in vain: how it ended.
    pub fn refused(place: &Place) -> ExitStatus {
        let mut supervised = Self::spawn(place, &programs());
        // What it has refused to touch is another one's.
        supervised.configuration.clear();
        supervised.child.wait().unwrap()
    }

    /// Starts it with somebody who reads what it prints, and goes away once it serves.
    pub fn start_unheard(place: &Place) -> Self {
        let mut supervised = Self::print_to(Stdio::piped(), place, &programs());
        let mut printed = supervised.child.stderr.take().unwrap();
        let mut space = [0; 1_000];
        assert!(printed.read(&mut space).unwrap() > 0);
        place.until_serving();
        supervised
    }

    fn spawn(place: &Place, folder: &Path) -> Self {
        let log = place.directory().join("strait.log");
        let log = OpenOptions::new().create(true).append(true).open(log);
        Self::print_to(log.unwrap().into(), place, folder)
    }

    fn print_to(log: Stdio, place: &Place, folder: &Path) -> Self {
        let mut command = Command::new(folder.join("strait"));
        command.args(["run", "-c"]).arg(place.configuration());
        command.stdin(Stdio::null()).stderr(log);
        Self {
            child: command.spawn().unwrap(),
            configuration: place.configuration().to_str().unwrap().to_owned(),
        }
    }

    /// The number of one of its processes, whoever started it.
    pub fn pid(&self, program: &str) -> Option<u32> {
        pid(program, &self.configuration)
    }

    /// Sends a process a signal and waits until it is gone.
    pub fn send(&self, program: &str, name: &str) {
        let before = self.pid(program).expect("it runs");
        signal(before, name);
        let gone = || self.pid(program) != Some(before);
        assert!(wait_until(PATIENCE, gone), "{program} is still there");
    }

    /// Kills a process outright and waits until there is another in its place.
    pub fn kill(&self, program: &str) {
        let before = self.pid(program).expect("it runs");
        kill(before);
        let another = || self.pid(program).is_some_and(|pid| pid != before);
        assert!(wait_until(PATIENCE, another), "no other {program}");
    }

    /// Kills the supervisor outright and nothing else.
    pub fn orphan(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Kills all three at once, as a power cut does.
    pub fn kill_all(&mut self) {
        let pids = PROGRAMS.map(|name| self.pid(name).expect("it runs"));
        pids.into_iter().for_each(kill);
        self.child.wait().unwrap();
        assert!(wait_until(PATIENCE, || pids
            .iter()
            .all(|pid| is_over(*pid))));
    }

    /// Asks it to end, and waits for that.
    pub fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether a process runs what lies at `path` now, not what lay there before.
    pub fn runs(&self, program: &str, path: &Path) -> bool {
        let file = |path: &Path| std::fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
        let pid = self.pid(program).unwrap_or_default();
        file(Path::new(&format!("/proc/{pid}/exe"))) == file(path)
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !self.configuration.is_empty() {
            let left = PROGRAMS.iter().filter_map(|name| self.pid(name));
            left.for_each(kill);
        }
    }
}

/// The number of a process that runs this program with this configuration.
pub fn pid(program: &str, configuration: &str) -> Option<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.find(|pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let mut words = line.split('\0');
        let name = |word: &str| Path::new(word).file_name().is_some_and(|it| it == program);
        words.next().is_some_and(name) && words.any(|word| word == configuration)
    })
}

/// The folder of the programs as they were built.
pub fn programs() -> PathBuf {
    binary("strait").parent().unwrap().to_owned()
}

/// Whether nothing is left of a process but its exit code: a dying one gives up its memory, and
/// with that its command line, before its files and their locks.
fn is_over(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    state.is_empty() || state.starts_with(['Z', 'X'])
}

/// Kills a process outright.
pub fn kill(pid: u32) {
    signal(pid, "-KILL");
}

fn signal(pid: u32, name: &str) {
    // It may have ended by itself.
    let _ = Command::new("kill").args([name, &pid.to_string()]).status();
}
