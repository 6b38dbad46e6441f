//! Strait's AF_XDP port without its relay: what comes in at one interface goes out by the other
//! with other MAC addresses, and otherwise as it is.
//!
//! It is a process of its own, this command once more, so that its processor time is its own.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use strait_dataplane::port::af_xdp::Mode;

use super::Through;
use super::process::Process;
use crate::Failure;
use crate::hosts::{Hosts, mac};

const PROGRAM: &str = "strait-load echo";
/// How long it may take to open its interfaces.
const START_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A running echo.
pub struct Echo(Process);

impl Echo {
    /// Starts it between the two sides' interfaces.
    pub fn start(
        hosts: &Hosts,
        mode: Option<Mode>,
        parties: [&[SocketAddr]; 2],
    ) -> Result<Self, Failure> {
        // The addresses that are steered are the parties', not this host's.
        for family in ["ipv4", "ipv6"] {
            hosts.sysctl(&format!("net.{family}.ip_nonlocal_bind"), "1")?;
        }
        let program = std::env::current_exe().unwrap_or_else(|_| PROGRAM.into());
        let mut command = Command::new(program);
        command.arg("echo");
        for (side, own) in parties.iter().enumerate() {
            let ports = own.iter().map(SocketAddr::port);
            let (first, last) = (ports.clone().min(), ports.max());
            command.arg(format!(
                "--party={},{},{},{}-{}",
                hosts.middle_interface(side),
                mac(Hosts::party_mac(side)),
                own[0].ip(),
                first.unwrap_or_default() & !1,
                last.unwrap_or_default() | 1,
            ));
        }
        command.args(mode.map(|mode| format!("--mode={}", mode.name())));
        let said = tempfile::tempfile().map_err(Failure::Scratch)?;
        command.stdout(said.try_clone().map_err(Failure::Scratch)?);
        let mut process = Process::start(command, &hosts.middle())?;
        let deadline = Instant::now() + START_WITHIN;
        // It says something once its interfaces are open.
        while said.metadata().map_err(Failure::Scratch)?.len() == 0 {
            process.check_alive(PROGRAM)?;
            if Instant::now() >= deadline {
                return Err(Failure::Mismatch("echo: it does not come up"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(Self(process))
    }
}

impl Through for Echo {
    fn listen(&mut self) -> Result<(), Failure> {
        self.0.check_alive(PROGRAM)
    }

    fn processor_time(&self) -> Option<Duration> {
        Some(self.0.processor_time())
    }
}
