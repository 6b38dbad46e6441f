//! SIP URIs and name-addrs (RFC 3261 §19.1, §20.10), IPv6 literals included.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The port SIP listens on where a URI names none (RFC 3261 §19.1.2).
pub const DEFAULT_PORT: u16 = 5060;

/// The host part of a URI.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Host {
    /// A domain name, taken as written.
    Name(String),
    /// An address literal; IPv6 stands in brackets on the wire.
    Address(IpAddr),
}

/// A `sip:` URI.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Uri {
    /// The user part, if any, as written (escapes kept).
    pub user: Option<String>,
    /// The host part.
    pub host: Host,
    /// The port, if written.
    pub port: Option<u16>,
    /// Everything from the first `;` of the URI on, as written, e.g. `;lr;transport=udp`.
    pub tail: String,
}

/// A URI with what surrounds it in a From, To, Contact, Route or Record-Route header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameAddr {
    /// The URI.
    pub uri: Uri,
    /// The header parameters, as written, e.g. `;tag=abc`.
    pub parameters: String,
}

/// Why a URI or name-addr could not be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a SIP URI: {0:?}")]
pub struct UriError(pub String);

impl Uri {
    /// `sip:user@address`, for a Contact.
    pub fn at(user: &str, address: SocketAddr) -> Self {
        Self {
            user: Some(user.to_owned()),
            host: Host::Address(address.ip()),
            port: Some(address.port()),
            tail: String::new(),
        }
    }

    /// `sip:user@domain`: an address-of-record.
    pub fn of_record(user: &str, domain: &str) -> Self {
        Self {
            user: Some(user.to_owned()),
            host: host(domain),
            port: None,
            tail: String::new(),
        }
    }

    /// Reads a `sip:` URI.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let error = || UriError(text.to_owned());
        let rest = strip_scheme(text.trim()).ok_or_else(error)?;
        // A user part may itself contain `;` (RFC 3261 §25.1 user-unreserved): split it off first.
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let end = rest.find([';', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (host_text, port_text) = split_port(authority).ok_or_else(error)?;
        if host_text.is_empty() {
            return Err(error());
        }
        let port = match port_text {
            Some(digits) => Some(digits.parse().map_err(|_| error())?),
            None => None,
        };
        Ok(Self {
            user,
            host: host(host_text),
            port,
            tail: tail.to_owned(),
        })
    }

    /// An address as a host is written.
    pub fn host_text(ip: IpAddr) -> String {
        Host::Address(ip).to_string()
    }

    /// The address to send to, where the host is a literal.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.host {
            Host::Address(ip) => Some(SocketAddr::new(ip, self.port.unwrap_or(DEFAULT_PORT))),
            Host::Name(_) => None,
        }
    }

    /// Whether the URI carries the flag parameter `name`, such as `lr`.
    pub fn has_flag(&self, name: &str) -> bool {
        self.tail
            .split([';', '?'])
            .any(|part| part.eq_ignore_ascii_case(name))
    }

    /// Whether the host is this domain name or address literal.
    pub fn is_at(&self, name: &str) -> bool {
        match &self.host {
            Host::Name(own) => own.eq_ignore_ascii_case(name),
            Host::Address(ip) => name.parse() == Ok(*ip),
        }
    }
}

impl NameAddr {
    /// Reads `"Display" <sip:…>;params` or the bare `sip:…;params` form, in which every parameter
    /// belongs to the header (RFC 3261 §20.10).
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let text = text.trim();
        if let Some(open) = find_unquoted(text, '<') {
            let inner = &text[open + 1..];
            let close = inner.find('>').ok_or_else(|| UriError(text.to_owned()))?;
            return Ok(Self {
                uri: Uri::parse(&inner[..close])?,
                parameters: inner[close + 1..].trim().to_owned(),
            });
        }
        let at = text.find('@').unwrap_or(0);
        let end = text[at..]
            .find(';')
            .map_or(text.len(), |offset| at + offset);
        Ok(Self {
            uri: Uri::parse(&text[..end])?,
            parameters: text[end..].to_owned(),
        })
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&str> {
        parameter(&self.parameters, "tag")
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Address(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sip:")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write!(f, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.tail)
    }
}

/// The value of `;name=value` among header parameters; `Some("")` for a flag.
pub fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Splits a comma-separated header value, leaving quoted strings and `<…>` whole.
pub fn split_list(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let (item, tail) = match find_unquoted_outside_angles(text) {
            Some(comma) => (&text[..comma], Some(&text[comma + 1..])),
            None => (text, None),
        };
        rest = tail;
        Some(item.trim())
    })
    .filter(|item| !item.is_empty())
}

fn host(text: &str) -> Host {
    let bare = text
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse()
        .map_or_else(|_| Host::Name(text.to_owned()), Host::Address)
}

fn strip_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    scheme.eq_ignore_ascii_case("sip").then_some(rest)
}

fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let host_end = match authority.strip_prefix('[') {
        Some(inner) => inner.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(host_end);
    match rest {
        "" => Some((host, None)),
        _ => Some((host, Some(rest.strip_prefix(':')?))),
    }
}

fn find_unquoted(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (!quoted && c == wanted).then_some(at)
    })
}

fn find_unquoted_outside_angles(text: &str) -> Option<usize> {
    let (mut quoted, mut inside) = (false, false);
    text.char_indices().find_map(|(at, c)| {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => inside = true,
            '>' if !quoted => inside = false,
            ',' if !quoted && !inside => return Some(at),
            _ => {}
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_survive_reading_and_writing() {
        for text in [
            "sip:bob@example.org",
            "sip:192.0.2.7:5062;lr",
            "sip:bob@[2001:db8::7]:5062;transport=udp",
            "sip:[2001:db8::7];lr",
            "sip:a;b=c@example.org;ob?Subject=x",
        ] {
            assert_eq!(Uri::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "tel:+1",
            "sip:",
            "sip:bob@",
            "sip:[::1",
            "sip:a@b:port",
            "sip:[::1]x",
        ] {
            assert!(Uri::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn name_addrs_give_uri_and_tag() {
        let full = NameAddr::parse("\"B <o>, b\" <sip:bob@[::1]:5070;lr>;tag=x1").unwrap();
        assert_eq!(
            (full.uri.address().unwrap().port(), full.tag()),
            (5070, Some("x1"))
        );
        assert!(full.uri.has_flag("lr"));
        let bare = NameAddr::parse("sip:bob@example.org;tag=y").unwrap();
        assert_eq!(
            (bare.uri.to_string().as_str(), bare.tag()),
            ("sip:bob@example.org", Some("y"))
        );
    }

    #[test]
    fn lists_split_only_between_items() {
        let items: Vec<_> = split_list("<sip:a;x=\",\">, \"q,\" <sip:b,c> ,sip:d").collect();
        assert_eq!(items, ["<sip:a;x=\",\">", "\"q,\" <sip:b,c>", "sip:d"]);
    }
}
