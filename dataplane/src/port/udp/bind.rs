//! Binding every port of the configured ranges, and finding the socket of a local address.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use strait_shared::geometry::{AddressIndex, Geometry, WorkerIndex};
use strait_shared::net::Endpoint;
use strait_shared::slot::EgressPort;

use super::batch;

/// Receive buffer asked for each socket: half a second of a fast video stream.
const RECEIVE_BUFFER_BYTES: usize = 256 * 1024;
/// Descriptors that the process needs besides its media sockets.
const OTHER_FILES: u64 = 128;

/// Why the sockets of a port are not all there. Each is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Some other program has the port.
    #[error(
        "{0} is in use by another program: stop that program (`ss -ulpn` names it) or choose \
         other media ports"
    )]
    InUse(SocketAddr),
    /// The address is not this machine's.
    #[error("{0} is not an address of this machine: add it (`ip address add`) or correct `media`")]
    NotLocal(IpAddr),
    /// A port below 1024 without the privilege.
    #[error("{0} may not be bound without privilege: choose media ports from 1024 on")]
    Privileged(SocketAddr),
    /// More ports than open files are allowed.
    #[error(
        "{needed} media ports need {total} open files, but only {limit} are allowed: raise the \
         limit (`ulimit -Hn`, `LimitNOFILE=` in systemd) or narrow the port ranges",
        total = needed + OTHER_FILES
    )]
    Files {
        /// Media ports in the configuration.
        needed: u64,
        /// The hard limit on open files.
        limit: u64,
    },
    /// Anything else.
    #[error("{address} cannot be bound: {error}")]
    Other {
        /// Which one.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

/// Where a socket is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Address and port.
    pub address: SocketAddr,
    /// The VLAN that the configuration gives the address; 0 for none. The kernel's interfaces
    /// do the tagging.
    pub vlan: u16,
}

struct Range {
    ip: Endpoint,
    last_port: u16,
    first_socket: usize,
}

/// The bound sockets of one NIC, shared by all workers.
pub struct Sockets {
    ranges: Vec<Range>,
    bound: Vec<(OwnedFd, Local, WorkerIndex)>,
}

impl Sockets {
    /// Binds every port of every local address that lives on `nic`.
    pub fn bind(geometry: &Geometry, nic: EgressPort) -> Result<Self, BindError> {
        let of_nic = || {
            let addresses = geometry.addresses().iter().enumerate();
            addresses.filter(move |(_, address)| address.egress_port == nic)
        };
        raise_file_limit(
            of_nic()
                .map(|(_, address)| u64::from(address.ports()))
                .sum(),
        )?;
        let (mut ranges, mut bound) = (Vec::new(), Vec::new());
        for (index, local) in of_nic() {
            ranges.push(Range {
                ip: Endpoint {
                    ip: local.ip.into(),
                    port: local.first_port,
                },
                last_port: local.last_port,
                first_socket: bound.len(),
            });
            for port in local.first_port..=local.last_port {
                let address = SocketAddr::new(local.ip, port);
                let slot = geometry.slot(AddressIndex(index as u16), port);
                let owner = geometry.owner(slot.expect("the port is of this range"));
                let vlan = local.vlan.unwrap_or(0);
                bound.push((bind(address)?, Local { address, vlan }, owner));
            }
        }
        Ok(Self { ranges, bound })
    }

    /// The sockets of the slots that `worker` owns.
    pub(super) fn owned_by(&self, worker: WorkerIndex) -> impl Iterator<Item = (usize, &OwnedFd)> {
        let all = self.bound.iter().enumerate();
        all.filter(move |(_, (_, _, owner))| *owner == worker)
            .map(|(index, (descriptor, ..))| (index, descriptor))
    }

    pub(super) fn local(&self, socket: usize) -> Local {
        self.bound[socket].1
    }

    pub(super) fn descriptor(&self, socket: usize) -> BorrowedFd<'_> {
        self.bound[socket].0.as_fd()
    }

    /// The socket bound to `local`.
    pub(super) fn find(&self, local: Endpoint) -> Option<usize> {
        let range = self.ranges.iter().find(|range| {
            range.ip.ip == local.ip && (range.ip.port..=range.last_port).contains(&local.port)
        })?;
        Some(range.first_socket + usize::from(local.port - range.ip.port))
    }
}

/// Raises the limit on open files as far as it goes, and says so when that is not far enough.
fn raise_file_limit(needed: u64) -> Result<(), BindError> {
    let limit = getrlimit(Resource::Nofile);
    let wanted = needed + OTHER_FILES;
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    // Only the privileged may raise the hard limit; everyone else gets up to it.
    let beyond = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum.map(|max| max.max(wanted)),
    };
    let up_to = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let raised = setrlimit(Resource::Nofile, beyond)
        .or_else(|_| setrlimit(Resource::Nofile, up_to))
        .map(|()| getrlimit(Resource::Nofile))
        .unwrap_or(limit);
    match raised.current {
        Some(limit) if limit < wanted => Err(BindError::Files { needed, limit }),
        _ => Ok(()),
    }
}

fn bind(address: SocketAddr) -> Result<OwnedFd, BindError> {
    socket(address).map_err(|errno| match errno {
        Errno::ADDRINUSE => BindError::InUse(address),
        Errno::ADDRNOTAVAIL => BindError::NotLocal(address.ip()),
        Errno::ACCESS => BindError::Privileged(address),
        other => BindError::Other {
            address,
            error: other.into(),
        },
    })
}

fn socket(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, flags, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    // The kernel caps it at `net.core.rmem_max`; a smaller buffer still works.
    let _ = sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER_BYTES);
    batch::stamp_arrivals(socket.as_fd())?;
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}
