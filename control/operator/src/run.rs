//! `strait run`: both processes, started in order, started again when they die, drained at the end.

mod backoff;
mod descriptors;
mod living;
mod notices;
mod orphan;
mod place;
mod process;
mod signals;
mod supervisor;
mod takeover;

use std::io::Write;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use strait_config::{Checked, check_file, machine};

use crate::{
    access::converse,
    arguments::Run,
    exit::{Exit, Failure},
};

/// Runs both processes until they are drained, stopped or cannot be helped.
pub fn run(arguments: &Run) -> Result<(), Failure> {
    arguments.end_with.map_or(Ok(()), end_with)?;
    let Checked { config, report } = check_file(&arguments.config);
    let _ = write!(std::io::stderr(), "{report}");
    let Some(config) = config else {
        return Err(Failure::new(Exit::Configuration, "nothing is started"));
    };
    for lack in machine::lacking(&config) {
        say(&format!("on this machine: {lack}"));
    }
    let place = place::Place::take(&config)?;
    converse(supervisor::supervise(&config, &arguments.config, &place))
}

/// Has this process told to end when its parent does, however that ends.
fn end_with(parent: i32) -> Result<(), Failure> {
    let failed = |what: String| Failure::new(Exit::Failed, what);
    set_parent_process_death_signal(Some(Signal::TERM))
        .map_err(|error| failed(format!("cannot end with process {parent}: {error}")))?;
    // It may have died before it was watched.
    if getppid().is_none_or(|own| own.as_raw_nonzero().get() != parent) {
        return Err(failed(format!("process {parent} has ended already")));
    }
    Ok(())
}

/// Writes a line for whoever reads standard error, if someone still does.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "strait: {line}");
}
