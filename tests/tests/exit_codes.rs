//! Every exit code that docs/OPERATING.md names is seen, from each program that gives it, with one
//! line that says what to do.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use strait_tests::program::{Program, wait_until};
use strait_tests::strait::binary;
use tempfile::TempDir;

/// How long a program may take to come up.
const PATIENCE: Duration = Duration::from_secs(30);
/// More media ports than a small limit of open files allows.
const PORTS: &str = "20000-20199";

/// A directory with a configuration on an address of its own.
struct Site {
    directory: TempDir,
    address: Ipv4Addr,
}

impl Site {
    fn new() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let [.., high, low] = std::process::id().to_be_bytes();
        let last = NEXT.fetch_add(1, Ordering::Relaxed);
        let site = Self {
            directory: tempfile::tempdir().unwrap(),
            address: Ipv4Addr::new(127, high | 0x60, low, last),
        };
        site.configure(5060, PORTS);
        site
    }

    fn configure(&self, port: u16, ports: &str) {
        let (at, place) = (self.address, self.directory.path().display());
        let text = format!(
            "runtime_directory: {place}/run\n\
             realms:\n\
             - name: all\n  signalling: [{{ address: {at}, port: {port} }}]\n  \
               media: [{{ address: {at}, ports: {ports} }}]\n\
             records: {{ file: {place}/calls.jsonl }}\n\
             drain_timeout: 0s\n"
        );
        std::fs::write(self.file("strait.yaml"), text).unwrap();
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// A program with its configuration.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary(program));
        command
            .args(arguments)
            .arg("-c")
            .arg(self.file("strait.yaml"));
        command
    }

    fn ends(&self, program: &str, arguments: &[&str]) -> Output {
        run(self.command(program, arguments))
    }

    /// A program that stays.
    fn runs(&self, program: &str, arguments: &[&str], socket: &str) -> Program {
        let command = self.command(program, arguments);
        let running = Program::start(program, command, self.directory.path());
        let socket = self.file("run").join(socket);
        assert!(
            wait_until(PATIENCE, || socket.exists()),
            "{}",
            running.output()
        );
        running
    }

    /// Keeps everybody else's sockets off our media port.
    fn take(&self, port: u16) -> UdpSocket {
        UdpSocket::bind((self.address, port)).unwrap()
    }
}

fn run(mut command: Command) -> Output {
    command
        .stdin(Stdio::null())
        .env_remove("NOTIFY_SOCKET")
        .output()
        .unwrap()
}

/// Asserts how a program ended; `says` is in its last line.
#[track_caller]
fn assert_ends(output: &Output, code: i32, says: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(
        said.lines().any(|line| line.contains(says)),
        "no {says:?} in\n{said}"
    );
}

#[test]
fn the_page_names_the_codes_that_are_tested_here() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/OPERATING.md");
    let page = std::fs::read_to_string(page).unwrap();
    let table = page.split("### Exit codes").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let codes: BTreeSet<i32> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok())
        .collect();
    let own = include_str!("exit_codes.rs");
    let tested = |code: &i32| own.contains(&format!("fn code_{code}_"));
    assert_eq!(codes, (0..=8).collect());
    assert!(codes.iter().all(tested));
}

#[test]
fn code_0_done() {
    let site = Site::new();
    assert_ends(&site.ends("strait", &["check"]), 0, "");
    let supervisor = site.runs("strait", &["run"], "control.sock");
    supervisor.signal("TERM");
    supervisor.succeed(PATIENCE);
}

#[test]
fn code_1_failed_while_running() {
    let site = Site::new();
    let _dataplane = site.runs("strait-dataplane", &[], "region.sock");
    std::fs::write(site.file("run/strait.journal"), "no journal").unwrap();
    assert_ends(&site.ends("strait-control", &[]), 1, "move the file away");
}

#[test]
fn code_2_wrong_command_line() {
    for program in ["strait", "strait-control", "strait-dataplane"] {
        let mut command = Command::new(binary(program));
        command.arg("--nonsense");
        assert_ends(&run(command), 2, "--nonsense");
    }
}

#[test]
fn code_3_invalid_configuration() {
    let site = Site::new();
    std::fs::write(site.file("strait.yaml"), "realms: 7\n").unwrap();
    for (program, arguments) in [
        ("strait", &["run"][..]),
        ("strait", &["check"]),
        ("strait-control", &[]),
        ("strait-dataplane", &[]),
    ] {
        assert_ends(&site.ends(program, arguments), 3, "strait.yaml:1:9");
    }
    assert!(!site.file("run").exists(), "nothing was started");
}

#[test]
fn code_4_in_use_or_not_here() {
    let site = Site::new();
    let media = site.take(20_000);
    assert_ends(&site.ends("strait-dataplane", &[]), 4, "20000 is in use");
    assert_ends(
        &site.ends("strait", &["run"]),
        4,
        "dataplane does not start: exit code 4",
    );
    drop(media);
    let _signalling = site.take(5060);
    assert_ends(&site.ends("strait-control", &[]), 4, "5060 is in use");
    assert_ends(
        &site.ends("strait", &["run"]),
        4,
        "control does not start: exit code 4",
    );
    let text = std::fs::read_to_string(site.file("strait.yaml")).unwrap();
    // RFC 5737: nobody's address.
    let elsewhere = text.replace(&site.address.to_string(), "192.0.2.77");
    std::fs::write(site.file("strait.yaml"), elsewhere).unwrap();
    assert_ends(
        &site.ends("strait-dataplane", &[]),
        4,
        "not an address of this machine",
    );
    assert_ends(&site.ends("strait-control", &[]), 4, "192.0.2.77");
}

#[test]
fn code_5_too_few_open_files_allowed() {
    let site = Site::new();
    let limited = |program: &str, arguments: &str| {
        let (program, file) = (binary(program), site.file("strait.yaml"));
        let line = format!(
            "ulimit -n 64; exec {} {arguments} -c {}",
            program.display(),
            file.display()
        );
        let mut command = Command::new("sh");
        command.args(["-c", &line]);
        run(command)
    };
    assert_ends(&limited("strait-dataplane", ""), 5, "open files");
    assert_ends(
        &limited("strait", "run"),
        5,
        "dataplane does not start: exit code 5",
    );
}

#[test]
fn code_5_a_port_for_the_privileged() {
    let first = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let first: u16 = first.map_or(1024, |text| text.trim().parse().unwrap());
    if first <= 506 {
        println!("skipped: on this machine everybody may have port 506");
        return;
    }
    let site = Site::new();
    site.configure(506, PORTS);
    let _dataplane = site.runs("strait-dataplane", &[], "region.sock");
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = site.command("strait-control", &[]);
    if is_root {
        let control = command;
        command = Command::new("setpriv");
        command.args(["--bounding-set", "-net_bind_service", "--"]);
        command.arg(control.get_program()).args(control.get_args());
    }
    assert_ends(&run(command), 5, "CAP_NET_BIND_SERVICE");
}

#[test]
fn code_5_a_directory_that_others_may_write_to() {
    let site = Site::new();
    let run = site.file("run");
    std::fs::create_dir(&run).unwrap();
    std::fs::set_permissions(&run, PermissionsExt::from_mode(0o777)).unwrap();
    assert_ends(&site.ends("strait", &["run"]), 5, "only you may write to");
}

#[test]
fn code_6_shared_memory_of_another_configuration() {
    let site = Site::new();
    let _dataplane = site.runs("strait-dataplane", &[], "region.sock");
    site.configure(5060, "20000-20299");
    assert_ends(&site.ends("strait-control", &[]), 6, "stop both processes");
}

#[test]
fn code_7_not_running_there() {
    let site = Site::new();
    for arguments in [
        &["status"][..],
        &["calls", "list"],
        &["drain"],
        &["top", "--once"],
    ] {
        assert_ends(&site.ends("strait", arguments), 7, "");
    }
}

#[test]
fn code_8_already_running_there() {
    let site = Site::new();
    let supervisor = site.runs("strait", &["run"], "control.sock");
    assert_ends(&site.ends("strait", &["run"]), 8, "already running");
    supervisor.signal("TERM");
    supervisor.succeed(PATIENCE);
    let _dataplane = site.runs("strait-dataplane", &[], "region.sock");
    let _control = site.runs("strait-control", &[], "control.sock");
    // The socket is there a moment before somebody listens.
    let answers = || site.ends("strait", &["status"]).status.success();
    assert!(wait_until(PATIENCE, answers));
    assert_ends(
        &site.ends("strait", &["run"]),
        8,
        "that `strait run` did not start",
    );
}
