//! The octets of Local and Remote descriptors (Annex B, `octetString`): everything up to the
//! closing brace. A brace within is escaped by a backslash, and nothing else is.

use memchr::{memchr, memchr2};

use crate::sip::Span;

/// The description from `start` on, just behind the opening brace: without the blanks and
/// comments before it and the blanks behind its last line end; and where the closing brace is.
pub(super) fn description(bytes: &[u8], start: usize) -> Option<(Span, usize)> {
    let mut first = start;
    while let Some(byte) = bytes.get(first) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => first += 1,
            b';' => first += memchr2(b'\r', b'\n', &bytes[first..])?,
            _ => break,
        }
    }
    let mut close = first;
    loop {
        close += memchr(b'}', &bytes[close..])?;
        if close == first || bytes[close - 1] != b'\\' {
            break;
        }
        close += 1;
    }
    Some((
        Span::new(first, first + trimmed(&bytes[first..close])),
        close,
    ))
}

/// Where a digit map's closing brace is: it has comments, and no other brace.
pub(super) fn digit_map(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += memchr2(b'}', b';', &bytes[at..])?;
        if bytes[at] == b'}' {
            return Some(at);
        }
        at += memchr2(b'\r', b'\n', &bytes[at..])?;
    }
}

/// What the octets say.
pub(super) fn unescaped(octets: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some(at) = memchr(b'}', rest) {
        // Only an escaped one can stand here.
        text.extend_from_slice(&rest[..at - 1]);
        text.push(b'}');
        rest = &rest[at + 1..];
    }
    text.extend_from_slice(rest);
    text
}

/// Appends the octets that say `text`.
pub(super) fn escape(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        if *byte == b'}' {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    if text.last() == Some(&b'\\') {
        // Or the closing brace would be none.
        out.push(b' ');
    }
}

/// How much is left without the blanks at the end, but for one line end.
fn trimmed(octets: &[u8]) -> usize {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let kept = octets.iter().rposition(|byte| !blank(byte));
    let kept = kept.map_or(0, |last| last + 1);
    match &octets[kept..] {
        [b'\r', b'\n', ..] => kept + 2,
        [b'\r' | b'\n', ..] => kept + 1,
        _ => kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<u8>, usize) {
        let (span, close) = description(text.as_bytes(), 1).unwrap();
        let octets = &text.as_bytes()[span.start()..span.end()];
        (unescaped(octets), close)
    }

    #[test]
    fn a_description_is_what_stands_between_the_blanks() {
        assert_eq!(read("{}"), (b"".to_vec(), 1));
        assert_eq!(read("{ \r\n}"), (b"".to_vec(), 4));
        assert_eq!(read("{ v=0 }"), (b"v=0".to_vec(), 6));
        assert_eq!(read("{;x}\r\nv=0\r\n  }").0, b"v=0\r\n");
        assert_eq!(read("{v=0\n\n\t}").0, b"v=0\n");
        assert_eq!(read("{v=0\r}").0, b"v=0\r");
        assert_eq!(read("{a={x\\}\\\\}y}"), (b"a={x}\\}y".to_vec(), 11));
        assert_eq!(description(b"{v=0\\}", 1), None);
        assert_eq!(description(b"{;v=0}", 1), None);
    }

    #[test]
    fn what_is_escaped_reads_the_same() {
        for text in ["", "v=0\r\n", "}", "\\}", "a\\", "{}}\\\\", "\\\\}}"] {
            let mut octets = b"{".to_vec();
            escape(text.as_bytes(), &mut octets);
            octets.push(b'}');
            let read = read(std::str::from_utf8(&octets).unwrap());
            assert_eq!(read, (text.as_bytes().to_vec(), octets.len() - 1));
        }
    }

    #[test]
    fn a_digit_map_ends_at_a_brace_that_is_no_comment() {
        let text = b"{T:16,(0|[1-7]xxx) ;}\n|x.}";
        assert_eq!(digit_map(text, 1), Some(text.len() - 1));
        assert_eq!(digit_map(b"{x.", 1), None);
    }
}
