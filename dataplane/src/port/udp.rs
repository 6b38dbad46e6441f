//! The `udp` port: ordinary sockets, no privileges, batched system calls.
//!
//! Every port of the configured ranges is bound at start, so that no call fails for a port in
//! use. Each worker polls the sockets of the slots it owns and may send from any. Frames carry
//! synthesised Ethernet, IP and UDP headers, so the relay does not know what it runs on; the
//! kernel has checked the datagram, so over IPv4 its checksum is left out. Each call of
//! [`rx_burst`](Port::rx_burst) costs one `epoll_wait` and one `recvmmsg` for each readable
//! socket, each call of [`tx_burst`](Port::tx_burst) one `sendmmsg` for each sending socket.

mod batch;
mod bind;
mod headers;

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{Timespec, epoll};
use strait_shared::geometry::WorkerIndex;
use strait_shared::statistics::Access;
use strait_shared::time::Instant;

use self::batch::{Batch, Outgoing};
pub use self::bind::{BindError, Sockets};
use super::{Capabilities, FrameIndex, Port, PortCounters};
use crate::frame::Frame;
use crate::limits::{BURST, FRAME_BYTES_MAX};
use crate::wire::MacAddress;

/// Datagrams taken from one socket before the next gets its turn.
const PER_SOCKET: usize = 8;
/// Locally administered; no such frame is ever on a wire.
const NEAR: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);
/// Whoever the kernel's routing table finds.
const FAR: MacAddress = MacAddress([2, 0, 0, 0, 0, 2]);

const _: () = assert!(FRAME_BYTES_MAX <= u16::MAX as usize);

/// One worker's share of the sockets of a NIC.
pub struct UdpPort {
    name: String,
    sockets: Arc<Sockets>,
    epoll: OwnedFd,
    batch: Batch,
    sending: Vec<(u32, FrameIndex)>,
    counters: PortCounters,
}

impl UdpPort {
    /// The port through which `worker` receives on the sockets it owns.
    pub fn new(name: &str, sockets: Arc<Sockets>, worker: WorkerIndex) -> std::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (index, socket) in sockets.owned_by(worker) {
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&epoll, socket, data, epoll::EventFlags::IN)?;
        }
        Ok(Self {
            name: name.to_owned(),
            sockets,
            epoll,
            batch: Batch::new(),
            sending: Vec::with_capacity(BURST),
            counters: PortCounters::default(),
        })
    }

    /// Receives what one socket has; returns how many frames it filled.
    fn receive(&mut self, socket: usize, frames: &mut [Frame]) -> usize {
        let local = self.sockets.local(socket);
        let wanted = frames.len().min(PER_SOCKET);
        let frames = &mut frames[..wanted];
        let header_bytes = headers::bytes(&local);
        let descriptor = self.sockets.descriptor(socket);
        let Ok(received) = self.batch.receive(descriptor, frames, header_bytes) else {
            // An ICMP error that came back, or a wake-up for a datagram with a bad checksum.
            self.counters.receive_errors += 1;
            return 0;
        };
        let mut filled = 0;
        for message in 0..received {
            let datagram = self.batch.received(message);
            if datagram.truncated {
                self.counters.oversized += 1;
                continue;
            }
            frames.swap(filled, message);
            let frame = &mut frames[filled];
            frame.set_length(header_bytes + datagram.bytes);
            headers::build(frame.space(), &local, datagram.source, datagram.bytes);
            frame.received = datagram.received;
            filled += 1;
        }
        filled
    }

    /// Sends frames that leave by one socket; returns how many the kernel took.
    fn send(&mut self, frames: &[Frame], run: std::ops::Range<usize>) -> usize {
        let socket = self.sending[run.start].0 as usize;
        let descriptor = self.sockets.descriptor(socket);
        let mut taken = 0;
        let mut next = run.start;
        while next < run.end {
            let datagrams = self.sending[next..run.end]
                .iter()
                .filter_map(|&(_, index)| headers::parse(frames[usize::from(index)].bytes()))
                .map(|(_, destination, dscp, payload)| Outgoing {
                    destination,
                    dscp,
                    payload,
                });
            match self.batch.send(descriptor, datagrams) {
                Ok(sent) => {
                    taken += sent;
                    next += sent.max(1);
                }
                Err(_) => {
                    // The first one failed (unreachable, filtered, no buffer): it is lost.
                    self.counters.send_errors += 1;
                    next += 1;
                }
            }
        }
        taken
    }
}

impl Port for UdpPort {
    fn name(&self) -> &str {
        &self.name
    }

    fn mac(&self) -> MacAddress {
        NEAR
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            frame_bytes_max: FRAME_BYTES_MAX as u16,
            next_hop: Some(FAR),
            access: Access::Udp,
        }
    }

    fn rx_burst(&mut self, now: Instant, frames: &mut [Frame]) -> usize {
        let mut ready = [const { MaybeUninit::<epoll::Event>::uninit() }; BURST];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let Ok((ready, _)) = epoll::wait(&self.epoll, &mut ready[..], Some(&at_once)) else {
            return 0;
        };
        if ready.is_empty() {
            return 0;
        }
        self.batch.clock(now);
        let mut filled = 0;
        for event in ready {
            if filled == frames.len() {
                break;
            }
            filled += self.receive(event.data.u64() as usize, &mut frames[filled..]);
        }
        filled
    }

    fn tx_burst(&mut self, _: Instant, frames: &mut [Frame], chosen: &[FrameIndex]) -> usize {
        self.sending.clear();
        for &index in chosen {
            let source = headers::parse(frames[usize::from(index)].bytes())
                .and_then(|(source, ..)| self.sockets.find(source));
            match source {
                Some(socket) => self.sending.push((socket as u32, index)),
                None => self.counters.send_errors += 1,
            }
        }
        // Stable within a burst of at most `BURST`, so insertion sort it is: no allocation, and
        // the packets of a stream stay in order.
        insertion_sort(&mut self.sending);
        let mut taken = 0;
        let mut start = 0;
        while start < self.sending.len() {
            let socket = self.sending[start].0;
            let run = self.sending[start..]
                .iter()
                .take_while(|&&(other, _)| other == socket);
            let end = start + run.count();
            taken += self.send(frames, start..end);
            start = end;
        }
        taken
    }

    fn readiness(&self) -> Option<BorrowedFd<'_>> {
        Some(self.epoll.as_fd())
    }

    fn counters(&self) -> PortCounters {
        self.counters
    }
}

fn insertion_sort(entries: &mut [(u32, FrameIndex)]) {
    for sorted in 1..entries.len() {
        let mut at = sorted;
        while at > 0 && entries[at - 1].0 > entries[at].0 {
            entries.swap(at - 1, at);
            at -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
