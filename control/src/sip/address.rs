//! Addresses in headers: `"Name" <uri>;params` and its bare form (RFC 3261 §20.10).

use super::params::Params;
use super::scanner::{Scanner, is_lws, is_token};
use super::span::{Span, Text};
use super::uri::Uri;

/// The value of From, To, Contact, Route, Refer-To, P-Asserted-Identity and their like.
#[derive(Clone, Copy, Debug)]
pub struct NameAddr<'a> {
    /// All of it.
    pub text: Text<'a>,
    /// The display name as written, quotes included.
    pub display: Option<Text<'a>>,
    /// The URI, without angle brackets.
    pub uri: Uri<'a>,
    /// Whether the URI stands in angle brackets. If not, it must get them before it may be given
    /// parameters, headers or a comma: all of these would be the header's.
    pub bracketed: bool,
    /// The header's parameters.
    pub params: Params<'a>,
}

/// A Contact value.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "short-lived; a box would be an allocation"
)]
pub enum Contact<'a> {
    /// `*`: all contacts, in a REGISTER that removes them (RFC 3261 §10.2.2).
    Any,
    /// One contact.
    Address(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    /// Reads the value that fills `span` of `bytes`.
    pub fn parse(bytes: &'a [u8], span: Span) -> Option<Self> {
        match &bytes[span.start()..span.end()] {
            b"*" => Some(Contact::Any),
            _ => NameAddr::parse(bytes, span).map(Contact::Address),
        }
    }
}

impl<'a> NameAddr<'a> {
    /// Reads the value that fills `span` of `bytes`.
    pub fn parse(bytes: &'a [u8], span: Span) -> Option<Self> {
        let text = Text::new(bytes, span);
        let mut scanner = Scanner::new(bytes, span);
        let display = display_name(&mut scanner)?;
        let bracketed = scanner.eat(b'<');
        let uri_text = if bracketed {
            let uri_text = scanner.take_while(|byte| byte != b'>');
            scanner.eat(b'>').then_some(uri_text)?
        } else if display.is_some() {
            return None;
        } else {
            bare_uri(&mut scanner)?
        };
        let uri = Uri::parse_at(bytes, uri_text.span())?;
        let params = Params::read(bytes, Span::new(scanner.pos(), span.end()))?;
        let complete = params.span().end() == span.end();
        complete.then_some(Self {
            text,
            display,
            uri,
            bracketed,
            params,
        })
    }

    /// The dialog's tag in From and To.
    pub fn tag(&self) -> Option<Text<'a>> {
        self.params.value("tag")
    }
}

/// A quoted string, or words up to the angle bracket; leaves the cursor on the bracket or, where
/// there is no display name, on the URI.
fn display_name<'a>(scanner: &mut Scanner<'a>) -> Option<Option<Text<'a>>> {
    if scanner.peek() == Some(b'"') {
        let quoted = scanner.quoted()?;
        scanner.skip_lws();
        return (scanner.peek() == Some(b'<')).then_some(Some(quoted));
    }
    let start = scanner.clone();
    let words = scanner.take_while(|byte| is_token(byte) || is_lws(byte) || byte >= 0x80);
    if scanner.peek() != Some(b'<') {
        *scanner = start;
        return Some(None);
    }
    let name = words.as_bytes().trim_ascii();
    Some((!name.is_empty()).then(|| words.slice(0, name.len())))
}

/// A URI without angle brackets ends at white space or the header's first semicolon, and may
/// hold neither comma nor question mark (RFC 3261 §20).
fn bare_uri<'a>(scanner: &mut Scanner<'a>) -> Option<Text<'a>> {
    let uri = scanner.take_while(|byte| !is_lws(byte) && byte != b';');
    let plain = !uri.iter().any(|byte| matches!(byte, b',' | b'?'));
    plain.then_some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<NameAddr<'_>> {
        NameAddr::parse(text.as_bytes(), Span::new(0, text.len()))
    }

    #[test]
    fn name_uri_and_parameters_come_apart() {
        for (text, display, uri, tag) in [
            ("<sip:a@b>", None, "sip:a@b", None),
            ("<sip:a@b;x=y>;tag=1", None, "sip:a@b;x=y", Some("1")),
            ("sip:a@b;tag=1", None, "sip:a@b", Some("1")),
            ("sip:a@b ;\r\n tag = 1", None, "sip:a@b", Some("1")),
            ("Bob <sip:a@b>", Some("Bob"), "sip:a@b", None),
            (
                "Bob\r\n T. Baker<sip:a@b>",
                Some("Bob\r\n T. Baker"),
                "sip:a@b",
                None,
            ),
            ("Jürgen <sip:a@b>", Some("Jürgen"), "sip:a@b", None),
            (
                "\"<sip:x>, \\\"\" <sip:a@b>;TAG=1",
                Some("\"<sip:x>, \\\"\""),
                "sip:a@b",
                Some("1"),
            ),
            (
                "\"\"<tel:1>;q=\";\";tag=2",
                Some("\"\""),
                "tel:1",
                Some("2"),
            ),
            ("<sip:a@b>;tag=", None, "sip:a@b", None),
        ] {
            let found = address(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                found.display.map(|name| name.as_str().unwrap()),
                display,
                "{text}"
            );
            assert_eq!(found.uri.text.as_str(), Some(uri), "{text}");
            assert_eq!(found.tag().map(|tag| tag.as_str().unwrap()), tag, "{text}");
            assert_eq!(found.bracketed, text.contains('<'), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "*",
            "a@b",
            "Bell, A <sip:a@b>",
            "\"Bob <sip:a@b>",
            "\"Bob\" sip:a@b",
            "<sip:a@b",
            "< sip:a@b >",
            "<sip:a@b> x",
            "<sip:a@b>;",
            "<sip:a@b>;;a",
            "sip:a@b?c=d",
            "sip:a,b@c",
            "sip:a@b c",
            "<>",
            "Bob",
        ] {
            assert!(address(text).is_none(), "{text}");
        }
    }
}
