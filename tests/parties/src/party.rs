//! The seam every party shares: datagrams in, datagrams out, one wake-up time.

use std::net::SocketAddr;

use strait_shared::time::Instant;

/// One UDP datagram, addressed as its current network segment sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Datagram {
    /// Who sent it, as seen here: NATs on the way have rewritten it.
    pub source: SocketAddr,
    /// Whom it is for, as seen here.
    pub destination: SocketAddr,
    /// The UDP payload.
    pub payload: Vec<u8>,
}

/// Something that takes part in the network through datagrams alone.
pub trait Party {
    /// A datagram has arrived at one of the party's addresses.
    fn receive(&mut self, now: Instant, datagram: &Datagram);

    /// Time has passed; does whatever is due by `now`. Calling early or late is harmless.
    fn timeout(&mut self, now: Instant);

    /// When [`Party::timeout`] is wanted next.
    fn next_timeout(&self) -> Option<Instant>;

    /// The next datagram to send, in order, until there is none.
    fn poll_transmit(&mut self) -> Option<Datagram>;
}
