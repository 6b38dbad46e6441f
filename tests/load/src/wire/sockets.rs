//! Ordinary UDP sockets, in bursts.
//!
//! A leaf with `unsafe`: the counters of a socket's queue have no safe call.
#![allow(unsafe_code)]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::size_of;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    MsgFlags, MultiHeaders, SockaddrLike, SockaddrStorage, recvmmsg, sendmmsg, setsockopt, sockopt,
};
use rustix::event::Timespec;
use rustix::event::epoll;

use super::{Endpoint, Wire};
use crate::script::PACKET_BYTES_MAX;

/// Datagrams in one system call.
const BURST: usize = 64;
/// What a socket may hold back while this thread does not run.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// Sockets asked in one turn.
const READY: usize = 256;
/// Places in what SO_MEMINFO answers, and the one that counts drops (linux/sock_diag.h).
const MEMINFO_WORDS: usize = 9;
const MEMINFO_DROPS: usize = 8;

/// One side's sockets.
pub struct Sockets {
    sockets: Vec<UdpSocket>,
    addresses: Vec<SocketAddr>,
    outboxes: Vec<Outbox>,
    waiting: Vec<usize>,
    readiness: OwnedFd,
    arrays: Arrays,
    space: Vec<[u8; PACKET_BYTES_MAX]>,
}

/// What system calls work on: pointers are set before each call and never followed after it.
struct Arrays {
    ready: Vec<epoll::Event>,
    incoming: MultiHeaders<SockaddrStorage>,
    outgoing: MultiHeaders<SockaddrStorage>,
}

// SAFETY: the pointers inside are dead between two calls, whichever thread makes the next.
unsafe impl Send for Arrays {}

#[derive(Default)]
struct Outbox {
    bytes: Vec<u8>,
    packets: Vec<(usize, SockaddrStorage)>,
}

impl Sockets {
    /// `count` sockets on free ports of `address`.
    pub fn bind(address: IpAddr, count: usize) -> io::Result<Self> {
        let readiness = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut sockets = Vec::with_capacity(count);
        for number in 0..count {
            let socket = UdpSocket::bind((address, 0))?;
            socket.set_nonblocking(true)?;
            // The system grants what it allows.
            let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES)
                .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES));
            let number = epoll::EventData::new_u64(number as u64);
            epoll::add(&readiness, &socket, number, epoll::EventFlags::IN)?;
            sockets.push(socket);
        }
        let addresses = sockets
            .iter()
            .map(UdpSocket::local_addr)
            .collect::<io::Result<_>>()?;
        Ok(Self {
            addresses,
            outboxes: sockets.iter().map(|_| Outbox::default()).collect(),
            sockets,
            waiting: Vec::new(),
            readiness,
            arrays: Arrays {
                ready: Vec::with_capacity(READY),
                incoming: MultiHeaders::preallocate(BURST, None),
                outgoing: MultiHeaders::preallocate(BURST, None),
            },
            space: vec![[0; PACKET_BYTES_MAX]; BURST],
        })
    }

    fn poll(&mut self, at_most: Duration) {
        let at_most = Timespec::try_from(at_most).unwrap_or_default();
        let ready = &mut self.arrays.ready;
        ready.clear();
        let room = rustix::buffer::spare_capacity(ready);
        // A signal ends the wait early, which does no harm.
        let _ = epoll::wait(&self.readiness, room, Some(&at_most));
    }

    fn receive_from(&mut self, number: usize, each: &mut dyn FnMut(SocketAddr, &[u8])) {
        let mut slices: Vec<[IoSliceMut<'_>; 1]> = self
            .space
            .iter_mut()
            .map(|space| [IoSliceMut::new(space)])
            .collect();
        let fd = self.sockets[number].as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let received = recvmmsg(
            fd,
            &mut self.arrays.incoming,
            slices.iter_mut(),
            flags,
            None,
        );
        // Nothing there, or an ICMP error about something sent earlier.
        let Ok(received) = received else { return };
        for message in received {
            let Some(source) = message.address.as_ref().and_then(address) else {
                continue;
            };
            if let Some(bytes) = message.iovs().next() {
                each(source, bytes);
            }
        }
    }
}

impl Wire for Sockets {
    fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn send(&mut self, from: Endpoint, to: SocketAddr, packet: &[u8]) {
        let outbox = &mut self.outboxes[from.0];
        if outbox.packets.is_empty() {
            self.waiting.push(from.0);
        }
        outbox.bytes.extend_from_slice(packet);
        outbox
            .packets
            .push((packet.len(), SockaddrStorage::from(to)));
    }

    fn flush(&mut self) -> u64 {
        let mut refused = 0;
        for number in std::mem::take(&mut self.waiting) {
            let outbox = &mut self.outboxes[number];
            let (mut rest, fd) = (&outbox.bytes[..], self.sockets[number].as_raw_fd());
            for burst in outbox.packets.chunks(BURST) {
                let mut slices = Vec::with_capacity(burst.len());
                for (length, _) in burst {
                    let (packet, after) = rest.split_at(*length);
                    slices.push([IoSlice::new(packet)]);
                    rest = after;
                }
                let to: Vec<_> = burst.iter().map(|(_, to)| Some(*to)).collect();
                let flags = MsgFlags::empty();
                let sent = sendmmsg(fd, &mut self.arrays.outgoing, &slices, &to, [], flags);
                refused += match sent {
                    Ok(results) => burst.len() as u64 - results.count() as u64,
                    // Told about an earlier datagram nobody wanted: this one is lost with it.
                    Err(Errno::ECONNREFUSED) => 1,
                    Err(_) => burst.len() as u64,
                };
            }
            outbox.bytes.clear();
            outbox.packets.clear();
        }
        refused
    }

    fn receive(&mut self, each: &mut dyn FnMut(SocketAddr, &[u8])) {
        self.poll(Duration::ZERO);
        for turn in 0..self.arrays.ready.len() {
            let number = self.arrays.ready[turn].data.u64();
            self.receive_from(number as usize, each);
        }
    }

    fn wait(&mut self, at_most: Duration) {
        self.poll(at_most);
    }

    fn overflowed(&self) -> u64 {
        self.sockets.iter().map(drops).sum()
    }

    fn malformed(&self) -> u64 {
        // The kernel checks headers and checksums, and shows us none that is wrong.
        0
    }
}

/// Datagrams that found a socket's queue full.
fn drops(socket: &UdpSocket) -> u64 {
    let mut words = [0_u32; MEMINFO_WORDS];
    let mut length = size_of::<[u32; MEMINFO_WORDS]>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` octets into `words`, which has as many.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            words.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if answer == 0 {
        u64::from(words[MEMINFO_DROPS])
    } else {
        0
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    match storage.family()? {
        nix::sys::socket::AddressFamily::Inet => storage
            .as_sockaddr_in()
            .map(|v4| SocketAddr::V4((*v4).into())),
        _ => storage
            .as_sockaddr_in6()
            .map(|v6| SocketAddr::V6((*v6).into())),
    }
}
