//! The operator's command with both processes beside it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;

/// The command; the processes are built if they are not there yet.
pub fn command() -> PathBuf {
    static BUILT: Once = Once::new();
    let strait = assert_cmd::cargo::cargo_bin("strait");
    BUILT.call_once(|| {
        let names = ["strait-control", "strait-dataplane"];
        if names
            .iter()
            .all(|name| strait.with_file_name(name).exists())
        {
            return;
        }
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--bins"]);
        cargo.args(names.iter().flat_map(|name| ["--package", *name]));
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo runs").success());
    });
    strait
}
