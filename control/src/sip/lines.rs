//! The header section as lines: names, values, folds and where they end.

use memchr::{memchr, memchr2};

use super::fault::Fault;
use super::message::Header;
use super::name::HeaderName;
use super::scanner::{is_token, trim};
use super::span::Span;

/// Iterates over the header lines of a message up to its blank line.
///
/// Lines end in CRLF; a lone LF is taken as well, a lone CR is a fault, since whoever receives
/// it next might read another header there. A malformed line is reported and passed over.
pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    pos: usize,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Reading,
    Ended,
    Broken,
}

impl<'a> Lines<'a> {
    pub fn new(bytes: &'a [u8], pos: usize) -> Self {
        Self {
            bytes,
            pos,
            state: State::Reading,
        }
    }

    /// Starts after the first line.
    pub fn after_start_line(bytes: &'a [u8]) -> Self {
        Self::new(
            bytes,
            memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1),
        )
    }

    /// Once iteration has ended: where the blank line starts and where the body does.
    pub fn end(&self) -> Option<(usize, usize)> {
        let blank = if self.bytes.get(self.pos) == Some(&b'\r') {
            2
        } else {
            1
        };
        (self.state == State::Ended).then_some((self.pos, self.pos + blank))
    }

    /// The end of the line at the cursor with its folds: (end of content, start of the next).
    fn line_end(&self) -> Result<(usize, usize), Fault> {
        let mut from = self.pos;
        loop {
            let (content, next) = physical_line(self.bytes, from)?;
            if !matches!(self.bytes.get(next), Some(b' ' | b'\t')) {
                return Ok((content, next));
            }
            from = next;
        }
    }

    fn header(&self, content: usize, next: usize) -> Result<Header, Fault> {
        let colon = memchr(b':', &self.bytes[self.pos..content]).ok_or(Fault::HeaderLine)?;
        let name = trim_end(self.bytes, self.pos, self.pos + colon);
        let name_text = &self.bytes[name.start()..name.end()];
        if name.is_empty() || !name_text.iter().all(|byte| is_token(*byte)) {
            return Err(Fault::HeaderLine);
        }
        Ok(Header {
            name: HeaderName::new(name_text),
            name_span: name,
            value: trim(self.bytes, Span::new(self.pos + colon + 1, content)),
            line: Span::new(self.pos, next),
        })
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Header, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state != State::Reading {
            return None;
        }
        if matches!(self.bytes[self.pos..], [b'\n', ..] | [b'\r', b'\n', ..]) {
            self.state = State::Ended;
            return None;
        }
        match self.line_end() {
            Ok((content, next)) => {
                let header = self.header(content, next);
                self.pos = next;
                Some(header)
            }
            Err(fault) => {
                self.state = State::Broken;
                Some(Err(fault))
            }
        }
    }
}

/// The end of one physical line that starts at `from`: (end of content, start of the next).
pub(crate) fn physical_line(bytes: &[u8], from: usize) -> Result<(usize, usize), Fault> {
    let end = memchr2(b'\r', b'\n', &bytes[from..]).ok_or(Fault::Unterminated)? + from;
    match (bytes[end], bytes.get(end + 1)) {
        (b'\n', _) => Ok((end, end + 1)),
        (_, Some(b'\n')) => Ok((end, end + 2)),
        (_, None) => Err(Fault::Unterminated),
        _ => Err(Fault::StrayReturn),
    }
}

/// `bytes` without the line ends that may precede a start line (RFC 3261 §7.5).
pub(crate) fn without_blank_lines(bytes: &[u8]) -> &[u8] {
    let blank = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'));
    &bytes[blank.count()..]
}

/// `start..end` without blanks before `end`.
fn trim_end(bytes: &[u8], start: usize, mut end: usize) -> Span {
    while end > start && matches!(bytes[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    Span::new(start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(section: &str) -> Vec<Result<(String, String), Fault>> {
        let text = |span: Span| section[span.start()..span.end()].to_owned();
        Lines::new(section.as_bytes(), 0)
            .map(|line| line.map(|header| (text(header.name_span), text(header.value))))
            .collect()
    }

    #[test]
    fn folds_belong_to_their_line() {
        let lines = read("Subject :\r\n  a\r\n\tb \r\nl: 0\r\n\r\nbody: x\r\n");
        let expected = [("Subject", "a\r\n\tb"), ("l", "0")];
        assert_eq!(
            lines,
            expected.map(|(n, v)| Ok((n.to_owned(), v.to_owned())))
        );
    }

    #[test]
    fn a_bad_line_is_passed_over_and_a_stray_return_ends_it() {
        let lines = read("no colon\r\n: no name\r\nl: 0\r\nX: a\rVia: b\r\n\r\n");
        assert_eq!(lines[0], Err(Fault::HeaderLine));
        assert_eq!(lines[1], Err(Fault::HeaderLine));
        assert_eq!(lines[2], Ok(("l".into(), "0".into())));
        assert_eq!(lines[3], Err(Fault::StrayReturn));
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn a_section_without_blank_line_is_unterminated() {
        assert_eq!(read("l: 0\r\n").last(), Some(&Err(Fault::Unterminated)));
        assert_eq!(read("l: 0").last(), Some(&Err(Fault::Unterminated)));
        assert_eq!(read("l: 0\r\n\r").last(), Some(&Err(Fault::Unterminated)));
        assert_eq!(read("").last(), Some(&Err(Fault::Unterminated)));
    }
}
