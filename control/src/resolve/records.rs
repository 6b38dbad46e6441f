//! What the DNS says, as plain values, and whoever can be asked for it.

use std::net::IpAddr;

use crate::gateway::io::LookupError;

/// A NAPTR record (RFC 3403 §4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Naptr {
    /// Lower orders come first; higher ones are not looked at once one fits.
    pub order: u16,
    /// Lower ones come first within one order.
    pub preference: u16,
    /// `s`: the replacement is asked for SRV; empty: it is asked for NAPTR again.
    pub flags: Box<str>,
    /// The service, e.g. `SIP+D2U`.
    pub services: Box<str>,
    /// A substitution; SIP uses none (RFC 3263 §4.1).
    pub regexp: Box<str>,
    /// The name to go on with, without the last dot.
    pub replacement: Box<str>,
}

/// An SRV record (RFC 2782).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Srv {
    /// Lower ones come first.
    pub priority: u16,
    /// Share of the load among those of one priority.
    pub weight: u16,
    /// The port the service is on.
    pub port: u16,
    /// The host, without the last dot; empty where the service is declined.
    pub target: Box<str>,
}

/// Why there is no answer. That there are no such records is an answer: an empty one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unanswered {
    /// There is no such name at all.
    NoSuchName,
    /// Nobody answered.
    TimedOut,
    /// What was answered is an error.
    Failed,
}

impl From<Unanswered> for LookupError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NoSuchName => Self::NoSuchDomain,
            Unanswered::TimedOut => Self::TimedOut,
            Unanswered::Failed => Self::Failed,
        }
    }
}

/// The DNS, as far as SIP asks it. Names have no last dot and are absolute.
pub trait Records {
    /// The NAPTR records of a name.
    async fn naptr(&self, name: &str) -> Result<Vec<Naptr>, Unanswered>;

    /// The SRV records of a name.
    async fn srv(&self, name: &str) -> Result<Vec<Srv>, Unanswered>;

    /// The A records of a name.
    async fn ipv4(&self, name: &str) -> Result<Vec<IpAddr>, Unanswered>;

    /// The AAAA records of a name.
    async fn ipv6(&self, name: &str) -> Result<Vec<IpAddr>, Unanswered>;
}
