//! Strait on loopback addresses of its own, its memory, and what it says of itself.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::Value;
use strait_tests::program::{Program, wait_until};
use strait_tests::strait::binary;
use tempfile::TempDir;

/// How long anything may take before a test gives up; nothing waits this long by design.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running Strait and the softswitch's socket; ended when dropped.
pub struct Stage {
    pub access: SocketAddr,
    pub switch: UdpSocket,
    supervisor: Program,
    directory: TempDir,
}

impl Stage {
    /// Starts it with these `limits`.
    pub fn start(limits: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (access, core) = (own_address(), own_address());
        let switch = bind(own_address());
        let (at, softswitch) = (directory.path().display(), switch.local_addr().unwrap());
        let listener =
            |transport| format!("{{ transport: {transport}, address: {access}, port: 5060 }}");
        let text = format!(
            "runtime_directory: {at}\n\
             realms:\n\
             - name: access\n  nat: true\n  forward_to: [switch]\n  \
               signalling: [{}, {}]\n  media: [{{ address: {access}, ports: 20000-20999 }}]\n\
             - name: core\n  signalling: [{{ transport: udp, address: {core}, port: 5060 }}]\n  \
               media: [{{ address: {core}, ports: 20000-20999 }}]\n\
             softswitches:\n\
             - {{ name: switch, realm: core, address: \"{softswitch}\", probe: null, \
                  failover_after: 30s }}\n\
             limits: {{ {limits} }}\n\
             records: {{ file: {at}/calls.jsonl }}\n\
             drain_timeout: 0s\n",
            listener("udp"),
            listener("tcp"),
        );
        let file = directory.path().join("strait.yaml");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(binary("strait"));
        command.args(["run", "-c"]).arg(&file);
        let mut supervisor = Program::start("strait", command, directory.path());
        supervisor.wait_for_output("ready", PATIENCE);
        let stage = Self {
            access: SocketAddr::new(access.into(), 5060),
            switch,
            supervisor,
            directory,
        };
        stage.until("an answer", |stage| stage.ask(&["status"]).is_some());
        stage
    }

    /// What `strait <arguments> --json` says.
    pub fn ask(&self, arguments: &[&str]) -> Option<Value> {
        let mut command = Command::new(binary("strait"));
        command.args(arguments).arg("-c");
        command.arg(self.directory.path().join("strait.yaml"));
        let output = command.arg("--json").output().unwrap();
        serde_json::from_slice(&output.stdout).ok()
    }

    pub fn status(&self) -> Value {
        let status = self.ask(&["status"]);
        status.unwrap_or_else(|| panic!("no answer:\n{}", self.supervisor.output()))
    }

    /// What a counter of signalling stands at.
    pub fn counter(&self, name: &str) -> u64 {
        self.status()["signalling"]["counters"][name]
            .as_u64()
            .unwrap()
    }

    /// TCP connections that are open.
    pub fn connections(&self) -> u64 {
        self.status()["signalling"]["connections"].as_u64().unwrap()
    }

    /// Resident memory of strait-control, in KiB.
    pub fn memory_kib(&self) -> u64 {
        let pid = self.supervisor.pid();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap();
        let control = children.split_whitespace().find(|child| {
            let name = std::fs::read_to_string(format!("/proc/{child}/comm"));
            name.is_ok_and(|name| name.trim() == "strait-control")
        });
        let status = std::fs::read_to_string(format!("/proc/{}/status", control.unwrap()));
        let status = status.unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        line.unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Asserts that memory has grown by no more than `most_kib` since `before_kib`, and says by
    /// how much it has.
    pub fn assert_grown(&self, what: &str, before_kib: u64, most_kib: u64) {
        let now = self.memory_kib();
        let grown = now.saturating_sub(before_kib);
        println!("{what}: {before_kib} KiB + {grown} KiB, bound {most_kib} KiB");
        assert!(grown <= most_kib, "{what}: grown by {grown} KiB");
    }

    /// Waits until something holds.
    pub fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        assert!(wait_until(PATIENCE, || holds(self)), "never came: {what}");
    }

    /// Waits until no call and no connection is left.
    pub fn until_empty(&self) {
        self.until("the end of all", |stage| {
            let status = stage.status();
            let pairs = |realm: &Value| realm["media_pairs_used"] == 0;
            let realms = status["realms"].as_array().unwrap();
            status["calls"] == 0
                && status["signalling"]["connections"] == 0
                && realms.iter().all(pairs)
        });
    }
}

/// A loopback address no other test uses.
pub fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high | 0x20, low, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A UDP socket at port 5060 of an address.
pub fn bind(address: Ipv4Addr) -> UdpSocket {
    let socket = UdpSocket::bind((address, 5060)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}
