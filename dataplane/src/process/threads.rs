//! The host of most ports: a thread for each worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use signal_hook::iterator::Signals;
use strait_config::{Config, PortKind};
use strait_shared::geometry::Geometry;

use super::failure::Failure;
use super::host::{Host, HostNic, Seat, Service};
use crate::worker::pin;

/// Threads of this process. Has no NICs of its own.
pub struct Threads;

impl Host for Threads {
    fn open(&mut self, config: &Config, _: &Geometry) -> Result<Vec<HostNic>, Failure> {
        let mut nics = config.dataplane.nics.iter();
        match nics.find(|nic| nic.port == PortKind::Dpdk) {
            Some(nic) => Err(Failure::NoDpdk(nic.name.as_str().to_owned())),
            None => Ok(Vec::new()),
        }
    }

    fn run(
        &mut self,
        seats: Vec<Seat>,
        signals: &mut Signals,
        service: &mut Service,
    ) -> Result<(), Failure> {
        let workers = start(seats)?;
        let served = service.begin().and_then(|()| {
            signals.forever().next();
            service.end()
        });
        workers.stop();
        served
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

fn start(seats: Vec<Seat>) -> Result<Workers, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let (report, reports) = mpsc::channel();
    let count = seats.len();
    let mut threads = Vec::new();
    for seat in seats {
        let (stop, report) = (stop.clone(), report.clone());
        let name = format!("worker-{}", seat.number());
        threads.push(std::thread::Builder::new().name(name).spawn(move || {
            let pinned = seat.core().map_or(Ok(()), pin);
            let go = pinned.is_ok();
            // The main thread waits for one report a worker.
            let _ = report.send(pinned.map_err(|error| Failure::Core {
                worker: seat.number(),
                core: seat.core().unwrap_or_default(),
                error,
            }));
            let _abort = AbortOnPanic;
            if go {
                let policy = seat.policy();
                let mut worker = seat.take();
                worker.run(policy, &|| stop.load(Ordering::Relaxed));
            }
        })?);
    }
    let workers = Workers { threads, stop };
    match reports.iter().take(count).find_map(Result::err) {
        None => Ok(workers),
        Some(failure) => {
            workers.stop();
            Err(failure)
        }
    }
}
