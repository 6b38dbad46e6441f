//! Taking over what an earlier `strait run` left that was killed outright: its processes go on as
//! if it were still there, and so do their calls.

use std::{path::Path, time::Duration};

use strait_config::Config;
use strait_shared::{
    attach::{FetchError, fetch},
    region::Region,
};

use super::{place::Place, process::Process, say};
use crate::{
    access::REGION_SOCKET,
    exit::{Exit, Failure},
};

/// The name under which the dataplane has its region kept.
const REGION_NAME: &str = "region";
/// How long a dataplane that is starting may take to hand out its region.
const HANDED_WITHIN: Duration = Duration::from_secs(10);

/// Takes over whichever of the two processes lives. Nothing is touched where that cannot be.
pub fn take_over(
    config: &Config,
    place: &Place,
    dataplane: &mut Process,
    control: &mut Process,
) -> Result<(), Failure> {
    let left = (dataplane.left(), control.left());
    if left.1.is_none() {
        place.refuse_others()?;
    }
    if let Some(orphan) = left.0 {
        let region = region(config, place.directory(), orphan.id())?;
        let fd = region.fd().expect("what was fetched is a file");
        let kept = fd.try_clone_to_owned();
        let failed = |error: std::io::Error| Failure::new(Exit::Failed, error.to_string());
        dataplane.keep(REGION_NAME, kept.map_err(failed)?);
        say(&format!("dataplane: process {} is taken over", orphan.id()));
        dataplane.adopt(orphan);
    }
    if let Some(orphan) = left.1 {
        say(&format!("control: process {} is taken over", orphan.id()));
        control.adopt(orphan);
    }
    Ok(())
}

/// The region of a dataplane that lives, which must be one that its successor will go on with.
fn region(config: &Config, directory: &Path, pid: u32) -> Result<Region, Failure> {
    let geometry = strait_config::geometry(config);
    let geometry =
        geometry.map_err(|error| Failure::new(Exit::Configuration, error.to_string()))?;
    let attached = fetch(
        &directory.join(REGION_SOCKET),
        Some(&geometry),
        HANDED_WITHIN,
    );
    let attached = attached.map_err(|error| {
        let exit = match error {
            FetchError::Attach(_) => Exit::Region,
            _ => Exit::Failed,
        };
        let message = format!(
            "a `strait run` that was killed has left a dataplane, process {pid}, that cannot be \
             taken over and goes on: {error}"
        );
        Failure::new(exit, message)
    })?;
    Ok(attached.region)
}
