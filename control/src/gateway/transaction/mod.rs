//! The SIP transaction layer: RFC 3261 §17 with RFC 6026, response routing of RFC 3581, matching,
//! CANCEL (§9) and the ACK for final responses other than 2xx.
//!
//! Pure: time comes in as `now`, messages leave through [`Outputs`], and what became of a
//! transaction waits in [`Transactions::poll_event`]. The user calls [`Transactions::timeout`] no
//! later than [`Transactions::next_timeout`] says. Every transaction that was handed out ends with
//! exactly one event, whatever its peer does; everything is bounded (`limits`).

mod client_machine;
mod clients;
pub mod limits;
mod matching;
mod server_machine;
mod servers;
mod step;
pub mod timing;
pub mod way_back;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use strait_shared::time::Instant;
use thiserror::Error;

use self::clients::Clients;
use self::servers::Servers;
use self::timing::Timing;
use self::way_back::WayBack;
use super::io::{ConnectionId, Flow, Output};
use crate::sip::{Fault, Message, Method, Status};

/// Where the layer puts what is to be sent.
pub type Outputs = VecDeque<Output>;

/// A server transaction: a request we answer. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ServerId(u64);

/// A client transaction: a request we sent. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId(u64);

/// How the layer behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// The base timer values.
    pub timing: Timing,
    /// By realm: whether UDP responses always go to the source port, asked for (`rport`) or not,
    /// because its terminals are behind NATs. Realms beyond the end are not.
    pub symmetric_realms: Vec<bool>,
    /// Most server transactions at once.
    pub max_servers: usize,
    /// Most client transactions at once; a CANCEL always fits.
    pub max_clients: usize,
    /// Most bytes of messages kept at once by server transactions.
    pub max_retained_server_bytes: usize,
    /// Most bytes of messages kept at once by client transactions.
    pub max_retained_client_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timing: Timing::default(),
            symmetric_realms: Vec::new(),
            max_servers: limits::MAX_SERVER_TRANSACTIONS,
            max_clients: limits::MAX_CLIENT_TRANSACTIONS,
            max_retained_server_bytes: limits::MAX_RETAINED_BYTES / 2,
            max_retained_client_bytes: limits::MAX_RETAINED_BYTES / 2,
        }
    }
}

/// Whether what a request belongs to stands already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// A request of a call that stands, or of our own: it may use what is reserved.
    Known,
    /// Anyone's.
    New,
}

impl Standing {
    /// Its share of a bound.
    pub fn share(self, bound: usize) -> usize {
        match self {
            Standing::Known => bound,
            Standing::New => bound - bound / limits::RESERVED_PART,
        }
    }
}

/// A request to be sent.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Its method; not ACK.
    pub method: Method<'a>,
    /// The branch of its top Via, which must not have been used before.
    pub branch: &'a [u8],
    /// The whole of it.
    pub bytes: Vec<u8>,
    /// What it belongs to.
    pub standing: Standing,
}

/// What a received request is to the layer's user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestOutcome {
    /// To be handled and answered.
    New(ServerId),
    /// A copy of a request that is being handled, come by another path: to be answered 482
    /// (RFC 3261 §8.2.2.2).
    Merged(ServerId),
    /// Seen before; the last response was sent again where there was one.
    Retransmission,
    /// The ACK for a final response other than 2xx; nothing is left to do.
    AckAbsorbed(ServerId),
    /// An ACK that belongs to no such transaction: for a 2xx, or for nothing.
    AckForSuccess,
    /// An INVITE is cancelled: answer `cancel` with 200, and `invite` with 487 unless it has its
    /// final response (RFC 3261 §9.2).
    Cancel {
        /// The INVITE.
        invite: ServerId,
        /// The CANCEL.
        cancel: ServerId,
    },
    /// A CANCEL for nothing we know: answer 481.
    CancelUnmatched(ServerId),
}

/// Why no transaction was made of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum Refused {
    /// It lacks what transactions are told apart by.
    #[error("{0}")]
    Malformed(#[from] Fault),
    /// A bound is reached; the request may be answered statelessly (see [`WayBack`]).
    #[error("Too Many Transactions")]
    Full,
}

/// What a received response is to the layer's user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseOutcome {
    /// To be handled. Every 2xx to an INVITE is delivered, retransmissions too (RFC 6026 §8.4).
    Deliver(ClientId),
    /// A retransmission, or an answer to our CANCEL.
    Absorbed,
    /// It answers nothing we asked, and is to be dropped (RFC 6026 §8.9).
    Stray,
}

/// What became of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Nobody has answered an INVITE in time (timer B): as if 408 had come. Who has heard its last
    /// copy is cancelled as soon as it rings, and what it answers is still delivered.
    ClientGivenUp(ClientId),
    /// No final response came in time (timers C, F, or after a CANCEL): as if 408 had come.
    ClientTimeout(ClientId),
    /// The request could not be delivered: as if 503 had come (RFC 3261 §8.1.3.1).
    ClientUnreachable(ClientId),
    /// It ended as it should; nothing more will be delivered for it.
    ClientTerminated(ClientId),
    /// No ACK came for the final response (timer H), or the user gave no response in time.
    ServerTimeout(ServerId),
    /// It ended as it should; nothing more can be answered.
    ServerTerminated(ServerId),
}

/// All transactions of the process.
#[derive(Debug)]
pub struct Transactions {
    servers: Servers,
    clients: Clients,
    events: VecDeque<Event>,
}

impl Transactions {
    /// No transactions yet.
    pub fn new(config: Config) -> Self {
        Self {
            servers: Servers::new(config.clone()),
            clients: Clients::new(config),
            events: VecDeque::new(),
        }
    }

    /// Takes in a request that came by `flow`. A CANCEL of what is here is always known.
    pub fn receive_request(
        &mut self,
        now: Instant,
        flow: Flow,
        message: &Message,
        standing: Standing,
        out: &mut Outputs,
    ) -> Result<RequestOutcome, Refused> {
        self.servers.receive(now, flow, message, standing, out)
    }

    /// Answers a request. `bytes` is the whole response, starting with [`WayBack::vias`]. False
    /// when the transaction is over or has its final response: then nothing is sent.
    pub fn respond(
        &mut self,
        now: Instant,
        server: ServerId,
        status: Status,
        bytes: Vec<u8>,
        out: &mut Outputs,
    ) -> bool {
        self.servers.respond(now, server, status, bytes, out)
    }

    /// Sends a request other than ACK, statefully. `None` when there is no room.
    pub fn start(
        &mut self,
        now: Instant,
        flow: Flow,
        request: Outgoing<'_>,
        out: &mut Outputs,
    ) -> Option<ClientId> {
        self.clients.start(now, flow, request, out)
    }

    /// A request as it was sent, as long as it may be sent again or derived from.
    pub fn request(&self, client: ClientId) -> Option<&[u8]> {
        self.clients.request(client)
    }

    /// Cancels an INVITE: now, or as soon as a provisional response allows it (RFC 3261 §9.1), or
    /// not at all if a final one comes first. `reason` is the value of a Reason header (RFC 3326)
    /// for the CANCEL. The INVITE's own final response is delivered as always; failing that,
    /// [`Event::ClientTimeout`] comes.
    pub fn cancel(
        &mut self,
        now: Instant,
        client: ClientId,
        reason: Option<&[u8]>,
        out: &mut Outputs,
    ) {
        self.clients.cancel(now, client, reason, out);
    }

    /// Whether an INVITE was cancelled: because it was asked for, or because nobody answered it for
    /// as long as Timer C allows (RFC 3261 §16.8).
    pub fn is_cancelled(&self, client: ClientId) -> bool {
        self.clients.is_cancelled(client)
    }

    /// Gives a request up: it is not sent again, and what may have been heard of an INVITE is
    /// cancelled as by [`Self::cancel`]. Late responses are delivered.
    pub fn abandon(&mut self, now: Instant, client: ClientId, out: &mut Outputs) {
        self.clients.abandon(now, client, out);
    }

    /// Takes in a response that came by `flow`.
    pub fn receive_response(
        &mut self,
        now: Instant,
        message: &Message,
        flow: &Flow,
        out: &mut Outputs,
    ) -> ResponseOutcome {
        self.clients.receive(now, message, flow, out)
    }

    /// A connection that was asked for by sending is open: `flow` now has its number.
    pub fn connected(&mut self, flow: &Flow) {
        self.clients.connected(flow);
    }

    /// A connection is gone. Requests sent on it that nothing has answered fail; responses still
    /// to come go out on a new connection (RFC 3261 §18.2.2).
    pub fn disconnected(&mut self, connection: ConnectionId) {
        self.clients.disconnected(connection, &mut self.events);
        self.servers.disconnected(connection);
    }

    /// What was sent to `flow` did not arrive; `branch` narrows it to one request. Requests that
    /// something has answered are left to their timers.
    pub fn unreachable(&mut self, flow: &Flow, branch: Option<&[u8]>) {
        self.clients.unreachable(flow, branch, &mut self.events);
    }

    /// Does what is due at `now`.
    pub fn timeout(&mut self, now: Instant, out: &mut Outputs) {
        self.servers.timeout(now, out, &mut self.events);
        self.clients.timeout(now, out, &mut self.events);
    }

    /// What became of transactions, in order; to be called until it answers `None`.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Self::timeout`] wants to be called next.
    pub fn next_timeout(&self) -> Option<Instant> {
        [self.servers.next_timeout(), self.clients.next_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// How responses to a request travel, and the Vias they carry; `None` once it is over.
    pub fn way_back(&self, server: ServerId) -> Option<&WayBack> {
        self.servers.way_back(server)
    }

    /// Whether a final response can still be given.
    pub fn is_unanswered(&self, server: ServerId) -> bool {
        self.servers.is_unanswered(server)
    }

    /// The way responses to a message go that no transaction is made of.
    pub fn stateless_way_back(&self, message: &Message, flow: Flow) -> WayBack {
        self.servers.stateless_way_back(message, flow)
    }

    /// How many bytes of messages are kept for server and client transactions.
    pub fn retained_bytes(&self) -> (usize, usize) {
        (self.servers.retained_bytes(), self.clients.retained_bytes())
    }

    /// How many server and client transactions there are.
    pub fn len(&self) -> (usize, usize) {
        (self.servers.len(), self.clients.len())
    }
}
