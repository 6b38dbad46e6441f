//! Messages and transactions.

use super::super::limits::{MAX_PARTS, MAX_TRANSACTIONS};
use super::super::model::{
    Action, Body, Content, ErrorCode, MessageId, Placed, Segment, Site, SyntaxError, Transaction,
    TransactionId, TransactionKind,
};
use super::Place;
use super::commands::Direction;
use super::identity;
use super::scanner::{Item, Scanner};
use super::token;
use crate::sip::Span;

/// The protocol's latest version.
const VERSION_MAX: u16 = 3;

/// Reads one message.
pub(super) struct Reader<'a> {
    pub scanner: Scanner<'a>,
    places: Vec<Place>,
    parts: usize,
}

impl<'a> Reader<'a> {
    /// At the start of a message.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            scanner: Scanner::new(bytes),
            places: Vec::new(),
            parts: 0,
        }
    }

    /// The whole message: whether its words are short, what it says, and where.
    pub fn message(mut self) -> Result<(bool, Content, Vec<Place>), SyntaxError> {
        let (authenticated, start) = self.start()?;
        let slash = start.iter().position(|byte| *byte == b'/');
        let (word, version) = start.split_at(slash.unwrap_or(start.len()));
        if !token::MEGACO.is(word) {
            return Err(self.scanner.error("expected the protocol's name"));
        }
        let version = version.strip_prefix(b"/").filter(|text| text.len() <= 2);
        let Some(version) = version.and_then(identity::number) else {
            return Err(self.scanner.error("expected a version"));
        };
        if !(1..=VERSION_MAX).contains(&version) {
            let code = ErrorCode::VERSION_NOT_SUPPORTED;
            return Err(self.scanner.error_of(code, "version not supported"));
        }
        let span = self.scanner.message_id()?;
        let content = Content {
            version,
            sender: self.message_id(span)?,
            authenticated,
            body: self.body()?,
        };
        Ok((word == b"!", content, self.places))
    }

    /// A new site.
    pub fn place(&mut self, place: Place) -> Site {
        self.places.push(place);
        Site(self.places.len() as u32 - 1)
    }

    /// The `mId` at `span`.
    pub fn message_id(&mut self, span: Span) -> Result<Placed<MessageId>, SyntaxError> {
        let Some(value) = identity::message_id(self.scanner.text(span)) else {
            return Err(self.scanner.error("expected a message identifier"));
        };
        let site = self.place(Place::MessageId(span));
        Ok(Placed { value, site })
    }

    /// Counts something that takes memory.
    pub fn count(&mut self) -> Result<(), SyntaxError> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            let code = ErrorCode::INSUFFICIENT_RESOURCES;
            return Err(self.scanner.error_of(code, "too much in one message"));
        }
        Ok(())
    }

    /// Whether there is an authentication header, and the word behind it.
    fn start(&mut self) -> Result<(bool, &'a [u8]), SyntaxError> {
        let word = self.scanner.word()?;
        if !token::AUTHENTICATION.is(word) {
            return Ok((false, word));
        }
        for sign in [b'=', b':', b':'] {
            if !self.scanner.eat(sign) {
                return Err(self.scanner.error("expected an authentication header"));
            }
            self.scanner.word()?;
        }
        Ok((true, self.scanner.word()?))
    }

    fn body(&mut self) -> Result<Body, SyntaxError> {
        let mut transactions = Vec::new();
        while !self.scanner.at_end() {
            let item = self.scanner.item()?;
            if token::ERROR.is(item.name) && transactions.is_empty() {
                let error = self.error_descriptor(item)?;
                return match self.scanner.at_end() {
                    true => Ok(Body::Error(error)),
                    false => Err(self.scanner.error("expected the end")),
                };
            }
            if transactions.len() == MAX_TRANSACTIONS {
                let code = ErrorCode::TOO_MANY_TRANSACTIONS;
                return Err(self.scanner.error_of(code, "too many transactions"));
            }
            transactions.push(self.transaction(item)?);
        }
        match transactions.is_empty() {
            true => Err(self.scanner.error("expected a transaction")),
            false => Ok(Body::Transactions(transactions)),
        }
    }

    fn transaction(&mut self, item: Item<'a>) -> Result<Transaction, SyntaxError> {
        let mut acknowledge = None;
        let kind = if token::TRANSACTION.is(item.name) {
            let id = match item.value {
                // A request without a number: some parsers take it.
                b"" => TransactionId(0),
                value => self.transaction_id(value)?,
            };
            let actions = self.request()?;
            TransactionKind::Request { id, actions }
        } else if token::REPLY.is(item.name) {
            let (kind, at) = self.reply(item.value)?;
            acknowledge = at;
            kind
        } else if token::PENDING.is(item.name) {
            let id = self.transaction_id(item.value)?;
            self.scanner.skip_braces()?;
            TransactionKind::Pending { id }
        } else if token::RESPONSE_ACK.is(item.name) {
            let ranges = self.acknowledgement()?;
            TransactionKind::Acknowledgement { ranges }
        } else if token::SEGMENT.is(item.name) {
            let (id, segment) = self.segmented(item.value)?;
            let Some(segment) = segment else {
                return Err(self.scanner.error("expected a segment's number"));
            };
            TransactionKind::SegmentReply { id, segment }
        } else {
            return Err(self.scanner.error("expected a transaction"));
        };
        let site = self.place(Place::Transaction {
            whole: Span::new(item.start, self.scanner.end()),
            acknowledge,
        });
        Ok(Transaction { site, kind })
    }

    fn request(&mut self) -> Result<Vec<Action>, SyntaxError> {
        self.expect_braces()?;
        let mut actions = Vec::new();
        while let Some(item) = self.scanner.next()? {
            if !token::CONTEXT.is(item.name) {
                return Err(self.scanner.error("expected a context"));
            }
            actions.push(self.action(item, Direction::Request)?);
        }
        match actions.is_empty() {
            true => Err(self.scanner.error("expected a context")),
            false => Ok(actions),
        }
    }

    /// A reply, and where it would ask to be acknowledged, if it does not.
    fn reply(&mut self, value: &[u8]) -> Result<(TransactionKind, Option<usize>), SyntaxError> {
        let (id, segment) = self.segmented(value)?;
        self.expect_braces()?;
        let at = self.scanner.end();
        let mut acknowledge = false;
        let mut actions = Vec::new();
        let mut error = None;
        while let Some(item) = self.scanner.next()? {
            let first = actions.is_empty() && error.is_none();
            if token::IMM_ACK_REQUIRED.is(item.name) && first && !acknowledge {
                acknowledge = true;
            } else if token::ERROR.is(item.name) && first {
                error = Some(self.error_descriptor(item)?);
            } else if token::CONTEXT.is(item.name) && error.is_none() {
                actions.push(self.action(item, Direction::Reply)?);
            } else {
                return Err(self.scanner.error("expected a context or an error"));
            }
        }
        if actions.is_empty() && error.is_none() {
            return Err(self.scanner.error("expected a context or an error"));
        }
        let kind = TransactionKind::Reply {
            id,
            acknowledge,
            segment,
            result: error.map_or(Ok(actions), Err),
        };
        Ok((kind, (!acknowledge).then_some(at)))
    }

    fn acknowledgement(&mut self) -> Result<Vec<(TransactionId, TransactionId)>, SyntaxError> {
        self.expect_braces()?;
        let mut ranges = Vec::new();
        while let Some(item) = self.scanner.next()? {
            self.count()?;
            let dash = item.name.iter().position(|byte| *byte == b'-');
            let (first, last) = match dash {
                Some(dash) => (&item.name[..dash], &item.name[dash + 1..]),
                None => (item.name, item.name),
            };
            ranges.push((self.transaction_id(first)?, self.transaction_id(last)?));
        }
        match ranges.is_empty() {
            true => Err(self.scanner.error("expected a transaction's number")),
            false => Ok(ranges),
        }
    }

    /// Enters braces that must stand here.
    fn expect_braces(&mut self) -> Result<(), SyntaxError> {
        match self.scanner.enter()? {
            true => Ok(()),
            false => Err(self.scanner.error("expected an opening brace")),
        }
    }

    fn transaction_id(&self, text: &[u8]) -> Result<TransactionId, SyntaxError> {
        let id = identity::number(text).map(TransactionId);
        id.ok_or_else(|| self.scanner.error("expected a transaction's number"))
    }

    /// `number/segment/END`, the last two in version 3.
    fn segmented(&self, text: &[u8]) -> Result<(TransactionId, Option<Segment>), SyntaxError> {
        let mut parts = text.splitn(3, |byte| *byte == b'/');
        let id = self.transaction_id(parts.next().unwrap_or(text))?;
        let Some(number) = parts.next() else {
            return Ok((id, None));
        };
        let last = match parts.next() {
            None => Some(false),
            Some(word) => token::SEGMENTATION_COMPLETE.is(word).then_some(true),
        };
        match (identity::number(number), last) {
            (Some(number), Some(last)) => Ok((id, Some(Segment { number, last }))),
            _ => Err(self.scanner.error("expected a segment's number")),
        }
    }
}
