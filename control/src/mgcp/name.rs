//! Who is meant: endpoints, domains, notified entities.

use std::net::{IpAddr, Ipv6Addr};

use super::limits::MAX_NAME_BYTES;
use crate::sip::Text;
use crate::sip::host::ipv4;

/// Where a gateway or a call agent is: a domain name or an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Domain<'a> {
    /// As written, brackets included.
    pub text: Text<'a>,
    /// The address where it is one: in brackets (RFC 3435 §3.2.1.3), or an IPv4 one without, as
    /// many write it.
    pub ip: Option<IpAddr>,
}

/// An endpoint's name: `local@domain` (RFC 3435 §2.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndpointName<'a> {
    /// Its place within the gateway: parts between slashes, `*` for all and `$` for any.
    pub local: Text<'a>,
    /// The gateway.
    pub domain: Domain<'a>,
    /// A port, which nobody asked for but some write.
    pub port: Option<u16>,
    /// Domain and port, as they are replaced together.
    pub host: Text<'a>,
}

/// Who is to be told: `local@domain:port` (RFC 3435 §2.1.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotifiedEntity<'a> {
    /// All of it.
    pub text: Text<'a>,
    /// The name within the domain, where one is written.
    pub local: Option<Text<'a>>,
    /// Where it is.
    pub domain: Domain<'a>,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// Domain and port, as they are replaced together.
    pub host: Text<'a>,
}

impl<'a> EndpointName<'a> {
    /// Reads a name that fills `text`.
    pub(super) fn read(text: Text<'a>) -> Option<Self> {
        let at = memchr::memrchr(b'@', &text)?;
        let (local, host) = (text.slice(0, at), text.slice(at + 1, text.len()));
        let (domain, port) = host_port(host)?;
        local_name(&local).then_some(Self {
            local,
            domain,
            port,
            host,
        })
    }

    /// Whether parts of the name are left open: it names several endpoints, or any.
    pub fn is_wildcard(&self) -> bool {
        self.local
            .split(|byte| *byte == b'/')
            .any(|part| matches!(part, b"*" | b"$"))
    }

    /// Whether `local`, an endpoint's name within the same gateway, is among those that are
    /// meant: names without regard to case, `*` and `$` for any part, and a last `*` for all
    /// that follow (RFC 3435 §2.1.2).
    pub fn covers(&self, local: &[u8]) -> bool {
        let mut theirs = local.split(|byte| *byte == b'/');
        let mut ours = self.local.split(|byte| *byte == b'/').peekable();
        while let Some(part) = ours.next() {
            let open = matches!(part, b"*" | b"$");
            let last = ours.peek().is_none();
            match theirs.next() {
                Some(_) if open && last => return true,
                Some(name) if open || part.eq_ignore_ascii_case(name) => {}
                _ => return false,
            }
        }
        theirs.next().is_none()
    }
}

impl<'a> NotifiedEntity<'a> {
    /// Reads an entity that fills `text`.
    pub(super) fn read(text: Text<'a>) -> Option<Self> {
        let at = memchr::memrchr(b'@', &text);
        let local = at.map(|at| text.slice(0, at));
        let host = text.slice(at.map_or(0, |at| at + 1), text.len());
        let (domain, port) = host_port(host)?;
        local
            .is_none_or(|local| local_name(&local))
            .then_some(Self {
                text,
                local,
                domain,
                port,
                host,
            })
    }
}

impl<'a> Domain<'a> {
    fn read(text: Text<'a>) -> Option<Self> {
        if text.is_empty() || text.len() > MAX_NAME_BYTES {
            return None;
        }
        let bracketed = text
            .strip_prefix(b"[")
            .map(|rest| rest.strip_suffix(b"]").and_then(literal));
        let ip = match bracketed {
            Some(inside) => Some(inside?),
            None => ipv4(&text).map(IpAddr::V4),
        };
        let name = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_#".contains(byte);
        (bracketed.is_some() || text.iter().all(name)).then_some(Self { text, ip })
    }

    /// Whether both are the same: addresses by value, names without regard to case.
    pub fn is_same(&self, other: &Domain) -> bool {
        match (self.ip, other.ip) {
            (None, None) => self.text.eq_ignore_ascii_case(&other.text),
            (mine, theirs) => mine == theirs,
        }
    }
}

fn literal(text: &[u8]) -> Option<IpAddr> {
    let ipv6 = || {
        std::str::from_utf8(text)
            .ok()?
            .parse()
            .ok()
            .map(|ip: Ipv6Addr| IpAddr::V6(ip))
    };
    ipv4(text).map(IpAddr::V4).or_else(ipv6)
}

fn host_port(text: Text) -> Option<(Domain, Option<u16>)> {
    let colon = memchr::memrchr(b':', &text).filter(|colon| !text[*colon..].contains(&b']'));
    let Some(colon) = colon else {
        return Some((Domain::read(text)?, None));
    };
    let digits = &text[colon + 1..];
    let port = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let form = digits.iter().all(u8::is_ascii_digit);
    let domain = Domain::read(text.slice(0, colon))?;
    form.then_some((domain, Some(port)))
}

fn local_name(text: &[u8]) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Span;

    fn whole(text: &str) -> Text<'_> {
        Text::new(text.as_bytes(), Span::new(0, text.len()))
    }

    #[test]
    fn endpoints_are_read_with_names_and_addresses() {
        let read = |text| {
            let name = EndpointName::read(whole(text))?;
            Some((
                name.local.as_str()?,
                name.domain.text.as_str()?,
                name.domain.ip.map(|ip| ip.to_string()),
                name.port,
            ))
        };
        let ip = |text: &str| Some(text.to_owned());
        assert_eq!(
            read("aaln/1@rgw.example.net"),
            Some(("aaln/1", "rgw.example.net", None, None))
        );
        assert_eq!(
            read("ds/ds1-*/$@[10.0.0.1]"),
            Some(("ds/ds1-*/$", "[10.0.0.1]", ip("10.0.0.1"), None))
        );
        assert_eq!(
            read("*@10.0.0.1:2427"),
            Some(("*", "10.0.0.1", ip("10.0.0.1"), Some(2427)))
        );
        assert_eq!(
            read("a@b@[2001:db8::1]"),
            Some(("a@b", "[2001:db8::1]", ip("2001:db8::1"), None))
        );
        for none in [
            "a",
            "@b",
            "a@",
            "a@[b]",
            "a@[::1",
            "a@::1",
            "a@b:",
            "a@b:+1",
            "a@b:65536",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
        let long = format!("{}@b", "a".repeat(MAX_NAME_BYTES + 1));
        assert_eq!(EndpointName::read(whole(&long)), None);
    }

    #[test]
    fn entities_may_lack_a_name_and_a_port() {
        let read = |text| {
            let entity = NotifiedEntity::read(whole(text))?;
            let local = entity.local.map(|local| local.as_str().unwrap_or_default());
            Some((local, entity.domain.text.as_str()?, entity.port))
        };
        assert_eq!(
            read("ca@ca1.example.net:5678"),
            Some((Some("ca"), "ca1.example.net", Some(5678)))
        );
        assert_eq!(
            read("[2001:db8::1]:2727"),
            Some((None, "[2001:db8::1]", Some(2727)))
        );
        assert_eq!(read("128.96.41.12"), Some((None, "128.96.41.12", None)));
        for none in ["", "@b", "ca@", "ca@b c", "b:x"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn wildcards_cover_whole_parts_and_a_last_one_all_that_follows() {
        let covers = |pattern: &str, local: &str| {
            let name = format!("{pattern}@gw");
            let name = EndpointName::read(whole(&name)).unwrap();
            name.covers(local.as_bytes())
        };
        for (pattern, local) in [
            ("*", "aaln/1"),
            ("aaln/*", "AALN/2"),
            ("ds/*/3", "ds/ds1-1/3"),
            ("aaln/1", "Aaln/1"),
            ("$", "aaln/1"),
        ] {
            assert!(covers(pattern, local), "{pattern} {local}");
        }
        for (pattern, local) in [
            ("aaln/*", "aaln"),
            ("aaln/1", "aaln/2"),
            ("aaln", "aaln/1"),
            ("ds/*/3", "ds/ds1-1/4"),
        ] {
            assert!(!covers(pattern, local), "{pattern} {local}");
        }
    }
}
