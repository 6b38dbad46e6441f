//! What happened to the frames of one worker: received = sent + Σ dropped.

use strait_shared::drops::DropReason;

use crate::wire::Fault;

/// Counters since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames received.
    pub received: u64,
    /// Octets of the frames received.
    pub received_bytes: u64,
    /// Frames a port took.
    pub sent: u64,
    /// Octets of the frames a port took.
    pub sent_bytes: u64,
    dropped: [u64; DropReason::ALL.len()],
}

impl Tally {
    /// Counts dropped frames.
    #[inline]
    pub(super) fn drop(&mut self, reason: DropReason, frames: u64) {
        self.dropped[reason.index()] += frames;
    }

    /// Frames dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason.index()]
    }

    /// Frames dropped, whatever the reason.
    pub fn all_dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }
}

/// The drop reason of each fault.
#[inline]
pub(super) fn reason(fault: Fault) -> DropReason {
    match fault {
        Fault::Truncated => DropReason::Truncated,
        Fault::NotIp => DropReason::NotIp,
        Fault::IpHeader => DropReason::IpHeader,
        Fault::IpChecksum => DropReason::IpChecksum,
        Fault::Fragment => DropReason::Fragment,
        Fault::Extension => DropReason::Extension,
        Fault::NotUdp => DropReason::NotUdp,
        Fault::UdpLength => DropReason::UdpLength,
        Fault::UdpChecksum => DropReason::UdpChecksum,
    }
}
