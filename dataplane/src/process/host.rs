//! Who runs the workers: threads of this process, or a runtime that brings cores and NICs along.

use std::path::PathBuf;
use std::sync::Arc;

use signal_hook::iterator::Signals;
use strait_config::Config;
use strait_shared::attach::RegionServer;
use strait_shared::geometry::Geometry;
use strait_shared::notify::Notifier;
use strait_shared::region::{Region, WorkerEnd};
use strait_shared::slot::EgressPort;
use strait_shared::time::Instant;

use super::failure::Failure;
use super::{REGION_NAME, REGION_SOCKET};
use crate::next_hops::Inbox;
use crate::port::Port;
use crate::worker::{IdlePolicy, Worker};

/// Runs the workers.
pub trait Host {
    /// Brings up the NICs of the kinds that only this host has, all of them.
    ///
    /// # Errors
    /// Why one cannot be; one line that says what to do.
    fn open(&mut self, config: &Config, geometry: &Geometry) -> Result<Vec<HostNic>, Failure>;

    /// Runs a worker on every seat until a signal comes. Tells `service` when all run, and when
    /// they are about to stop.
    ///
    /// # Errors
    /// Why a worker does not run.
    fn run(
        &mut self,
        seats: Vec<Seat>,
        signals: &mut Signals,
        service: &mut Service,
    ) -> Result<(), Failure>;
}

/// A NIC that a host has brought up.
pub struct HostNic {
    /// Its number in the configuration.
    pub number: EgressPort,
    /// The port of every worker.
    pub ports: Vec<Box<dyn Port>>,
    /// The kernel's number of the interface that knows the NIC's next hops.
    pub interface: u32,
}

/// Everything one worker needs, to be taken to where it runs.
pub struct Seat {
    pub(super) number: usize,
    pub(super) core: Option<u16>,
    pub(super) policy: IdlePolicy,
    pub(super) end: WorkerEnd,
    pub(super) region: Region,
    pub(super) ports: Vec<Box<dyn Port>>,
    pub(super) inbox: Option<Arc<Inbox>>,
}

impl Seat {
    /// Which worker's this is.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The core it is to run on, if that matters.
    pub fn core(&self) -> Option<u16> {
        self.core
    }

    /// What it does while no packet comes.
    pub fn policy(&self) -> IdlePolicy {
        self.policy
    }

    /// The worker. Call it on the thread that runs it, so that its memory is near.
    pub fn take(self) -> Worker {
        let (table, geometry) = (self.region.table(), self.region.geometry());
        let mut worker = Worker::new(self.end, table, geometry, self.ports, Instant::now);
        if let Some(inbox) = self.inbox {
            worker.follow(inbox);
        }
        worker
    }
}

/// What others see of the dataplane while its workers run.
pub struct Service {
    pub(super) region: Region,
    pub(super) directory: PathBuf,
    pub(super) notifier: Notifier,
    pub(super) server: Option<RegionServer>,
}

impl Service {
    /// Every worker runs: the region is handed out, and the supervisor told.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn begin(&mut self) -> Result<(), Failure> {
        let socket = self.directory.join(REGION_SOCKET);
        self.server = Some(RegionServer::start(&socket, &self.region)?);
        if let Some(fd) = self.region.fd() {
            self.notifier.store(REGION_NAME, fd)?;
        }
        self.notifier.ready()?;
        let geometry = self.region.geometry();
        tracing::info!(
            workers = geometry.workers(),
            slots = geometry.slots(),
            region_bytes = self.region.bytes(),
            "relaying"
        );
        Ok(())
    }

    /// The workers are about to stop.
    ///
    /// # Errors
    /// Why the supervisor cannot be told.
    pub fn end(&mut self) -> Result<(), Failure> {
        tracing::info!("stopping");
        self.server = None;
        Ok(self.notifier.stopping()?)
    }
}
