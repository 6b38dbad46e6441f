//! Hosts and ports as they appear in URIs and Vias.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::scanner::{Scanner, is_domain, number};
use super::span::{Span, Text};

/// A host: a domain name, an IPv4 address or an IPv6 reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    /// As written, brackets included.
    pub text: Text<'a>,
    /// The address where it is one, `None` for a domain name.
    pub ip: Option<IpAddr>,
}

/// A port number as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port<'a> {
    /// Its digits.
    pub text: Text<'a>,
    /// Its value, 0 to 65535.
    pub number: u16,
}

/// `host [":" port]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPort<'a> {
    /// The host.
    pub host: Host<'a>,
    /// The port, where one is written.
    pub port: Option<Port<'a>>,
    /// Both, as they are replaced together.
    pub whole: Span,
}

impl<'a> HostPort<'a> {
    pub(crate) fn read(scanner: &mut Scanner<'a>) -> Option<Self> {
        let start = scanner.pos();
        let host = Host::read(scanner)?;
        let mut whole = host.text.span();
        let mut port = None;
        if scanner.eat_separator(b':') {
            let text = scanner.take_while(|byte| byte.is_ascii_digit());
            let number = number(&text).and_then(|number| u16::try_from(number).ok())?;
            whole = Span::new(start, text.span().end());
            port = Some(Port { text, number });
        }
        Some(Self { host, port, whole })
    }

    /// The port, or what `default` says.
    pub fn port_or(&self, default: u16) -> u16 {
        self.port.map_or(default, |port| port.number)
    }
}

impl<'a> Host<'a> {
    pub(crate) fn read(scanner: &mut Scanner<'a>) -> Option<Self> {
        if scanner.peek() == Some(b'[') {
            let start = scanner.pos();
            scanner.take_while(|byte| byte != b']');
            if !scanner.eat(b']') {
                return None;
            }
            let text = scanner.since(start);
            let ip = parse_ip::<Ipv6Addr>(&text[1..text.len() - 1])?;
            return Some(Self {
                text,
                ip: Some(IpAddr::V6(ip)),
            });
        }
        let text = scanner.take_while(is_domain);
        let ip = ipv4(&text).map(IpAddr::V4);
        let is_host = !text.is_empty() && (ip.is_some() || !is_broken_address(&text));
        is_host.then_some(Self { text, ip })
    }

    /// Whether both name the same host: addresses by value, names without regard to case.
    pub fn is_same(&self, other: &Host) -> bool {
        match (self.ip, other.ip) {
            (None, None) => self.text.eq_ignore_ascii_case(&other.text),
            (mine, theirs) => mine == theirs,
        }
    }
}

/// An address with or without brackets, as `received` and `maddr` carry it.
pub fn address(text: &[u8]) -> Option<IpAddr> {
    let inner = text
        .strip_prefix(b"[")
        .and_then(|text| text.strip_suffix(b"]"));
    match inner {
        Some(inner) => parse_ip::<Ipv6Addr>(inner).map(IpAddr::V6),
        None => parse_ip::<IpAddr>(text),
    }
}

/// A dotted quad of decimal numbers. Leading zeros mean nothing (RFC 3261 §25.1, `IPv4address`);
/// whoever takes them for an address must not be shown one.
pub(crate) fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut groups = text.split(|byte| *byte == b'.');
    for octet in &mut octets {
        let group = groups
            .next()
            .filter(|group| (1..=3).contains(&group.len()))?;
        *octet = number(group).and_then(|number| u8::try_from(number).ok())?;
    }
    groups.next().is_none().then(|| octets.into())
}

/// Whether text is neither an address nor a name, though made of the same characters: dotted, with
/// a number last (RFC 3261 §25.1, `toplabel`). Who cannot read it cannot hide what it tells.
fn is_broken_address(text: &[u8]) -> bool {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let last = text.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    last.len() < text.len() && last.iter().all(u8::is_ascii_digit)
}

fn parse_ip<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
