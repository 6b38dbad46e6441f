//! The protocol's words: verbs, return codes, parameters, modes.

use super::limits::MAX_TRANSACTION;
use crate::sip::Text;

/// What a command does (RFC 3435 §3.2.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb<'a> {
    /// EPCF: how an endpoint's line is coded.
    EndpointConfiguration,
    /// CRCX: an endpoint gets a connection.
    CreateConnection,
    /// MDCX: a connection is changed.
    ModifyConnection,
    /// DLCX: connections end; sent by either side.
    DeleteConnection,
    /// RQNT: what is to be signalled, watched for and told.
    NotificationRequest,
    /// NTFY: what was watched for has happened.
    Notify,
    /// AUEP: what is an endpoint's state?
    AuditEndpoint,
    /// AUCX: what is a connection's?
    AuditConnection,
    /// RSIP: endpoints go into or out of service.
    RestartInProgress,
    /// An extension's, as written.
    Other(Text<'a>),
}

impl<'a> Verb<'a> {
    /// The verb written as `text`: four letters or digits, a letter first.
    pub(super) fn read(text: Text<'a>) -> Option<Self> {
        let form = text.len() == 4 && text[0].is_ascii_alphabetic();
        if !form || !text.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let known = VERBS.iter().find(|(word, _)| text.is(word));
        Some(known.map_or(Self::Other(text), |(_, verb)| *verb))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        let known = VERBS.iter().find(|(_, verb)| verb == self);
        match (known, self) {
            (Some((word, _)), _) => word,
            (None, Self::Other(text)) => text.as_str().unwrap_or_default(),
            (None, _) => "",
        }
    }
}

const VERBS: [(&str, Verb<'static>); 9] = [
    ("EPCF", Verb::EndpointConfiguration),
    ("CRCX", Verb::CreateConnection),
    ("MDCX", Verb::ModifyConnection),
    ("DLCX", Verb::DeleteConnection),
    ("RQNT", Verb::NotificationRequest),
    ("NTFY", Verb::Notify),
    ("AUEP", Verb::AuditEndpoint),
    ("AUCX", Verb::AuditConnection),
    ("RSIP", Verb::RestartInProgress),
];

/// A transaction's number, 1 to 999 999 999: unique between two parties for the commands of one
/// of them (RFC 3435 §3.2.1.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TransactionId(u32);

impl TransactionId {
    /// The number, where it is one.
    pub fn new(number: u32) -> Option<Self> {
        (1..=MAX_TRANSACTION)
            .contains(&number)
            .then_some(Self(number))
    }

    /// The number.
    pub fn number(self) -> u32 {
        self.0
    }
}

/// Transactions whose responses have arrived, both ends included (RFC 3435 §3.2.2.1).
pub type TransactionRange = std::ops::RangeInclusive<TransactionId>;

/// What came of a command, 000 to 999 (RFC 3435 §2.4, RFC 3661).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ReturnCode(pub u16);

impl ReturnCode {
    /// A response has arrived: sent where one asked to be acknowledged (RFC 3435 §3.5.6).
    pub const RESPONSE_ACK: Self = Self(0);
    /// The command is being worked on.
    pub const PENDING: Self = Self(100);
    /// The command was carried out.
    pub const OK: Self = Self(200);
    /// The connections were deleted.
    pub const DELETED: Self = Self(250);
    /// Something that will pass.
    pub const TRANSIENT: Self = Self(400);
    /// No resources at this time.
    pub const INSUFFICIENT_RESOURCES_NOW: Self = Self(403);
    /// The endpoint is restarting.
    pub const RESTARTING: Self = Self(405);
    /// Too much at this time.
    pub const OVERLOAD: Self = Self(409);
    /// Unknown endpoint.
    pub const UNKNOWN_ENDPOINT: Self = Self(500);
    /// The endpoint is not ready.
    pub const NOT_READY: Self = Self(501);
    /// No resources.
    pub const INSUFFICIENT_RESOURCES: Self = Self(502);
    /// Unknown command.
    pub const UNKNOWN_COMMAND: Self = Self(504);
    /// A session description that cannot be used.
    pub const UNSUPPORTED_DESCRIPTION: Self = Self(505);
    /// A session description that is none.
    pub const DESCRIPTION_ERROR: Self = Self(509);
    /// What came is no command.
    pub const PROTOCOL_ERROR: Self = Self(510);
    /// No such connection.
    pub const INCORRECT_CONNECTION: Self = Self(515);
    /// No such call.
    pub const UNKNOWN_CALL: Self = Self(516);
    /// The endpoint is restarting, for good.
    pub const ENDPOINT_RESTARTING: Self = Self(520);
    /// The endpoint belongs to another call agent.
    pub const REDIRECTED: Self = Self(521);
    /// Another version of the protocol.
    pub const INCOMPATIBLE_VERSION: Self = Self(528);

    /// The last word has not been spoken yet.
    pub fn is_provisional(self) -> bool {
        (100..200).contains(&self.0)
    }

    /// The command was carried out.
    pub fn is_success(self) -> bool {
        (200..300).contains(&self.0)
    }

    /// What we say for people.
    pub(super) fn comment(self) -> &'static str {
        match self {
            Self::PENDING => "Pending",
            code if code.is_success() => "OK",
            Self::INSUFFICIENT_RESOURCES_NOW | Self::INSUFFICIENT_RESOURCES => {
                "Insufficient resources"
            }
            Self::RESTARTING | Self::ENDPOINT_RESTARTING => "Endpoint is restarting",
            Self::OVERLOAD => "Overload",
            Self::UNKNOWN_ENDPOINT => "Unknown endpoint",
            Self::NOT_READY => "Endpoint is not ready",
            Self::UNKNOWN_COMMAND => "Unknown command",
            Self::UNSUPPORTED_DESCRIPTION => "Unsupported session description",
            Self::DESCRIPTION_ERROR => "Error in session description",
            Self::PROTOCOL_ERROR => "Protocol error",
            Self::INCORRECT_CONNECTION => "Incorrect connection identifier",
            Self::UNKNOWN_CALL => "Unknown call identifier",
            Self::REDIRECTED => "Endpoint redirected",
            Self::INCOMPATIBLE_VERSION => "Incompatible protocol version",
            code if code.0 < 100 => "",
            _ => "Error",
        }
    }
}

/// Which parameter a line is (RFC 3435 §3.2.2), as far as a proxy reads it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ParameterName {
    /// `K`: transactions whose responses have arrived.
    ResponseAck,
    /// `C`: the call.
    CallId,
    /// `I`: the connection.
    ConnectionId,
    /// `I2`: the connection of the second endpoint.
    SecondConnectionId,
    /// `N`: who is to be told.
    NotifiedEntity,
    /// `X`: which request something answers.
    RequestIdentifier,
    /// `L`: codecs, periods, network.
    LocalConnectionOptions,
    /// `M`: which way media may flow.
    ConnectionMode,
    /// `P`: counters.
    ConnectionParameters,
    /// `E`: why.
    ReasonCode,
    /// `Z`: which endpoint it became.
    SpecificEndpointId,
    /// `Z2`: the other endpoint of a connection within the gateway.
    SecondEndpointId,
    /// `F`: what is asked.
    RequestedInfo,
    /// `RM`: how an endpoint restarts.
    RestartMethod,
    /// `RD`: when, in seconds.
    RestartDelay,
    /// Any other: digit maps, events, signals, capabilities, extensions.
    Other,
}

impl ParameterName {
    /// The parameter whose code is `text`.
    pub fn new(text: &[u8]) -> Self {
        let known = CODES
            .iter()
            .find(|(code, _)| text.eq_ignore_ascii_case(code.as_bytes()));
        known.map_or(Self::Other, |(_, name)| *name)
    }

    /// Whether a second line of it would leave open which one counts.
    pub(super) fn stands_once(self) -> bool {
        matches!(
            self,
            Self::CallId
                | Self::ConnectionMode
                | Self::NotifiedEntity
                | Self::RestartMethod
                | Self::SecondConnectionId
                | Self::SecondEndpointId
        )
    }
}

const CODES: [(&str, ParameterName); 15] = [
    ("K", ParameterName::ResponseAck),
    ("C", ParameterName::CallId),
    ("I", ParameterName::ConnectionId),
    ("I2", ParameterName::SecondConnectionId),
    ("N", ParameterName::NotifiedEntity),
    ("X", ParameterName::RequestIdentifier),
    ("L", ParameterName::LocalConnectionOptions),
    ("M", ParameterName::ConnectionMode),
    ("P", ParameterName::ConnectionParameters),
    ("E", ParameterName::ReasonCode),
    ("Z", ParameterName::SpecificEndpointId),
    ("Z2", ParameterName::SecondEndpointId),
    ("F", ParameterName::RequestedInfo),
    ("RM", ParameterName::RestartMethod),
    ("RD", ParameterName::RestartDelay),
];

/// Which way media may flow between an endpoint and a connection (RFC 3435 §3.2.2.6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// From the gateway out.
    SendOnly,
    /// Into the gateway.
    ReceiveOnly,
    /// Both.
    SendReceive,
    /// Both, mixed with the endpoint's other connections.
    Conference,
    /// Neither.
    Inactive,
    /// What the line sends goes back to it: nothing of the network's.
    LoopBack,
    /// The line is being tested: nothing of the network's.
    ContinuityTest,
    /// What comes from the network goes back there.
    NetworkLoopBack,
    /// The network is being tested: what comes goes back, decoded in between.
    NetworkTest,
    /// An extension's.
    Other,
}

impl Mode {
    /// The mode written as `text`.
    pub fn new(text: &[u8]) -> Self {
        let known = MODES
            .iter()
            .find(|(word, _)| text.eq_ignore_ascii_case(word.as_bytes()));
        known.map_or(Self::Other, |(_, mode)| *mode)
    }
}

const MODES: [(&str, Mode); 9] = [
    ("sendonly", Mode::SendOnly),
    ("recvonly", Mode::ReceiveOnly),
    ("sendrecv", Mode::SendReceive),
    ("confrnce", Mode::Conference),
    ("inactive", Mode::Inactive),
    ("loopback", Mode::LoopBack),
    ("conttest", Mode::ContinuityTest),
    ("netwloop", Mode::NetworkLoopBack),
    ("netwtest", Mode::NetworkTest),
];

/// How endpoints go into or out of service (RFC 3435 §2.3.12).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RestartMethod {
    /// They go when what they do has ended, or after the delay.
    Graceful,
    /// They are gone, and their connections.
    Forced,
    /// They are back, without connections.
    Restart,
    /// They are back, with what they did.
    Disconnected,
    /// They stay after all.
    CancelGraceful,
    /// An extension's.
    Other,
}

impl RestartMethod {
    /// The method written as `text`.
    pub fn new(text: &[u8]) -> Self {
        let known = METHODS
            .iter()
            .find(|(word, _)| text.eq_ignore_ascii_case(word.as_bytes()));
        known.map_or(Self::Other, |(_, method)| *method)
    }
}

const METHODS: [(&str, RestartMethod); 5] = [
    ("graceful", RestartMethod::Graceful),
    ("forced", RestartMethod::Forced),
    ("restart", RestartMethod::Restart),
    ("disconnected", RestartMethod::Disconnected),
    ("cancel-graceful", RestartMethod::CancelGraceful),
];
