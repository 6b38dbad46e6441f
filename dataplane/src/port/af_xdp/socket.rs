//! One AF_XDP socket: one queue of one interface, with a UMEM of its own.
//!
//! Frames of the UMEM are either the receiving ones, which go round from the fill ring to the
//! receive ring, or the sending ones, which go round from the free list to the transmit and
//! completion rings. A received frame is copied out and given back at once, so the kernel never
//! starves for as long as the receive ring has room.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::xdp::{
    SocketAddrXdp, SocketAddrXdpFlags, XDP_PGOFF_RX_RING, XDP_PGOFF_TX_RING,
    XDP_UMEM_PGOFF_COMPLETION_RING, XDP_UMEM_PGOFF_FILL_RING, XdpOptionsFlags, XdpUmemReg,
    XdpUmemRegFlags,
};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use strait_shared::time::Instant;

use super::mapping::{Mapping, Pages};
use super::rings::{Consumer, Entry, EntryKind, Producer};
use crate::frame::Frame;
use crate::limits::{FRAME_BYTES_MAX, KICKS_MAX, RING_FRAMES};

/// What the kernel keeps free before a frame for programs that grow its headers.
const KERNEL_HEADROOM_BYTES: usize = 256;
const SMALL_CHUNK_BYTES: usize = 2048;
const LARGE_CHUNK_BYTES: usize = 4096;

/// A bound socket. Gets frames once its queue's media is steered to it.
pub(super) struct Socket {
    fd: OwnedFd,
    umem: Mapping,
    pages: Pages,
    chunk_bytes: usize,
    fill: Producer,
    completion: Consumer,
    receive: Consumer,
    transmit: Producer,
    /// Addresses of sending frames that are ours.
    free: Vec<u64>,
}

/// What came of a burst that was to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Frames that the kernel has or will take.
    pub(super) taken: usize,
    /// Whether the interface refuses to send at all.
    pub(super) down: bool,
}

impl Socket {
    /// A socket on `queue` of the interface with this index, for frames of up to `frame_bytes`,
    /// with or without the driver's zero-copy.
    pub(super) fn bind(
        interface: u32,
        queue: u32,
        frame_bytes: usize,
        zero_copy: bool,
    ) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(AddressFamily::XDP, SocketType::RAW, flags, None)?;
        let chunk_bytes = if frame_bytes + KERNEL_HEADROOM_BYTES > SMALL_CHUNK_BYTES {
            LARGE_CHUNK_BYTES
        } else {
            SMALL_CHUNK_BYTES
        };
        // As many frames to receive into as there are to send from.
        let (umem, pages) = Mapping::anonymous(2 * RING_FRAMES as usize * chunk_bytes)?;
        register(fd.as_fd(), &umem, chunk_bytes)?;
        sockopt::set_xdp_umem_fill_ring_size(&fd, RING_FRAMES)?;
        sockopt::set_xdp_umem_completion_ring_size(&fd, RING_FRAMES)?;
        sockopt::set_xdp_rx_ring_size(&fd, RING_FRAMES)?;
        sockopt::set_xdp_tx_ring_size(&fd, RING_FRAMES)?;
        let at = sockopt::xdp_mmap_offsets(&fd)?;
        let (ring, entries) = (fd.as_fd(), RING_FRAMES);
        let (one, two) = (EntryKind::Address, EntryKind::Frame);
        let mut fill = Producer::map(ring, XDP_UMEM_PGOFF_FILL_RING, at.fr, one, entries)?;
        let completion = Consumer::map(ring, XDP_UMEM_PGOFF_COMPLETION_RING, at.cr, one, entries)?;
        let receive = Consumer::map(ring, XDP_PGOFF_RX_RING, at.rx, two, entries)?;
        let transmit = Producer::map(ring, XDP_PGOFF_TX_RING, at.tx, two, entries)?;
        let chunk = |number: u32| u64::from(number) * chunk_bytes as u64;
        for address in (0..entries).map(chunk) {
            fill.put(Entry { address, bytes: 0 });
        }
        fill.publish();
        let mut flags = SocketAddrXdpFlags::XDP_USE_NEED_WAKEUP;
        flags |= match zero_copy {
            true => SocketAddrXdpFlags::XDP_ZEROCOPY,
            false => SocketAddrXdpFlags::XDP_COPY,
        };
        rustix::net::bind(&fd, &SocketAddrXdp::new(flags, interface, queue))?;
        Ok(Self {
            free: (entries..2 * entries).map(chunk).collect(),
            fd,
            umem,
            pages,
            chunk_bytes,
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

    /// What the UMEM's pages are.
    pub(super) fn pages(&self) -> Pages {
        self.pages
    }

    /// Fills frames from the front with what has arrived; returns how many, and how many more
    /// were longer than a frame may be.
    pub(super) fn receive(&mut self, now: Instant, frames: &mut [Frame]) -> (usize, u64) {
        let available = self.receive.available(frames.len());
        let (mut filled, mut oversized) = (0, 0);
        for _ in 0..available {
            let entry = self.receive.take();
            let (at, bytes) = (entry.address as usize, entry.bytes as usize);
            let frame = &mut frames[filled];
            let space = frame.space().get_mut(..bytes);
            if space.is_some_and(|space| self.umem.read(at, space).is_some()) {
                frame.set_length(bytes);
                frame.received = now;
                filled += 1;
            } else {
                oversized += 1;
            }
            let address = (at & !(self.chunk_bytes - 1)) as u64;
            let given_back = self.fill.put(Entry { address, bytes: 0 });
            debug_assert!(given_back, "as many places as receiving frames");
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

    /// Sends frames in order. What the interface has not taken of the last burst because it is
    /// down goes first; as long as that fails, nothing is added to it.
    pub(super) fn send<'a>(&mut self, frames: impl Iterator<Item = &'a [u8]>) -> Sent {
        let mut sent = Sent::default();
        if self.transmit.is_pending() && self.kick().is_err() {
            sent.down = true;
            return sent;
        }
        self.reclaim();
        for bytes in frames {
            if self.transmit.room(1) == 0 {
                break;
            }
            let Some(address) = self.free.pop() else {
                break;
            };
            let written = self.umem.write(address as usize, bytes);
            debug_assert!(written.is_some() && bytes.len() <= FRAME_BYTES_MAX);
            let bytes = bytes.len() as u32;
            self.transmit.put(Entry { address, bytes });
            sent.taken += 1;
        }
        self.transmit.publish();
        sent.down = self.kick().is_err();
        sent
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
            self.free.push(self.completion.take().address);
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

fn register(socket: BorrowedFd<'_>, umem: &Mapping, chunk_bytes: usize) -> io::Result<()> {
    let registration = XdpUmemReg {
        addr: umem.address(),
        len: umem.bytes() as u64,
        chunk_size: chunk_bytes as u32,
        headroom: 0,
        flags: XdpUmemRegFlags::empty(),
        tx_metadata_len: 0,
    };
    Ok(sockopt::set_xdp_umem_reg(socket, registration)?)
}
