//! The process: from a configuration file to running workers, and back down cleanly.

mod failure;
mod host;
mod nics;
mod threads;

use std::fs::{DirBuilder, File};
use std::io::IsTerminal;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::FlockOperation;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use strait_config::{Config, Idle};
use strait_shared::command::NextHop;
use strait_shared::geometry::{Geometry, WorkerIndex};
use strait_shared::notify::{self, Notifier};
use strait_shared::region::Region;
use strait_shared::slot::AdjacencyIndex;

pub use self::failure::{Exit, Failure};
pub use self::host::{Host, HostNic, Seat, Service};
use self::nics::{Handed, Nics};
pub use self::threads::Threads;
use crate::next_hops::NextHops;
use crate::worker::IdlePolicy;

/// The socket in the runtime directory where the region is handed out.
pub const REGION_SOCKET: &str = "region.sock";
/// The name under which the supervisor keeps the region.
pub const REGION_NAME: &str = "region";
/// Held as long as a dataplane of this instance runs.
const LOCK_FILE: &str = "dataplane.lock";

/// Runs the dataplane on threads of its own until it is told to stop; as [`run_on`].
///
/// # Errors
/// Why the dataplane could not start or go on; each is one line that says what to do.
pub fn run(configuration: &Path) -> Result<(), Failure> {
    run_on(&mut Threads, configuration)
}

/// Runs the dataplane until it is told to stop.
///
/// Call it at the very start of a process: it takes over the descriptors that the supervisor
/// handed to it.
///
/// # Errors
/// Why the dataplane could not start or go on; each is one line that says what to do.
pub fn run_on(host: &mut dyn Host, configuration: &Path) -> Result<(), Failure> {
    let mut handed = Handed::new(notify::inherited());
    let config = Config::load(configuration)?;
    trace(&config);
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let directory = config.runtime_directory();
    let _lock = lock(&directory)?;
    let notifier = Notifier::from_env()?;
    let geometry = strait_config::geometry(&config)?;
    let nics = Nics::open(&config, &geometry, &mut handed, host)?;
    let region = region(handed.take(REGION_NAME), &geometry)?;
    resolve(&region, &nics);
    let next_hops = match nics.followed.as_slice() {
        [] => None,
        interfaces => Some(NextHops::follow(&region, interfaces)?),
    };
    let seats = seats(&config, &region, nics, next_hops.as_ref())?;
    let mut service = Service {
        region,
        directory,
        notifier,
        server: None,
    };
    let ran = host.run(seats, &mut signals, &mut service);
    if let Some(next_hops) = next_hops {
        next_hops.stop();
    }
    ran
}

fn trace(config: &Config) {
    let filter = tracing_subscriber::EnvFilter::new(config.log.level.as_str());
    // A second call in one process keeps the first subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        // A log that nobody reads any more is no reason to end: the complaint would be a panic.
        .log_internal_errors(false)
        .try_init();
}

/// Makes the runtime directory and keeps other dataplanes of this instance out of it.
fn lock(directory: &Path) -> Result<File, Failure> {
    let failed = |error| Failure::Directory {
        path: directory.to_owned(),
        error,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(failed)?;
    let file = File::create(directory.join(LOCK_FILE)).map_err(failed)?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| Failure::Running(directory.to_owned()))?;
    Ok(file)
}

/// The region that the supervisor kept, or a new one.
fn region(kept: Option<std::os::fd::OwnedFd>, geometry: &Geometry) -> Result<Region, Failure> {
    let region = match kept {
        Some(fd) => Region::attach(fd, Some(geometry))?,
        None => Region::create(geometry.clone())?,
    };
    region.populate()?;
    Ok(region)
}

/// Enters the next hops that need no resolving: the only one a NIC could have.
fn resolve(region: &Region, nics: &Nics) {
    for (index, address) in region.geometry().addresses().iter().enumerate() {
        if let Some(mac) = nics.next_hop(address.egress_port) {
            let next_hop = NextHop {
                egress_port: address.egress_port,
                mac: mac.0,
            };
            let set = region
                .adjacencies()
                .set(AdjacencyIndex(index as u16), Some(next_hop));
            set.expect("there is an adjacency for every address");
        }
    }
}

/// What every worker needs. All ends are taken before any worker runs: taking mends what a
/// predecessor left.
fn seats(
    config: &Config,
    region: &Region,
    nics: Nics,
    next_hops: Option<&NextHops>,
) -> Result<Vec<Seat>, Failure> {
    let policy = match config.dataplane.idle {
        Idle::Adaptive => IdlePolicy::Adaptive,
        Idle::Poll => IdlePolicy::Poll,
    };
    let mut seats = Vec::new();
    for (number, ports) in nics.ports.into_iter().enumerate() {
        let end = region.worker(WorkerIndex(number as u16))?;
        if end.repaired != Default::default() {
            tracing::warn!(worker = number, repaired = ?end.repaired, "mended the region");
        }
        let settings = config.dataplane.workers.get(number);
        seats.push(Seat {
            number,
            core: settings.and_then(|worker| worker.core),
            policy,
            end,
            region: region.clone(),
            ports,
            inbox: next_hops.map(|next_hops| next_hops.inbox(number)),
        });
    }
    Ok(seats)
}
