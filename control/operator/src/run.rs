//! `strait run`: both processes, started in order, started again when they die, drained at the end.

mod backoff;
mod descriptors;
mod notices;
mod place;
mod process;
mod signals;
mod supervisor;

use strait_config::{Checked, check_file, machine};

use crate::{
    access::converse,
    arguments::Run,
    exit::{Exit, Failure},
};

/// Runs both processes until they are drained, stopped or cannot be helped.
pub fn run(arguments: &Run) -> Result<(), Failure> {
    let Checked { config, report } = check_file(&arguments.config);
    eprint!("{report}");
    let Some(config) = config else {
        return Err(Failure::new(Exit::Configuration, "nothing is started"));
    };
    for lack in machine::lacking(&config) {
        eprintln!("strait: on this machine: {lack}");
    }
    let place = place::Place::take(&config)?;
    converse(supervisor::supervise(&config, &arguments.config, &place))
}
