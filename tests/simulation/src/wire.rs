//! How a telephone's messages travel over TCP: through one connection that it opens when it has
//! something to say, and opens anew when that is gone.

use std::net::SocketAddr;

use strait_control::sip::{Frame, Framer};
use strait_parties::net::stream::{Connection, Segment};
use strait_parties::party::Datagram;
use strait_shared::time::Instant;

/// A telephone's end.
pub struct Wire {
    own: SocketAddr,
    remote: SocketAddr,
    random: fastrand::Rng,
    open: Option<(Connection, Framer)>,
}

impl Wire {
    /// A wire between two addresses, nothing sent yet.
    pub fn new(own: SocketAddr, remote: SocketAddr, seed: u64) -> Self {
        Self {
            own,
            remote,
            random: fastrand::Rng::with_seed(seed),
            open: None,
        }
    }

    /// Whether a datagram is for this end.
    pub fn owns(&self, datagram: &Datagram) -> bool {
        datagram.destination == self.own
    }

    /// Sends a message.
    pub fn send(&mut self, now: Instant, message: &[u8]) {
        let id = &mut self.random;
        let open = || (Connection::new(id.u32(..)), Framer::new());
        let (connection, _) = self.open.get_or_insert_with(open);
        connection.send(now, message);
    }

    /// Takes a segment; the whole messages that have come with it.
    pub fn receive(&mut self, now: Instant, datagram: &Datagram) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        let segment = Segment::parse(&datagram.payload);
        let (Some(segment), Some((connection, framer))) = (segment, &mut self.open) else {
            return messages;
        };
        if segment.id != connection.id() {
            return messages;
        }
        framer.push(connection.receive(now, &segment));
        while let Ok(Some(frame)) = framer.next() {
            if let Frame::Message(message) = frame {
                messages.push(message.to_vec());
            }
        }
        messages
    }

    /// The telephone has lost power, and knows of no connection.
    pub fn cut(&mut self) {
        self.open = None;
    }

    /// Whether the connection is gone since the last time this was asked.
    pub fn breaks(&mut self) -> bool {
        let gone = |open: &mut (Connection, Framer)| open.0.is_gone();
        self.open.take_if(gone).is_some()
    }

    /// Sends again what was not acknowledged.
    pub fn timeout(&mut self, now: Instant) {
        if let Some((connection, _)) = &mut self.open {
            connection.timeout(now);
        }
    }

    /// When [`Wire::timeout`] is wanted next.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.open.as_ref()?.0.next_timeout()
    }

    /// The next segment to send.
    pub fn poll_transmit(&mut self) -> Option<Datagram> {
        let (connection, _) = self.open.as_mut()?;
        Some(Datagram {
            source: self.own,
            destination: self.remote,
            payload: connection.poll_transmit()?,
        })
    }
}
