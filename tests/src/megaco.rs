//! Erlang's megaco as media gateways and media gateway controllers (`tests/megaco`).

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::namespace::Namespace;
use crate::program::{Program, wait_until};
use crate::requirements;

/// How long a party may take for what it is told: it repeats requests for 8 s.
const LIMIT: Duration = Duration::from_secs(30);
/// Where Debian puts Erlang's applications.
const APPLICATIONS: &str = "/usr/lib/erlang/lib";

/// How gateways and controllers speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Speech {
    /// `pretty` and `compact` text, or `binary`.
    pub encoding: &'static str,
    /// `udp` or `tcp`.
    pub transport: &'static str,
    /// In binary: values are wrapped in BER once more, as Annex A.2 has it. By itself Erlang's
    /// megaco leaves them bare.
    pub wrapped: bool,
}

impl Speech {
    /// The usual port: 2944 for text, 2945 for binary.
    pub fn port(self) -> u16 {
        match self.encoding {
            "binary" => 2945,
            _ => 2944,
        }
    }
}

/// A running gateway or controller; killed when dropped.
pub struct Party {
    program: Program,
    commands: PathBuf,
    /// How much of what it said has been waited for.
    read: usize,
}

impl Party {
    /// Starts a gateway at `address`, its media on ports from `media` on; it registers with the
    /// first of `controllers` (`address:port`).
    pub fn gateway(
        host: &Namespace,
        directory: &Path,
        name: &str,
        speech: Speech,
        settings: &[String],
    ) -> Party {
        Party::start("gateway", host, directory, name, speech, settings)
    }

    /// Starts a controller.
    pub fn controller(
        host: &Namespace,
        directory: &Path,
        name: &str,
        speech: Speech,
        settings: &[String],
    ) -> Party {
        Party::start("controller", host, directory, name, speech, settings)
    }

    fn start(
        role: &str,
        host: &Namespace,
        directory: &Path,
        name: &str,
        speech: Speech,
        settings: &[String],
    ) -> Party {
        let commands = directory.join(format!("{name}.socket"));
        let mut command = host.command("erl");
        command.args(["-noinput", "-pa"]).arg(modules());
        command.args(["-s", role, "main", "-extra"]).args(settings);
        command.arg(format!("commands={}", commands.display()));
        command.arg(format!("encoding={}", speech.encoding));
        command.arg(format!("transport={}", speech.transport));
        command.arg(format!("port={}", speech.port()));
        if speech.wrapped {
            command.arg("values=wrapped");
        }
        command.env("ERL_CRASH_DUMP", directory.join(format!("{name}.dump")));
        let mut program = Program::start(name, command, directory);
        program.wait_for_output("ready", LIMIT);
        Party {
            program,
            commands,
            read: 0,
        }
    }

    /// Tells it what to do.
    pub fn tell(&self, command: &str) {
        let socket = UnixDatagram::unbound().expect("a socket can be made");
        let sent = socket.send_to(command.as_bytes(), &self.commands);
        sent.unwrap_or_else(|error| panic!("{}: {error}\n{}", command, self.output()));
    }

    /// Waits until it has said `text`, after what was waited for before.
    ///
    /// # Panics
    /// When it ends first or does not say it for long.
    pub fn wait(&mut self, text: &str) {
        let mut found = None;
        wait_until(LIMIT, || {
            found = self.output()[self.read..].find(text);
            found.is_some() || !self.program.is_running()
        });
        match found {
            Some(at) => self.read += at + text.len(),
            None => panic!("it did not say {text:?}:\n{}", self.output()),
        }
    }

    /// Tells it what to do, and waits until it has said `text`.
    pub fn has(&mut self, command: &str, text: &str) {
        self.tell(command);
        self.wait(text);
    }

    /// Its power goes out.
    pub fn kill(&mut self) {
        if self.program.is_running() {
            self.program.signal("KILL");
            self.program.wait(LIMIT);
        }
    }

    /// What it said so far.
    pub fn output(&self) -> String {
        self.program.output()
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        // Asked to end, Erlang takes a second to.
        self.kill();
    }
}

/// Whether Erlang's megaco is installed, with its headers, which are a package of their own; where
/// it is not, says why a test is skipped.
pub fn is_there() -> bool {
    let entries = std::fs::read_dir(APPLICATIONS);
    let found = entries.is_ok_and(|entries| {
        let mut paths = entries.flatten().map(|entry| entry.path());
        paths.any(|path| path.join("include/megaco.hrl").exists())
    });
    let reason = "Erlang's megaco is not installed; apt-get install erlang-megaco erlang-dev";
    requirements::there(found, reason)
}

/// The compiled modules of `tests/megaco`.
fn modules() -> &'static Path {
    static MODULES: OnceLock<tempfile::TempDir> = OnceLock::new();
    let directory = MODULES.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("megaco");
        let mut erlc = Command::new("erlc");
        erlc.args(["-Werror", "-o"]).arg(directory.path());
        for source in std::fs::read_dir(sources).expect("the sources are there") {
            erlc.arg(source.expect("a directory can be read").path());
        }
        let output = erlc.output().expect("erlc is installed");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "erlc: {said}");
        directory
    });
    directory.path()
}
