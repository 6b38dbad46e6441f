//! URIs: sip, sips and tel taken apart, all others tolerated (RFC 3261 §19.1, RFC 3966).

use super::host::HostPort;
use super::limits::MAX_MESSAGE_BYTES;
use super::params::Params;
use super::scanner::{Scanner, is_uri};
use super::span::{Span, Text};

/// What kind of URI it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// `urn:`, as emergency services use it (RFC 5031).
    Urn,
    /// Any other, its rest not looked into.
    Other,
}

/// A URI's parts and where they stand.
#[derive(Clone, Copy, Debug)]
pub struct Uri<'a> {
    /// All of it.
    pub text: Text<'a>,
    /// Its scheme.
    pub scheme: Scheme,
    /// The scheme as written, without colon.
    pub scheme_text: Text<'a>,
    /// User, with user parameters and escapes as written; the number in a tel URI.
    pub user: Option<Text<'a>>,
    /// What follows the user's colon.
    pub password: Option<Text<'a>>,
    /// Host and port; `None` unless sip or sips.
    pub host_port: Option<HostPort<'a>>,
    /// URI parameters; none unless sip, sips or tel.
    pub params: Params<'a>,
    /// What follows the question mark, without it.
    pub headers: Option<Text<'a>>,
}

impl<'a> Uri<'a> {
    /// Reads a URI that fills `bytes`; spans are offsets into `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return None;
        }
        Self::parse_at(bytes, Span::new(0, bytes.len()))
    }

    /// Reads a URI that fills `span` of `bytes`.
    pub fn parse_at(bytes: &'a [u8], span: Span) -> Option<Self> {
        let text = Text::new(bytes, span);
        if !text.iter().all(|byte| is_uri(*byte)) {
            return None;
        }
        let colon = memchr::memchr(b':', &text)?;
        let scheme_text = Text::new(bytes, Span::new(span.start(), span.start() + colon));
        let uri = Self {
            text,
            scheme: scheme(&scheme_text)?,
            scheme_text,
            user: None,
            password: None,
            host_port: None,
            params: Params::read(bytes, Span::at(span.end()))?,
            headers: None,
        };
        let rest = Span::new(span.start() + colon + 1, span.end());
        match uri.scheme {
            Scheme::Sip | Scheme::Sips => uri.read_sip(bytes, rest),
            Scheme::Tel => uri.read_tel(bytes, rest),
            Scheme::Urn | Scheme::Other => (!rest.is_empty()).then_some(uri),
        }
    }

    /// The host, where there is one.
    pub fn host(&self) -> Option<super::host::Host<'a>> {
        self.host_port.map(|host_port| host_port.host)
    }

    /// The headers after the question mark, in order, as written: name and value, both escaped.
    pub fn header_fields(&self) -> impl Iterator<Item = (Text<'a>, Text<'a>)> + use<'a> {
        let text = self.headers;
        let mut at = 0;
        std::iter::from_fn(move || {
            let text = text.filter(|text| at < text.len())?;
            let end = memchr::memchr(b'&', &text[at..]).map_or(text.len(), |and| at + and);
            let equals = memchr::memchr(b'=', &text[at..end]).map_or(end, |equals| at + equals);
            let piece = |start: usize, end: usize| text.slice(start, end);
            let field = (piece(at, equals), piece((equals + 1).min(end), end));
            at = end + 1;
            Some(field)
        })
    }

    /// `[user [":" password] "@"] host [":" port] *(";" param) ["?" headers]`. User and
    /// password may hold semicolons and question marks, so the `@` is looked for first.
    fn read_sip(mut self, bytes: &'a [u8], rest: Span) -> Option<Self> {
        let mut host_start = rest.start();
        if let Some(at) = memchr::memchr(b'@', &bytes[rest.start()..rest.end()]) {
            let user_info = Span::new(rest.start(), rest.start() + at);
            let colon = memchr::memchr(b':', &bytes[user_info.start()..user_info.end()]);
            let user_end = colon.map_or(user_info.end(), |colon| user_info.start() + colon);
            let user = Text::new(bytes, Span::new(user_info.start(), user_end));
            self.user = Some(user).filter(|user| !user.is_empty()).map(Some)?;
            self.password =
                colon.map(|_| Text::new(bytes, Span::new(user_end + 1, user_info.end())));
            host_start = user_info.end() + 1;
        }
        let mut end = rest.end();
        if let Some(mark) = memchr::memchr(b'?', &bytes[host_start..end]) {
            self.headers = Some(Text::new(bytes, Span::new(host_start + mark + 1, end)));
            end = host_start + mark;
        }
        let mut scanner = Scanner::new(bytes, Span::new(host_start, end));
        self.host_port = Some(HostPort::read(&mut scanner)?);
        self.read_params(bytes, Span::new(scanner.pos(), end))
    }

    fn read_tel(mut self, bytes: &'a [u8], rest: Span) -> Option<Self> {
        let mut scanner = Scanner::new(bytes, rest);
        let number = scanner.take_while(|byte| byte != b';');
        self.user = Some(number).filter(|number| !number.is_empty()).map(Some)?;
        self.read_params(bytes, Span::new(scanner.pos(), rest.end()))
    }

    fn read_params(mut self, bytes: &'a [u8], span: Span) -> Option<Self> {
        self.params = Params::read(bytes, span)?;
        (self.params.span().end() == span.end()).then_some(self)
    }
}

fn scheme(name: &[u8]) -> Option<Scheme> {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !name.first()?.is_ascii_alphabetic() || !name.iter().all(legal) {
        return None;
    }
    Some(match name {
        _ if name.eq_ignore_ascii_case(b"sip") => Scheme::Sip,
        _ if name.eq_ignore_ascii_case(b"sips") => Scheme::Sips,
        _ if name.eq_ignore_ascii_case(b"tel") => Scheme::Tel,
        _ if name.eq_ignore_ascii_case(b"urn") => Scheme::Urn,
        _ => Scheme::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'a>(text: Option<Text<'a>>) -> Option<&'a str> {
        text.and_then(|text| text.as_str())
    }

    #[test]
    fn a_sip_uri_comes_apart() {
        let uri = b"sips:alice;day=tue:secret@[2001:db8::1]:5061;lr;transport=tcp?to=a%40b&x";
        let uri = Uri::parse(uri).unwrap();
        assert_eq!(uri.scheme, Scheme::Sips);
        assert_eq!(text(uri.user), Some("alice;day=tue"));
        assert_eq!(text(uri.password), Some("secret"));
        let host_port = uri.host_port.unwrap();
        assert_eq!(host_port.host.ip, "2001:db8::1".parse().ok());
        assert_eq!(host_port.port_or(0), 5061);
        assert_eq!(host_port.whole.len(), "[2001:db8::1]:5061".len());
        assert!(uri.params.has("LR"));
        assert_eq!(text(uri.params.value("transport")), Some("tcp"));
        let fields: Vec<_> = uri.header_fields().collect();
        assert_eq!(fields.len(), 2);
        assert_eq!((&*fields[0].0, &*fields[0].1), (&b"to"[..], &b"a%40b"[..]));
        assert_eq!((&*fields[1].0, &*fields[1].1), (&b"x"[..], &b""[..]));
    }

    #[test]
    fn hosts_are_told_apart() {
        let ip = |uri: &'static str| Uri::parse(uri.as_bytes()).unwrap().host().unwrap().ip;
        assert_eq!(ip("sip:192.0.2.1"), "192.0.2.1".parse().ok());
        assert_eq!(ip("sip:u@192.0.2.1:0;a=b"), "192.0.2.1".parse().ok());
        assert_eq!(
            ip("sip:[::ffff:192.0.2.1]"),
            "::ffff:192.0.2.1".parse().ok()
        );
        for name in [
            "sip:a.example.com.",
            "sip:192.0.2.1.example.com",
            "sip:4x",
            "sip:7",
            "sip:my_host",
        ] {
            assert_eq!(ip(name), None, "{name}");
        }
    }

    #[test]
    fn other_schemes_are_tolerated() {
        let tel = Uri::parse(b"tel:+1-201;phone-context=+1").unwrap();
        assert_eq!((tel.scheme, text(tel.user)), (Scheme::Tel, Some("+1-201")));
        assert_eq!(text(tel.params.value("phone-context")), Some("+1"));
        let scheme = |uri: &'static str| Uri::parse(uri.as_bytes()).map(|uri| uri.scheme);
        assert_eq!(scheme("urn:service:sos"), Some(Scheme::Urn));
        assert_eq!(scheme("soap.beep://192.0.2.103:3002"), Some(Scheme::Other));
        assert_eq!(scheme("SIP:a"), Some(Scheme::Sip));
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for uri in [
            "",
            "a",
            ":a",
            "sip:",
            "sip:@h",
            "sip:300.1.1.1",
            "sip:1.2.3",
            "sip:192.0.2.1.66:5060",
            "sip:192.0.2.1.",
            "sip:u@",
            "sip:a@b@c",
            "sip:h:",
            "sip:h:65536",
            "sip:h:5060x",
            "sip:[::1",
            "sip:2001:db8::1",
            "sip:h;;a",
            "sip:h h",
            "sip:<h>",
            "1sip:h",
            "tel:",
            "x:",
            "sip:h\r\nVia:",
            "sip:h\0",
            "sip:\"h\"",
        ] {
            assert!(Uri::parse(uri.as_bytes()).is_none(), "{uri:?}");
        }
    }
}
