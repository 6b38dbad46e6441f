//! Taking our addresses: all of them or none, before anything is received.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use strait_config::{Config, RealmIndex, Transport};
use thiserror::Error;

use super::limits::{ACCEPT_BACKLOG, UDP_BUFFER_BYTES};
use crate::gateway::io::ListenerIndex;

/// A signalling address that is ours from now on.
#[derive(Debug)]
pub struct Bound {
    /// The realm it belongs to.
    pub realm: RealmIndex,
    /// Its place among the realm's listeners.
    pub listener: ListenerIndex,
    /// Its socket.
    pub socket: BoundSocket,
}

/// A bound socket that nothing has been read from yet.
#[derive(Debug)]
pub enum BoundSocket {
    /// For datagrams.
    Udp(UdpSocket),
    /// For connections.
    Tcp(TcpListener),
}

/// Why an address could not be taken, and what to do about it.
#[derive(Debug, Error)]
pub enum BindError {
    /// Another process has it.
    #[error("{0} is in use: stop what listens there, or change the address in realm `{1}`")]
    InUse(Shown, String),
    /// The machine does not have the address.
    #[error(
        "{0} is no address of this machine: add it to an interface, or change the address \
         in realm `{1}`"
    )]
    NotHere(Shown, String),
    /// The port is reserved for privileged processes.
    #[error(
        "{0} needs a privilege: give the program CAP_NET_BIND_SERVICE, or use a port from 1024 up \
         in realm `{1}`"
    )]
    Privilege(Shown, String),
    /// Anything else.
    #[error("{0} in realm `{1}`: {2}")]
    Other(Shown, String, io::Error),
}

/// An address as messages show it: `udp 192.0.2.1:5060`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown(pub Transport, pub SocketAddr);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0.as_str(), self.1)
    }
}

/// Takes every signalling address of the configuration.
pub fn bind(config: &Config) -> Result<Vec<Bound>, BindError> {
    let mut bound = Vec::new();
    for (realm, settings) in (0..).zip(&config.realms) {
        for (listener, (transport, address)) in (0..).zip(settings.listeners()) {
            let shown = Shown(transport, address);
            let socket = bind_one(shown)
                .map_err(|error| explain(error, shown, settings.name.to_string()))?;
            let (realm, listener) = (RealmIndex(realm), ListenerIndex(listener));
            bound.push(Bound {
                realm,
                listener,
                socket,
            });
        }
    }
    Ok(bound)
}

fn bind_one(Shown(transport, local): Shown) -> io::Result<BoundSocket> {
    match transport {
        Transport::Udp => udp(local).map(BoundSocket::Udp),
        Transport::Tcp => tcp(local).map(BoundSocket::Tcp),
    }
}

fn udp(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(local, Type::DGRAM, Protocol::UDP)?;
    // The kernel caps both silently at its own maximum; less is slower, not wrong.
    socket.set_recv_buffer_size(UDP_BUFFER_BYTES)?;
    socket.set_send_buffer_size(UDP_BUFFER_BYTES)?;
    match local.ip() {
        IpAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
        IpAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
    }
    socket.bind(&local.into())?;
    Ok(socket.into())
}

fn tcp(local: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(local, Type::STREAM, Protocol::TCP)?;
    // Connections of an earlier process linger in TIME_WAIT; they must not keep us out.
    socket.set_reuse_address(true)?;
    socket.bind(&local.into())?;
    socket.listen(ACCEPT_BACKLOG)?;
    Ok(socket.into())
}

fn open(local: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(local),
        kind.nonblocking(),
        Some(protocol),
    )?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

fn explain(error: io::Error, shown: Shown, realm: String) -> BindError {
    match error.kind() {
        ErrorKind::AddrInUse => BindError::InUse(shown, realm),
        ErrorKind::AddrNotAvailable => BindError::NotHere(shown, realm),
        ErrorKind::PermissionDenied => BindError::Privilege(shown, realm),
        _ => BindError::Other(shown, realm, error),
    }
}
