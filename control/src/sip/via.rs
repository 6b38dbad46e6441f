//! Via values (RFC 3261 §20.42, RFC 3581).

use std::net::IpAddr;

use super::host::{self, HostPort};
use super::params::Params;
use super::scanner::{Scanner, number};
use super::span::{Span, Text};

/// Branches of RFC 3261 elements start so (§8.1.1.7).
pub const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

/// One hop a request took.
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    /// All of it.
    pub text: Text<'a>,
    /// `UDP`, `TCP`, `TLS` …
    pub transport: Text<'a>,
    /// Where the hop says it listens.
    pub sent_by: HostPort<'a>,
    /// branch, received, rport, maddr, ttl and others.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads the value that fills `span` of `bytes`.
    pub fn parse(bytes: &'a [u8], span: Span) -> Option<Self> {
        let mut scanner = Scanner::new(bytes, span);
        let name = scanner.token()?;
        let slash = scanner.eat_separator(b'/');
        let version = scanner.token()?;
        let slashes = slash && scanner.eat_separator(b'/');
        if !slashes || !name.is("SIP") || &*version != b"2.0" {
            return None;
        }
        let transport = scanner.token()?;
        let before_host = scanner.pos();
        scanner.skip_lws();
        if scanner.pos() == before_host {
            return None;
        }
        let sent_by = HostPort::read(&mut scanner)?;
        let params = Params::read(bytes, Span::new(scanner.pos(), span.end()))?;
        let complete = params.span().end() == span.end();
        complete.then(|| Self {
            text: Text::new(bytes, span),
            transport,
            sent_by,
            params,
        })
    }

    /// The transaction's branch, magic cookie included.
    pub fn branch(&self) -> Option<Text<'a>> {
        self.params.value("branch")
    }

    /// The branch where it is unique in space and time, as RFC 3261 elements make it: the magic
    /// cookie and something after it.
    pub fn unique_branch(&self) -> Option<Text<'a>> {
        self.branch().filter(|branch| {
            branch.len() > MAGIC_COOKIE.len()
                && branch[..MAGIC_COOKIE.len()].eq_ignore_ascii_case(MAGIC_COOKIE)
        })
    }

    /// The address the request was seen to come from.
    pub fn received(&self) -> Option<IpAddr> {
        host::address(&self.params.value("received")?)
    }

    /// `None` without rport, `Some(None)` where it asks to be filled in (RFC 3581 §3).
    pub fn rport(&self) -> Option<Option<u16>> {
        let param = self.params.get("rport")?;
        Some(
            param
                .value
                .and_then(|port| u16::try_from(number(&port)?).ok()),
        )
    }

    /// The multicast or other address that replaces the sent-by host for responses.
    pub fn maddr(&self) -> Option<Text<'a>> {
        self.params.value("maddr")
    }

    /// Time to live of multicast packets.
    pub fn ttl(&self) -> Option<u8> {
        u8::try_from(number(&self.params.value("ttl")?)?).ok()
    }
}
