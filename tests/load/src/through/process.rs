//! What stands in the middle, as a process of ours: started, watched, ended.

use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use strait_config::{Config, PortKind};
use strait_shared::attach::{Attached, FetchError, fetch};
use strait_shared::notify::{NOTIFY_SOCKET, handover};

use crate::Failure;
use crate::station::Station;

const PROGRAM: &str = "strait-dataplane";
/// The one that has DPDK's port, which is built by itself.
pub const DPDK_PROGRAM: &str = "strait-dataplane-dpdk";
/// How long it may take to bind its sockets, and to end.
const START_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const TELL_AGAIN: Duration = Duration::from_millis(500);

/// A running program. Dropping it ends it.
pub struct Process(Child);

impl Process {
    /// Starts a program at its station.
    pub fn start(mut command: Command, station: &Station) -> Result<Self, Failure> {
        // Ctrl-C is ours to act on; the program then ends in order.
        command.process_group(0).stdin(Stdio::null());
        let program = command.get_program().to_owned();
        let failed = |cause| Failure::Start {
            program: program.into(),
            cause,
        };
        let child = station.within(|| command.spawn());
        Ok(Self(child.map_err(failed)?))
    }

    /// Starts the dataplane of the configuration, which lies at this path, with what it is handed
    /// by name, and fetches its region.
    pub fn dataplane(
        station: &Station,
        config: &Config,
        path: &Path,
        handed: &[(&str, BorrowedFd<'_>)],
    ) -> Result<(Self, Attached), Failure> {
        let mut nics = config.dataplane.nics.iter();
        let name = match nics.any(|nic| nic.port == PortKind::Dpdk) {
            true => DPDK_PROGRAM,
            false => PROGRAM,
        };
        let mut command = Command::new(program(name));
        command.arg("-c").arg(path);
        command.env_remove(NOTIFY_SOCKET);
        let failed = |cause| Failure::Start {
            program: name.into(),
            cause,
        };
        handover(&mut command, handed).map_err(failed)?;
        let mut dataplane = Self::start(command, station)?;
        let deadline = Instant::now() + START_WITHIN;
        let socket = region_socket(config);
        loop {
            match fetch(&socket, None, LOOK_EVERY) {
                Ok(attached) => return Ok((dataplane, attached)),
                Err(FetchError::Absent { .. }) if Instant::now() < deadline => {}
                Err(error) => return Err(error.into()),
            }
            dataplane.check_alive(name)?;
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
        processor_time(self.0.id())
    }

    /// The same with everything it has started.
    pub fn processor_time_of_all(&self) -> Duration {
        family(self.0.id()).into_iter().map(processor_time).sum()
    }
}

fn tasks(pid: u32) -> impl Iterator<Item = PathBuf> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
    tasks
        .into_iter()
        .flatten()
        .flatten()
        .map(|task| task.path())
}

/// Processor time of all threads of a process so far.
pub fn processor_time(pid: u32) -> Duration {
    let spent = tasks(pid).filter_map(|task| {
        let text = std::fs::read_to_string(task.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

/// A process with its children and theirs.
fn family(pid: u32) -> Vec<u32> {
    let children =
        tasks(pid).filter_map(|task| std::fs::read_to_string(task.join("children")).ok());
    let children: Vec<u32> = children
        .flat_map(|text| {
            text.split_whitespace()
                .flat_map(str::parse)
                .collect::<Vec<_>>()
        })
        .collect();
    let mut all = vec![pid];
    all.extend(children.into_iter().flat_map(family));
    all
}

impl Drop for Process {
    fn drop(&mut self) {
        let deadline = Instant::now() + STOP_WITHIN;
        while Instant::now() < deadline {
            // It may have ended already. `strait run` drains when told once, and ends when told
            // twice.
            let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
            let told = Instant::now();
            while told.elapsed() < TELL_AGAIN {
                if !matches!(self.0.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(LOOK_EVERY);
            }
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where a dataplane hands its region out.
pub fn region_socket(config: &Config) -> PathBuf {
    config.runtime_directory().join("region.sock")
}

/// Beside this command, else in PATH.
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().ok();
    let beside = own.and_then(|own| Some(own.parent()?.join(name)));
    beside
        .filter(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from(name))
}
