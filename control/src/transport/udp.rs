//! One UDP signalling address.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket as BoundUdpSocket};
use std::rc::Rc;

use socket2::SockRef;
use strait_config::RealmIndex;
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::counters::{Counter, Counters};
use super::limits::{DATAGRAMS_PER_TURN, MAX_DATAGRAM_BYTES, REPORTS_PER_TURN};
use super::{SendError, Sink, icmp};
use crate::gateway::io::{Flow, Input, ListenerIndex, Transport};

/// Where all sockets receive into, one at a time.
pub(super) type Scratch = Rc<RefCell<Vec<u8>>>;

/// Room for any datagram.
pub(super) fn scratch() -> Scratch {
    Rc::new(RefCell::new(vec![0; MAX_DATAGRAM_BYTES]))
}

/// A socket, and the flow of what comes by it save its remote.
#[derive(Debug)]
pub(super) struct UdpPort {
    socket: UdpSocket,
    realm: RealmIndex,
    listener: ListenerIndex,
    counters: Rc<Counters>,
}

impl UdpPort {
    /// Takes over a bound, non-blocking socket.
    pub fn new(
        socket: BoundUdpSocket,
        realm: RealmIndex,
        listener: ListenerIndex,
        counters: Rc<Counters>,
    ) -> io::Result<Self> {
        let socket = UdpSocket::from_std(socket)?;
        Ok(Self {
            socket,
            realm,
            listener,
            counters,
        })
    }

    /// Receives until the process ends.
    pub async fn run(self: Rc<Self>, sink: Rc<dyn Sink>, scratch: Scratch) {
        while let Ok(ready) = self
            .socket
            .ready(Interest::READABLE | Interest::ERROR)
            .await
        {
            if ready.is_error() {
                self.take_reports(&*sink);
            }
            self.receive(&mut scratch.borrow_mut(), &*sink);
            tokio::task::yield_now().await;
        }
    }

    /// Sends one datagram.
    pub fn send(&self, remote: SocketAddr, bytes: &[u8]) -> Result<(), SendError> {
        // Straight to the kernel: the runtime takes a socket for full until it has been told
        // otherwise, and nobody waits here.
        let socket = SockRef::from(&self.socket);
        let remote = remote.into();
        // An earlier datagram's failure is reported by the next call, which then sends nothing.
        let sent = match socket.send_to(bytes, &remote) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => socket.send_to(bytes, &remote),
            sent => sent,
        };
        match sent {
            Ok(_) => {
                self.counters.count(Counter::UdpSent);
                Ok(())
            }
            // The other side sends again what it misses, and so do our timers.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.counters.count(Counter::UdpSendBufferFull);
                Ok(())
            }
            Err(_) => {
                self.counters.count(Counter::UdpUndeliverable);
                Err(SendError)
            }
        }
    }

    fn receive(&self, buffer: &mut [u8], sink: &dyn Sink) {
        for _ in 0..DATAGRAMS_PER_TURN {
            match self.socket.try_recv_from(buffer) {
                Ok((len, remote)) => self.take(remote, &buffer[..len], sink),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // A report that is also in the error queue.
                Err(_) => {}
            }
        }
    }

    fn take(&self, remote: SocketAddr, bytes: &[u8], sink: &dyn Sink) {
        // Nothing can be answered to port 0.
        if remote.port() == 0 {
            return;
        }
        let flow = self.flow(remote);
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            self.counters.count(Counter::KeepAlives);
            sink.take(Input::KeepAlive { flow });
        } else {
            self.counters.count(Counter::UdpReceived);
            sink.take(Input::Message { flow, bytes });
        }
    }

    fn take_reports(&self, sink: &dyn Sink) {
        for _ in 0..REPORTS_PER_TURN {
            let read = || icmp::read(&self.socket);
            match self.socket.try_io(Interest::ERROR, read) {
                Ok(Some(report)) => {
                    self.counters.count(Counter::UdpUndeliverable);
                    let flow = self.flow(report.remote);
                    sink.take(Input::SendFailed {
                        flow,
                        branch: report.branch,
                    });
                }
                Ok(None) => {}
                Err(_) => return,
            }
        }
    }

    fn flow(&self, remote: SocketAddr) -> Flow {
        let (realm, listener) = (self.realm, self.listener);
        Flow {
            realm,
            listener,
            transport: Transport::Udp,
            remote,
            connection: None,
        }
    }
}
