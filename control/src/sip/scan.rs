//! Finds IP addresses written out in text nobody has a grammar for.

use std::net::{IpAddr, Ipv6Addr};

use super::escape::unescape_once;
use super::host;
use super::limits::ESCAPE_DEPTH;
use super::scanner::is_literal;
use super::span::Span;

/// An address found, and where. For IPv6 the span leaves out brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The address.
    pub ip: IpAddr,
    /// Where it is written.
    pub span: Span,
}

/// All IPv4 and IPv6 literals under `span` of `bytes`, in order, in time linear in its length.
///
/// A dotted quad counts wherever it does not run on into further digits or dotted numbers
/// (version numbers, object identifiers); it may stand inside a name. An IPv6 literal counts
/// where no letter or digit touches it. A percent escape (RFC 3261 §19.1.2) is the character it
/// stands for, so `%40` touches nothing.
pub fn addresses(bytes: &[u8], span: Span) -> impl Iterator<Item = Found> {
    let (mut at, mut run_end) = (span.start(), span.start());
    let mut seen = span;
    std::iter::from_fn(move || {
        while at < span.end() {
            if at >= run_end {
                at += prefix(&bytes[at..span.end()], |byte| !is_literal(byte));
                run_end = at + prefix(&bytes[at..span.end()], is_literal);
                seen = span;
                if is_escape(&bytes[span.start()..run_end], at - span.start()) {
                    at += 2;
                    seen = Span::new(at, span.end());
                }
            }
            if let Some(found) = find_in_run(bytes, seen, at, run_end) {
                at = found.span.end();
                return Some(found);
            }
            at = run_end;
        }
        None
    })
}

/// Addresses under `span` of `bytes` that are readable only once percent escapes are undone, up
/// to [`ESCAPE_DEPTH`] times: `192%2E0%2E2%2E1`. Spans are where they stand as written.
pub fn escaped_addresses(bytes: &[u8], span: Span) -> Vec<Found> {
    let mut text = bytes[span.start()..span.end()].to_vec();
    // Where each byte of `text` begins in `bytes`, and where the last one ends.
    let mut places: Vec<usize> = (span.start()..=span.end()).collect();
    let mut all = Vec::new();
    for _ in 0..ESCAPE_DEPTH {
        if !unescape_once(&mut text, &mut places) {
            break;
        }
        let found = addresses(&text, Span::new(0, text.len()));
        let placed = found.map(|found| Found {
            span: Span::new(places[found.span.start()], places[found.span.end()]),
            ..found
        });
        all.extend(placed);
    }
    all
}

/// Whether the two digits at `at` are a percent escape's.
fn is_escape(bytes: &[u8], at: usize) -> bool {
    let digits = bytes.get(at..at + 2).unwrap_or_default();
    let escaped = digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
    escaped && bytes[..at].last() == Some(&b'%')
}

/// Longest IPv6 address written out: eight groups, the last two as a dotted quad.
const LONGEST_IPV6: usize = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".len();

const LONGEST_IPV4: usize = "255.255.255.255".len();

/// The first address within a run of characters that addresses are made of.
fn find_in_run(bytes: &[u8], span: Span, start: usize, end: usize) -> Option<Found> {
    let run = &bytes[start..end];
    // Most runs are letters of words: seen to be none without a closer look.
    let count = |wanted: u8| run.iter().filter(|byte| **byte == wanted).count();
    if count(b':') >= 2
        && let Some(found) = ipv6(bytes, span, start, end)
    {
        return Some(found);
    }
    if count(b'.') < 3 {
        return None;
    }
    (start..end).find_map(|at| ipv4(bytes, span, at))
}

/// An IPv6 address that is the whole run but for a colon or dot before or after it.
fn ipv6(bytes: &[u8], span: Span, start: usize, end: usize) -> Option<Found> {
    if end - start > LONGEST_IPV6 + 2 {
        return None;
    }
    let punctuation = |at: usize| usize::from(matches!(bytes[at], b':' | b'.'));
    let (front, back) = (punctuation(start), punctuation(end - 1));
    let trims = [(0, 0), (0, back), (front, 0), (front, back)];
    trims.into_iter().find_map(|(front, back)| {
        let inner = Span::new(start + front, (end - back).max(start + front));
        let text = std::str::from_utf8(&bytes[inner.start()..inner.end()]).ok()?;
        let ip: Ipv6Addr = text.parse().ok()?;
        let alone = !touches_word(bytes, span, inner);
        alone.then_some(Found {
            ip: IpAddr::V6(ip),
            span: inner,
        })
    })
}

/// Whether a letter or digit stands right before or after `inner`.
fn touches_word(bytes: &[u8], span: Span, inner: Span) -> bool {
    let before = &bytes[span.start()..inner.start()];
    let after = &bytes[inner.end()..span.end()];
    before.last().is_some_and(u8::is_ascii_alphanumeric)
        || after.first().is_some_and(u8::is_ascii_alphanumeric)
}

/// A dotted quad that starts at `at`.
fn ipv4(bytes: &[u8], span: Span, at: usize) -> Option<Found> {
    let (before, rest) = (&bytes[span.start()..at], &bytes[at..span.end()]);
    let runs_on = match before {
        [.., byte, b'.'] | [.., byte] => byte.is_ascii_digit(),
        [] => false,
    };
    if runs_on {
        return None;
    }
    let mut len = 0;
    loop {
        let digits = prefix(&rest[len..], |byte| byte.is_ascii_digit());
        len += digits;
        let more = matches!(rest[len..], [b'.', b'0'..=b'9', ..]);
        if digits == 0 || len > LONGEST_IPV4 {
            return None;
        } else if !more {
            break;
        }
        len += 1;
    }
    let ip = host::ipv4(&rest[..len])?;
    Some(Found {
        ip: IpAddr::V4(ip),
        span: Span::new(at, at + len),
    })
}

/// How many bytes at the front are accepted.
fn prefix(bytes: &[u8], accept: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| accept(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        addresses(text.as_bytes(), Span::new(0, text.len()))
            .map(|found| &text[found.span.start()..found.span.end()])
            .collect()
    }

    #[test]
    fn finds_addresses_in_their_disguises() {
        assert_eq!(found("192.0.2.1"), ["192.0.2.1"]);
        assert_eq!(
            found("<sip:a@192.0.2.1:5060>, 10.0.0.1."),
            ["192.0.2.1", "10.0.0.1"]
        );
        assert_eq!(found("host-10.1.2.3.example.com"), ["10.1.2.3"]);
        assert_eq!(found("id=abc10.1.2.3def"), ["10.1.2.3"]);
        assert_eq!(found("sip:[2001:db8::1]:5060"), ["2001:db8::1"]);
        assert_eq!(found("from 2001:db8::1: gone"), ["2001:db8::1"]);
        assert_eq!(found("at ::1."), ["::1"]);
        assert_eq!(found("addr:2001:db8::1"), ["2001:db8::1"]);
        assert_eq!(found("10.0.0.1..2"), ["10.0.0.1"]);
        assert_eq!(found("10.0.0.1:2001:db8::1"), ["10.0.0.1", "2001:db8::1"]);
        assert_eq!(found("::ffff:192.0.2.1"), ["::ffff:192.0.2.1"]);
        assert_eq!(found("a=b:10.0.0.1:c:10.0.0.2"), ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(found("sip%3Aa%4010.0.0.1%3B"), ["10.0.0.1"]);
        assert_eq!(found("%5B2001:db8::1%5D"), ["2001:db8::1"]);
        assert_eq!(found("192.000.002.001"), ["192.000.002.001"]);
    }

    #[test]
    fn finds_addresses_behind_escapes() {
        let found = |text: &str| -> Vec<(String, String)> {
            let span = Span::new(1, text.len() - 1);
            let found = escaped_addresses(text.as_bytes(), span).into_iter();
            found
                .map(|found| {
                    let written = &text[found.span.start()..found.span.end()];
                    (found.ip.to_string(), written.to_owned())
                })
                .collect()
        };
        for (text, ip, written) in [
            ("<192%2E0%2e2.1>", "192.0.2.1", "192%2E0%2e2.1"),
            ("<a%40%31%39%32.0.2.1:5>", "192.0.2.1", "%31%39%32.0.2.1"),
            ("<x%252E192%252E0.2.1>", "192.0.2.1", "192%252E0.2.1"),
            (
                "<%5B2001%3Adb8%3a%3A1%5D>",
                "2001:db8::1",
                "2001%3Adb8%3a%3A1",
            ),
        ] {
            let last = found(text).pop().unwrap();
            assert_eq!(last, (ip.to_owned(), written.to_owned()), "{text}");
        }
        assert!(found("<192.0.2.1>").is_empty(), "nothing is escaped");
        assert!(found("<%%%2>").is_empty());
    }

    #[test]
    fn leaves_what_is_no_address() {
        for text in [
            "1.2.3",
            "1.2.3.4.5",
            "300.1.1.1",
            "12:34:56",
            "std::ffi",
            "a.b.c.d",
            "",
            ":",
            "::x",
            "0001.2.3.4",
            "2001:db8:::1",
            "1..2.3.4",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn keeps_to_its_span() {
        let text = b"x192.0.2.123";
        let mut inside = addresses(text, Span::new(1, 10));
        assert_eq!(
            inside.next().map(|found| found.span),
            Some(Span::new(1, 10))
        );
    }
}
