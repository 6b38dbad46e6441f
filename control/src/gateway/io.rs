//! What goes into the gateway and what comes out: plain values, no sockets.

use std::net::SocketAddr;

use std::sync::Arc;

use strait_shared::command::{Command, Event, RejectReason};

pub use strait_config::RealmIndex;

use crate::sip::Uri;
use crate::users::Users;

/// Index of a signalling address within its realm, in the configuration's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ListenerIndex(pub u16);

/// The transport a message arrived by or leaves by (RFC 3261 §18).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// One message, one datagram.
    Udp,
    /// Messages framed by Content-Length on a connection.
    Tcp,
}

impl Transport {
    /// The one that a URI names (RFC 3261 §19.1.1), where we know it.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let name = uri.params.value("transport")?;
        let known = [("udp", Self::Udp), ("tcp", Self::Tcp)];
        let named = known.into_iter().find(|(known, _)| name.is(known));
        named.map(|(_, transport)| transport)
    }
}

impl From<strait_config::Transport> for Transport {
    fn from(transport: strait_config::Transport) -> Self {
        match transport {
            strait_config::Transport::Udp => Self::Udp,
            strait_config::Transport::Tcp => Self::Tcp,
        }
    }
}

/// Names one question to the DNS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LookupId(pub u64);

/// A question: where the SIP servers of a domain are (RFC 3263 §4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lookup {
    /// Comes back with the answer.
    pub id: LookupId,
    /// The domain or host name, in lower case; never an address.
    pub host: Box<str>,
    /// The port, where the URI named one: then there is nothing to ask of SRV.
    pub port: Option<u16>,
    /// The transport, where the URI named one: then there is nothing to ask of NAPTR.
    pub transport: Option<Transport>,
}

/// One place where a domain's requests may be sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Hop {
    /// UDP or TCP.
    pub transport: Transport,
    /// Address and port, of either family.
    pub address: SocketAddr,
}

/// Why a [`Lookup`] found no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LookupError {
    /// The DNS says that there is no such name (RFC 2308 §2.1).
    #[error("there is no such domain")]
    NoSuchDomain,
    /// The domain has no SIP server that we could reach, or says that it has none (RFC 2782, a
    /// target of `.`).
    #[error("the domain names no SIP server")]
    NoServer,
    /// No server of the DNS answered in time.
    #[error("the DNS did not answer in time")]
    TimedOut,
    /// The servers of the DNS answered with an error, or nonsense, or in a circle.
    #[error("the DNS answered with an error")]
    Failed,
}

/// A TCP connection's number, given by the transport; never reused while the process lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// The path a party is reached on: our listener, its address as we see it, and its connection.
///
/// For UDP this is the NAT binding the party was heard on; for TCP the connection it opened. A
/// flow with transport TCP and no connection asks the transport to open one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flow {
    /// The realm the listener belongs to.
    pub realm: RealmIndex,
    /// Which of the realm's listeners sends and receives on this flow.
    pub listener: ListenerIndex,
    /// UDP or TCP.
    pub transport: Transport,
    /// The party's address and port as seen by us, i.e. after any NAT.
    pub remote: SocketAddr,
    /// The TCP connection, once there is one.
    pub connection: Option<ConnectionId>,
}

/// What happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// A whole message, as framed by the transport.
    Message {
        /// Where it came from.
        flow: Flow,
        /// The message's bytes.
        bytes: &'a [u8],
    },
    /// A keep-alive from a party (RFC 5626 §3.5.1: CRLFCRLF on TCP, CRLF or empty on UDP).
    /// The transport has already answered a ping with a pong where one is owed.
    KeepAlive {
        /// Where it came from.
        flow: Flow,
    },
    /// A connection asked for with [`Output::Send`] is open, or one was accepted.
    Connected {
        /// The flow, with its connection filled in.
        flow: Flow,
    },
    /// A connection is gone: everything bound to it is told.
    Disconnected {
        /// The connection that closed.
        connection: ConnectionId,
    },
    /// What was sent to `flow` could not be (ICMP unreachable, connection refused): RFC 3261
    /// §17.1.4.
    SendFailed {
        /// Where it was to go.
        flow: Flow,
        /// The branch of the request that failed, where the transport knew it.
        branch: Option<Vec<u8>>,
    },
    /// The dataplane reports something about a slot.
    Media(Event),
    /// The dataplane did not apply a command: what [`Event::Rejected`] says, with the command
    /// looked up by whoever numbered it.
    MediaRejected {
        /// The command.
        command: Command,
        /// Why.
        reason: RejectReason,
    },
    /// The dataplane has begun anew, with a table in which nothing is open: no call that stands
    /// has media any more.
    MediaLost,
    /// What the DNS said to an [`Output::Resolve`].
    Resolved {
        /// The question's.
        id: LookupId,
        /// Places in the order they are to be tried.
        answer: Result<Vec<Hop>, LookupError>,
    },
    /// The users of a realm have been read.
    Users {
        /// The realm.
        realm: RealmIndex,
        /// Its users, in place of those before.
        users: Arc<Users>,
    },
    /// Something the operator asked for.
    Operator(OperatorCommand),
}

/// What the operator may ask of a running gateway.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OperatorCommand {
    /// End one call, towards both sides, with BYE or CANCEL.
    EndCall(CallNumber),
    /// Take no new calls and registrations (503 with Retry-After); let what stands end.
    Drain,
    /// End every call now.
    EndAllCalls,
}

/// A call's number, unique for the life of the process; shown to the operator and in records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallNumber(pub u64);

/// What the shell is to do, in order.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes.
    Send {
        /// To whom and how.
        flow: Flow,
        /// The whole message.
        bytes: Vec<u8>,
    },
    /// Put this on the command ring of the worker that owns the slot.
    Media(Command),
    /// Ask the DNS; the answer comes as [`Input::Resolved`].
    Resolve(Lookup),
    /// A call has ended: write its record.
    Record(Box<crate::gateway::record::CallRecord>),
    /// Something the operator should read; rate-limited by the gateway.
    Log(LogLine),
    /// Close this connection: its party broke the protocol.
    Close(ConnectionId),
}

/// A line for the log, with what a person needs to find the cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// What happened, where (call-id, address) and what to do about it.
    pub text: String,
}

/// How much a log line matters, least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LogLevel {
    /// For whoever is debugging.
    Debug,
    /// A state changed.
    Info,
    /// Someone should look.
    Warn,
}
