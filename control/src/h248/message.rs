//! A message over the octets it came in: what it says, and where what may change stands.

use super::binary;
use super::edits::Edits;
use super::limits::MAX_MESSAGE_BYTES;
use super::model::{Content, Encoding, ErrorCode, Site, SyntaxError};
use super::own::OwnMessage;
use super::text;

/// A message as it was received.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    encoding: Encoding,
    /// What it says.
    pub content: Content,
    sites: Sites,
}

/// Where things stand, as the encoding has it.
#[derive(Clone, Debug)]
enum Sites {
    Binary(binary::Sites),
    Text(text::Sites),
}

/// What a message of the binary encoding begins with: a SEQUENCE.
const SEQUENCE: u8 = 0x30;

impl<'a> Message<'a> {
    /// Reads one message, in whichever encoding.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SyntaxError> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return Err(SyntaxError {
                code: ErrorCode::INSUFFICIENT_RESOURCES,
                reason: "message too long",
                at: MAX_MESSAGE_BYTES,
            });
        }
        let (encoding, content, sites) = match bytes.first() {
            Some(&SEQUENCE) => {
                let (content, sites) = binary::read(bytes)?;
                (Encoding::Binary, content, Sites::Binary(sites))
            }
            _ => {
                let (encoding, content, sites) = text::read(bytes)?;
                (encoding, content, Sites::Text(sites))
            }
        };
        Ok(Self {
            bytes,
            encoding,
            content,
            sites,
        })
    }

    /// How it is encoded.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The octets it was read from.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// A transaction's own octets, whatever it is packed with; none of other sites.
    pub fn transaction(&self, site: Site) -> &'a [u8] {
        match &self.sites {
            Sites::Binary(sites) => sites.transaction(self.bytes, site),
            Sites::Text(sites) => sites.transaction(self.bytes, site),
        }
    }

    /// Appends the message with `edits` to `out`. What they do not name leaves as it came.
    pub fn render(&self, edits: &Edits, out: &mut Vec<u8>) {
        match &self.sites {
            Sites::Binary(sites) => binary::render(self.bytes, sites, edits, out),
            Sites::Text(sites) => text::render(self.bytes, sites, edits, out),
        }
    }
}

impl Encoding {
    /// How a message is encoded by its first octet, whether it can be read or not.
    pub fn begun_by(bytes: &[u8]) -> Self {
        match bytes.first() {
            Some(&SEQUENCE) => Self::Binary,
            Some(b'!') => Self::Compact,
            _ => Self::Text,
        }
    }
}

impl OwnMessage<'_> {
    /// Appends the message to `out`, as its receiver speaks.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Binary => binary::own(self, out),
            Encoding::Text | Encoding::Compact => text::own(self, out),
        }
    }
}
