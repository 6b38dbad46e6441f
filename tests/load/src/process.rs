//! The dataplane as a process of ours: started, watched, ended.

use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use strait_shared::attach::{Attached, FetchError, fetch};
use strait_shared::notify::{NOTIFY_SOCKET, handover};

use crate::Failure;

const PROGRAM: &str = "strait-dataplane";
/// How long it may take to bind its sockets, and to end.
const START_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running strait-dataplane. Dropping it ends it.
pub struct Dataplane(Child);

impl Dataplane {
    /// Starts it, with what it is handed by name, and fetches its region.
    pub fn start(
        configuration: &Path,
        socket: &Path,
        handed: &[(&str, BorrowedFd<'_>)],
    ) -> Result<(Self, Attached), Failure> {
        let mut command = Command::new(program());
        command.arg("-c").arg(configuration);
        command.env_remove(NOTIFY_SOCKET).stdin(Stdio::null());
        // Ctrl-C is ours to act on; the dataplane then ends in order.
        command.process_group(0);
        handover(&mut command, handed).map_err(Failure::Start)?;
        let mut dataplane = Self(command.spawn().map_err(Failure::Start)?);
        let deadline = Instant::now() + START_WITHIN;
        loop {
            match fetch(socket, None, LOOK_EVERY) {
                Ok(attached) => return Ok((dataplane, attached)),
                Err(FetchError::Absent { .. }) if Instant::now() < deadline => {}
                Err(error) => return Err(error.into()),
            }
            if let Ok(Some(status)) = dataplane.0.try_wait() {
                return Err(Failure::Ended(status));
            }
        }
    }

    /// Processor time of all its threads so far (proc(5), schedstat).
    pub fn processor_time(&self) -> Duration {
        let tasks = format!("/proc/{}/task", self.0.id());
        let tasks = std::fs::read_dir(tasks).into_iter().flatten().flatten();
        let spent = tasks.filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(spent.sum())
    }
}

impl Drop for Dataplane {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let deadline = Instant::now() + STOP_WITHIN;
        while Instant::now() < deadline {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Beside this command, else in PATH.
fn program() -> PathBuf {
    let own = std::env::current_exe().ok();
    let beside = own.and_then(|own| Some(own.parent()?.join(PROGRAM)));
    beside
        .filter(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from(PROGRAM))
}
