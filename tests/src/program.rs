//! A started program: its output in a file, killed when dropped, its failure told with its output.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often a wait looks again.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A running program of a scenario.
pub struct Program {
    name: String,
    child: Child,
    output: PathBuf,
}

impl Program {
    /// Starts `command` with its output in `directory/<name>.log`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(name: &str, mut command: Command, directory: &Path) -> Program {
        let output = directory.join(format!("{name}.log"));
        let log = File::create(&output).expect("the scenario's directory is writable");
        let errors = log.try_clone().expect("a file handle can be duplicated");
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Program {
            name: name.to_owned(),
            child,
            output,
        }
    }

    /// What it printed so far.
    pub fn output(&self) -> String {
        let bytes = std::fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What it printed, and what it wrote about errors where it has a file of its own for them.
    fn account(&self) -> String {
        let errors = std::fs::read(self.output.with_extension("errors")).unwrap_or_default();
        format!("{}\n{}", self.output(), String::from_utf8_lossy(&errors))
    }

    /// The process's number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// True while it runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it printed `text`.
    ///
    /// # Panics
    /// When it ends first or `limit` passes.
    pub fn wait_for_output(&mut self, text: &str, limit: Duration) {
        let reached = wait_until(limit, || self.output().contains(text) || !self.is_running());
        assert!(
            reached && self.output().contains(text),
            "{} did not print {text:?}:\n{}",
            self.name,
            self.output()
        );
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When `limit` passes first.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let mut status = None;
        let ended = wait_until(limit, || {
            status = self.child.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        assert!(
            ended,
            "{} did not end in {limit:?}:\n{}",
            self.name,
            self.account()
        );
        status.expect("it has ended")
    }

    /// Waits for its end and asserts that it succeeded.
    ///
    /// # Panics
    /// When it fails or `limit` passes.
    pub fn succeed(mut self, limit: Duration) {
        let status = self.wait(limit);
        assert!(
            status.success(),
            "{} failed ({status}):\n{}",
            self.name,
            self.account()
        );
    }

    /// Sends it a signal by its name, e.g. `TERM`.
    pub fn signal(&self, signal: &str) {
        let (signal, pid) = (format!("-{signal}"), self.pid().to_string());
        let _ = Command::new("kill").args([signal, pid]).status();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.is_running() {
            // Strait drains at the first signal and ends at the second; killed, it would leave its
            // processes behind.
            self.signal("TERM");
            if !wait_until(Duration::from_secs(1), || !self.is_running()) {
                self.signal("TERM");
            }
            if !wait_until(Duration::from_secs(5), || !self.is_running()) {
                let _ = self.child.kill();
            }
        }
        let _ = self.child.wait();
    }
}

/// Polls `done` until it is true or `limit` passes; tells which.
pub fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        sleep(POLL_INTERVAL);
    }
}
