//! Request methods. Names are case-sensitive (RFC 3261 §7.1).

use std::fmt;

/// A method known by name, or any other token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method<'a> {
    /// Opens or changes a session.
    Invite,
    /// Confirms the final response to an INVITE.
    Ack,
    /// Ends a session.
    Bye,
    /// Withdraws a pending request.
    Cancel,
    /// Asks for capabilities.
    Options,
    /// Binds an address of record to contacts.
    Register,
    /// Confirms a provisional response (RFC 3262).
    Prack,
    /// Changes a session before it is answered (RFC 3311).
    Update,
    /// Asks for notifications (RFC 6665).
    Subscribe,
    /// Notifies (RFC 6665).
    Notify,
    /// Publishes event state (RFC 3903).
    Publish,
    /// Asks for a request to a third party (RFC 3515).
    Refer,
    /// Carries application data within a session (RFC 6086).
    Info,
    /// Carries an instant message (RFC 3428).
    Message,
    /// Any other, as written.
    Extension(&'a [u8]),
}

impl<'a> Method<'a> {
    /// The method of that name; every token is one.
    pub fn new(name: &'a [u8]) -> Self {
        match name {
            b"INVITE" => Method::Invite,
            b"ACK" => Method::Ack,
            b"BYE" => Method::Bye,
            b"CANCEL" => Method::Cancel,
            b"OPTIONS" => Method::Options,
            b"REGISTER" => Method::Register,
            b"PRACK" => Method::Prack,
            b"UPDATE" => Method::Update,
            b"SUBSCRIBE" => Method::Subscribe,
            b"NOTIFY" => Method::Notify,
            b"PUBLISH" => Method::Publish,
            b"REFER" => Method::Refer,
            b"INFO" => Method::Info,
            b"MESSAGE" => Method::Message,
            other => Method::Extension(other),
        }
    }

    /// The name as it is written.
    pub fn as_bytes(&self) -> &'a [u8] {
        match self {
            Method::Invite => b"INVITE",
            Method::Ack => b"ACK",
            Method::Bye => b"BYE",
            Method::Cancel => b"CANCEL",
            Method::Options => b"OPTIONS",
            Method::Register => b"REGISTER",
            Method::Prack => b"PRACK",
            Method::Update => b"UPDATE",
            Method::Subscribe => b"SUBSCRIBE",
            Method::Notify => b"NOTIFY",
            Method::Publish => b"PUBLISH",
            Method::Refer => b"REFER",
            Method::Info => b"INFO",
            Method::Message => b"MESSAGE",
            Method::Extension(name) => name,
        }
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}
