//! `strait run` with both real processes: start, deaths, drain, and what keeps it from starting.

mod built;

use std::{
    fs,
    io::Read,
    net::UdpSocket,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant},
};

use built::command;
use rustix::process::{Pid, Signal, kill_process};

/// How long anything is waited for before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory with a configuration of its own, on loopback addresses nobody else uses.
struct Site {
    directory: tempfile::TempDir,
    address: String,
}

impl Site {
    fn new() -> Site {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let pid = std::process::id();
        let [_, _, high, low] = pid.to_be_bytes();
        let last = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = tempfile::tempdir().expect("a directory");
        let address = format!("127.{}.{low}.{last}", 128 | high);
        let site = Site { directory, address };
        site.configure("20000-20019");
        site
    }

    fn configure(&self, ports: &str) {
        let (at, place) = (&self.address, self.directory.path().display());
        let text = format!(
            "runtime_directory: {place}/run
realms:
  - name: phones
    signalling: [ {{ address: {at}, port: 5060 }} ]
    media: [ {{ address: {at}, ports: {ports} }} ]
    forward_to: [switch]
  - name: core
    signalling: [ {{ address: {at}, port: 5070 }} ]
    media: [ {{ address: {at}, ports: 30000-30019 }} ]
softswitches: [ {{ name: switch, realm: core, address: \"{at}:5080\", probe: null }} ]
limits: {{ calls: 10 }}
records: {{ file: {place}/calls.jsonl }}
drain_timeout: 5s
"
        );
        fs::write(self.file(), text).expect("written");
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("strait.yaml")
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(command());
        command
            .args(arguments)
            .arg("-c")
            .arg(self.file())
            .output()
            .expect("it runs")
    }

    fn start(&self) -> Running {
        let mut command = Command::new(command());
        command.arg("run").arg("-c").arg(self.file());
        let log = fs::File::create(self.log()).expect("a log");
        let child = command
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("it runs");
        Running { child }
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    fn said(&self) -> String {
        let mut text = String::new();
        let mut file = fs::File::open(self.log()).expect("a log");
        file.read_to_string(&mut text).expect("text");
        text
    }

    /// Waits until `strait status` says that both processes know each other.
    fn wait_until_serving(&self) {
        self.wait("serving", || {
            let status = self.ask(&["status", "--json"]);
            let status: serde_json::Value = serde_json::from_slice(&status.stdout).ok()?;
            let alive = status["workers"][0]["alive"] == true;
            (status["dataplane"]["attached"] == true && alive).then_some(())
        });
    }

    fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(start.elapsed() < PATIENCE, "no {what}:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A running supervisor, ended with the test.
struct Running {
    child: Child,
}

impl Running {
    fn signal(&self, signal: Signal) {
        send(self.child.id(), signal);
    }

    /// The process of this name below the supervisor.
    fn below(&self, name: &str) -> Option<u32> {
        let own = self.child.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).ok()?;
        let mut children = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        children.find(|pid: &u32| {
            let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            program.file_name().is_some_and(|file| file == name)
        })
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let left = ["strait-control", "strait-dataplane"].map(|name| self.below(name));
        let _ = self.child.kill();
        let _ = self.child.wait();
        left.into_iter()
            .flatten()
            .for_each(|pid| send(pid, Signal::KILL));
    }
}

fn send(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process");
    let _ = kill_process(pid, signal);
}

fn is_gone(place: &Path, socket: &str) -> bool {
    !place.join("run").join(socket).exists()
}

#[test]
fn serves_until_it_is_told_to_end_and_leaves_nothing() {
    let site = Site::new();
    let mut running = site.start();
    site.wait_until_serving();
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0), "{}", site.said());
    let said = site.said();
    let lines = [
        "dataplane ready after",
        "control ready after",
        "draining for up to 5 s",
    ];
    let at: Vec<_> = lines
        .iter()
        .map(|line| said.find(line).expect(line))
        .collect();
    assert!(at.is_sorted(), "{said}");
    for socket in [
        "control.sock",
        "region.sock",
        "notify-control.sock",
        "notify-dataplane.sock",
    ] {
        assert!(is_gone(site.directory.path(), socket), "{socket} is left");
    }
    assert_eq!(site.ask(&["status"]).status.code(), Some(7));
}

#[test]
fn either_process_is_started_again_when_it_is_killed() {
    let site = Site::new();
    let mut running = site.start();
    site.wait_until_serving();
    for name in ["strait-dataplane", "strait-control", "strait-dataplane"] {
        let before = running.below(name).expect(name);
        send(before, Signal::KILL);
        site.wait(name, || running.below(name).filter(|pid| *pid != before));
        site.wait_until_serving();
    }
    running.signal(Signal::INT);
    assert_eq!(running.exit_code(), Some(0), "{}", site.said());
    let said = site.said();
    assert_eq!(
        said.matches("dataplane: killed by signal 9; started again")
            .count(),
        2,
        "{said}"
    );
    assert_eq!(
        said.matches("control: killed by signal 9; started again")
            .count(),
        1,
        "{said}"
    );
}

#[test]
fn the_region_outlives_the_dataplane_until_the_configuration_differs() {
    let site = Site::new();
    let mut running = site.start();
    site.wait_until_serving();
    let kill = || {
        let before = running.below("strait-dataplane").expect("a dataplane");
        send(before, Signal::KILL);
        site.wait("dataplane", || {
            running
                .below("strait-dataplane")
                .filter(|pid| *pid != before)
        });
        site.wait_until_serving();
    };
    kill();
    assert!(
        !site.said().contains("without the region"),
        "{}",
        site.said()
    );
    site.configure("21000-21039");
    kill();
    let said = site.said();
    assert!(
        said.contains("exit code 6") && said.contains("without the region"),
        "{said}"
    );
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0), "{}", site.said());
}

#[test]
fn a_second_one_is_refused() {
    let site = Site::new();
    let mut running = site.start();
    site.wait_until_serving();
    let second = site.ask(&["run"]);
    assert_eq!(second.status.code(), Some(8));
    let said = String::from_utf8_lossy(&second.stderr);
    let process = format!("process {}", running.child.id());
    assert!(
        said.contains("already running") && said.contains(&process),
        "{said}"
    );
    site.wait_until_serving();
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));
}

#[test]
fn a_signalling_port_in_use_stops_everything_with_its_code() {
    let site = Site::new();
    let _taken = UdpSocket::bind((site.address.as_str(), 5060)).expect("a free port");
    let mut running = site.start();
    assert_eq!(running.exit_code(), Some(4), "{}", site.said());
    let said = site.said();
    assert!(
        said.contains("control does not start: exit code 4"),
        "{said}"
    );
    assert!(said.contains(&format!("{}:5060", site.address)), "{said}");
    assert!(
        is_gone(site.directory.path(), "region.sock"),
        "the dataplane is left"
    );
}

#[test]
fn a_media_port_in_use_stops_everything_with_its_code() {
    let site = Site::new();
    let _taken = UdpSocket::bind((site.address.as_str(), 20004)).expect("a free port");
    let mut running = site.start();
    assert_eq!(running.exit_code(), Some(4), "{}", site.said());
    assert!(
        site.said()
            .contains("dataplane does not start: exit code 4"),
        "{}",
        site.said()
    );
}
