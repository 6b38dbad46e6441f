//! The process: from a configuration file to running workers, and back down cleanly.

mod failure;
mod nics;

use std::fs::{DirBuilder, File};
use std::io::IsTerminal;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rustix::fs::FlockOperation;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use strait_config::{Config, Idle};
use strait_shared::attach::RegionServer;
use strait_shared::command::NextHop;
use strait_shared::geometry::{Geometry, WorkerIndex};
use strait_shared::notify::{self, Notifier};
use strait_shared::region::{Region, WorkerEnd};
use strait_shared::slot::AdjacencyIndex;
use strait_shared::time::Instant;

pub use self::failure::{Exit, Failure};
use self::nics::{Handed, Nics};
use crate::next_hops::NextHops;
use crate::worker::{IdlePolicy, Worker, pin};

/// The socket in the runtime directory where the region is handed out.
pub const REGION_SOCKET: &str = "region.sock";
/// The name under which the supervisor keeps the region.
pub const REGION_NAME: &str = "region";
/// Held as long as a dataplane of this instance runs.
const LOCK_FILE: &str = "dataplane.lock";

/// Runs the dataplane until it is told to stop.
///
/// Call it at the very start of a process: it takes over the descriptors that the supervisor
/// handed to it.
///
/// # Errors
/// Why the dataplane could not start or go on; each is one line that says what to do.
pub fn run(configuration: &Path) -> Result<(), Failure> {
    let mut handed = Handed::new(notify::inherited());
    let config = Config::load(configuration)?;
    trace(&config);
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let directory = config.runtime_directory();
    let _lock = lock(&directory)?;
    let notifier = Notifier::from_env()?;
    let geometry = strait_config::geometry(&config)?;
    let nics = Nics::open(&config, &geometry, &mut handed)?;
    let region = region(handed.take(REGION_NAME), &geometry)?;
    resolve(&region, &nics);
    let next_hops = match nics.followed.as_slice() {
        [] => None,
        interfaces => Some(NextHops::follow(&region, interfaces)?),
    };
    let workers = start_workers(&config, &region, nics, next_hops.as_ref())?;
    let server = RegionServer::start(&directory.join(REGION_SOCKET), &region)?;
    if let Some(fd) = region.fd() {
        notifier.store(REGION_NAME, fd)?;
    }
    notifier.ready()?;
    tracing::info!(
        workers = workers.threads.len(),
        slots = geometry.slots(),
        region_bytes = region.bytes(),
        "relaying"
    );
    let signal = signals.forever().next();
    tracing::info!(signal, "stopping");
    notifier.stopping()?;
    drop(server);
    workers.stop();
    if let Some(next_hops) = next_hops {
        next_hops.stop();
    }
    Ok(())
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

/// A dataplane with a worker missing would be half deaf: better to end and be started again.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

/// The running workers.
struct Workers {
    threads: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Workers {
    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // A worker that panicked has aborted the process.
            let _ = thread.join();
        }
    }
}

fn start_workers(
    config: &Config,
    region: &Region,
    nics: Nics,
    next_hops: Option<&NextHops>,
) -> Result<Workers, Failure> {
    let policy = match config.dataplane.idle {
        Idle::Adaptive => IdlePolicy::Adaptive,
        Idle::Poll => IdlePolicy::Poll,
    };
    // All ends are taken before any worker runs: taking mends what a predecessor left.
    let count = region.geometry().workers();
    let ends = (0..count).map(|number| region.worker(WorkerIndex(number)));
    let ends = ends.collect::<Result<Vec<WorkerEnd>, _>>()?;
    let stop = Arc::new(AtomicBool::new(false));
    let (report, reports) = mpsc::channel();
    let mut threads = Vec::new();
    for (number, (end, ports)) in ends.into_iter().zip(nics.ports).enumerate() {
        if end.repaired != Default::default() {
            tracing::warn!(worker = number, repaired = ?end.repaired, "mended the region");
        }
        let (region, stop, report) = (region.clone(), stop.clone(), report.clone());
        let core = config
            .dataplane
            .workers
            .get(number)
            .and_then(|worker| worker.core);
        let inbox = next_hops.map(|next_hops| next_hops.inbox(number));
        let name = format!("worker-{number}");
        threads.push(std::thread::Builder::new().name(name).spawn(move || {
            let pinned = core.map_or(Ok(()), pin);
            let go = pinned.is_ok();
            // The main thread waits for one report a worker.
            let _ = report.send(pinned.map_err(|error| Failure::Core {
                worker: number,
                core: core.unwrap_or_default(),
                error,
            }));
            let _abort = AbortOnPanic;
            if go {
                let (table, geometry) = (region.table(), region.geometry());
                let mut worker = Worker::new(end, table, geometry, ports, Instant::now);
                if let Some(inbox) = inbox {
                    worker.follow(inbox);
                }
                worker.run(policy, &|| stop.load(Ordering::Relaxed));
            }
        })?);
    }
    let workers = Workers { threads, stop };
    match reports
        .iter()
        .take(usize::from(count))
        .find_map(Result::err)
    {
        None => Ok(workers),
        Some(failure) => {
            workers.stop();
            Err(failure)
        }
    }
}
