//! `recvmmsg` and `sendmmsg`: the one leaf of the udp port with unsafe code.
//!
//! A [`Batch`] owns the arrays the two calls work on. Their pointers are set before each call
//! and never followed after it.
#![allow(unsafe_code)]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::{c_int, c_uint, c_void, cmsghdr, iovec, mmsghdr, sockaddr_in, sockaddr_in6, timespec};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use strait_shared::net::{Endpoint, PackedIp};
use strait_shared::time::Instant;

use crate::frame::Frame;
use crate::limits::BURST;

/// Room for one control message: a `timespec` inwards, an `int` outwards.
const CONTROL_BYTES: usize = 64;
const NS_PER_SECOND: i64 = 1_000_000_000;

/// A datagram to be sent.
pub(super) struct Outgoing<'a> {
    pub(super) destination: Endpoint,
    pub(super) dscp: u8,
    pub(super) payload: &'a [u8],
}

/// What is known of a datagram received.
pub(super) struct Received {
    pub(super) source: Endpoint,
    pub(super) bytes: usize,
    pub(super) truncated: bool,
    pub(super) received: Instant,
}

/// The arrays of a burst of datagrams.
pub(super) struct Batch {
    headers: Box<[mmsghdr; BURST]>,
    vectors: Box<[iovec; BURST]>,
    names: Box<[sockaddr_in6; BURST]>,
    controls: Box<[Control; BURST]>,
    now: Instant,
    /// What is added to the kernel's time of day to get the monotonic clock.
    offset_ns: i64,
}

#[derive(Clone, Copy)]
#[repr(align(8))]
struct Control([u8; CONTROL_BYTES]);

// SAFETY: the pointers in the arrays are set before each system call to memory that outlives it,
// and are dead otherwise.
unsafe impl Send for Batch {}

impl Batch {
    pub(super) fn new() -> Self {
        // SAFETY: `mmsghdr`, `iovec` and `sockaddr_in6` are plain C structs of integers and
        // pointers, for which all zeroes are a value.
        let (header, vector, name) = unsafe {
            (
                zeroed::<mmsghdr>(),
                zeroed::<iovec>(),
                zeroed::<sockaddr_in6>(),
            )
        };
        Self {
            headers: Box::new([header; BURST]),
            vectors: Box::new([vector; BURST]),
            names: Box::new([name; BURST]),
            controls: Box::new([Control([0; CONTROL_BYTES]); BURST]),
            now: Instant::ZERO,
            offset_ns: 0,
        }
    }

    /// Ties the kernel's receive stamps to the clock of this breath.
    pub(super) fn clock(&mut self, now: Instant) {
        let real = clock_gettime(ClockId::Realtime);
        self.now = now;
        self.offset_ns = now.as_nanos() as i64 - (real.tv_sec * NS_PER_SECOND + real.tv_nsec);
    }

    /// Receives into the frames' spaces behind `header_bytes`; returns how many.
    pub(super) fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        frames: &mut [Frame],
        header_bytes: usize,
    ) -> io::Result<usize> {
        let wanted = frames.len().min(BURST);
        for (index, frame) in frames[..wanted].iter_mut().enumerate() {
            let space = &mut frame.space()[header_bytes..];
            self.vectors[index] = iovec {
                iov_base: space.as_mut_ptr().cast(),
                iov_len: space.len(),
            };
            self.aim(index, size_of::<sockaddr_in6>(), CONTROL_BYTES);
        }
        let flags = libc::MSG_DONTWAIT;
        // SAFETY: each of the first `wanted` headers was just aimed at a name, a vector and a
        // control buffer of `self`, and each vector at the space of a distinct frame; all of
        // them outlive the call, and the lengths are theirs.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                wanted as c_uint,
                flags,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(received).map_err(|_| io::Error::last_os_error())
    }

    /// What the last [`receive`](Self::receive) put into its frame number `index`.
    pub(super) fn received(&self, index: usize) -> Received {
        let message = &self.headers[index];
        Received {
            source: endpoint(&self.names[index]),
            bytes: message.msg_len as usize,
            truncated: message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            received: self.stamp(index),
        }
    }

    /// Sends datagrams from one socket until one fails; returns how many went. An error is
    /// about the first.
    pub(super) fn send<'a>(
        &mut self,
        socket: BorrowedFd<'_>,
        datagrams: impl Iterator<Item = Outgoing<'a>>,
    ) -> io::Result<usize> {
        let mut count = 0;
        for datagram in datagrams.take(BURST) {
            let base = datagram.payload.as_ptr().cast_mut().cast();
            self.vectors[count] = iovec {
                iov_base: base,
                iov_len: datagram.payload.len(),
            };
            let name_bytes = write_name(&mut self.names[count], datagram.destination);
            let v4 = name_bytes == size_of::<sockaddr_in>();
            let control_bytes = write_dscp(&mut self.controls[count], datagram.dscp, v4);
            self.aim(count, name_bytes, control_bytes);
            count += 1;
        }
        // SAFETY: each of the first `count` headers was just aimed at a name, a vector and a
        // control buffer of `self`, and each vector at a payload that lives for `'a`, beyond the
        // call; sending only reads them.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                count as c_uint,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    /// Points header `index` at the name, vector and control buffer of the same number.
    fn aim(&mut self, index: usize, name_bytes: usize, control_bytes: usize) {
        let header = &mut self.headers[index].msg_hdr;
        header.msg_name = (&raw mut self.names[index]).cast();
        header.msg_namelen = name_bytes as libc::socklen_t;
        header.msg_iov = &raw mut self.vectors[index];
        header.msg_iovlen = 1;
        header.msg_control = match control_bytes {
            0 => std::ptr::null_mut(),
            _ => self.controls[index].0.as_mut_ptr().cast(),
        };
        header.msg_controllen = control_bytes;
        header.msg_flags = 0;
    }

    /// The kernel's receive stamp as an instant, never later than now.
    fn stamp(&self, index: usize) -> Instant {
        let header_bytes = size_of::<cmsghdr>();
        let control = &self.controls[index].0;
        let length = self.headers[index].msg_hdr.msg_controllen;
        let word = |at: usize| {
            let bytes = control[at..at + 8].first_chunk().expect("eight octets");
            i64::from_ne_bytes(*bytes)
        };
        if length < header_bytes + size_of::<timespec>() {
            return self.now;
        }
        let stamp_ns = word(header_bytes) * NS_PER_SECOND + word(header_bytes + 8);
        let monotonic_ns = u64::try_from(stamp_ns + self.offset_ns).unwrap_or(0);
        Instant::from_nanos(monotonic_ns).min(self.now)
    }
}

/// Asks the kernel to stamp what arrives with its time of day.
pub(super) fn stamp_arrivals(socket: BorrowedFd<'_>) -> Result<(), Errno> {
    let on: c_int = 1;
    // SAFETY: the option's value is an `int` that lives across the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast::<c_void>(),
            size_of::<c_int>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(last_errno())
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}

fn endpoint(name: &sockaddr_in6) -> Endpoint {
    if c_int::from(name.sin6_family) == libc::AF_INET {
        // SAFETY: the family says that the kernel wrote a `sockaddr_in`, which is smaller and
        // no more aligned than the `sockaddr_in6` it wrote it into.
        let name = unsafe { &*(&raw const *name).cast::<sockaddr_in>() };
        let ip = PackedIp::from_v4(name.sin_addr.s_addr.to_ne_bytes());
        Endpoint {
            ip,
            port: u16::from_be(name.sin_port),
        }
    } else {
        let ip = PackedIp::from_v6(name.sin6_addr.s6_addr);
        Endpoint {
            ip,
            port: u16::from_be(name.sin6_port),
        }
    }
}

/// Writes a destination as the kernel wants it; returns its length.
fn write_name(name: &mut sockaddr_in6, to: Endpoint) -> usize {
    if let Some(octets) = to.ip.v4() {
        // SAFETY: a `sockaddr_in` is smaller and no more aligned than the `sockaddr_in6` it is
        // written into, and any bytes are a value of either.
        let name = unsafe { &mut *(&raw mut *name).cast::<sockaddr_in>() };
        name.sin_family = libc::AF_INET as libc::sa_family_t;
        name.sin_port = to.port.to_be();
        name.sin_addr.s_addr = u32::from_ne_bytes(octets);
        name.sin_zero = [0; 8];
        size_of::<sockaddr_in>()
    } else {
        name.sin6_family = libc::AF_INET6 as libc::sa_family_t;
        name.sin6_port = to.port.to_be();
        name.sin6_flowinfo = 0;
        name.sin6_addr.s6_addr = to.ip.octets();
        name.sin6_scope_id = 0;
        size_of::<sockaddr_in6>()
    }
}

/// Writes the control message that sets the DSCP of one datagram; returns its length.
fn write_dscp(control: &mut Control, dscp: u8, v4: bool) -> usize {
    if dscp == 0 {
        return 0;
    }
    let (level, kind) = match v4 {
        true => (libc::IPPROTO_IP, libc::IP_TOS),
        false => (libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
    };
    let header_bytes = size_of::<cmsghdr>();
    let length = header_bytes + size_of::<c_int>();
    let control = &mut control.0;
    control[0..8].copy_from_slice(&(length as u64).to_ne_bytes());
    control[8..12].copy_from_slice(&level.to_ne_bytes());
    control[12..16].copy_from_slice(&kind.to_ne_bytes());
    control[16..20].copy_from_slice(&c_int::from(dscp << 2).to_ne_bytes());
    length.next_multiple_of(8)
}

const _: () = {
    // The layout that `stamp` and `write_dscp` rely on: a 64-bit Linux.
    assert!(size_of::<cmsghdr>() == 16 && size_of::<timespec>() == 16);
    assert!(CONTROL_BYTES >= 16 + size_of::<timespec>());
    assert!(size_of::<sockaddr_in>() <= size_of::<sockaddr_in6>());
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_written_for_the_kernel_reads_back_as_itself() {
        let mut name = Batch::new().names[0];
        for (text, bytes) in [("[2001:db8::9]:4000", 28), ("192.0.2.7:65535", 16)] {
            let endpoint = Endpoint::from(text.parse::<std::net::SocketAddr>().unwrap());
            assert_eq!(write_name(&mut name, endpoint), bytes);
            let back = super::endpoint(&name);
            assert_eq!((back.ip, back.port), (endpoint.ip, endpoint.port), "{text}");
        }
    }

    #[test]
    fn a_header_points_at_the_name_and_control_of_its_number() {
        let mut batch = Batch::new();
        for index in [0, BURST - 1] {
            batch.aim(index, 28, 24);
            let header = batch.headers[index].msg_hdr;
            assert_eq!(header.msg_name, (&raw mut batch.names[index]).cast());
            assert_eq!(header.msg_iov, &raw mut batch.vectors[index]);
            assert_eq!(header.msg_control, (&raw mut batch.controls[index]).cast());
            assert_eq!((header.msg_namelen, header.msg_controllen), (28, 24));
        }
    }
}
