//! capsule's runtime as the host of the workers.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use capsule::Runtime;
use rustix::process::{Signal, getpid, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity};
use signal_hook::iterator::Signals;
use strait_config::{Config, Nic};
use strait_dataplane::frame::Lender;
use strait_dataplane::port::Port;
use strait_dataplane::port::kernel_path::KernelPath;
use strait_dataplane::process::{Failure, Host, HostNic, Seat, Service};
use strait_shared::geometry::{Geometry, LocalAddress};
use strait_shared::slot::EgressPort;

use crate::device::Device;
use crate::error::OpenError;
use crate::exchange::Carrier;
use crate::lane::{Lane, Report};
use crate::port::{self, DpdkPort, absent};
use crate::settings::{self, Cores};
use crate::tap::Tap;

/// How long an address on a TAP device that has just come up may take to be usable: IPv6 looks for
/// duplicates first. Tried so many times.
const ADDRESS_WAIT: Duration = Duration::from_millis(100);
const ADDRESS_TRIES: usize = 40;
/// How often capsule is told to stop, until it does.
const STOP_WAIT: Duration = Duration::from_millis(20);

/// capsule's runtime, once there are NICs for it.
#[derive(Default)]
pub struct Capsule {
    running: Option<Running>,
}

struct Running {
    /// Ended before the runtime, whose buffers they hold.
    carriers: Vec<Carrier>,
    runtime: Runtime,
    lender: Lender,
    cores: Cores,
    anywhere: CpuSet,
    /// What each of so many workers reports.
    reports: Option<(Receiver<Report>, usize)>,
    /// Workers leave.
    leave: Arc<AtomicBool>,
}

impl Host for Capsule {
    fn open(&mut self, config: &Config, geometry: &Geometry) -> Result<Vec<HostNic>, Failure> {
        let anywhere = sched_getaffinity(None).map_err(io::Error::from)?;
        let allowed = (0..CpuSet::MAX_CPU).filter(|core| anywhere.is_set(*core));
        let allowed: Vec<u16> = allowed.map(|core| core as u16).collect();
        let cores = Cores::assign(config, &allowed)?;
        let runtime = Runtime::build(settings::runtime(config, &cores)?);
        let runtime = runtime.map_err(|error| OpenError::Runtime(error.to_string()))?;
        let mut running = Running {
            carriers: Vec::new(),
            runtime,
            lender: Arc::new(()),
            cores,
            anywhere,
            reports: None,
            leave: Arc::default(),
        };
        let mut opened = Vec::new();
        for (number, nic) in settings::nics(config) {
            opened.push(running.bring_up(nic, EgressPort(number as u8), geometry)?);
        }
        self.running = Some(running);
        Ok(opened)
    }

    fn run(
        &mut self,
        seats: Vec<Seat>,
        signals: &mut Signals,
        service: &mut Service,
    ) -> Result<(), Failure> {
        let mut running = self.running.take().expect("opened before it is run");
        if let Err(error) = running.seat(seats) {
            // What was seated has buffers, and goes only after the runtime: both stay.
            std::mem::forget(running);
            return Err(error.into());
        }
        running.run(signals, service)
    }
}

impl Running {
    fn bring_up(
        &mut self,
        nic: &Nic,
        number: EgressPort,
        geometry: &Geometry,
    ) -> Result<HostNic, OpenError> {
        let name = nic.name.as_str();
        let device = Device::find(settings::device(nic)).ok_or_else(|| absent(name))?;
        let tap = Tap::open(nic.interface(), device.mac(), device.mtu());
        let tap = tap.map_err(|error| refused(nic, error))?;
        let interface = tap.interface();
        let kernel_path = kernel_path(nic, geometry, number)?;
        let lender = self.lender.clone();
        let shared = port::Nic::new(name, device, lender, geometry, number, kernel_path)?;
        let carrier = Carrier::start(shared.exchange.clone(), tap, device, shared.pool);
        let carrier = carrier.map_err(|error| OpenError::Other {
            nic: name.to_owned(),
            error,
        })?;
        self.carriers.push(carrier);
        tracing::info!(nic = name, device = nic.device, "DPDK drives the NIC");
        let ports = (0..self.cores.workers.len()).map(|worker| {
            let queue = device.queue(self.cores.queue(worker));
            Box::new(DpdkPort::new(shared.clone(), queue, worker == 0)) as Box<dyn Port>
        });
        Ok(HostNic {
            number,
            ports: ports.collect(),
            interface,
        })
    }

    /// Puts a pipeline on every worker's core.
    fn seat(&mut self, seats: Vec<Seat>) -> Result<(), OpenError> {
        let (report, reports) = mpsc::channel();
        self.reports = Some((reports, seats.len()));
        for seat in seats {
            let core = usize::from(self.cores.workers[seat.number()]);
            let (anywhere, leave) = (self.anywhere, self.leave.clone());
            let is_main = self.cores.is_main(seat.number());
            let brought = Mutex::new((seat, report.clone()));
            let added = self.runtime.add_pipeline_to_core(core, move |_| {
                let (seat, report) = brought.into_inner().expect("nobody had it");
                Lane::new(seat, is_main, &anywhere, (report, leave))
            });
            added.map_err(|error| OpenError::Runtime(error.to_string()))?;
        }
        Ok(())
    }

    fn run(mut self, signals: &mut Signals, service: &mut Service) -> Result<(), Failure> {
        let (reports, count) = self.reports.take().expect("seated before it is run");
        // capsule stops at a signal: at the one that says that all is prepared for it.
        let (stopping, stopped) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
        let (prepared, leave) = (stopping.clone(), self.leave.clone());
        self.runtime
            .set_on_signal(move |_| prepared.load(Ordering::Relaxed));
        std::thread::scope(|scope| {
            let (stopping, stopped) = (&stopping, &stopped);
            let herald = scope.spawn(move || {
                let served = herald(&reports, count, signals, service);
                leave.store(true, Ordering::Relaxed);
                // What the main thread ran would go only after the buffers it has.
                let left = |report: &Report| matches!(report, Report::Left);
                let _ = reports.iter().filter(left).take(count).count();
                stopping.store(true, Ordering::Relaxed);
                while !stopped.load(Ordering::Relaxed) {
                    // Fails for no process that signals itself.
                    let _ = kill_process(getpid(), Signal::TERM);
                    std::thread::sleep(STOP_WAIT);
                }
                served
            });
            let executed = self.runtime.execute();
            stopped.store(true, Ordering::Relaxed);
            let served = herald.join().expect("a panic ends the process");
            let executed = executed.map_err(|error| OpenError::Runtime(error.to_string()));
            served.and(executed.map_err(Failure::from))
        })
    }
}

/// Waits for the workers, tells the others, and waits for a signal.
fn herald(
    reports: &Receiver<Report>,
    count: usize,
    signals: &mut Signals,
    service: &mut Service,
) -> Result<(), Failure> {
    for _ in 0..count {
        match reports.recv() {
            Ok(Report::Began(outcome)) => outcome?,
            _ => return Err(OpenError::Worker("its core is gone".to_owned()).into()),
        }
    }
    service.begin()?;
    signals.forever().next();
    service.end()
}

/// The way out for frames whose next hop is not known.
fn kernel_path(
    nic: &Nic,
    geometry: &Geometry,
    number: EgressPort,
) -> Result<KernelPath, OpenError> {
    let addresses = geometry.addresses().iter();
    let addresses = addresses.filter(|address| address.egress_port == number);
    let addresses: Vec<LocalAddress> = addresses.copied().collect();
    let mut tries = 0;
    loop {
        let (ip, error) = match KernelPath::open(&addresses) {
            Ok(path) => return Ok(path),
            Err(refused) => refused,
        };
        tries += 1;
        if error.kind() != io::ErrorKind::AddrNotAvailable {
            return Err(refused(nic, error));
        } else if tries == ADDRESS_TRIES || !may_become_usable(ip) {
            let nic = nic.name.as_str().to_owned();
            return Err(OpenError::NotLocal { nic, ip });
        }
        std::thread::sleep(ADDRESS_WAIT);
    }
}

/// Only IPv6 looks for duplicates.
fn may_become_usable(ip: IpAddr) -> bool {
    ip.is_ipv6()
}

/// What the kernel's refusal of a TAP device or a raw socket means.
fn refused(nic: &Nic, error: io::Error) -> OpenError {
    let (name, interface) = (nic.name.as_str().to_owned(), nic.interface().to_owned());
    match error.raw_os_error() {
        // No interface of this name, or one that is no TAP device.
        Some(libc::ENODEV | libc::EINVAL) => OpenError::NoTap {
            nic: name,
            interface,
        },
        Some(libc::EBUSY) => OpenError::TapInUse {
            nic: name,
            interface,
        },
        Some(libc::EPERM | libc::EACCES) => OpenError::Capability { nic: name },
        _ => OpenError::Other { nic: name, error },
    }
}
