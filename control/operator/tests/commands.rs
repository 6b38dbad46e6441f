//! The command as its user meets it: exit codes, messages, JSON that is JSON.

mod answering;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Output,
};

use answering::{CALLS, STATUS, answering};
use assert_cmd::Command;

fn strait(arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("strait").expect("the command is built");
    command
        .env("XDG_RUNTIME_DIR", "/nowhere")
        .args(arguments)
        .output()
        .expect("it runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    root.to_string_lossy().into_owned()
}

fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, text).expect("written");
    path.to_string_lossy().into_owned()
}

#[test]
fn the_sample_configurations_are_valid_without_a_warning() {
    for sample in [
        "configs/software.yaml",
        "configs/carrier.yaml",
        "configs/dpdk.yaml",
        "configs/server.yaml",
    ] {
        let output = strait(&["check", "--elsewhere", "-c", &repository(sample)]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert_eq!(err(&output), "");
        assert!(out(&output).contains(": valid\n"), "{}", out(&output));
    }
}

#[test]
fn check_explains_and_exits_3() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = file(directory.path(), "bad.yaml", "realms: []\ncolour: blue\n");
    let output = strait(&["check", "-c", &path]);
    assert_eq!(output.status.code(), Some(3));
    let said = err(&output);
    assert!(
        said.contains(":1:1: error: realms: the list is empty"),
        "{said}"
    );
    assert!(said.contains(":2:1: error: colour: unknown key"), "{said}");

    let output = strait(&["check", "--json", "-c", &path]);
    assert_eq!(output.status.code(), Some(3));
    let report = json(&output);
    assert_eq!(report["valid"], false);
    assert_eq!(report["findings"][1]["position"]["line"], 2);
    assert_eq!(report["findings"][1]["path"], "colour");

    let missing = directory.path().join("none.yaml");
    let output = strait(&["check", "-c", &missing.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("cannot be read"), "{}", err(&output));
}

#[test]
fn check_tells_of_users_that_cannot_be_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let users = file(
        directory.path(),
        "users.yaml",
        "- { user: alice, domain: example.net }\n",
    );
    let sample = fs::read_to_string(repository("configs/server.yaml")).expect("a sample");
    let text = sample.replace("/etc/strait/users.yaml", &users);
    let path = file(directory.path(), "server.yaml", &text);
    let report = json(&strait(&["check", "--json", "-c", &path]));
    assert_eq!(report["summary"]["realms"][0]["serves"][0], "example.net");
    let lacking = report["lacking"].to_string();
    assert!(lacking.contains("users.yaml:1: "), "{lacking}");
}

#[test]
fn check_sums_up_as_json() {
    let path = repository("configs/software.yaml");
    let report = json(&strait(&["check", "--json", "-c", &path]));
    assert_eq!(report["valid"], true);
    assert_eq!(report["summary"]["calls"], 100);
    assert_eq!(report["summary"]["realms"][0]["name"], "phones");
    assert!(report["summary"]["region_bytes"].as_u64() > Some(100_000));
}

#[test]
fn a_wrong_command_line_exits_2() {
    for arguments in [
        &["chekc"][..],
        &["run"],
        &["calls", "show", "x"],
        &["top", "--interval", "0"],
    ] {
        assert_eq!(strait(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let help = out(&strait(&["--help"]));
    assert!(
        help.contains("Exit codes:") && help.contains("3  invalid configuration"),
        "{help}"
    );
}

#[test]
fn nothing_running_is_said_with_the_place_and_exits_7() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().to_string_lossy().into_owned();
    for command in [
        &["status"][..],
        &["top"],
        &["calls", "list"],
        &["calls", "end", "1"],
        &["drain"],
    ] {
        let output = strait(&[command, &["--directory", &place]].concat());
        assert_eq!(output.status.code(), Some(7), "{command:?}");
        let said = err(&output);
        assert!(
            said.contains("not running") && said.contains(&place),
            "{said}"
        );
        assert!(
            said.contains("strait run") && said.lines().count() == 1,
            "{said}"
        );
    }
}

#[test]
fn status_calls_and_top_read_a_running_strait() {
    let place = answering();
    let there = ["--directory", place.path()];
    let status = strait(&[&["status"][..], &there].concat());
    assert!(
        out(&status).contains("core-2 [2001:db8::9]:5060: down"),
        "{}",
        out(&status)
    );
    assert_eq!(
        json(&strait(&[&["status", "--json"][..], &there].concat())),
        value(STATUS)
    );

    let gateways = out(&strait(&[&["gateways"][..], &there].concat()));
    let row = gateways.lines().nth(1).unwrap_or_default();
    for shown in [
        "[192.168.1.5]:2944",
        "203.0.113.7:40001",
        "mgc-1",
        "198.51.100.1:30017",
    ] {
        assert!(row.contains(shown), "{gateways}");
    }
    let list = out(&strait(&[&["calls", "list"][..], &there].concat()));
    assert!(
        list.lines()
            .nth(1)
            .is_some_and(|line| line.contains("sip:alice@example.org")),
        "{list}"
    );
    assert_eq!(
        json(&strait(
            &[&["calls", "list", "--json"][..], &there].concat()
        )),
        value(CALLS)
    );

    let call = out(&strait(&[&["calls", "show", "1"][..], &there].concat()));
    assert!(
        call.contains("198.51.100.7:61000") && call.contains("PCMA/8000"),
        "{call}"
    );
    let end = strait(&[&["calls", "end", "1"][..], &there].concat());
    assert_eq!(
        (end.status.code(), out(&end).trim()),
        (Some(0), "call 1 is being ended")
    );

    let once = out(&strait(&[&["top", "--once"][..], &there].concat()));
    assert!(
        once.contains("unsignalled") && once.contains("sip:carol@example.org"),
        "{once}"
    );
    let top = json(&strait(&[&["top", "--json"][..], &there].concat()));
    assert_eq!(
        (&top["status"], &top["calls"]),
        (&value(STATUS), &value(CALLS))
    );
    let live = strait(&[&["top"][..], &there].concat());
    assert_eq!(live.status.code(), Some(2), "no terminal: {}", err(&live));

    let drain = strait(&[&["drain"][..], &there].concat());
    assert_eq!(drain.status.code(), Some(0), "{}", err(&drain));
    assert_eq!(
        place.asked("DELETE /calls/1") + place.asked("POST /drain"),
        2,
        "the orders arrived"
    );
}

#[test]
fn what_strait_refuses_is_passed_on() {
    let place = answering();
    let output = strait(&["calls", "show", "99", "--directory", place.path()]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(err(&output), "strait: there is no call 99\n");
}

#[test]
fn another_instance_is_told_apart() {
    let place = answering();
    let text = fs::read_to_string(repository("configs/software.yaml")).expect("the sample");
    let text = format!(
        "instance: other\nruntime_directory: {}\n{text}",
        place.path()
    );
    let directory = tempfile::tempdir().expect("a directory");
    let path = file(directory.path(), "other.yaml", &text);
    let output = strait(&["calls", "end", "1", "-c", &path]);
    assert_eq!(output.status.code(), Some(7));
    assert!(
        err(&output).contains("instance `strait`"),
        "{}",
        err(&output)
    );
    assert_eq!(place.asked("DELETE /calls/1"), 0);
}

#[test]
fn schema_and_manual_are_what_the_repository_holds() {
    let kept = [
        (&["schema"][..], "configs/strait.schema.json"),
        (&["config-manual"], "docs/CONFIG.md"),
    ];
    for (command, path) in kept {
        let made = out(&strait(command));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(repository(path), &made).expect("written");
        }
        let found = fs::read_to_string(repository(path)).unwrap_or_default();
        assert!(
            made == found,
            "{path} is stale: strait {} > {path}",
            command[0]
        );
    }
}

#[test]
fn every_shell_completes_and_every_command_has_a_page() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = out(&strait(&["completions", shell]));
        assert!(script.contains("calls"), "{shell}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let pages = directory.path().join("man1");
    let output = strait(&["man", &pages.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    for name in [
        "strait",
        "strait-run",
        "strait-check",
        "strait-calls",
        "strait-calls-show",
    ] {
        let page = fs::read_to_string(pages.join(format!("{name}.1"))).expect(name);
        assert!(
            page.contains(".SH \"EXIT STATUS\"") || page.contains(".SH EXIT STATUS"),
            "{name}"
        );
    }
}

/// A copy of the command with the given programs beside it, as in an installation.
fn installed(programs: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let command = directory.path().join("strait");
    copy(&assert_cmd::cargo::cargo_bin("strait"), &command);
    for (name, script) in programs {
        let path = directory.path().join(format!("{name}.sh"));
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
        copy(&path, &directory.path().join(name));
    }
    (directory, command)
}

/// Copies a program by another process: a test that forks meanwhile would hold what this one
/// writes open, and nobody could execute it.
fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp")
        .arg("-p")
        .args([from, to])
        .status();
    assert!(copied.expect("cp runs").success());
}

fn run(command: &Path, directory: &Path) -> Output {
    let text = fs::read_to_string(repository("configs/software.yaml")).expect("the sample");
    let place = directory.join("run");
    let text = format!("runtime_directory: {}\n{text}", place.display());
    let path = file(directory, "strait.yaml", &text);
    let mut command = Command::new(command);
    command
        .env("PATH", "/nowhere")
        .args(["run", "-c", &path])
        .output()
        .expect("it runs")
}

#[test]
fn a_child_that_does_not_start_is_explained_with_its_code() {
    let dataplane = "echo 'udp 127.0.0.1:20000: in use' >&2; exit 4";
    let (directory, command) = installed(&[
        ("strait-dataplane", dataplane),
        ("strait-control", "exit 0"),
    ]);
    let output = run(&command, directory.path());
    assert_eq!(output.status.code(), Some(4));
    let said = err(&output);
    assert!(said.contains("udp 127.0.0.1:20000: in use"), "{said}");
    let line = "strait: dataplane does not start: exit code 4: an address or port is in use";
    assert!(said.contains(line), "{said}");
    assert!(!directory.path().join("run/notify-dataplane.sock").exists());
}

#[test]
fn missing_programs_are_named() {
    let (directory, command) = installed(&[]);
    let output = run(&command, directory.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("strait-dataplane is neither"),
        "{}",
        err(&output)
    );
}

#[test]
fn a_runtime_directory_that_others_may_write_to_is_refused() {
    let (directory, command) = installed(&[("strait-dataplane", "exit 0")]);
    let place = directory.path().join("run");
    fs::create_dir(&place).expect("made");
    fs::set_permissions(&place, fs::Permissions::from_mode(0o777)).expect("opened");
    let output = run(&command, directory.path());
    assert_eq!(output.status.code(), Some(5));
    assert!(
        err(&output).contains("only you may write to"),
        "{}",
        err(&output)
    );
}

#[test]
fn an_invalid_configuration_starts_nothing() {
    let (directory, command) = installed(&[("strait-dataplane", "touch started")]);
    let path = file(directory.path(), "bad.yaml", "realms: 1\n");
    let mut command = Command::new(command);
    let output = command
        .args(["run", "-c", &path])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(3));
    assert!(
        err(&output).contains("bad.yaml:1:9: error: realms"),
        "{}",
        err(&output)
    );
    assert!(!directory.path().join("started").exists());
}

fn value(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}
