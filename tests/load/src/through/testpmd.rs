//! DPDK's testpmd, which passes frames on with other MAC addresses (its forward mode `mac`), on
//! virtual devices over the interfaces.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Through;
use super::process::Process;
use crate::Failure;
use crate::device::Device;
use crate::hosts::{Hosts, mac};
use crate::station::Station;

const PROGRAM: &str = "dpdk-testpmd";
/// What it says when it has begun.
const BEGUN: &str = "Port statistics";
const START_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Lines of its log that say why it ended.
const LAST_LINES: usize = 4;

/// A running testpmd with one core to forward on, which it never leaves.
pub struct Testpmd {
    process: Process,
    log: PathBuf,
    _directory: TempDir,
}

impl Testpmd {
    /// Starts it between the two sides' interfaces.
    pub fn start(hosts: &Hosts, device: Device) -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(Failure::Scratch)?;
        let log = directory.path().join("testpmd.log");
        let output = || File::create(&log).map_err(Failure::Scratch);
        let station = hosts.middle();
        let mut command = Command::new(PROGRAM);
        command.args([
            "--no-huge",
            "--no-shconf",
            "--no-pci",
            "--no-telemetry",
            "-m",
            "512",
        ]);
        command.arg(format!("--lcores={}", lcores(&station)));
        for side in [0, 1] {
            let interface = hosts.driven_interface(side);
            command.arg(format!("--vdev={}", device.with(side, &interface, 1)));
        }
        command.args([
            "--",
            "--forward-mode=mac",
            "--auto-start",
            "--stats-period=1",
        ]);
        command.args(["--nb-cores=1", "--no-mlockall", "--total-num-mbufs=16384"]);
        for side in [0, 1] {
            command.arg(format!("--eth-peer={side},{}", mac(Hosts::party_mac(side))));
        }
        let written = output()?;
        let errors = written.try_clone().map_err(Failure::Scratch)?;
        command.stdout(written).stderr(errors);
        let process = Process::start(command, &station)?;
        let mut testpmd = Self {
            process,
            log,
            _directory: directory,
        };
        testpmd.wait()?;
        Ok(testpmd)
    }

    /// Waits until it has begun.
    fn wait(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + START_WITHIN;
        while !self.said().contains(BEGUN) {
            self.listen()?;
            if Instant::now() >= deadline {
                return Err(Failure::Testpmd(self.reason()));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn reason(&self) -> String {
        let said = self.said();
        let lines: Vec<&str> = said.lines().rev().take(LAST_LINES).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("; ")
    }
}

/// Its two threads, one that waits and one that forwards, where they may run.
fn lcores(station: &Station) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = match station.core {
        Some(core) => core.to_string(),
        None => format!("(0-{})", cores - 1),
    };
    format!("0@{cores},1@{cores}")
}

impl Through for Testpmd {
    fn listen(&mut self) -> Result<(), Failure> {
        let ended = self.process.check_alive(PROGRAM);
        ended.map_err(|_| Failure::Testpmd(self.reason()))
    }

    fn processor_time(&self) -> Option<Duration> {
        Some(self.process.processor_time())
    }
}
