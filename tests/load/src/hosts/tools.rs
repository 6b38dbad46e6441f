//! The programs that make hosts, and what they need.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::NAMESPACES;
use crate::Failure;

/// Whether there can be hosts here, with these programs; the reason when not.
pub fn possible(programs: &[&str]) -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::Hosts("network namespaces need root".to_owned()));
    }
    let lacking = programs.iter().find(|program| !installed(program));
    lacking.map_or(Ok(()), |program| {
        Err(Failure::Hosts(format!("{program} is not installed")))
    })
}

/// Removes the hosts of tests that were killed.
pub fn remove_leftovers() {
    for entry in std::fs::read_dir(NAMESPACES)
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = name
            .strip_prefix("strait-")
            .and_then(|rest| rest.split_once("-load"));
        if let Some((pid, _)) = ours
            && !Path::new("/proc").join(pid).exists()
        {
            // Somebody else may be at it too.
            let _ = run(Command::new("ip").args(["netns", "del", &name]));
        }
    }
}

/// A program's end, without which it has failed.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    feed(command, "")
}

/// Has `ip` do all of this in a namespace.
pub fn ip(namespace: &str, batch: &str) -> Result<(), Failure> {
    feed(
        Command::new("ip").args(["-n", namespace, "-batch", "-"]),
        batch,
    )
}

/// Runs a program to its end, with this on its input.
pub fn feed(command: &mut Command, input: &str) -> Result<(), Failure> {
    let said = format!("{command:?}");
    let failed = |reason: String| Failure::Hosts(format!("{said}: {reason}"));
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::null());
    let child = piped.stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| failed(error.to_string()))?;
    if let Some(mut pipe) = child.stdin.take() {
        // One that reads nothing has ended, and says why.
        let _ = pipe.write_all(input.as_bytes());
    }
    let output = child.wait_with_output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}

/// Whether a program is in PATH, or where Debian keeps those of administrators.
fn installed(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/sbin"]);
    folders
        .map(Path::new)
        .any(|folder| folder.join(program).exists())
}
