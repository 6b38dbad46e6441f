//! A cursor over part of a buffer with the lexical rules of RFC 3261 §25.1.

use super::span::{Span, Text};

/// Reads forward within `span` of `bytes`; never beyond it.
#[derive(Clone)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    pos: usize,
    end: usize,
}

impl<'a> Scanner<'a> {
    pub fn new(bytes: &'a [u8], span: Span) -> Self {
        Self {
            bytes,
            pos: span.start(),
            end: span.end(),
        }
    }

    pub fn pos(&self) -> usize {
        self.pos
    }

    pub fn at_end(&self) -> bool {
        self.pos >= self.end
    }

    pub fn peek(&self) -> Option<u8> {
        (self.pos < self.end).then(|| self.bytes[self.pos])
    }

    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.pos += usize::from(found);
        found
    }

    /// Skips linear white space; line breaks inside a header value can only be folds.
    pub fn skip_lws(&mut self) {
        while self.peek().is_some_and(is_lws) {
            self.pos += 1;
        }
    }

    /// `LWS byte LWS`, as separators may be written (SLASH, EQUAL, SEMI …).
    pub fn eat_separator(&mut self, byte: u8) -> bool {
        let before = self.pos;
        self.skip_lws();
        if !self.eat(byte) {
            self.pos = before;
            return false;
        }
        self.skip_lws();
        true
    }

    pub fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> Text<'a> {
        let start = self.pos;
        let rest = &self.bytes[start..self.end];
        self.pos += rest
            .iter()
            .position(|byte| !accept(*byte))
            .unwrap_or(rest.len());
        self.since(start)
    }

    /// A non-empty token.
    pub fn token(&mut self) -> Option<Text<'a>> {
        let token = self.take_while(is_token);
        (!token.is_empty()).then_some(token)
    }

    /// A quoted string including its quotes; `None` when there is none or it never closes.
    pub fn quoted(&mut self) -> Option<Text<'a>> {
        let start = self.pos;
        if !self.eat(b'"') {
            return None;
        }
        while let Some(byte) = self.peek() {
            self.pos += 1;
            match byte {
                b'"' => return Some(self.since(start)),
                b'\\' if self.pos < self.end => self.pos += 1,
                _ => {}
            }
        }
        self.pos = start;
        None
    }

    /// What lies between `start` and the cursor.
    pub fn since(&self, start: usize) -> Text<'a> {
        Text::new(self.bytes, Span::new(start, self.pos))
    }
}

/// `span` without linear white space at either end.
pub(crate) fn trim(bytes: &[u8], span: Span) -> Span {
    let (mut start, mut end) = (span.start(), span.end());
    while start < end && is_lws(bytes[start]) {
        start += 1;
    }
    while start < end && is_lws(bytes[end - 1]) {
        end -= 1;
    }
    Span::new(start, end)
}

/// An unsigned decimal number that fills `text`; `None` for anything else or beyond `u32`.
pub(crate) fn number(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Delta seconds: digits, saturating at `u32::MAX` (RFC 3261 §20.19 sets no upper bound).
pub(crate) fn seconds(text: &[u8]) -> Option<u32> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| number(text).unwrap_or(u32::MAX))
}

/// SP, HTAB and the line ends of folds.
pub(crate) fn is_lws(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & LWS != 0
}

/// What tokens are made of.
pub(crate) fn is_token(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & TOKEN != 0
}

/// What parameters' names and unquoted values are made of: wider than a token, since hosts (IPv6
/// ones without brackets too), URI characters and sloppy senders' bytes are among them.
pub(crate) fn is_word(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & WORD != 0
}

/// What domain names are made of: letters, digits, hyphens and dots; underscores are common in
/// private networks.
pub(crate) fn is_domain(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & DOMAIN != 0
}

/// What may stand in a URI: anything that cannot end it.
pub(crate) fn is_uri(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & URI != 0
}

/// What IPv4 and IPv6 addresses are written with.
pub(crate) fn is_literal(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & LITERAL != 0
}

const LWS: u8 = 1;
const TOKEN: u8 = 2;
const WORD: u8 = 4;
const DOMAIN: u8 = 8;
const URI: u8 = 16;
const LITERAL: u8 = 32;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut code = 0;
    while code < 256 {
        let byte = code as u8;
        let word = byte.is_ascii_alphanumeric();
        let visible = byte > b' ' && byte != 0x7f;
        classes[code] = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => LWS,
            b'-' | b'.' | b'_' => TOKEN | WORD | DOMAIN | URI,
            b'!' | b'%' | b'*' | b'+' | b'`' | b'\'' | b'~' => TOKEN | WORD | URI,
            b'<' | b'>' | b'"' => 0,
            b';' | b',' => URI,
            _ if word => TOKEN | WORD | DOMAIN | URI,
            _ if visible => WORD | URI,
            _ => 0,
        };
        if byte.is_ascii_hexdigit() || byte == b':' || byte == b'.' {
            classes[code] |= LITERAL;
        }
        code += 1;
    }
    classes
};
