//! The way out for frames whose next hop is not known: through the kernel, which resolves it.
//!
//! The kernel routes the packet like any other of this machine, asks for the neighbour, and keeps
//! the packet until it answers; what it learns comes back by netlink, and later frames go by the
//! socket of the queue.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, ipproto};
use strait_shared::command::NextHop;
use strait_shared::geometry::LocalAddress;

use crate::wire::{Ethernet, Ipv4, Ipv6, MacAddress, ethernet};

/// The destination of a frame whose next hop is not known.
pub const UNKNOWN: MacAddress = MacAddress(NextHop::BY_REMOTE);

/// A raw socket for each local address, so that rules which route by source apply.
pub struct KernelPath {
    sockets: BTreeMap<IpAddr, OwnedFd>,
}

impl KernelPath {
    /// Sockets for these addresses, or the first that cannot have one.
    pub fn open(addresses: &[LocalAddress]) -> Result<Self, (IpAddr, io::Error)> {
        let mut sockets = BTreeMap::new();
        for LocalAddress { ip, .. } in addresses {
            sockets.insert(*ip, raw(*ip).map_err(|error| (*ip, error))?);
        }
        Ok(Self { sockets })
    }

    /// Whether this frame is to go this way.
    #[inline]
    pub fn wants(frame: &[u8]) -> bool {
        frame.starts_with(&UNKNOWN.0)
    }

    /// Has the kernel send what the frame carries.
    pub fn send(&self, frame: &[u8]) -> bool {
        self.try_send(frame).is_some()
    }

    fn try_send(&self, frame: &[u8]) -> Option<()> {
        let link = Ethernet::parse(frame).ok()?;
        let packet = link.payload();
        let (source, destination): (IpAddr, IpAddr) = match link.network() {
            ethernet::Network::V4 => {
                let ip = Ipv4::parse(packet).ok()?;
                (ip.source().into(), ip.destination().into())
            }
            ethernet::Network::V6 => {
                let ip = Ipv6::parse(packet).ok()?;
                (ip.source().into(), ip.destination().into())
            }
        };
        let socket = self.sockets.get(&source)?;
        let to = SocketAddr::new(destination, 0);
        let sent = rustix::net::sendto(socket, packet, SendFlags::DONTWAIT, &to);
        sent.ok().map(drop)
    }
}

fn raw(ip: IpAddr) -> io::Result<OwnedFd> {
    let family = match ip {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    // With this protocol the packet brings its IP header along, and nothing is ever received.
    let (kind, flags) = (
        SocketType::RAW,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
    );
    let socket = rustix::net::socket_with(family, kind, flags, Some(ipproto::RAW))?;
    match rustix::net::bind(&socket, &SocketAddr::new(ip, 0)) {
        Ok(()) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}
