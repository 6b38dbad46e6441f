//! What a body is (RFC 3261 §20.15).

use super::params::Params;
use super::scanner::Scanner;
use super::span::{Span, Text};

/// `Content-Type: type/subtype;params`.
#[derive(Clone, Copy, Debug)]
pub struct ContentType<'a> {
    /// `application` in `application/sdp`.
    pub kind: Text<'a>,
    /// `sdp` in `application/sdp`.
    pub subtype: Text<'a>,
    /// boundary, charset and others.
    pub params: Params<'a>,
}

impl<'a> ContentType<'a> {
    /// Reads the value that fills `span` of `bytes`.
    pub fn parse(bytes: &'a [u8], span: Span) -> Option<Self> {
        let mut scanner = Scanner::new(bytes, span);
        let kind = scanner.token()?;
        let slash = scanner.eat_separator(b'/');
        let subtype = scanner.token().filter(|_| slash)?;
        let params = Params::read(bytes, Span::new(scanner.pos(), span.end()))?;
        let complete = params.span().end() == span.end();
        complete.then_some(Self {
            kind,
            subtype,
            params,
        })
    }

    /// Whether it is this type, e.g. `application`, `sdp`.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.is(kind) && self.subtype.is(subtype)
    }
}
