//! Semicolon-separated parameters of headers and URIs.

use super::scanner::{Scanner, is_word};
use super::span::{Span, Text};

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its name, compared without regard to case.
    pub name: Text<'a>,
    /// What follows `=`, quotes included.
    pub value: Option<Text<'a>>,
    /// From its semicolon to its end, as it is removed.
    pub whole: Span,
}

/// Parameters whose form was checked when they were read.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a> {
    bytes: &'a [u8],
    span: Span,
}

impl<'a> Params<'a> {
    /// Reads `*(";" name ["=" value])` at the start of `span` up to whatever cannot belong to
    /// a parameter; `None` where a semicolon is followed by no name. An equals sign with nothing
    /// behind it, which some phones send, counts as no value.
    pub(crate) fn read(bytes: &'a [u8], span: Span) -> Option<Self> {
        let mut scanner = Scanner::new(bytes, span);
        let mut end = span.start();
        while let Some(param) = next(&mut scanner)? {
            end = param.whole.end();
        }
        Some(Self {
            bytes,
            span: Span::new(span.start(), end),
        })
    }

    /// All of them, from the first semicolon to the end of the last; further ones go at its end.
    pub fn span(&self) -> Span {
        self.span
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut scanner = Scanner::new(self.bytes, self.span);
        std::iter::from_fn(move || next(&mut scanner).flatten())
    }

    /// The first of that name.
    pub fn get(&self, name: &str) -> Option<Param<'a>> {
        self.iter().find(|param| param.name.is(name))
    }

    /// The value of the first of that name that has one.
    pub fn value(&self, name: &str) -> Option<Text<'a>> {
        self.get(name)?.value
    }

    /// Whether there is one of that name.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// The parameter at the cursor: `Some(None)` at the end, `None` where it is malformed.
fn next<'a>(scanner: &mut Scanner<'a>) -> Option<Option<Param<'a>>> {
    let before = scanner.clone();
    scanner.skip_lws();
    let start = scanner.pos();
    if !scanner.eat(b';') {
        *scanner = before;
        return Some(None);
    }
    scanner.skip_lws();
    let name = scanner.take_while(|byte| is_word(byte) && byte != b'=');
    if name.is_empty() {
        return None;
    }
    let value = if scanner.eat_separator(b'=') {
        let value = match scanner.peek() {
            Some(b'"') => scanner.quoted()?,
            _ => scanner.take_while(is_word),
        };
        Some(value).filter(|value| !value.is_empty())
    } else {
        None
    };
    Some(Some(Param {
        name,
        value,
        whole: scanner.since(start).span(),
    }))
}
