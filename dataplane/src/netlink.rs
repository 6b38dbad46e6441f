//! What the kernel tells of interfaces, routes, rules and neighbours, over `rtnetlink(7)`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use netlink_packet_core::{
    NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

/// Longest answer in one piece (the kernel's own bound is 32 KiB).
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Room for events that arrive while one is being worked on.
const EVENT_BUFFER_BYTES: usize = 4 << 20;

/// What changes are told of: links, neighbours, routes and rules (`RTMGRP_*`).
const GROUPS: u32 = 0x1 | 0x4 | 0x40 | 0x80 | 0x400 | 1 << 18;

/// A socket of the routing family.
pub(crate) struct Netlink {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

impl Netlink {
    /// A socket that answers requests.
    pub(crate) fn open() -> io::Result<Self> {
        Self::bound(0)
    }

    /// A socket that is told what changes.
    pub(crate) fn subscribe() -> io::Result<Self> {
        let socket = Self::bound(GROUPS)?;
        sockopt::set_socket_recv_buffer_size(&socket.fd, EVENT_BUFFER_BYTES)?;
        Ok(socket)
    }

    fn bound(groups: u32) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let family = AddressFamily::NETLINK;
        // The family's first protocol, 0, is the one for routing.
        let fd = rustix::net::socket_with(family, SocketType::RAW, flags, None)?;
        rustix::net::bind(&fd, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self {
            fd,
            buffer: vec![0; ANSWER_BYTES_MAX],
        })
    }

    /// Asks for everything of a kind and hands each answer to `each`.
    pub(crate) fn dump(
        &mut self,
        request: RouteNetlinkMessage,
        mut each: impl FnMut(RouteNetlinkMessage),
    ) -> io::Result<()> {
        self.send(request, NLM_F_REQUEST | NLM_F_DUMP)?;
        loop {
            let bytes = self.receive(RecvFlags::empty())?;
            for message in messages(&self.buffer[..bytes]) {
                match message {
                    NetlinkPayload::Done(_) => return Ok(()),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    NetlinkPayload::InnerMessage(inner) => each(inner),
                    _ => {}
                }
            }
        }
    }

    /// Asks the kernel to make something so; what it answers is not waited for.
    pub(crate) fn request(&mut self, message: RouteNetlinkMessage) -> io::Result<()> {
        self.send(message, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Hands each change that has been told of to `each`, without waiting. An error says that
    /// some were lost.
    pub(crate) fn changes(&mut self, mut each: impl FnMut(RouteNetlinkMessage)) -> io::Result<()> {
        loop {
            let bytes = match self.receive(RecvFlags::DONTWAIT) {
                Ok(bytes) => bytes,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            for message in messages(&self.buffer[..bytes]) {
                if let NetlinkPayload::InnerMessage(inner) = message {
                    each(inner);
                }
            }
        }
    }

    fn send(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        rustix::net::send(&self.fd, &bytes, SendFlags::empty())?;
        Ok(())
    }

    fn receive(&mut self, flags: RecvFlags) -> Result<usize, Errno> {
        rustix::net::recv(&self.fd, &mut self.buffer[..], flags).map(|(bytes, _)| bytes)
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The messages in one piece of an answer; what cannot be read is left out.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = NetlinkPayload<RouteNetlinkMessage>> + '_ {
    const HEADER_BYTES: usize = 16;
    std::iter::from_fn(move || {
        loop {
            let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
            let message = bytes.get(..length).filter(|_| length >= HEADER_BYTES)?;
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
            if let Ok(message) = NetlinkMessage::deserialize(message) {
                return Some(message.payload);
            }
        }
    })
}
