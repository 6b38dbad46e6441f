//! One worker's queue of a NIC, as the relay sees it.
//!
//! A frame stays in the buffer it arrived in: the relay's frame gets it for the one it had, it is
//! rewritten there, and goes out as it is, by whichever `dpdk` NIC.

use std::sync::Arc;

use strait_dataplane::frame::{Buffer, Frame, Lender};
use strait_dataplane::limits::{BURST, FRAME_BYTES_MAX, KERNEL_PATH_PER_BURST};
use strait_dataplane::port::kernel_path::{KernelPath, UNKNOWN};
use strait_dataplane::port::selection::Selection;
use strait_dataplane::port::{Capabilities, FrameIndex, Port, PortCounters};
use strait_dataplane::wire::{MacAddress, ethernet};
use strait_shared::geometry::{Geometry, LocalAddress};
use strait_shared::slot::EgressPort;
use strait_shared::statistics::Access;
use strait_shared::time::Instant;

use crate::burst::{Burst, Queue};
use crate::device::Device;
use crate::error::OpenError;
use crate::exchange::Exchange;
use crate::limits::KERNEL_FRAMES_PER_BURST;
use crate::mbuf::{Mbuf, Pool};

/// What the queues of one NIC share.
#[derive(Clone)]
pub(crate) struct Nic {
    pub(crate) name: String,
    pub(crate) mac: MacAddress,
    pub(crate) frame_bytes_max: u16,
    pub(crate) pool: Pool,
    /// Whose buffers all frames of all `dpdk` NICs have.
    pub(crate) lender: Lender,
    pub(crate) selection: Arc<Selection>,
    pub(crate) kernel_path: Arc<KernelPath>,
    pub(crate) exchange: Arc<Exchange>,
}

impl Nic {
    /// What the queues of `device` share, for the addresses of `geometry` that live on `number`.
    pub(crate) fn new(
        name: &str,
        device: Device,
        lender: Lender,
        geometry: &Geometry,
        number: EgressPort,
        kernel_path: KernelPath,
    ) -> Result<Self, OpenError> {
        let other = |error| OpenError::Other {
            nic: name.to_owned(),
            error,
        };
        let mut addresses = geometry.addresses().iter();
        let tagged =
            |address: &LocalAddress| address.egress_port == number && address.vlan.is_some();
        let pool = device.pool().ok_or_else(|| absent(name))?;
        Ok(Self {
            name: name.to_owned(),
            mac: device.mac(),
            frame_bytes_max: frame_bytes_max(device.mtu(), addresses.any(tagged)),
            pool,
            lender,
            selection: Arc::new(Selection::new(geometry, number)),
            kernel_path: Arc::new(kernel_path),
            exchange: Arc::new(Exchange::new().map_err(other)?),
        })
    }
}

/// The error of a device that is not there though DPDK has set it up.
pub(crate) fn absent(name: &str) -> OpenError {
    OpenError::Runtime(format!("NIC {name} has vanished"))
}

/// Longest frame: the NIC's longest packet with its header, and a tag where there are any.
fn frame_bytes_max(mtu: u16, tagged: bool) -> u16 {
    let tag_bytes = if tagged { ethernet::TAG_BYTES } else { 0 };
    let bytes = usize::from(mtu) + ethernet::HEADER_BYTES + tag_bytes;
    bytes.min(FRAME_BYTES_MAX) as u16
}

/// One worker's queue of a NIC.
pub struct DpdkPort {
    nic: Nic,
    queue: Queue,
    /// Sends the kernel's frames and answers for the whole NIC.
    first: bool,
    incoming: Burst,
    outgoing: Burst,
    /// Buffers for what is sent next, at most a burst of them.
    spare: Vec<Mbuf>,
    counters: PortCounters,
}

impl DpdkPort {
    pub(crate) fn new(nic: Nic, queue: Queue, first: bool) -> Self {
        Self {
            nic,
            queue,
            first,
            incoming: Burst::new(),
            outgoing: Burst::new(),
            spare: Vec::with_capacity(BURST),
            counters: PortCounters::default(),
        }
    }

    /// Sends what the kernel has to send.
    fn send_of_kernel(&mut self) {
        for _ in 0..KERNEL_FRAMES_PER_BURST {
            let Some(mbuf) = self.nic.exchange.of_kernel() else {
                break;
            };
            self.outgoing.push(mbuf);
        }
        let waiting = self.outgoing.len();
        if waiting > 0 {
            let sent = self.queue.send(&mut self.outgoing);
            for _ in sent..waiting {
                self.nic.exchange.lose();
            }
        }
    }

    /// Has the kernel send the frames whose next hop is not known; returns how many it took.
    #[cold]
    fn send_by_kernel(&mut self, frames: &[Frame], chosen: &[FrameIndex]) -> usize {
        let frames = chosen
            .iter()
            .map(|&index| frames[usize::from(index)].bytes());
        let unknown = frames.filter(|frame| KernelPath::wants(frame));
        let mut taken = 0;
        for (number, frame) in unknown.enumerate() {
            if number < KERNEL_PATH_PER_BURST && self.nic.kernel_path.send(frame) {
                taken += 1;
            } else {
                self.counters.send_errors += 1;
            }
        }
        taken
    }
}

impl Port for DpdkPort {
    fn name(&self) -> &str {
        &self.nic.name
    }

    fn mac(&self) -> MacAddress {
        self.nic.mac
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            frame_bytes_max: self.nic.frame_bytes_max,
            next_hop: Some(UNKNOWN),
            access: Access::Dpdk,
        }
    }

    fn rx_burst(&mut self, now: Instant, frames: &mut [Frame]) -> usize {
        if self.first {
            self.send_of_kernel();
        }
        self.queue.receive(&mut self.incoming, frames.len());
        let mut filled = 0;
        let mut punted = false;
        for mbuf in self.incoming.drain() {
            if !self.nic.selection.is_media(mbuf.bytes()) {
                punted = true;
                self.nic.exchange.to_kernel(mbuf);
                continue;
            }
            let (empty, taken) = match mbuf.is_whole() {
                true => mbuf.hand_over(&mut frames[filled], &self.nic.lender),
                false => (mbuf, false),
            };
            if taken {
                frames[filled].received = now;
                filled += 1;
            } else {
                self.counters.oversized += 1;
            }
            if self.spare.len() < BURST {
                self.spare.push(empty);
            }
        }
        if punted {
            self.nic.exchange.ring();
        }
        filled
    }

    fn tx_burst(&mut self, _: Instant, frames: &mut [Frame], chosen: &[FrameIndex]) -> usize {
        let known = |frames: &[Frame], index: FrameIndex| {
            !KernelPath::wants(frames[usize::from(index)].bytes())
        };
        let unknown = chosen.iter().any(|&index| !known(frames, index));
        let by_kernel = match unknown {
            true => self.send_by_kernel(frames, chosen),
            false => 0,
        };
        for &index in chosen {
            if unknown && !known(frames, index) {
                continue;
            }
            let frame = &mut frames[usize::from(index)];
            let spare = self.spare.pop().or_else(|| self.nic.pool.take());
            match spare.and_then(|spare| spare.take_over(frame, &self.nic.lender)) {
                Some(mbuf) => self.outgoing.push(mbuf),
                None => break,
            }
        }
        self.queue.send(&mut self.outgoing) + by_kernel
    }

    fn lend(&mut self, count: usize) -> Option<Vec<Buffer>> {
        let lend = |_| self.nic.pool.take()?.lend(&self.nic.lender);
        (0..count).map(lend).collect()
    }

    fn counters(&self) -> PortCounters {
        match self.first {
            true => self.counters.plus(self.nic.exchange.faults()),
            false => self.counters,
        }
    }
}
