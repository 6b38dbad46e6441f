//! A cursor over a message with the lexical rules of H.248.1 Annex B: blanks and comments, words,
//! quoted strings, and items of the one shape that all of the grammar has.
//!
//! An item is `name = value { items }`, of which each part but one may be missing. The cursor
//! stops before an item's braces: whoever asked for the item enters them or has them skipped.

use memchr::{memchr, memchr2};

use super::super::limits::MAX_DEPTH;
use super::super::model::{ErrorCode, SyntaxError};
use super::octets;
use super::token;
use crate::sip::Span;

/// Reads forward over a message.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    pos: usize,
    /// Where the last thing read ended: blanks and comments behind it do not count.
    end: usize,
    depth: usize,
    /// Braces have been entered and no item was read from them yet.
    fresh: bool,
}

/// One item, up to its braces.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    /// Where it starts.
    pub start: usize,
    /// Its name; empty where it is a quoted string.
    pub name: &'a [u8],
    /// What stands behind the sign: without the quotes of a quoted string, with the brackets of
    /// others; empty where nothing does.
    pub value: &'a [u8],
    /// Where that stands, quotes included.
    pub value_span: Span,
    /// What stands in the braces of Local and Remote, which hold no items. They have been read,
    /// as a digit map's have.
    pub octets: Option<Span>,
}

impl<'a> Scanner<'a> {
    /// At the start of `bytes`, of at most 65 535.
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut scanner = Self {
            bytes,
            pos: 0,
            end: 0,
            depth: 0,
            fresh: false,
        };
        scanner.skip_blanks();
        scanner
    }

    /// Where the last thing read ended.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The octets under `span`.
    pub fn text(&self, span: Span) -> &'a [u8] {
        &self.bytes[span.start()..span.end()]
    }

    /// Why the message is none, here.
    pub fn error(&self, reason: &'static str) -> SyntaxError {
        self.error_of(ErrorCode::SYNTAX_IN_MESSAGE, reason)
    }

    /// Why the message is not taken, here.
    pub fn error_of(&self, code: ErrorCode, reason: &'static str) -> SyntaxError {
        SyntaxError {
            code,
            reason,
            at: self.pos,
        }
    }

    /// Whether nothing is left. Some gateways send the zero that ends a string with it.
    pub fn at_end(&self) -> bool {
        self.bytes[self.pos..].iter().all(|byte| *byte == 0)
    }

    /// Whether braces with items stand here.
    pub fn at_braces(&self) -> bool {
        self.peek() == Some(b'{')
    }

    /// Enters the braces that stand here, if any do.
    pub fn enter(&mut self) -> Result<bool, SyntaxError> {
        if !self.eat(b'{') {
            return Ok(false);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("braces nest too deep"));
        }
        self.fresh = true;
        Ok(true)
    }

    /// The next item of the braces entered last, or their end.
    pub fn next(&mut self) -> Result<Option<Item<'a>>, SyntaxError> {
        if self.eat(b'}') {
            self.depth -= 1;
            self.fresh = false;
            return Ok(None);
        }
        if !self.fresh && !self.eat(b',') {
            return Err(self.error("expected a comma or a closing brace"));
        }
        self.fresh = false;
        self.item().map(Some)
    }

    /// Leaves out the braces that stand here, if any do.
    pub fn skip_braces(&mut self) -> Result<(), SyntaxError> {
        if self.enter()? {
            while self.next()?.is_some() {
                self.skip_braces()?;
            }
        }
        Ok(())
    }

    /// An item.
    pub fn item(&mut self) -> Result<Item<'a>, SyntaxError> {
        let start = self.pos;
        if let Some(value_span) = self.quoted()? {
            return Ok(Item {
                start,
                name: b"",
                value: self.unquoted(value_span),
                value_span,
                octets: None,
            });
        }
        let mut name = self.word()?;
        if self.eat(b':') {
            // An observed event follows the time it was observed at.
            name = self.word()?;
        }
        let related = matches!(self.peek(), Some(b'=' | b'<' | b'>' | b'#'));
        if related {
            self.advance(1);
        }
        let value_span = match related || self.peek() == Some(b'[') {
            true => self.value(name)?,
            false => Span::at(self.end),
        };
        Ok(Item {
            start,
            name,
            value: self.unquoted(value_span),
            value_span,
            octets: self.octets(name, related)?,
        })
    }

    /// A word: at least one `SafeChar`.
    pub fn word(&mut self) -> Result<&'a [u8], SyntaxError> {
        let rest = &self.bytes[self.pos..];
        let length = rest.iter().position(|byte| !is_safe(*byte));
        let length = length.unwrap_or(rest.len());
        if length == 0 {
            return Err(self.error("expected a word"));
        }
        self.advance(length);
        Ok(&rest[..length])
    }

    /// An `mId` (also a port alone), from its first octet to its last.
    pub fn message_id(&mut self) -> Result<Span, SyntaxError> {
        let start = self.pos;
        match self.peek() {
            Some(b'[') => self.bracketed(b']')?,
            Some(b'<') => self.bracketed(b'>')?,
            _ => {
                let word = self.word()?;
                if token::MTP.is(word) && self.at_braces() {
                    self.through(b'}')?;
                }
            }
        }
        Ok(Span::new(start, self.end))
    }

    /// Takes `byte` and the blanks behind it, if it stands here.
    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.advance(1);
        }
        found
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    /// Goes beyond something of this length, and the blanks behind it.
    fn advance(&mut self, length: usize) {
        self.pos += length;
        self.end = self.pos;
        self.skip_blanks();
    }

    /// `LWSP`: blanks, line ends, comments.
    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.pos += 1,
                Some(b';') => {
                    let rest = &self.bytes[self.pos..];
                    self.pos += memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    /// What stands behind a sign; nothing where braces do.
    fn value(&mut self, name: &[u8]) -> Result<Span, SyntaxError> {
        if self.at_braces() {
            return Ok(Span::at(self.end));
        }
        if let Some(quoted) = self.quoted()? {
            return Ok(quoted);
        }
        if token::ADDRESS.is(name)
            || token::MGC_ID.is(name)
            || matches!(self.peek(), Some(b'[' | b'<'))
        {
            return self.message_id();
        }
        let start = self.pos;
        self.word()?;
        Ok(Span::new(start, self.end))
    }

    /// `"…"` with its quotes; nothing can be escaped within.
    fn quoted(&mut self) -> Result<Option<Span>, SyntaxError> {
        if self.peek() != Some(b'"') {
            return Ok(None);
        }
        let start = self.pos;
        let Some(length) = memchr(b'"', &self.bytes[start + 1..]) else {
            return Err(self.error("a quoted string does not end"));
        };
        self.advance(length + 2);
        Ok(Some(Span::new(start, self.end)))
    }

    fn unquoted(&self, span: Span) -> &'a [u8] {
        let text = self.text(span);
        let inner = text.strip_prefix(b"\"");
        inner
            .and_then(|text| text.strip_suffix(b"\""))
            .unwrap_or(text)
    }

    /// A list or an address in brackets, and the port behind it.
    fn bracketed(&mut self, close: u8) -> Result<(), SyntaxError> {
        self.through(close)?;
        if self.eat(b':') {
            self.word()?;
        }
        Ok(())
    }

    /// Up to a closing bracket, the first one that is not quoted.
    fn through(&mut self, close: u8) -> Result<(), SyntaxError> {
        self.advance(1);
        loop {
            match self.peek() {
                Some(byte) if byte == close => break self.advance(1),
                Some(b'"') => {
                    self.quoted()?;
                }
                Some(byte) if is_safe(byte) || matches!(byte, b',' | b':') => self.advance(1),
                _ => return Err(self.error("a bracket does not close")),
            }
        }
        Ok(())
    }

    /// Reads braces that hold no items; a description's contents.
    fn octets(&mut self, name: &[u8], related: bool) -> Result<Option<Span>, SyntaxError> {
        let described = !related && (token::LOCAL.is(name) || token::REMOTE.is(name));
        let start = self.pos + 1;
        let read = match self.at_braces() {
            true if described => octets::description(self.bytes, start)
                .map(|(description, close)| (Some(description), close)),
            true if token::DIGIT_MAP.is(name) => {
                octets::digit_map(self.bytes, start).map(|close| (None, close))
            }
            _ => return Ok(None),
        };
        let Some((description, close)) = read else {
            return Err(self.error("a brace does not close"));
        };
        self.advance(close + 1 - self.pos);
        Ok(description)
    }
}

/// Whether an octet may stand in a word (Annex B, `SafeChar`).
pub(super) fn is_safe(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'"' | b'#' | b',' | b':' | b';' | b'<' | b'=' | b'>' | b'[' | b']' | b'{' | b'}'
        )
}
