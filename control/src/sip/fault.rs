//! What can be wrong with a message, and what is owed to whoever sent it.

use std::fmt;

use thiserror::Error;

use super::lines::Lines;
use super::message::Header;
use super::method::Method;
use super::name::HeaderName;
use super::status::Status;

/// One thing wrong with a message. Displays as the reason phrase of the response that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Fault {
    /// Nothing but line ends, or not even those.
    #[error("Empty Message")]
    Empty,
    /// Longer than [`MAX_MESSAGE_BYTES`](super::limits::MAX_MESSAGE_BYTES).
    #[error("Message Too Large")]
    TooLarge,
    /// Neither a request line nor a status line (RFC 3261 §7.1, §7.2).
    #[error("Malformed Start Line")]
    StartLine,
    /// A SIP version other than 2.0.
    #[error("Version Not Supported")]
    Version,
    /// A status code outside 100 to 699.
    #[error("Malformed Status Code")]
    StatusCode,
    /// The Request-URI is not a URI, or has parts it must not have (RFC 3261 §19.1.1).
    #[error("Malformed Request-URI")]
    RequestUri,
    /// The Request-URI's scheme is none that can be routed.
    #[error("Unsupported URI Scheme")]
    UnsupportedScheme,
    /// A header line without a name or colon.
    #[error("Malformed Header Line")]
    HeaderLine,
    /// A carriage return that does not end a line.
    #[error("Stray Carriage Return")]
    StrayReturn,
    /// More header lines than [`MAX_HEADERS`](super::limits::MAX_HEADERS).
    #[error("Too Many Header Fields")]
    TooManyHeaders,
    /// No blank line after the headers.
    #[error("Unterminated Header Section")]
    Unterminated,
    /// Content-Length says more than there is (RFC 3261 §18.3).
    #[error("Body Shorter Than Content-Length")]
    BodyTruncated,
    /// A mandatory header field is missing (RFC 3261 §8.1.1).
    #[error("Missing {0} Header")]
    Missing(HeaderName),
    /// A header field that may appear once appears again.
    #[error("Duplicate {0} Header")]
    Duplicate(HeaderName),
    /// A header field's value breaks its grammar.
    #[error("Malformed {0} Header")]
    Malformed(HeaderName),
    /// CSeq names another method than the request line (RFC 3261 §8.1.1.5).
    #[error("CSeq Method Does Not Match")]
    CSeqMismatch,
}

impl Fault {
    /// The status of the response that reports this fault.
    pub fn status(self) -> Status {
        match self {
            Fault::TooLarge => Status::MESSAGE_TOO_LARGE,
            Fault::Version => Status::VERSION_NOT_SUPPORTED,
            Fault::UnsupportedScheme => Status::UNSUPPORTED_URI_SCHEME,
            _ => Status::BAD_REQUEST,
        }
    }
}

/// Why a message was refused, and as much of it as a response needs.
#[derive(Clone, Copy, Error)]
#[error("{fault}")]
pub struct ParseError<'a> {
    /// What is wrong.
    pub fault: Fault,
    bytes: &'a [u8],
}

impl<'a> ParseError<'a> {
    /// The refused message's method; `None` where it is no request or cannot be told.
    pub fn method(&self) -> Option<Method<'a>> {
        if self.is_response() {
            return None;
        }
        let name = self.bytes.split(|byte| byte.is_ascii_whitespace()).next()?;
        let is_name = !name.is_empty() && name.iter().all(|byte| super::scanner::is_token(*byte));
        is_name.then(|| Method::new(name))
    }

    /// Whether the message is meant to be a response, which is never answered.
    pub fn is_response(&self) -> bool {
        is_response(self.bytes)
    }

    /// The status to answer with; `None` where no response is owed: to a response, to an ACK
    /// (RFC 3261 §17.1.1.3), or to bytes without method or Via to answer to.
    pub fn reply(&self) -> Option<Status> {
        let method = self.method()?;
        let answerable = method != Method::Ack && self.header(HeaderName::Via).is_some();
        answerable.then(|| self.fault.status())
    }

    /// The header lines that can be told apart, in order, malformed ones left out.
    pub fn headers(&self) -> impl Iterator<Item = Header> + use<'a> {
        Lines::after_start_line(self.bytes).flatten()
    }

    /// The first header of that name that can be read.
    pub fn header(&self, name: HeaderName) -> Option<Header> {
        self.headers().find(|header| header.name == name)
    }

    /// The received bytes from the start line on, which the headers' spans point into.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn new(fault: Fault, bytes: &'a [u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(super::limits::MAX_MESSAGE_BYTES)];
        Self { fault, bytes }
    }
}

impl fmt::Debug for ParseError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} in {:?}",
            self.fault,
            String::from_utf8_lossy(self.bytes)
        )
    }
}

/// Whether a start line is meant to be a status line, whatever its version.
pub(crate) fn is_response(bytes: &[u8]) -> bool {
    bytes
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
}
