//! What stands in the middle, as a process of ours: started, watched, ended.

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

/// A running program. Dropping it ends it.
pub struct Process(Child);

impl Process {
    /// Starts a program.
    pub fn start(mut command: Command) -> Result<Self, Failure> {
        // Ctrl-C is ours to act on; the program then ends in order.
        command.process_group(0).stdin(Stdio::null());
        let program = command.get_program().to_owned();
        let failed = |cause| Failure::Start {
            program: program.into(),
            cause,
        };
        Ok(Self(command.spawn().map_err(failed)?))
    }

    /// Starts strait-dataplane, with what it is handed by name, and fetches its region.
    pub fn dataplane(
        configuration: &Path,
        socket: &Path,
        handed: &[(&str, BorrowedFd<'_>)],
    ) -> Result<(Self, Attached), Failure> {
        let mut command = Command::new(program());
        command.arg("-c").arg(configuration);
        command.env_remove(NOTIFY_SOCKET);
        let failed = |cause| Failure::Start {
            program: PROGRAM.into(),
            cause,
        };
        handover(&mut command, handed).map_err(failed)?;
        let mut dataplane = Self::start(command)?;
        let deadline = Instant::now() + START_WITHIN;
        loop {
            match fetch(socket, None, LOOK_EVERY) {
                Ok(attached) => return Ok((dataplane, attached)),
                Err(FetchError::Absent { .. }) if Instant::now() < deadline => {}
                Err(error) => return Err(error.into()),
            }
            dataplane.check_alive(PROGRAM)?;
        }
    }

    /// Fails when it has ended.
    pub fn check_alive(&mut self, program: &str) -> Result<(), Failure> {
        match self.0.try_wait() {
            Ok(Some(status)) => Err(Failure::Ended {
                program: program.into(),
                status,
            }),
            _ => Ok(()),
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

impl Drop for Process {
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
