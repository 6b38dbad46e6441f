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

#[cfg(test)]
mod tests {
    use super::*;

    fn via(text: &str) -> Option<Via<'_>> {
        Via::parse(text.as_bytes(), Span::new(0, text.len()))
    }

    #[test]
    fn parts_are_found_whatever_the_white_space() {
        let folded = "SIP  / 2.0\r\n / UDP\r\n  [2001:DB8::1] : 5070 ;\r\n branch = z9hG4bKa;rport";
        let folded = via(folded).unwrap();
        assert!(folded.transport.is("udp"));
        assert_eq!(&*folded.sent_by.host.text, b"[2001:DB8::1]");
        assert_eq!(folded.sent_by.host.ip, "2001:db8::1".parse().ok());
        assert_eq!(folded.sent_by.port_or(5060), 5070);
        assert_eq!(folded.branch().as_deref(), Some(&b"z9hG4bKa"[..]));
        assert_eq!(folded.rport(), Some(None));
        assert_eq!(
            folded.sent_by.whole.start(),
            folded.sent_by.host.text.span().start()
        );
    }

    #[test]
    fn parameters_have_values_where_they_make_sense() {
        let text =
            "SIP/2.0/TLS a.example.com;received=2001:db8::7;RPORT=5061;ttl=16;maddr=224.0.1.75";
        let hop = via(text).unwrap();
        assert_eq!(hop.received(), "2001:db8::7".parse().ok());
        assert_eq!(hop.rport(), Some(Some(5061)));
        assert_eq!(hop.ttl(), Some(16));
        assert_eq!(hop.maddr().as_deref(), Some(&b"224.0.1.75"[..]));
        assert_eq!((hop.branch(), hop.sent_by.port), (None, None));
        let bracketed = via("SIP/2.0/UDP a;received=[2001:db8::7];rport=x;ttl=256").unwrap();
        assert_eq!(bracketed.received(), "2001:db8::7".parse().ok());
        assert_eq!((bracketed.rport(), bracketed.ttl()), (Some(None), None));
    }

    #[test]
    fn a_bare_cookie_is_no_unique_branch() {
        let branch = |text| {
            via(text)
                .unwrap()
                .unique_branch()
                .map(|branch| branch.to_vec())
        };
        assert_eq!(branch("SIP/2.0/UDP a;branch=z9hG4bK"), None);
        assert_eq!(branch("SIP/2.0/UDP a;branch=1"), None);
        assert_eq!(
            branch("SIP/2.0/UDP a;branch=Z9hg4Bkx"),
            Some(b"Z9hg4Bkx".to_vec())
        );
    }

    #[test]
    fn what_is_no_via_is_refused() {
        for text in [
            "",
            "SIP/2.0",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/2.0/UDPa",
            "SIP/3.0/UDP a",
            "HTTP/2.0/UDP a",
            "SIP/2.0/UDP a:99999",
            "SIP/2.0/UDP a:",
            "SIP/2.0/UDP a b",
            "SIP/2.0/UDP a;;",
            "SIP/2.0/UDP [::1",
            "SIP/2.0/UDP [::x]",
            "SIP/2.0/UDP a,b",
            "SIP/2.0/UDP ;branch=1",
        ] {
            assert!(via(text).is_none(), "{text}");
        }
    }
}
