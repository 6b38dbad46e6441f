//! One AF_XDP socket: one queue of one interface.
//!
//! A received frame's buffer goes to the worker, and the worker's empty one to the fill ring in
//! its place, so the kernel never starves for as long as the receive ring has room. To send, it
//! is the other way round. Frames in other memory are copied.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::xdp::{
    SocketAddrXdp, SocketAddrXdpFlags, SocketAddrXdpWithSharedUmem, XDP_PGOFF_RX_RING,
    XDP_PGOFF_TX_RING, XDP_UMEM_PGOFF_COMPLETION_RING, XDP_UMEM_PGOFF_FILL_RING, XdpOptionsFlags,
};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use strait_shared::time::Instant;

use super::memory::Umem;
use super::rings::{Consumer, Entry, EntryKind, Producer};
use super::umem::{Chunk, Share};
use crate::frame::{Buffer, Frame};
use crate::limits::{KICKS_MAX, RING_FRAMES};
use crate::port::FrameIndex;

/// Twice as many as ever lie in it: the kernel shows what it has received before it shows which
/// places it took the frames from, so that a full ring would for a moment have no room for one
/// that goes back.
const FILL_PLACES: u32 = 2 * RING_FRAMES;

/// A bound socket, which has no frames yet.
pub(super) struct Bound {
    fd: OwnedFd,
    fill: Producer,
    completion: Consumer,
    receive: Consumer,
    transmit: Producer,
}

/// A bound socket with frames. Gets some once its queue's media is steered to it.
pub(super) struct Socket {
    fd: OwnedFd,
    share: Share,
    fill: Producer,
    completion: Consumer,
    receive: Consumer,
    transmit: Producer,
}

/// What came of a burst that was to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Frames that the kernel has or will take.
    pub(super) taken: usize,
    /// Whether the interface refuses to send at all.
    pub(super) down: bool,
}

impl Bound {
    /// A socket on `queue` of the interface with this index, over this memory, with or without
    /// the driver's zero-copy.
    pub(super) fn new(
        interface: u32,
        queue: u32,
        umem: &mut Umem,
        zero_copy: bool,
    ) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(AddressFamily::XDP, SocketType::RAW, flags, None)?;
        if umem.owner().is_none() {
            sockopt::set_xdp_umem_reg(&fd, umem.memory().registration())?;
        }
        let entries = RING_FRAMES;
        sockopt::set_xdp_umem_fill_ring_size(&fd, FILL_PLACES)?;
        sockopt::set_xdp_umem_completion_ring_size(&fd, entries)?;
        sockopt::set_xdp_rx_ring_size(&fd, entries)?;
        sockopt::set_xdp_tx_ring_size(&fd, entries)?;
        let at = sockopt::xdp_mmap_offsets(&fd)?;
        let ring = fd.as_fd();
        let (one, two) = (EntryKind::Address, EntryKind::Frame);
        let fill = Producer::map(ring, XDP_UMEM_PGOFF_FILL_RING, at.fr, one, FILL_PLACES)?;
        let completion = Consumer::map(ring, XDP_UMEM_PGOFF_COMPLETION_RING, at.cr, one, entries)?;
        let receive = Consumer::map(ring, XDP_PGOFF_RX_RING, at.rx, two, entries)?;
        let transmit = Producer::map(ring, XDP_PGOFF_TX_RING, at.tx, two, entries)?;
        bind(ring, interface, queue, umem.owner(), zero_copy)?;
        umem.bound(ring)?;
        Ok(Self {
            fd,
            fill,
            completion,
            receive,
            transmit,
        })
    }

    /// Whether the driver copies no frame.
    pub(super) fn is_zero_copy(&self) -> bool {
        sockopt::xdp_options(&self.fd)
            .is_ok_and(|options| options.contains(XdpOptionsFlags::XDP_OPTIONS_ZEROCOPY))
    }

    /// Gives the kernel half of the share's chunks to receive into.
    pub(super) fn begin(mut self, mut share: Share) -> Socket {
        for _ in 0..RING_FRAMES {
            if let Some(chunk) = share.take() {
                let address = share.lend(chunk);
                self.fill.put(Entry { address, bytes: 0 });
            }
        }
        self.fill.publish();
        Socket {
            fd: self.fd,
            share,
            fill: self.fill,
            completion: self.completion,
            receive: self.receive,
            transmit: self.transmit,
        }
    }
}

/// Sockets after the first of a memory are bound with that one, and are as it is.
fn bind(
    socket: BorrowedFd<'_>,
    interface: u32,
    queue: u32,
    owner: Option<BorrowedFd<'_>>,
    zero_copy: bool,
) -> io::Result<()> {
    if let Some(owner) = owner {
        let flags = SocketAddrXdpFlags::XDP_SHARED_UMEM;
        let address = SocketAddrXdp::new(flags, interface, queue);
        let address = SocketAddrXdpWithSharedUmem {
            addr: address,
            shared_umem_fd: owner,
        };
        return Ok(rustix::net::bind(socket, &address)?);
    }
    let mut flags = SocketAddrXdpFlags::XDP_USE_NEED_WAKEUP;
    flags |= match zero_copy {
        true => SocketAddrXdpFlags::XDP_ZEROCOPY,
        false => SocketAddrXdpFlags::XDP_COPY,
    };
    let address = SocketAddrXdp::new(flags, interface, queue);
    Ok(rustix::net::bind(socket, &address)?)
}

impl Socket {
    /// Memory for `count` frames that come and go without being copied.
    pub(super) fn lend(&mut self, count: usize) -> Option<Vec<Buffer>> {
        (0..count).map(|_| self.share.buffer()).collect()
    }

    /// Fills frames from the front with what has arrived; returns how many, and how many more
    /// were longer than a frame may be.
    pub(super) fn receive(&mut self, now: Instant, frames: &mut [Frame]) -> (usize, u64) {
        let available = self.receive.available(frames.len());
        let (mut filled, mut oversized) = (0, 0);
        for _ in 0..available {
            let entry = self.receive.take();
            let Some((chunk, start)) = self.share.regain(entry.address) else {
                // The kernel says so of what it has not got: there is no frame, and no chunk.
                debug_assert!(false, "no such chunk: {:x}", entry.address);
                continue;
            };
            let frame = &mut frames[filled];
            let (taken, empty) = self.exchange(frame, chunk, start, entry.bytes as usize);
            if taken {
                frame.received = now;
                filled += 1;
            } else {
                oversized += 1;
            }
            let address = self.share.lend(empty);
            let given_back = self.fill.put(Entry { address, bytes: 0 });
            debug_assert!(given_back, "more places than receiving frames");
        }
        if available > 0 {
            self.receive.release();
            self.fill.publish();
        }
        if self.fill.needs_wakeup() {
            // The driver has run out of frames; an error would show in the next burst too.
            let mut nothing = [0; 0];
            let _ = rustix::net::recv(&self.fd, &mut nothing[..], RecvFlags::DONTWAIT);
        }
        (filled, oversized)
    }

    /// Puts a received frame in place; whether it fits, and the chunk that is left over.
    #[inline]
    fn exchange(&self, frame: &mut Frame, chunk: Chunk, at: usize, bytes: usize) -> (bool, Chunk) {
        if !frame.place(at, bytes) {
            return (false, chunk);
        }
        match self.share.exchange(frame.buffer(), chunk) {
            Ok(empty) => {
                frame.buffer().prefetch(at);
                (true, empty)
            }
            Err(chunk) => {
                let space = &mut frame.space()[..bytes];
                let copied = self.share.read(&chunk, at, space).is_some();
                frame.set_length(bytes);
                (copied, chunk)
            }
        }
    }

    /// Sends frames in order. What the interface has not taken of the last burst because it is
    /// down goes first; as long as that fails, nothing is added to it.
    pub(super) fn send(
        &mut self,
        frames: &mut [Frame],
        chosen: impl Iterator<Item = FrameIndex>,
    ) -> Sent {
        let mut sent = Sent::default();
        if self.transmit.is_pending() && self.kick().is_err() {
            sent.down = true;
            return sent;
        }
        self.reclaim();
        for index in chosen {
            if self.transmit.room(1) == 0 {
                break;
            }
            let Some(spare) = self.share.take() else {
                break;
            };
            let entry = self.entry(&mut frames[usize::from(index)], spare);
            self.transmit.put(entry);
            sent.taken += 1;
        }
        self.transmit.publish();
        sent.down = self.kick().is_err();
        sent
    }

    /// A frame for the transmit ring, for which it gets a spare chunk.
    #[inline]
    fn entry(&mut self, frame: &mut Frame, spare: Chunk) -> Entry {
        let bytes = frame.bytes().len() as u32;
        let (chunk, at) = match self.share.exchange(frame.buffer(), spare) {
            Ok(full) => (full, frame.start() as u64),
            Err(mut spare) => {
                self.share.write(&mut spare, frame.bytes());
                (spare, 0)
            }
        };
        let address = self.share.lend(chunk) + at;
        Entry { address, bytes }
    }

    /// What this socket's queue lost since start because no frame or place was free.
    pub(super) fn missed(&self) -> u64 {
        sockopt::xdp_statistics(&self.fd).map_or(0, |statistics| {
            statistics.rx_dropped + statistics.rx_ring_full.unwrap_or(0)
        })
    }

    /// Has the kernel look at the transmit ring. Without zero-copy it sends a few frames a call
    /// and says so with an error that means nothing else.
    fn kick(&mut self) -> Result<(), Errno> {
        if !self.transmit.needs_wakeup() {
            return Ok(());
        }
        for _ in 0..KICKS_MAX {
            match rustix::net::send(&self.fd, &[], SendFlags::DONTWAIT) {
                Err(Errno::AGAIN) => self.reclaim(),
                Err(Errno::BUSY | Errno::NOBUFS) | Ok(_) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn reclaim(&mut self) {
        let done = self.completion.available(RING_FRAMES as usize);
        for _ in 0..done {
            if let Some((chunk, _)) = self.share.regain(self.completion.take().address) {
                self.share.keep(chunk);
            }
        }
        if done > 0 {
            self.completion.release();
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
