//! The `af_xdp` port: frames straight from the driver's queues, past the kernel's network stack.
//!
//! A small program in the kernel steers media to the workers' sockets and leaves everything else
//! to the kernel: signalling, ARP, neighbour discovery, ping, ssh. Worker `w` of `n` has the
//! queues `w`, `w + n`, `w + 2n` … and sends by the first of them. All its sockets share one frame
//! memory with the kernel, in which its burst lives too: we copy no frame, and with zero-copy
//! nobody does.

mod assembler;
mod attachment;
mod bpf;
mod ethtool;
mod interface;
mod mapping;
mod memory;
mod rings;
mod socket;
mod steering;
mod umem;

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::epoll;
use strait_shared::geometry::{Geometry, LocalAddress, WorkerIndex};
use strait_shared::slot::EgressPort;
use strait_shared::statistics::Access;
use strait_shared::time::Instant;

use self::attachment::Attachment;
pub use self::attachment::{Mode, OpenError};
use self::mapping::Pages;
pub use self::memory::Memories;
use self::socket::Socket;
use super::kernel_path::{KernelPath, UNKNOWN};
use super::{Capabilities, FrameIndex, Port, PortCounters};
use crate::frame::{Buffer, Frame};
use crate::limits::{BURST, KERNEL_PATH_PER_BURST};
use crate::wire::MacAddress;

/// An interface that has been brought up: the program is attached, the sockets are bound.
pub struct Nic {
    name: String,
    attachment: Arc<Attachment>,
    kernel_path: Arc<KernelPath>,
    sockets: Vec<Socket>,
    workers: u16,
    frame_bytes_max: u16,
}

impl Nic {
    /// Brings `interface` up for the local addresses that live on `nic`, in the best mode there
    /// is or in the one required, with frames in `memories`.
    pub fn open(
        name: &str,
        interface: &str,
        required: Option<Mode>,
        geometry: &Geometry,
        nic: EgressPort,
        memories: &mut Memories,
    ) -> Result<Self, OpenError> {
        let addresses = geometry.addresses().iter();
        let addresses: Vec<LocalAddress> = addresses
            .filter(|address| address.egress_port == nic)
            .copied()
            .collect();
        let workers = geometry.workers();
        let (attachment, sockets) = attachment::open(interface, &addresses, memories, required)?;
        let refused = |(ip, error): (IpAddr, io::Error)| match error.kind() {
            io::ErrorKind::PermissionDenied => OpenError::Capability,
            io::ErrorKind::AddrNotAvailable => OpenError::NotLocal(ip),
            _ => OpenError::Other {
                interface: interface.to_owned(),
                error,
            },
        };
        let kernel_path = KernelPath::open(&addresses).map_err(refused)?;
        let tagged = addresses.iter().any(|address| address.vlan.is_some());
        let frame_bytes_max = attachment::frame_bytes_max(&attachment.interface, tagged);
        tracing::info!(
            nic = name,
            interface,
            mode = attachment.mode.name(),
            queues = attachment.interface.queues,
            huge_pages = attachment.pages == Pages::Huge,
            "media bypasses the kernel"
        );
        Ok(Self {
            name: name.to_owned(),
            attachment,
            kernel_path: Arc::new(kernel_path),
            sockets,
            workers,
            frame_bytes_max: frame_bytes_max as u16,
        })
    }

    /// The mode that was got.
    pub fn mode(&self) -> Mode {
        self.attachment.mode
    }

    /// The kernel's number of the interface.
    pub fn interface(&self) -> u32 {
        self.attachment.interface.index
    }

    /// The port of every worker.
    pub fn into_ports(self) -> io::Result<Vec<AfXdpPort>> {
        let workers = usize::from(self.workers);
        let mut shares: Vec<Vec<Socket>> = (0..workers).map(|_| Vec::new()).collect();
        for (queue, socket) in self.sockets.into_iter().enumerate() {
            shares[queue % workers].push(socket);
        }
        let ports = (0..self.workers).zip(shares).map(|(worker, sockets)| {
            let readiness = epoll::create(epoll::CreateFlags::CLOEXEC)?;
            for (number, socket) in sockets.iter().enumerate() {
                let data = epoll::EventData::new_u64(number as u64);
                epoll::add(&readiness, socket, data, epoll::EventFlags::IN)?;
            }
            Ok(AfXdpPort {
                name: self.name.clone(),
                worker: WorkerIndex(worker),
                attachment: self.attachment.clone(),
                kernel_path: self.kernel_path.clone(),
                sockets,
                first: 0,
                readiness,
                frame_bytes_max: self.frame_bytes_max,
                counters: PortCounters::default(),
            })
        });
        ports.collect()
    }
}

/// One worker's queues of an interface.
pub struct AfXdpPort {
    name: String,
    worker: WorkerIndex,
    attachment: Arc<Attachment>,
    kernel_path: Arc<KernelPath>,
    sockets: Vec<Socket>,
    /// The socket that is asked first, so that a busy one starves no other.
    first: usize,
    readiness: OwnedFd,
    frame_bytes_max: u16,
    counters: PortCounters,
}

impl AfXdpPort {
    /// Has the kernel send the frames whose next hop is not known; returns how many it took.
    #[cold]
    fn send_by_kernel(&mut self, frames: &[Frame], chosen: &[FrameIndex]) -> usize {
        let unknown = chosen
            .iter()
            .map(|&index| frames[usize::from(index)].bytes())
            .filter(|frame| KernelPath::wants(frame));
        let mut taken = 0;
        for (number, frame) in unknown.enumerate() {
            if number < KERNEL_PATH_PER_BURST && self.kernel_path.send(frame) {
                taken += 1;
            } else {
                self.counters.send_errors += 1;
            }
        }
        taken
    }
}

impl Port for AfXdpPort {
    fn name(&self) -> &str {
        &self.name
    }

    fn mac(&self) -> MacAddress {
        self.attachment.interface.mac
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            frame_bytes_max: self.frame_bytes_max,
            next_hop: Some(UNKNOWN),
            access: match self.attachment.mode {
                Mode::ZeroCopy => Access::ZeroCopy,
                Mode::Native => Access::Native,
                Mode::Generic => Access::Generic,
            },
        }
    }

    fn rx_burst(&mut self, now: Instant, frames: &mut [Frame]) -> usize {
        let count = self.sockets.len();
        let mut filled = 0;
        for turn in 0..count {
            if filled == frames.len() {
                break;
            }
            let socket = &mut self.sockets[(self.first + turn) % count];
            let (received, oversized) = socket.receive(now, &mut frames[filled..]);
            filled += received;
            self.counters.oversized += oversized;
        }
        self.first = (self.first + 1) % count;
        filled
    }

    fn tx_burst(&mut self, _: Instant, frames: &mut [Frame], chosen: &[FrameIndex]) -> usize {
        let unknown = |frames: &[Frame], index: FrameIndex| {
            KernelPath::wants(frames[usize::from(index)].bytes())
        };
        let mut known = [0; BURST];
        let mut count = 0;
        for &index in chosen.iter().filter(|&&index| !unknown(frames, index)) {
            known[count] = index;
            count += 1;
        }
        let by_kernel = match chosen.len() - count {
            0 => 0,
            _ => self.send_by_kernel(frames, chosen),
        };
        let sent = self.sockets[0].send(frames, known[..count].iter().copied());
        if sent.down {
            self.counters.send_errors += 1;
        }
        sent.taken + by_kernel
    }

    fn lend(&mut self, count: usize) -> Option<Vec<Buffer>> {
        self.sockets[0].lend(count)
    }

    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        Some(self.readiness.as_fd())
    }

    fn counters(&self) -> PortCounters {
        let missed: u64 = self.sockets.iter().map(Socket::missed).sum();
        // Which queue it came by is not known, so the first worker answers for all of them.
        let unclaimed = match self.worker {
            WorkerIndex(0) => self.attachment.steering.unclaimed(),
            _ => 0,
        };
        PortCounters {
            missed: missed + unclaimed,
            ..self.counters
        }
    }
}
