//! The whole process on an interface: ready, killed, gone without a trace; and told why not.

use std::path::Path;
use std::process::{Command, Stdio};

use strait_tests::program::{Program, wait_until};

use crate::stage::{Hosts, PATIENCE, link, possible};

fn configuration(directory: &Path, nic: &str) -> std::path::PathBuf {
    let file = directory.join("strait.yaml");
    let text = format!(
        "runtime_directory: {}\n\
         realms:\n  - name: access\n    signalling: [ {{ address: 192.0.2.1 }} ]\n    \
         media: [ {{ address: 192.0.2.1, ports: 20000-20199, nic: access }} ]\n\
         limits: {{ calls: 10 }}\n\
         dataplane: {{ nics: [ {{ name: access, port: af_xdp{nic} }} ] }}\n",
        directory.join("run").display()
    );
    std::fs::write(&file, text).unwrap();
    file
}

fn dataplane(hosts: &Hosts, file: &Path) -> Command {
    let mut command = hosts.strait.command(env!("CARGO_BIN_EXE_strait-dataplane"));
    command.arg("-c").arg(file).stdin(Stdio::null());
    command
}

#[test]
fn a_killed_process_leaves_the_interface_as_it_was() {
    if !possible() {
        return;
    }
    let hosts = Hosts::new(1);
    let directory = tempfile::tempdir().unwrap();
    let before = link(&hosts.strait, "access").unwrap();
    // Twice, because the first one's leftovers must not be in the second one's way.
    for round in ["first", "second"] {
        let file = configuration(directory.path(), "");
        let command = dataplane(&hosts, &file);
        let mut process = Program::start(round, command, directory.path());
        process.wait_for_output("relaying", PATIENCE);
        assert!(
            process.output().contains("mode=\"native\""),
            "{}",
            process.output()
        );
        assert!(link(&hosts.strait, "access").unwrap().contains("prog/xdp"));
        process.signal("KILL");
        process.wait(PATIENCE);
        let as_it_was = || link(&hosts.strait, "access").is_ok_and(|now| now == before);
        assert!(
            wait_until(PATIENCE, as_it_was),
            "{:?}",
            link(&hosts.strait, "access")
        );
    }
}

/// A dataplane with these capabilities and no others, as `setpriv` writes them, which may lock
/// little memory without `CAP_IPC_LOCK`.
fn confined(hosts: &Hosts, capabilities: &str, file: &Path) -> Command {
    let mut command = hosts.strait.command("prlimit");
    command.args(["--memlock=65536", "setpriv"]);
    command.args([
        &format!("--bounding-set=-all{capabilities}"),
        "--inh-caps=-all",
    ]);
    command
        .arg(env!("CARGO_BIN_EXE_strait-dataplane"))
        .arg("-c")
        .arg(file);
    command
}

const SUFFICIENT: &str = ",+net_admin,+net_raw,+bpf,+perfmon";

#[test]
fn too_little_memory_to_lock_is_said() {
    if !possible() {
        return;
    }
    let hosts = Hosts::new(1);
    let directory = tempfile::tempdir().unwrap();
    let file = configuration(directory.path(), "");
    let mut command = confined(&hosts, SUFFICIENT, &file);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("LimitMEMLOCK=infinity"), "{said}");
}

#[test]
fn the_capabilities_that_are_asked_for_suffice() {
    if !possible() {
        return;
    }
    let hosts = Hosts::new(1);
    let directory = tempfile::tempdir().unwrap();
    let file = configuration(directory.path(), "");
    // Stands in for the unit's LimitMEMLOCK, which not everybody who runs tests may raise.
    let capabilities = format!("{SUFFICIENT},+ipc_lock");
    let command = confined(&hosts, &capabilities, &file);
    let mut process = Program::start("confined", command, directory.path());
    process.wait_for_output("relaying", PATIENCE);
}

#[test]
fn a_process_without_privileges_says_which_it_needs() {
    if !possible() {
        return;
    }
    let hosts = Hosts::new(1);
    let directory = tempfile::tempdir().unwrap();
    let file = configuration(directory.path(), "");
    let mut command = confined(&hosts, "", &file);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(
        last.contains("CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON"),
        "{said}"
    );
}

#[test]
fn a_mode_the_driver_does_not_have_is_refused() {
    if !possible() {
        return;
    }
    let hosts = Hosts::new(1);
    let directory = tempfile::tempdir().unwrap();
    let file = configuration(directory.path(), ", mode: zero-copy");
    let output = dataplane(&hosts, &file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("NIC access: `access` refuses zero-copy"),
        "{said}"
    );
}
