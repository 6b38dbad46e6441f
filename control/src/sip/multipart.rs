//! Bodies in several parts, and the session description among them (RFC 2046 §5.1).

use memchr::memmem;

use super::content_type::ContentType;
use super::limits::{MAX_BOUNDARY_BYTES, MAX_MULTIPART_DEPTH, MAX_MULTIPART_PARTS};
use super::lines::Lines;
use super::message::Message;
use super::name::HeaderName;
use super::span::{Span, Text};

impl<'a> Message<'a> {
    /// The session description: the body where that is its type, or the first part of a
    /// multipart body that is one. Editing within leaves everything around it as it is.
    pub fn session_description(&self) -> Option<Text<'a>> {
        let content_type = self.content_type().ok()??;
        let body = self.body().span();
        let found = find(self.bytes(), &content_type, body, MAX_MULTIPART_DEPTH)?;
        (!found.is_empty()).then(|| self.text(found))
    }
}

fn find(bytes: &[u8], content_type: &ContentType, body: Span, depth: usize) -> Option<Span> {
    if content_type.is("application", "sdp") {
        return Some(body);
    }
    if !content_type.kind.is("multipart") || depth == 0 {
        return None;
    }
    let boundary = content_type.params.value("boundary")?;
    let boundary = unquote(boundary.as_bytes());
    if !(1..=MAX_BOUNDARY_BYTES).contains(&boundary.len()) {
        return None;
    }
    Parts::new(bytes, body, boundary)
        .take(MAX_MULTIPART_PARTS)
        .find_map(|part| {
            let (content_type, body) = read_part(bytes, part)?;
            find(bytes, &content_type, body, depth - 1)
        })
}

/// A part's type and body; a part without headers starts with its blank line.
fn read_part(bytes: &[u8], part: Span) -> Option<(ContentType<'_>, Span)> {
    let mut content_type = None;
    let mut lines = Lines::new(&bytes[..part.end()], part.start());
    for header in (&mut lines).flatten() {
        if header.name == HeaderName::ContentType {
            content_type = ContentType::parse(bytes, header.value);
        }
    }
    let (_, body_start) = lines.end()?;
    Some((content_type?, Span::new(body_start, part.end())))
}

/// Iterates over what lies between delimiter lines, their leading line ends left out.
struct Parts<'a> {
    bytes: &'a [u8],
    boundary: &'a [u8],
    end: usize,
    next: Option<usize>,
}

impl<'a> Parts<'a> {
    fn new(bytes: &'a [u8], body: Span, boundary: &'a [u8]) -> Self {
        let mut parts = Self {
            bytes,
            boundary,
            end: body.end(),
            next: None,
        };
        parts.next = parts
            .delimiter(body.start(), body.start())
            .and_then(|found| found.part);
        parts
    }

    /// The first delimiter line at or after `from` in a body that starts at `start`.
    fn delimiter(&self, start: usize, from: usize) -> Option<Delimiter> {
        let finder = memmem::Finder::new(b"--");
        let mut at = from;
        loop {
            at += finder.find(&self.bytes[at..self.end])?;
            let line_start = at == start || self.bytes[at - 1] == b'\n';
            let after = &self.bytes[at + 2..self.end];
            if line_start
                && after
                    .strip_prefix(self.boundary)
                    .is_some_and(ends_delimiter)
            {
                return Some(self.delimiter_at(start, at));
            }
            at += 1;
        }
    }

    fn delimiter_at(&self, start: usize, at: usize) -> Delimiter {
        let line_end = match self.bytes[start..at] {
            [.., b'\r', b'\n'] => 2,
            [.., b'\n'] => 1,
            _ => 0,
        };
        let after = at + 2 + self.boundary.len();
        let closing = self.bytes[after..self.end].starts_with(b"--");
        let line = memchr::memchr(b'\n', &self.bytes[after..self.end]);
        let part = line.filter(|_| !closing).map(|lf| after + lf + 1);
        Delimiter {
            content_end: at - line_end,
            part,
        }
    }
}

/// A delimiter line: where what precedes it ends, and where the next part starts if any.
struct Delimiter {
    content_end: usize,
    part: Option<usize>,
}

impl Iterator for Parts<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let start = self.next.take()?;
        let delimiter = self.delimiter(start, start)?;
        self.next = delimiter.part;
        Some(Span::new(start, delimiter.content_end.max(start)))
    }
}

/// Whether a boundary ends here, rather than being the start of a longer one.
fn ends_delimiter(rest: &[u8]) -> bool {
    rest.starts_with(b"--") || rest.first().is_none_or(u8::is_ascii_whitespace)
}

fn unquote(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Splices;

    fn message(content_type: &str, body: &str) -> String {
        format!(
            "INVITE sip:a SIP/2.0\r\nc: {content_type}\r\nl: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn description(content_type: &str, body: &str) -> Option<String> {
        let text = message(content_type, body);
        let found = Message::parse(text.as_bytes())
            .unwrap()
            .session_description()?
            .to_vec();
        String::from_utf8(found).ok()
    }

    const MIXED: &str = "ignored\r\n--b1x\r\n\
        --b1\r\n\r\nno type\r\n\
        --b1 \r\nContent-Type: Application/SDP;x=y\r\nX: 1\r\n\r\nv=0\r\ns=--b1\r\n\r\n\
        --b1--\r\n--b1\r\nContent-Type: application/sdp\r\n\r\nv=1\r\n--b1--";

    #[test]
    fn the_description_is_found_wherever_it_is() {
        assert_eq!(
            description("application/sdp", "v=0\r\n").as_deref(),
            Some("v=0\r\n")
        );
        assert_eq!(description("application/sdp", ""), None);
        assert_eq!(description("text/plain", "v=0\r\n"), None);
        assert_eq!(
            description("multipart/mixed;boundary=b1", MIXED).as_deref(),
            Some("v=0\r\ns=--b1\r\n")
        );
        assert_eq!(
            description("multipart/mixed;boundary=\"b1\"", MIXED).as_deref(),
            Some("v=0\r\ns=--b1\r\n")
        );
        assert_eq!(description("multipart/mixed;boundary=b2", MIXED), None);
        assert_eq!(description("multipart/mixed;boundary=\"\"", MIXED), None);
        assert_eq!(description("multipart/mixed", MIXED), None);
        let open = "--b\r\nc: application/sdp\r\n\r\nv=0\r\n";
        assert_eq!(description("multipart/mixed;boundary=b", open), None);
    }

    #[test]
    fn parts_may_nest_but_not_forever() {
        let mut body = "--b0\r\nc: application/sdp\r\n\r\nv=0\r\n--b0--".to_owned();
        for depth in 1..=MAX_MULTIPART_DEPTH {
            let content_type = format!("multipart/related;boundary=b{}", depth - 1);
            let found = description(&content_type, &body);
            assert_eq!(found.as_deref(), Some("v=0"), "{depth}");
            body = format!("--b{depth}\r\nc: {content_type}\r\n\r\n{body}\r\n--b{depth}--");
        }
        let content_type = format!("multipart/related;boundary=b{MAX_MULTIPART_DEPTH}");
        assert_eq!(description(&content_type, &body), None);
    }

    #[test]
    fn only_the_part_is_edited() {
        let text = message("multipart/mixed;boundary=b1", MIXED);
        let message = Message::parse(text.as_bytes()).unwrap();
        let mut edits = Splices::new();
        edits.replace(
            message.session_description().unwrap().span(),
            "v=00\r\ns=--b1\r\n",
        );
        let mut out = Vec::new();
        message.render(&mut edits, &mut out);
        let expected = text.replace("v=0\r\n", "v=00\r\n");
        let lengths = [MIXED.len(), MIXED.len() + 1].map(|len| format!("l: {len}\r\n"));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            expected.replace(&lengths[0], &lengths[1])
        );
    }
}
