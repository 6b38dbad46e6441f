//! Where a Strait under test lives: loopback addresses and a directory of its own, what it has
//! written there, and what it says of itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::Value;
use strait_tests::program::wait_until;
use strait_tests::strait::binary;
use tempfile::TempDir;

/// How long anything may take before a test gives up; nothing waits this long by design.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often a phone is kept alive.
pub const KEEPALIVE: Duration = Duration::from_secs(1);

/// The programs a Strait consists of.
pub const PROGRAMS: [&str; 3] = ["strait", "strait-control", "strait-dataplane"];

/// Directory, addresses, configuration.
pub struct Place {
    directory: TempDir,
    /// Our address towards the phones, and towards the softswitch.
    pub ours: [Ipv4Addr; 2],
    /// The phones' address, and the softswitch's.
    pub theirs: [Ipv4Addr; 2],
}

impl Place {
    /// A place with room for so many calls at once.
    pub fn new(calls: usize) -> Self {
        let place = Self {
            directory: tempfile::tempdir().unwrap(),
            ours: [own_address(), own_address()],
            theirs: [own_address(), own_address()],
        };
        place.configure(calls);
        place
    }

    /// Writes the configuration anew, for so many calls.
    pub fn configure(&self, calls: usize) {
        let directory = self.directory().display();
        let [access, core] = self.ours;
        // A port pair a call, and those that rest.
        let ports = format!("20000-{}", 20_000 + 2 * (calls + calls / 2 + 50) - 1);
        let text = format!(
            "runtime_directory: {directory}/run\n\
             realms:\n\
             - name: access\n  nat: true\n  forward_to: [switch]\n  \
               keepalive: {{ method: options, interval: {}s }}\n  \
               signalling: [{{ transport: udp, address: {access}, port: 5060 }}]\n  \
               media: [{{ address: {access}, ports: {ports} }}]\n  port_quarantine: 5s\n\
             - name: core\n  \
               signalling: [{{ transport: udp, address: {core}, port: 5060 }}]\n  \
               media: [{{ address: {core}, ports: {ports} }}]\n  port_quarantine: 5s\n\
             softswitches:\n\
             - {{ name: switch, realm: core, address: \"{}:5060\", probe: null, \
                  failover_after: 30s }}\n\
             limits: {{ calls: {}, calls_per_second: 10000 }}\n\
             records: {{ file: {directory}/calls.jsonl }}\n\
             drain_timeout: 0s\n",
            KEEPALIVE.as_secs(),
            self.theirs[1],
            calls * 2,
        );
        std::fs::write(self.configuration(), text).unwrap();
    }

    /// Changes a part of the configuration wherever it stands.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.configuration()).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(self.configuration(), text.replace(from, to)).unwrap();
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn configuration(&self) -> PathBuf {
        self.directory().join("strait.yaml")
    }

    /// Where the phones reach us.
    pub fn access(&self) -> SocketAddr {
        (self.ours[0], 5060).into()
    }

    /// Where the sockets lie.
    pub fn runtime(&self) -> PathBuf {
        self.directory().join("run")
    }

    /// A folder with a copy of every program, to be replaced under way.
    pub fn copies(&self) -> PathBuf {
        let folder = self.directory().join("bin");
        std::fs::create_dir_all(&folder).unwrap();
        PROGRAMS.iter().for_each(|name| renew(&folder.join(name)));
        folder
    }

    /// What `strait <arguments> -c FILE` says.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary("strait"));
        command.args(arguments).arg("-c").arg(self.configuration());
        command.output().unwrap()
    }

    /// `strait status`, if somebody answers.
    pub fn status(&self) -> Option<Value> {
        serde_json::from_slice(&self.command(&["status", "--json"]).stdout).ok()
    }

    /// Calls that stand, as Strait has it.
    pub fn calls(&self) -> Option<u64> {
        self.status()?["calls"].as_u64()
    }

    /// Waits until Strait answers and both processes know each other.
    pub fn until_serving(&self) {
        self.until("both processes serving", |status| {
            let alive = status["workers"][0]["alive"] == true;
            status["dataplane"]["attached"] == true && alive
        });
    }

    /// Waits until all that happened is on disk.
    pub fn until_written(&self) {
        self.until("an empty journal queue", |status| {
            status["signalling"]["counters"]["journal_waiting"] == 0
        });
    }

    /// Waits for a status in which something holds.
    pub fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        let came = wait_until(PATIENCE, || self.status().is_some_and(|it| holds(&it)));
        assert!(
            came,
            "never came: {what}: {:#?}\n{}",
            self.status(),
            self.said()
        );
    }

    /// The records there are.
    pub fn records(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.directory().join("calls.jsonl"));
        let text = text.unwrap_or_default();
        // The last line may be being written.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let lines = text[..whole].lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Waits for so many records.
    pub fn until_records(&self, count: usize) -> Vec<Value> {
        let came = wait_until(PATIENCE, || self.records().len() >= count);
        let records = self.records();
        assert!(
            came,
            "{} of {count} records\n{}",
            records.len(),
            self.said()
        );
        assert_eq!(records.len(), count, "a record is written once");
        records
    }

    /// What the programs have printed, all of them.
    pub fn said(&self) -> String {
        let mut logs: Vec<PathBuf> = std::fs::read_dir(self.directory())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|it| it == "log"))
            .collect();
        logs.sort();
        let said = logs.iter().map(|path| {
            let text = std::fs::read(path).unwrap_or_default();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            format!("== {name}\n{}", String::from_utf8_lossy(&text))
        });
        said.collect()
    }
}

/// Puts a fresh copy of a program in the place of what is there, as a package manager does: written
/// beside it, then renamed over it.
pub fn renew(path: &Path) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let beside = path.with_extension("new");
    // By another process: a test that forks meanwhile would hold what this one writes open, and
    // nobody could execute it.
    let copied = Command::new("cp").args([&binary(name), &beside]).status();
    assert!(copied.unwrap().success());
    std::fs::rename(beside, path).unwrap();
}

/// A loopback address no other test uses.
fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high | 0x40, low, NEXT.fetch_add(1, Ordering::Relaxed))
}
