//! From the configuration's NICs to every worker's ports.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strait_config::{Config, Nic, PortKind, XdpMode};
use strait_shared::geometry::{Geometry, WorkerIndex};
use strait_shared::slot::EgressPort;

use super::failure::Failure;
use super::host::Host;
use crate::port::Port;
use crate::port::af_xdp::{self, Memories, Mode};
use crate::port::capture::Capture;
use crate::port::memory::{Link, LinkError};
use crate::port::pcap::PcapPort;
use crate::port::udp::{Sockets, UdpPort};
use crate::wire::MacAddress;

/// The dataplane's end of a memory link; the other is [`crate::port::Capabilities::next_hop`].
const MEMORY_MAC: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);
/// Descriptors of links are handed over under this and the NIC's name.
const LINK_PREFIX: &str = "nic-";

/// Descriptors that the parent handed over, by name.
pub(super) struct Handed(Vec<(String, OwnedFd)>);

impl Handed {
    pub(super) fn new(descriptors: Vec<(String, OwnedFd)>) -> Self {
        Self(descriptors)
    }

    /// The descriptor of this name, once.
    pub(super) fn take(&mut self, name: &str) -> Option<OwnedFd> {
        let at = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.swap_remove(at).1)
    }
}

/// Every port of every worker, ready to relay.
pub(super) struct Nics {
    /// For each worker its queue of every NIC, in the configuration's order.
    pub(super) ports: Vec<Vec<Box<dyn Port>>>,
    next_hops: Vec<Option<MacAddress>>,
    /// The interfaces whose next hops the kernel knows.
    pub(super) followed: Vec<(EgressPort, u32)>,
}

impl Nics {
    /// Opens every NIC of the configuration.
    pub(super) fn open(
        config: &Config,
        geometry: &Geometry,
        handed: &mut Handed,
        host: &mut dyn Host,
    ) -> Result<Self, Failure> {
        let workers = geometry.workers();
        let mut ports: Vec<Vec<Box<dyn Port>>> = (0..workers).map(|_| Vec::new()).collect();
        let mut followed = Vec::new();
        let mut memories = memories(config, workers)?;
        let mut of_host = host.open(config, geometry)?.into_iter();
        for (number, nic) in config.dataplane.nics.iter().enumerate() {
            let number = EgressPort(number as u8);
            let queues = match nic.port {
                PortKind::Udp => udp(nic, number, geometry)?,
                PortKind::Memory => memory(nic, workers, handed)?,
                PortKind::Pcap => pcap(nic, workers)?,
                PortKind::AfXdp => {
                    let (queues, interface) = af_xdp(nic, number, geometry, &mut memories)?;
                    followed.push((number, interface));
                    queues
                }
                PortKind::Dpdk => {
                    let opened = of_host.find(|opened| opened.number == number);
                    let opened = opened.expect("a host opens all there are, in their order");
                    followed.push((number, opened.interface));
                    opened.ports
                }
            };
            for (worker, (all, queue)) in ports.iter_mut().zip(queues).enumerate() {
                all.push(tapped(nic, worker, queue)?);
            }
        }
        let next_hops = ports[0].iter().map(|port| port.capabilities().next_hop);
        let next_hops = next_hops.collect();
        Ok(Self {
            ports,
            next_hops,
            followed,
        })
    }

    /// The next hop behind a NIC, where there is only one it could be.
    pub(super) fn next_hop(&self, nic: EgressPort) -> Option<MacAddress> {
        self.next_hops.get(usize::from(nic.0)).copied().flatten()
    }
}

fn udp(nic: &Nic, number: EgressPort, geometry: &Geometry) -> Result<Vec<Box<dyn Port>>, Failure> {
    let sockets = Arc::new(Sockets::bind(geometry, number)?);
    let queue = |worker| {
        let port = UdpPort::new(nic.name.as_str(), sockets.clone(), WorkerIndex(worker))?;
        Ok(Box::new(port) as Box<dyn Port>)
    };
    (0..geometry.workers()).map(queue).collect()
}

fn memory(nic: &Nic, workers: u16, handed: &mut Handed) -> Result<Vec<Box<dyn Port>>, Failure> {
    let name = nic.name.as_str();
    let failed = |error| Failure::Link {
        nic: name.to_owned(),
        error,
    };
    let fd = handed.take(&format!("{LINK_PREFIX}{name}"));
    let fd = fd.ok_or_else(|| Failure::Unplugged {
        nic: name.to_owned(),
    })?;
    let link = Link::attach(fd).map_err(failed)?;
    if link.queues() < usize::from(workers) {
        return Err(failed(LinkError::Sizes));
    }
    let queue = |worker| Box::new(link.port(worker, name, MEMORY_MAC)) as Box<dyn Port>;
    Ok((0..usize::from(workers)).map(queue).collect())
}

/// Where the frames of all `af_xdp` NICs will live.
fn memories(config: &Config, workers: u16) -> Result<Memories, Failure> {
    let nics = config.dataplane.nics.iter();
    let bypassing = nics.filter(|nic| nic.port == PortKind::AfXdp);
    let memories = Memories::new(workers, bypassing.map(Nic::interface))?;
    Ok(memories.near(config.dataplane.workers.iter().map(|worker| worker.core)))
}

/// The ports, and the kernel's number of the interface.
fn af_xdp(
    nic: &Nic,
    number: EgressPort,
    geometry: &Geometry,
    memories: &mut Memories,
) -> Result<(Vec<Box<dyn Port>>, u32), Failure> {
    let name = nic.name.as_str();
    let required = nic.mode.map(|mode| match mode {
        XdpMode::ZeroCopy => Mode::ZeroCopy,
        XdpMode::Native => Mode::Native,
        XdpMode::Generic => Mode::Generic,
    });
    let opened = af_xdp::Nic::open(name, nic.interface(), required, geometry, number, memories);
    let opened = opened.map_err(|error| Failure::AfXdp {
        nic: name.to_owned(),
        error,
    })?;
    let interface = opened.interface();
    let boxed = |port| Box::new(port) as Box<dyn Port>;
    let ports = opened.into_ports()?.into_iter().map(boxed).collect();
    Ok((ports, interface))
}

/// The first worker plays the capture; each records what it sends.
fn pcap(nic: &Nic, workers: u16) -> Result<Vec<Box<dyn Port>>, Failure> {
    let name = nic.name.as_str();
    let queue = |worker: usize| {
        let read = nic.read.as_deref().filter(|_| worker == 0);
        let write = nic.write.as_deref().map(|path| of_worker(path, worker));
        let port = PcapPort::open(name, read, write.as_deref());
        let port = port.map_err(|error| Failure::Capture {
            nic: name.to_owned(),
            error,
        })?;
        Ok(Box::new(port) as Box<dyn Port>)
    };
    (0..usize::from(workers)).map(queue).collect()
}

/// The port with a tap on it, where the configuration asks for one.
fn tapped(nic: &Nic, worker: usize, port: Box<dyn Port>) -> Result<Box<dyn Port>, Failure> {
    let Some(path) = &nic.capture else {
        return Ok(port);
    };
    let nic = nic.name.as_str().to_owned();
    let capture = Capture::new(port, &of_worker(path, worker));
    Ok(Box::new(
        capture.map_err(|error| Failure::Capture { nic, error })?,
    ))
}

/// A worker's own file: the first has the name as it is, the others their number in it.
fn of_worker(path: &Path, worker: usize) -> PathBuf {
    if worker == 0 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{worker}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_worker_has_a_file_of_its_own() {
        let of = |path, worker| of_worker(Path::new(path), worker);
        assert_eq!(of("a/tap.pcapng", 0), Path::new("a/tap.pcapng"));
        assert_eq!(of("a/tap.pcapng", 2), Path::new("a/tap-2.pcapng"));
        assert_eq!(of("tap", 1), Path::new("tap-1"));
    }
}
