//! SIPp as caller, callee and registering phone, with scenarios from `tests/scenarios`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::namespace::Namespace;
use crate::program::Program;
use crate::topology::Topology;

/// How one SIPp instance is started.
pub struct Sipp<'a> {
    /// The host it runs on.
    pub host: &'a Namespace,
    /// Its local address.
    pub address: &'a str,
    /// Its local signalling port.
    pub port: u16,
    /// Its local RTP port.
    pub media_port: u16,
    /// Where its messages go, `address:port`.
    pub proxy: String,
    /// Its own user name.
    pub user: &'a str,
    /// Whom it calls.
    pub callee: &'a str,
    /// Over TCP instead of UDP.
    pub tcp: bool,
    /// How many calls, and how many of them a second.
    pub calls: Calls,
}

/// How much one SIPp instance does.
#[derive(Clone, Copy)]
pub struct Calls {
    /// Calls in all.
    pub total: u32,
    /// Calls begun each second.
    pub rate: u32,
}

impl Calls {
    /// A single call.
    pub const ONE: Calls = Calls { total: 1, rate: 1 };
}

impl Sipp<'_> {
    /// Starts `scenario` (a file name in `tests/scenarios` without `.xml`) for one call.
    pub fn start(&self, topology: &Topology, scenario: &str) -> Program {
        let name = format!("sipp-{}-{scenario}", self.user);
        self.host.start(
            &name,
            self.command(topology, scenario),
            topology.directory(),
        )
    }

    /// Runs `scenario` to its end and asserts that it succeeded.
    pub fn run(&self, topology: &Topology, scenario: &str) {
        self.start(topology, scenario)
            .succeed(Duration::from_secs(30));
    }

    /// Registers `user` at the softswitch through Strait.
    pub fn register(&self, topology: &Topology) {
        self.run(topology, "register");
    }

    fn command(&self, topology: &Topology, scenario: &str) -> Command {
        let mut command = self.host.command("sipp");
        command
            .arg(&self.proxy)
            .args(["-sf", &scenario_file(scenario).to_string_lossy()])
            .args(["-i", self.address, "-p", &self.port.to_string()])
            .args(["-mi", self.address, "-mp", &self.media_port.to_string()])
            .args(["-s", self.callee, "-au", self.user, "-ap", "secret"])
            .args(["-auth_uri", crate::kamailio::DOMAIN])
            .args([
                "-key",
                "user",
                self.user,
                "-key",
                "domain",
                crate::kamailio::DOMAIN,
            ])
            .args(["-nostdin", "-timeout", "60", "-timeout_error"])
            .args(["-t", if self.tcp { "t1" } else { "u1" }])
            .args(["-trace_err", "-error_file"])
            .arg(topology.file(&format!("sipp-{}-{scenario}.errors", self.user)))
            .args(["-trace_msg", "-message_file"])
            .arg(topology.file(&format!("sipp-{}-{scenario}.messages", self.user)));
        let Calls { total, rate } = self.calls;
        command.args(["-m", &total.to_string(), "-r", &rate.to_string()]);
        command.current_dir(user_directory(topology, self.user));
        command
    }
}

/// A file of `tests/scenarios`.
pub fn scenario_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("scenarios")
        .join(format!("{name}.xml"))
}

/// A directory of the user's own with `audio.alaw` in it: SIPp takes no path on its command line.
///
/// The G.711 A-law differs from user to user, so that a mix-up of streams is heard.
fn user_directory(topology: &Topology, user: &str) -> PathBuf {
    let directory = topology.file(user);
    std::fs::create_dir_all(&directory).expect("the scenario's directory is writable");
    let seed = user
        .bytes()
        .fold(17u32, |hash, byte| hash.wrapping_mul(31) + u32::from(byte));
    let samples: Vec<u8> = (0..8000u32 * 20)
        .map(|n| (n.wrapping_mul(seed | 1).wrapping_add(n / 160) >> 3) as u8)
        .collect();
    std::fs::write(directory.join("audio.alaw"), samples).expect("the directory is writable");
    directory
}
