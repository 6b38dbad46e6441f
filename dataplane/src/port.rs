//! Ports: where frames come from and go to. The relay does not know which kind it runs on.

pub mod af_xdp;
pub mod capture;
pub mod kernel_path;
pub mod memory;
pub mod pcap;
pub mod selection;
pub mod udp;

use std::os::fd::BorrowedFd;

use strait_shared::statistics::Access;
use strait_shared::time::Instant;

use crate::frame::{Buffer, Frame};
use crate::wire::MacAddress;

/// A frame's place in its burst.
pub type FrameIndex = u8;

/// One worker's queue of one NIC.
pub trait Port: Send {
    /// The NIC's name in the configuration.
    fn name(&self) -> &str;

    /// The hardware address frames leave with.
    fn mac(&self) -> MacAddress;

    /// What the NIC can do.
    fn capabilities(&self) -> Capabilities;

    /// Fills frames from the front with what has arrived; returns how many. Sets their length
    /// and time of arrival. Never waits.
    fn rx_burst(&mut self, now: Instant, frames: &mut [Frame]) -> usize;

    /// Sends the chosen frames in order; returns how many were taken. The others are lost.
    /// Never waits.
    fn tx_burst(&mut self, now: Instant, frames: &mut [Frame], chosen: &[FrameIndex]) -> usize;

    /// Memory of the port's own for frames to begin in, `count` buffers, asked for once at start:
    /// such frames come in and go out without being copied, by every port that shares the memory.
    /// None for ports that copy.
    fn lend(&mut self, _count: usize) -> Option<Vec<Buffer>> {
        None
    }

    /// A descriptor that becomes readable when a frame arrives, for ports that have one.
    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// What went wrong outside of the relay's sight since start.
    fn counters(&self) -> PortCounters {
        PortCounters::default()
    }
}

/// What a NIC can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Longest frame it takes, Ethernet header and VLAN tag included.
    pub frame_bytes_max: u16,
    /// The next hop, where there is only one it could be, or the address that stands for one
    /// which is not known. Others are resolved by control.
    pub next_hop: Option<MacAddress>,
    /// How frames get in and out, for whoever watches.
    pub access: Access,
}

/// What a port could not bring in or out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounters {
    /// Arrived while there was no room, or by a queue that no worker has.
    pub missed: u64,
    /// Received, but longer than a frame's buffer.
    pub oversized: u64,
    /// Receive calls that failed (ICMP errors among them), with no frame lost of ours.
    pub receive_errors: u64,
    /// Frames the system refused to send.
    pub send_errors: u64,
}

impl PortCounters {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            missed: self.missed + other.missed,
            oversized: self.oversized + other.oversized,
            receive_errors: self.receive_errors + other.receive_errors,
            send_errors: self.send_errors + other.send_errors,
        }
    }
}
