//! Bringing a NIC up: program, mode, sockets; and taking it all back.
//!
//! The program hangs on a link that lives as long as the process: when it ends, however it ends,
//! the interface is as it was.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;
use strait_shared::geometry::LocalAddress;

use super::bpf;
use super::interface::Interface;
use super::mapping::Pages;
use super::memory::{Memories, Umem};
use super::socket::{Bound, Socket};
use super::steering::Steering;
use crate::limits::{BUSY_TRIES, FRAME_BYTES_MAX, QUEUES_MAX};
use crate::wire::ethernet;

/// How long a queue's last owner may take to let go of it, tried so many times.
const BUSY_WAIT: Duration = Duration::from_millis(50);
/// `XDP_FLAGS_SKB_MODE` and `XDP_FLAGS_DRV_MODE`.
const FLAGS_GENERIC: u32 = 1 << 1;
const FLAGS_NATIVE: u32 = 1 << 2;

/// How frames come by the program and the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The driver runs the program and fills the UMEM itself.
    ZeroCopy,
    /// The driver runs the program; the kernel copies frames to the UMEM and back.
    Native,
    /// The kernel runs the program on packets it has made already: any driver, the slowest.
    Generic,
}

impl Mode {
    /// Best first.
    pub const ALL: [Self; 3] = [Self::ZeroCopy, Self::Native, Self::Generic];

    /// As the configuration writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZeroCopy => "zero-copy",
            Self::Native => "native",
            Self::Generic => "generic",
        }
    }
}

/// Why an AF_XDP NIC did not come up. Each is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such interface.
    #[error("there is no interface `{0}`; `ip link` lists them")]
    NoInterface(String),
    /// A media address is not the kernel's, which answers ARP for it.
    #[error("{0} is not an address of this machine: add it (`ip address add`) or correct `media`")]
    NotLocal(IpAddr),
    /// A capability is missing.
    #[error(
        "AF_XDP needs the capabilities CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF and CAP_PERFMON: run \
         as root, give the service `AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW CAP_BPF \
         CAP_PERFMON`, or use `port: udp`"
    )]
    Capability,
    /// The kernel was built without it.
    #[error("this kernel has no AF_XDP or BPF ({0}); use `port: udp`")]
    Kernel(io::Error),
    /// Another program is attached.
    #[error(
        "`{0}` has another XDP program: detach it (`ip link set {0} xdp off`, or stop whoever \
         attached it: `ip -details link show {0}`)"
    )]
    Occupied(String),
    /// A queue has another AF_XDP socket.
    #[error("queue {queue} of `{interface}` is in use by another program: stop that program")]
    QueueInUse {
        /// Which interface.
        interface: String,
        /// Which queue.
        queue: u32,
    },
    /// Fewer queues than workers.
    #[error(
        "`{interface}` has {queues} receive queues for {workers} workers: give it more (`ethtool \
         -L {interface} combined {workers}`) or configure fewer workers"
    )]
    Queues {
        /// Which interface.
        interface: String,
        /// How many it has.
        queues: u32,
        /// How many workers there are.
        workers: u16,
    },
    /// More queues than are steered.
    #[error(
        "`{interface}` has {queues} receive queues: give it {max} at most (`ethtool -L {interface} \
         combined {max}`)",
        max = QUEUES_MAX
    )]
    TooManyQueues {
        /// Which interface.
        interface: String,
        /// How many it has.
        queues: u32,
    },
    /// Tags are gone before the program sees them.
    #[error(
        "`{0}` takes VLAN tags off before AF_XDP sees them, and there are media addresses on \
         VLANs: switch that off (`ethtool -K {0} rxvlan off`)"
    )]
    StripsVlan(String),
    /// Not enough memory may be locked.
    #[error(
        "the buffers of `{0}` may not be locked into memory: raise the limit (`ulimit -l`, \
         `LimitMEMLOCK=infinity` in systemd) or give the service CAP_IPC_LOCK"
    )]
    Memory(String),
    /// There is no memory for frames.
    #[error("no memory for the frames of the `af_xdp` ports: {0}")]
    Frames(io::Error),
    /// The driver refuses every mode that is allowed.
    #[error("`{interface}` refuses {tried}; {hint}")]
    Refused {
        /// Which interface.
        interface: String,
        /// Every mode tried and what the kernel said.
        tried: String,
        /// What to do.
        hint: &'static str,
    },
    /// Anything else.
    #[error("`{interface}`: {error}")]
    Other {
        /// Which interface.
        interface: String,
        /// Why.
        error: io::Error,
    },
}

/// What keeps the program on the interface.
pub(super) struct Attachment {
    pub(super) interface: Interface,
    pub(super) mode: Mode,
    pub(super) pages: Pages,
    pub(super) steering: Steering,
    _link: OwnedFd,
}

/// Attaches a program that steers `addresses`, in the best mode there is or in the one required,
/// and binds a socket for every queue.
pub(super) fn open(
    name: &str,
    addresses: &[LocalAddress],
    memories: &mut Memories,
    required: Option<Mode>,
) -> Result<(Arc<Attachment>, Vec<Socket>), OpenError> {
    let other = |error| OpenError::Other {
        interface: name.to_owned(),
        error,
    };
    let interface = Interface::find(name).map_err(other)?;
    let interface = interface.ok_or_else(|| OpenError::NoInterface(name.to_owned()))?;
    check(name, &interface, addresses, memories.workers())?;
    // Without CAP_PERFMON the verifier refuses a program that steps over headers of any length.
    let steering = Steering::load(addresses).map_err(|error| match errno(&error) {
        Some(Errno::PERM | Errno::ACCESS) => OpenError::Capability,
        Some(Errno::NOSYS | Errno::INVAL) => OpenError::Kernel(error),
        _ => other(error),
    })?;
    let mut tried = Vec::new();
    for mode in Mode::ALL
        .into_iter()
        .filter(|mode| required.is_none_or(|only| only == *mode))
    {
        let zero_copy = mode == Mode::ZeroCopy;
        let brought_up = memories.bind(zero_copy, |umems| {
            bring_up(name, &interface, &steering, mode, umems)
        });
        match brought_up {
            Ok((link, sockets, pages)) => {
                for (queue, socket) in (0..).zip(&sockets) {
                    steering.steer(queue, socket.as_fd()).map_err(other)?;
                }
                let attachment = Attachment {
                    interface,
                    mode,
                    pages,
                    steering,
                    _link: link,
                };
                return Ok((Arc::new(attachment), sockets));
            }
            Err(OpenError::Other { error, .. }) => {
                tried.push(format!("{} ({error})", mode.name()));
            }
            Err(definite) => return Err(definite),
        }
    }
    Err(OpenError::Refused {
        interface: name.to_owned(),
        tried: tried.join(", "),
        hint: match required {
            Some(_) => "leave `mode` out to take the best there is, or use another NIC or driver",
            None => "use `port: udp`",
        },
    })
}

fn check(
    name: &str,
    interface: &Interface,
    addresses: &[LocalAddress],
    workers: u16,
) -> Result<(), OpenError> {
    let queues = interface.queues;
    let interface_name = name.to_owned();
    if queues < u32::from(workers) {
        return Err(OpenError::Queues {
            interface: interface_name,
            queues,
            workers,
        });
    }
    if queues > QUEUES_MAX {
        return Err(OpenError::TooManyQueues {
            interface: interface_name,
            queues,
        });
    }
    if interface.strips_vlan && addresses.iter().any(|address| address.vlan.is_some()) {
        return Err(OpenError::StripsVlan(interface_name));
    }
    Ok(())
}

/// The program attached, and a socket on every queue, in one mode; and what the frames' pages are.
fn bring_up(
    name: &str,
    interface: &Interface,
    steering: &Steering,
    mode: Mode,
    umems: &mut [Umem],
) -> Result<(OwnedFd, Vec<Socket>, Pages), OpenError> {
    let flags = match mode {
        Mode::ZeroCopy | Mode::Native => FLAGS_NATIVE,
        Mode::Generic => FLAGS_GENERIC,
    };
    let attach = || bpf::attach(steering.program(), interface.index, flags);
    let link = patiently(attach).map_err(|error| match errno(&error) {
        Some(Errno::PERM | Errno::ACCESS) => OpenError::Capability,
        Some(Errno::BUSY | Errno::EXIST) => OpenError::Occupied(name.to_owned()),
        _ => refused(name, error),
    })?;
    let workers = umems.len();
    let bound = (0..interface.queues).map(|queue| {
        let umem = &mut umems[queue as usize % workers];
        bind(name, interface, queue, mode, umem)
    });
    let bound = bound.collect::<Result<Vec<_>, _>>()?;
    let sockets = bound.into_iter().enumerate().map(|(queue, bound)| {
        let share = umems[queue % workers].share();
        Ok(bound.begin(share.map_err(|error| refused(name, error))?))
    });
    let sockets = sockets.collect::<Result<_, _>>()?;
    Ok((link, sockets, umems[0].pages()))
}

fn bind(
    name: &str,
    interface: &Interface,
    queue: u32,
    mode: Mode,
    umem: &mut Umem,
) -> Result<Bound, OpenError> {
    let zero_copy = mode == Mode::ZeroCopy;
    let bind = || Bound::new(interface.index, queue, umem, zero_copy);
    let bound = patiently(bind).map_err(|error| match errno(&error) {
        Some(Errno::PERM | Errno::ACCESS) => OpenError::Capability,
        Some(Errno::AFNOSUPPORT) => OpenError::Kernel(error),
        Some(Errno::NOBUFS) => OpenError::Memory(name.to_owned()),
        Some(Errno::BUSY) => OpenError::QueueInUse {
            interface: name.to_owned(),
            queue,
        },
        _ => refused(name, error),
    })?;
    if zero_copy && !bound.is_zero_copy() {
        return Err(refused(name, Errno::OPNOTSUPP.into()));
    }
    Ok(bound)
}

fn refused(name: &str, error: io::Error) -> OpenError {
    OpenError::Other {
        interface: name.to_owned(),
        error,
    }
}

/// The kernel lets go of a dead process's queues and programs in its own time, and so does a child
/// that is about to run something else.
fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..BUSY_TRIES {
        match attempt() {
            Err(error) if matches!(errno(&error), Some(Errno::BUSY | Errno::EXIST)) => {
                std::thread::sleep(BUSY_WAIT);
            }
            settled => return settled,
        }
    }
    attempt()
}

fn errno(error: &io::Error) -> Option<Errno> {
    Errno::from_io_error(error)
}

/// The longest frame that fits the interface; with a VLAN tag where there may be one.
pub(super) fn frame_bytes_max(interface: &Interface, tagged: bool) -> usize {
    let header = ethernet::header_bytes(u16::from(tagged));
    (interface.mtu + header).min(FRAME_BYTES_MAX)
}
