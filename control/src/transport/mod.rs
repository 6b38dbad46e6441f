//! The sockets of signalling: UDP ports, TCP listeners and connections.
//!
//! Everything runs on one thread. What arrives is handed to a [`Sink`] at once and without copying;
//! what is to be sent goes to the kernel at once, and waits in a bounded queue only for TCP.

pub mod bind;
pub mod counters;
mod icmp;
pub mod limits;
mod tcp;
mod udp;

use std::io;
use std::rc::Rc;

use strait_config::Config;
use thiserror::Error;

use self::bind::{Bound, BoundSocket};
use self::counters::Counters;
use self::tcp::connections::Connections;
use self::udp::UdpPort;
use crate::gateway::io::{ConnectionId, Flow, Input, Transport as Protocol};

/// Takes what the sockets bring, as it comes. Never called from within [`Transport::send`] or
/// [`Transport::close`].
pub trait Sink {
    /// Takes one input.
    fn take(&self, input: Input<'_>);
}

/// A message could not be sent, and will not be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the message could not be sent")]
pub struct SendError;

/// All signalling sockets.
#[derive(Debug)]
pub struct Transport {
    /// By realm and listener; `None` for TCP, whose connections know their listeners.
    udp: Vec<Vec<Option<Rc<UdpPort>>>>,
    connections: Rc<Connections>,
    counters: Rc<Counters>,
}

impl Transport {
    /// Starts to receive on bound sockets. Must be called within a [`tokio::task::LocalSet`].
    pub fn start(config: &Config, bound: Vec<Bound>, sink: Rc<dyn Sink>) -> io::Result<Rc<Self>> {
        let counters = Rc::new(Counters::new());
        let connections = Rc::new(Connections::new(config, sink.clone(), counters.clone()));
        let mut udp: Vec<Vec<Option<Rc<UdpPort>>>> = config
            .realms
            .iter()
            .map(|realm| vec![None; realm.listeners().count()])
            .collect();
        let scratch = udp::scratch();
        for Bound {
            realm,
            listener,
            socket,
        } in bound
        {
            match socket {
                BoundSocket::Udp(socket) => {
                    let port = Rc::new(UdpPort::new(socket, realm, listener, counters.clone())?);
                    udp[usize::from(realm.0)][usize::from(listener.0)] = Some(port.clone());
                    tokio::task::spawn_local(port.run(sink.clone(), scratch.clone()));
                }
                BoundSocket::Tcp(socket) => {
                    let socket = tokio::net::TcpListener::from_std(socket)?;
                    let accepting =
                        tcp::listener::run(socket, realm, listener, connections.clone());
                    tokio::task::spawn_local(accepting);
                }
            }
        }
        Ok(Rc::new(Self {
            udp,
            connections,
            counters,
        }))
    }

    /// Sends a message. For TCP without a connection, one to the same remote is used or opened;
    /// where one stands already, its flow comes back.
    ///
    /// Later failures reach the sink as `SendFailed` or `Disconnected`.
    pub fn send(&self, flow: &Flow, bytes: Vec<u8>) -> Result<Option<Flow>, SendError> {
        match flow.transport {
            Protocol::Udp => {
                let realm = self.udp.get(usize::from(flow.realm.0)).ok_or(SendError)?;
                let port = realm.get(usize::from(flow.listener.0)).ok_or(SendError)?;
                port.as_ref().ok_or(SendError)?.send(flow.remote, &bytes)?;
                Ok(None)
            }
            Protocol::Tcp => self.connections.send(flow, bytes),
        }
    }

    /// Closes a connection once what waits in it is sent.
    pub fn close(&self, connection: ConnectionId) {
        self.connections.close(connection);
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}
