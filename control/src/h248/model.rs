//! What a message says, as far as a proxy must know it, whichever way it is encoded.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// How a message is encoded; its first octets tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Encoding {
    /// H.248.1 Annex B, with long tokens.
    Text,
    /// H.248.1 Annex B, with short tokens.
    Compact,
    /// H.248.1 Annex A: ASN.1 in BER.
    Binary,
}

/// Where something stands in one message: given by the message that was read, meaningful to it
/// alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Site(pub u32);

/// Something, and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed<T> {
    /// What stands there.
    pub value: T,
    /// Where.
    pub site: Site,
}

/// Who sends a message, or where another controller is (`mId`, H.248.1 §8.3, Annex B).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum MessageId {
    /// An IP address: `[10.0.0.1]:2944`.
    Address {
        /// The address.
        ip: IpAddr,
        /// The port, where one is named.
        port: Option<u16>,
    },
    /// A domain name: `<mg1.example.net>:2944`.
    Domain {
        /// The name as it is written.
        name: Box<str>,
        /// The port, where one is named.
        port: Option<u16>,
    },
    /// A device's name: `mg1/access`.
    Device(Box<str>),
    /// An address of the message transfer part: 2 to 4 octets.
    Mtp(Box<[u8]>),
}

/// Where replies and commands are to be sent (`ServiceChangeAddress`, H.248.1 §7.2.8).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ServiceChangeAddress {
    /// Another port of the address the message came from.
    Port(u16),
    /// Somewhere else.
    Elsewhere(MessageId),
}

/// A message (H.248.1 §8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Content {
    /// The protocol's version, 1 to 3 as known.
    pub version: u16,
    /// Who sends it.
    pub sender: Placed<MessageId>,
    /// Whether an authentication header stands before it (H.248.1 §10.2): then no octet of it
    /// may be changed without the receiver noticing.
    pub authenticated: bool,
    /// What it carries.
    pub body: Body,
}

/// What a message carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// The last message was none (H.248.1 §8.3).
    Error(ErrorDescriptor),
    /// Transactions, at least one.
    Transactions(Vec<Transaction>),
}

/// A transaction's number: unique between two parties, for the requests of one of them
/// (H.248.1 §8.1.1). 0 stands for none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TransactionId(pub u32);

/// One transaction of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction {
    /// The whole of it.
    pub site: Site,
    /// What it is.
    pub kind: TransactionKind,
}

/// What a transaction is (H.248.1 §8.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TransactionKind {
    /// Commands to be carried out.
    Request {
        /// Its number.
        id: TransactionId,
        /// What is to be done in which context.
        actions: Vec<Action>,
    },
    /// What came of a request.
    Reply {
        /// The request's number.
        id: TransactionId,
        /// Its receiver shall say at once that it has arrived (H.248.1 Annex D.1.2.2).
        acknowledge: bool,
        /// Which part of the reply this is (version 3), and whether it is the last.
        segment: Option<Segment>,
        /// What was done, or why nothing was.
        result: Result<Vec<Action>, ErrorDescriptor>,
    },
    /// A request is being worked on.
    Pending {
        /// The request's number.
        id: TransactionId,
    },
    /// Replies have arrived (`TransactionResponseAck`): these numbers, both ends included.
    Acknowledgement {
        /// First and last of each range.
        ranges: Vec<(TransactionId, TransactionId)>,
    },
    /// A segment of a reply has arrived (version 3).
    SegmentReply {
        /// The request's number.
        id: TransactionId,
        /// Which segment.
        segment: Segment,
    },
}

/// Which part of a reply something is (H.248.1 version 3 §8.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// From 1.
    pub number: u16,
    /// None follows.
    pub last: bool,
}

/// Which context commands are about (H.248.1 §6.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ContextId {
    /// `-`: terminations that are in none.
    Null,
    /// `$`: one that the gateway chooses.
    Choose,
    /// `*`: all.
    All,
    /// One.
    Number(u32),
}

/// Commands about one context, or their replies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Action {
    /// The context.
    pub context: ContextId,
    /// The commands, or their replies, in order.
    pub commands: Vec<Command>,
    /// What went wrong with the action as a whole (replies only); the commands before it stand.
    pub error: Option<ErrorDescriptor>,
}

/// What a command does (H.248.1 §7.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CommandKind {
    /// A termination is added to a context.
    Add,
    /// A termination is moved here from another context.
    Move,
    /// A termination is changed.
    Modify,
    /// A termination leaves its context.
    Subtract,
    /// What is a termination's state?
    AuditValue,
    /// What could it be?
    AuditCapability,
    /// Something has happened at a termination.
    Notify,
    /// Terminations, a gateway or a controller go into or out of service.
    ServiceChange,
}

/// One command of a request, or its reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// What it does.
    pub kind: CommandKind,
    /// It may fail without the rest of the transaction being given up (`O-`).
    pub optional: bool,
    /// One reply for all that a wildcard names (`W-`).
    pub wildcard_reply: bool,
    /// What it is about: one, or a list (version 3).
    pub terminations: Vec<TerminationId>,
    /// What its media descriptors say, by stream; empty where there is none.
    pub streams: Vec<Stream>,
    /// What changes (ServiceChange only).
    pub service_change: Option<ServiceChange>,
    /// Why it failed (replies only).
    pub error: Option<ErrorDescriptor>,
}

/// A termination's name (H.248.1 §6.2.2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TerminationId {
    /// The name in lower case (text), or its octets (binary).
    pub name: Box<[u8]>,
    /// Whether parts of it are left open.
    pub wildcard: Wildcard,
}

impl TerminationId {
    /// Whether it is the gateway as a whole.
    pub fn is_root(&self) -> bool {
        let root: [&[u8]; 2] = [b"root", &[0xff; 8]];
        self.wildcard == Wildcard::None && root.contains(&&*self.name)
    }

    /// Whether a termination of that name is among those it stands for.
    pub fn covers(&self, name: &[u8]) -> bool {
        match &self.wildcard {
            Wildcard::None => *self.name == *name,
            Wildcard::Choose(pattern) | Wildcard::All(pattern) => pattern.fits(&self.name, name),
        }
    }
}

impl Pattern {
    fn fits(&self, pattern: &[u8], name: &[u8]) -> bool {
        match *self {
            Self::Path if pattern == b"*" => true,
            Self::Path => {
                let (mut parts, mut own) = (pattern.split(is_slash), name.split(is_slash));
                loop {
                    match (parts.next(), own.next()) {
                        (None, None) => return true,
                        (Some(part), Some(own)) if part == b"*" || part == own => {}
                        _ => return false,
                    }
                }
            }
            Self::Prefix { bits } => {
                let (whole, rest) = (usize::from(bits / 8), bits % 8);
                let start = |name: &[u8]| name.get(..whole).map(<[u8]>::to_vec);
                let mask = !(0xff_u8 >> rest);
                let next = |name: &[u8]| name.get(whole).map_or(0, |octet| octet & mask);
                let same = pattern.len() == name.len() && start(pattern) == start(name);
                same && (rest == 0 || next(pattern) == next(name))
            }
        }
    }
}

fn is_slash(byte: &u8) -> bool {
    *byte == b'/'
}

/// What a termination's name leaves open.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Wildcard {
    /// Nothing: it names one termination, `ROOT` included.
    None,
    /// `$`: the gateway chooses.
    Choose(Pattern),
    /// `*`: all that fit.
    All(Pattern),
}

/// Which names fit a wildcard.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Pattern {
    /// Text: the name itself has `*` or `$` in the place of whole parts between its slashes.
    Path,
    /// Binary: how many bits from the left must be the name's own (Annex A, `WildcardField`).
    Prefix {
        /// The bits that are given.
        bits: u8,
    },
}

/// What a media descriptor says about one stream (H.248.1 §7.1.4 to §7.1.8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stream {
    /// Its number; 1 where only one is meant and none is written.
    pub id: u16,
    /// Which way media may flow, where it is said.
    pub mode: Option<Mode>,
    /// What the gateway receives.
    pub local: Option<Descriptor>,
    /// What its remote party receives.
    pub remote: Option<Descriptor>,
}

/// Which way media may flow between a termination and the outside of its context
/// (H.248.1 §7.1.7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// From the gateway out.
    SendOnly,
    /// Into the gateway.
    ReceiveOnly,
    /// Both.
    SendReceive,
    /// Neither.
    Inactive,
    /// What comes in goes back out.
    LoopBack,
}

/// A Local or Remote descriptor: session descriptions, each from its `v=` line on, `$` where the
/// gateway chooses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// Where it stands.
    pub site: Site,
    /// The descriptions as text: in the text encoding the octets between the braces without their
    /// escapes; in the binary one a line for each property, CRLF at its end. Empty where the
    /// descriptor is.
    pub text: Vec<u8>,
}

/// What a ServiceChange says (H.248.1 §7.2.8); a reply to one says the same with fewer fields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceChange {
    /// What happens; nothing in replies.
    pub method: Option<ServiceChangeMethod>,
    /// Why, by its number: 901 for a cold boot.
    pub reason: Option<u16>,
    /// Where it is to be answered from now on.
    pub address: Option<Placed<ServiceChangeAddress>>,
    /// The controller to turn to (`ServiceChangeMgcId`), the `mgcIdToTry`.
    pub controller: Option<Placed<MessageId>>,
    /// The protocol's version that is proposed or accepted.
    pub version: Option<u16>,
}

/// What happens to terminations, a gateway or a controller (H.248.1 §7.2.8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ServiceChangeMethod {
    /// They go when what they do has ended.
    Graceful,
    /// They are gone, and what they did.
    Forced,
    /// They are back, as new.
    Restart,
    /// They are back, with what they did.
    Disconnected,
    /// The controller gives its gateways to another.
    Handoff,
    /// The gateway takes another controller because its own has failed.
    Failover,
    /// An extension's.
    Other,
}

/// Why something was not done (H.248.8).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorDescriptor {
    /// The code.
    pub code: ErrorCode,
    /// For people.
    pub text: Box<str>,
}

/// An error code (H.248.8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    /// Syntax error in message.
    pub const SYNTAX_IN_MESSAGE: Self = Self(400);
    /// Protocol error.
    pub const PROTOCOL: Self = Self(401);
    /// Unauthorized.
    pub const UNAUTHORIZED: Self = Self(402);
    /// Syntax error in transaction request.
    pub const SYNTAX_IN_REQUEST: Self = Self(403);
    /// Version not supported.
    pub const VERSION_NOT_SUPPORTED: Self = Self(406);
    /// Incorrect identifier.
    pub const INCORRECT_IDENTIFIER: Self = Self(410);
    /// The transaction refers to an unknown context.
    pub const UNKNOWN_CONTEXT: Self = Self(411);
    /// Number of transactions in message exceeds maximum.
    pub const TOO_MANY_TRANSACTIONS: Self = Self(413);
    /// Unknown termination.
    pub const UNKNOWN_TERMINATION: Self = Self(430);
    /// Syntax error in command.
    pub const SYNTAX_IN_COMMAND: Self = Self(442);
    /// Unsupported or invalid property value.
    pub const BAD_PROPERTY_VALUE: Self = Self(449);
    /// Internal error in the gateway.
    pub const INTERNAL: Self = Self(500);
    /// Not ready.
    pub const NOT_READY: Self = Self(502);
    /// Service unavailable.
    pub const SERVICE_UNAVAILABLE: Self = Self(503);
    /// Command received from unauthorized entity.
    pub const UNAUTHORIZED_ENTITY: Self = Self(504);
    /// Transaction request received before a ServiceChange reply has been received.
    pub const BEFORE_SERVICE_CHANGE: Self = Self(505);
    /// Insufficient resources.
    pub const INSUFFICIENT_RESOURCES: Self = Self(510);
}

/// Why octets are no message: what the protocol answers, and where reading stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason} at octet {at}")]
pub struct SyntaxError {
    /// What is answered (H.248.8).
    pub code: ErrorCode,
    /// What was expected.
    pub reason: &'static str,
    /// How far reading came.
    pub at: usize,
}
