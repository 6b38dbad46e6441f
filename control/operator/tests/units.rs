//! The systemd units are ones that systemd takes.

use std::{fs, path::Path, process::Command};

#[test]
fn systemd_finds_no_fault_with_the_units() {
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: there is no systemd-analyze on this machine");
        return;
    }
    let units = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/systemd");
    let directory = tempfile::tempdir().expect("a directory");
    let mut copies = Vec::new();
    for name in ["strait-control.service", "strait-dataplane.service"] {
        let text = fs::read_to_string(units.join(name)).expect("the unit");
        let program = format!("/usr/bin/{}", name.trim_end_matches(".service"));
        assert!(text.contains(&format!("ExecStart={program} -c ")), "{name}");
        // Verification wants the program to be there.
        let copy = directory.path().join(name);
        fs::write(&copy, text.replace(&program, "/bin/true")).expect("written");
        copies.push(copy);
    }
    let mut analyze = Command::new("systemd-analyze");
    let output = analyze
        .args(["verify", "--man=no"])
        .args(&copies)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !said.contains(".service:"),
        "{said}"
    );
}
