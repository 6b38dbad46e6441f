//! Frames straight to and from a network interface, past this side's kernel.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use strait_dataplane::frame::Frame;
use strait_dataplane::limits::BURST;
use strait_dataplane::port::af_xdp::{AfXdpPort, Memories, Mode, Nic, OpenError};
use strait_dataplane::port::{FrameIndex, Port};
use strait_shared::geometry::{Geometry, GeometryError, LocalAddress, Sizes};
use strait_shared::slot::EgressPort;
use strait_shared::time::Instant;

use super::frame::{datagram, write};
use super::next_hop::next_hop;
use super::{Endpoint, Wire};
use crate::Failure;
use crate::station::Station;

/// Bursts taken in one turn.
const BURSTS: usize = 4;
/// Records in each ring of a geometry nobody is commanded by.
const RING_CAPACITY: u32 = 64;

/// One side's interface.
pub struct Bypassing {
    port: AfXdpPort,
    /// Where its interface is.
    station: Station,
    interface: String,
    addresses: Vec<SocketAddr>,
    next_hops: HashMap<IpAddr, [u8; 6]>,
    /// Frames that wait to be sent, from the front.
    outgoing: Vec<Frame>,
    waiting: usize,
    incoming: Vec<Frame>,
    bytes: Vec<u8>,
    refused: u64,
    malformed: u64,
}

/// Why an interface could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BypassError {
    /// The port refuses.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The addresses are none.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// The kernel refuses.
    #[error(transparent)]
    Kernel(#[from] io::Error),
}

impl Bypassing {
    /// A side with these addresses, all of one IP address and port after port, on `interface`.
    pub fn open(
        station: &Station,
        interface: &str,
        addresses: Vec<SocketAddr>,
        mode: Option<Mode>,
    ) -> Result<Self, BypassError> {
        let ports = addresses.iter().map(SocketAddr::port);
        let local = LocalAddress {
            ip: addresses[0].ip(),
            vlan: None,
            first_port: ports.clone().min().unwrap_or_default(),
            last_port: ports.max().unwrap_or_default(),
            egress_port: EgressPort(0),
        };
        let mut ports = open(station, &[(interface, local)], mode)?;
        let frames = || std::iter::repeat_with(Frame::new).take(BURST).collect();
        Ok(Self {
            port: ports.remove(0),
            station: station.clone(),
            interface: interface.to_owned(),
            addresses,
            next_hops: HashMap::new(),
            outgoing: frames(),
            waiting: 0,
            incoming: frames(),
            bytes: Vec::new(),
            refused: 0,
            malformed: 0,
        })
    }

    fn send_waiting(&mut self) {
        let chosen: [FrameIndex; BURST] = std::array::from_fn(|index| index as FrameIndex);
        let mut rest = &chosen[..std::mem::take(&mut self.waiting)];
        while !rest.is_empty() {
            let taken = self.port.tx_burst(Instant::ZERO, &mut self.outgoing, rest);
            if taken == 0 {
                self.refused += rest.len() as u64;
                return;
            }
            rest = &rest[taken..];
        }
    }
}

/// The port of each interface of one host, to which media for its address is steered.
pub fn open(
    station: &Station,
    interfaces: &[(&str, LocalAddress)],
    mode: Option<Mode>,
) -> Result<Vec<AfXdpPort>, BypassError> {
    let sizes = Sizes {
        workers: 1,
        adjacencies: interfaces.len() as u16,
        addresses: interfaces.iter().map(|(_, local)| *local).collect(),
        fork_slots: 0,
        ring_capacity: RING_CAPACITY,
    };
    let geometry = Geometry::new(sizes)?;
    let opened = station.within(|| {
        let names = interfaces.iter().map(|(name, _)| *name);
        let mut memories = Memories::new(1, names)?;
        let nic = |(name, local): &(&str, LocalAddress)| {
            Nic::open(
                name,
                name,
                mode,
                &geometry,
                local.egress_port,
                &mut memories,
            )
        };
        Ok(interfaces.iter().map(nic).collect::<Result<Vec<_>, _>>())
    });
    let ports = opened??.into_iter().map(Nic::into_ports);
    let ports: Vec<Vec<AfXdpPort>> = ports.collect::<io::Result<_>>()?;
    Ok(ports.into_iter().flatten().collect())
}

impl Wire for Bypassing {
    fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn reach(&mut self, to: IpAddr) -> Result<(), Failure> {
        if !self.next_hops.contains_key(&to) {
            let hop = next_hop(&self.station, &self.interface, to)?;
            self.next_hops.insert(to, hop);
        }
        Ok(())
    }

    fn send(&mut self, from: Endpoint, to: SocketAddr, packet: &[u8]) {
        let from = self.addresses[from.0];
        let Some(hop) = self.next_hops.get(&to.ip()) else {
            self.refused += 1;
            return;
        };
        self.bytes.clear();
        let built = write(
            &mut self.bytes,
            [self.port.mac().0, *hop],
            [from, to],
            packet,
        );
        if !built || !self.outgoing[self.waiting].fill(&self.bytes) {
            self.refused += 1;
            return;
        }
        self.waiting += 1;
        if self.waiting == BURST {
            self.send_waiting();
        }
    }

    fn flush(&mut self) -> u64 {
        self.send_waiting();
        std::mem::take(&mut self.refused)
    }

    fn receive(&mut self, each: &mut dyn FnMut(SocketAddr, &[u8])) {
        for _ in 0..BURSTS {
            let count = self.port.rx_burst(Instant::ZERO, &mut self.incoming);
            for frame in &self.incoming[..count] {
                match datagram(frame.bytes()) {
                    Some((source, payload)) => each(source, payload),
                    None => self.malformed += 1,
                }
            }
            if count < BURST {
                return;
            }
        }
    }

    fn wait(&mut self, at_most: Duration) {
        let at_most = Timespec::try_from(at_most).unwrap_or_default();
        let Some(readiness) = self.port.readiness() else {
            return;
        };
        // A signal ends the wait early, which does no harm.
        let _ = poll(
            &mut [PollFd::new(&readiness, PollFlags::IN)],
            Some(&at_most),
        );
    }

    fn overflowed(&self) -> u64 {
        self.port.counters().missed
    }

    fn malformed(&self) -> u64 {
        self.malformed
    }
}
