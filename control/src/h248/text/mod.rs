//! The text encoding (H.248.1 Annex B; RFC 3525 Annex B for version 1), in both spellings of its
//! words.
//!
//! * `scanner`: blanks, words, items; `token`: the words
//! * `identity`: who and what is meant; `octets`: what stands in Local and Remote
//! * `reader`: messages and transactions; `commands`: actions and commands; `descriptors`: what
//!   commands carry
//! * `writer`: a message with its edits, and those of our own

mod commands;
mod descriptors;
mod identity;
mod octets;
mod reader;
mod scanner;
mod token;
mod writer;

use super::model::{Content, Encoding, Site, SyntaxError};
use crate::sip::Span;

pub(super) use self::writer::{own, render};

/// Where what may change stands in one message, by the numbers of its sites.
#[derive(Clone, Debug)]
pub(super) struct Sites {
    compact: bool,
    places: Vec<Place>,
}

/// What may change, and where it stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    MessageId(Span),
    Address(Span),
    Descriptor(Span),
    Transaction {
        whole: Span,
        /// Where `ImmAckRequired` goes; nowhere where there is one, or where it is no reply.
        acknowledge: Option<usize>,
    },
}

impl Sites {
    /// A transaction's octets, without the white space around it.
    pub fn transaction<'a>(&self, bytes: &'a [u8], site: Site) -> &'a [u8] {
        match self.places.get(site.0 as usize) {
            Some(Place::Transaction { whole, .. }) => {
                bytes[whole.start()..whole.end()].trim_ascii()
            }
            _ => &[],
        }
    }
}

/// Reads a message of at most [`MAX_MESSAGE_BYTES`].
///
/// [`MAX_MESSAGE_BYTES`]: super::limits::MAX_MESSAGE_BYTES
pub(super) fn read(bytes: &[u8]) -> Result<(Encoding, Content, Sites), SyntaxError> {
    let (compact, content, places) = reader::Reader::new(bytes).message()?;
    let encoding = match compact {
        true => Encoding::Compact,
        false => Encoding::Text,
    };
    Ok((encoding, content, Sites { compact, places }))
}
