//! Real sockets for everyone in the stage's world, tapped on the way to and from Strait.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

use rustix::event::{Timespec, epoll};
use strait_parties::party::Datagram;
use strait_shared::time::Instant;

use super::capture::Capture;
use super::crossing::Crossings;
use super::leaks::Leaks;
use super::place::Place;

/// Datagrams taken from one socket before the others get their turn.
const BURST: usize = 64;
/// Sockets told apart in one wait.
const READY_MAXIMUM: usize = 64;
/// The largest datagram there is.
const DATAGRAM_BYTES: usize = 65_536;

/// The sockets and what is noted about what passes through them.
pub struct Wire {
    epoll: OwnedFd,
    sockets: Vec<(SocketAddr, UdpSocket)>,
    by_address: HashMap<SocketAddr, usize>,
    buffer: Vec<u8>,
    capture: Capture,
    crossings: Crossings,
    leaks: Leaks,
    /// What to add to the monotonic clock for time since the Unix epoch.
    epoch: Duration,
    unsent: u64,
}

impl Wire {
    /// No sockets yet.
    pub fn new(capture: Capture, leaks: Leaks) -> io::Result<Self> {
        let unix = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            sockets: Vec::new(),
            by_address: HashMap::new(),
            buffer: vec![0; DATAGRAM_BYTES],
            capture,
            crossings: Crossings::default(),
            leaks,
            epoch: unix.saturating_sub(Instant::now().since(Instant::ZERO)),
            unsent: 0,
        })
    }

    /// Listens on an address; harmless if that is done already.
    pub fn bind(&mut self, address: SocketAddr) -> io::Result<usize> {
        if let Some(index) = self.by_address.get(&address) {
            return Ok(*index);
        }
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let index = self.sockets.len();
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&self.epoll, &socket, data, epoll::EventFlags::IN)?;
        self.sockets.push((address, socket));
        self.by_address.insert(address, index);
        Ok(index)
    }

    /// Sends a datagram from the address it names, which is bound if need be.
    pub fn send(&mut self, place: &Place, datagram: &Datagram) -> io::Result<()> {
        if !place.is_strait(datagram.destination) {
            // Someone's private address, which leads nowhere: it does not in the real world either.
            self.unsent += 1;
            return Ok(());
        }
        let index = self.bind(datagram.source)?;
        let now = Instant::now();
        self.crossings.enter(now, &datagram.payload);
        let at = self.epoch + now.since(Instant::ZERO);
        self.capture
            .write(at, datagram.source, datagram.destination, &datagram.payload)?;
        match self.sockets[index]
            .1
            .send_to(&datagram.payload, datagram.destination)
        {
            Ok(_) => Ok(()),
            // Strait is gone or choking: that is a loss, and shows as one.
            Err(error) if is_loss(&error) => {
                self.unsent += 1;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until something has arrived, at most so long.
    pub fn wait(&self, at_most: Duration) -> io::Result<Vec<usize>> {
        let mut events = Vec::with_capacity(READY_MAXIMUM);
        let timeout = Timespec {
            tv_sec: i64::try_from(at_most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(at_most.subsec_nanos()),
        };
        match epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut events),
            Some(&timeout),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(events
            .iter()
            .map(|event| event.data.u64() as usize)
            .collect())
    }

    /// Takes a burst of what has arrived on a socket.
    pub fn receive(&mut self, index: usize) -> io::Result<Vec<(Instant, Datagram)>> {
        let mut burst = Vec::new();
        while burst.len() < BURST {
            let (address, socket) = &self.sockets[index];
            let address = *address;
            match socket.recv_from(&mut self.buffer) {
                Ok((length, source)) => {
                    let now = Instant::now();
                    let payload = self.buffer[..length].to_vec();
                    self.crossings.leave(now, &payload);
                    self.leaks.watch(address, &payload);
                    let at = self.epoch + now.since(Instant::ZERO);
                    self.capture.write(at, source, address, &payload)?;
                    burst.push((
                        now,
                        Datagram {
                            source,
                            destination: address,
                            payload,
                        },
                    ));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if is_loss(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(burst)
    }

    /// What crossed Strait.
    pub fn crossings(&self) -> &Crossings {
        &self.crossings
    }

    /// Addresses of one side that the other was shown.
    pub fn leaks(&self) -> &[String] {
        self.leaks.found()
    }

    /// Datagrams captured.
    pub fn captured(&self) -> u64 {
        self.capture.packets()
    }

    /// Datagrams for addresses outside Strait, or that the machine would not take.
    pub fn unsent(&self) -> u64 {
        self.unsent
    }
}

fn is_loss(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::WouldBlock
    )
}
