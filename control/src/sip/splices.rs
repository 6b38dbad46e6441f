//! Edits to a received message, recorded as replacements of spans and applied in one pass.

use std::io::Write;

use super::message::{Header, Message};
use super::name::HeaderName;
use super::span::Span;

/// Edits to one buffer, kept in order of position. Reusable: cleared, it keeps its memory.
///
/// Everything outside the edited spans is copied unchanged. Insertions at one position keep the
/// order they were recorded in, and stand before an edit that starts there. Of edits that
/// overlap, the one that starts first (the longer of two that start together, the earlier
/// recorded of two alike) counts, and the text of the others is not written: so a scan for
/// leaks may come last and does not undo what was edited before.
#[derive(Clone, Debug, Default)]
pub struct Splices {
    list: Vec<Splice>,
    text: Vec<u8>,
    declare_length: bool,
}

#[derive(Clone, Copy, Debug)]
struct Splice {
    span: Span,
    text_start: usize,
    text_end: usize,
}

impl Splices {
    /// No edits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all edits and keeps the memory.
    pub fn clear(&mut self) {
        self.list.clear();
        self.text.clear();
        self.declare_length = false;
    }

    /// Replaces what is at `span`; at an empty one this inserts.
    pub fn replace(&mut self, span: Span, text: impl AsRef<[u8]>) {
        self.replace_with(span, |out| out.extend_from_slice(text.as_ref()));
    }

    /// Replaces what is at `span` by what `write` appends to the buffer it is given.
    pub fn replace_with(&mut self, span: Span, write: impl FnOnce(&mut Vec<u8>)) {
        let text_start = self.text.len();
        write(&mut self.text);
        let splice = Splice {
            span,
            text_start,
            text_end: self.text.len(),
        };
        let after = self
            .list
            .partition_point(|other| other.key() <= splice.key());
        self.list.insert(after, splice);
    }

    /// Replaces what is at `span` by formatted text.
    pub fn replace_fmt(&mut self, span: Span, text: std::fmt::Arguments) {
        self.replace_with(span, |out| {
            out.write_fmt(text)
                .expect("writing to memory does not fail");
        });
    }

    /// Removes what is at `span`.
    pub fn remove(&mut self, span: Span) {
        self.replace(span, b"");
    }

    /// Removes a header with its line end.
    pub fn remove_header(&mut self, header: &Header) {
        self.remove(header.line);
    }

    /// Inserts at an offset.
    pub fn insert(&mut self, at: usize, text: impl AsRef<[u8]>) {
        self.replace(Span::at(at), text);
    }

    /// Inserts a header line at an offset where a line starts: a header's line start or end, or
    /// [`Message::headers_end`].
    pub fn insert_header(&mut self, at: usize, name: &str, value: impl AsRef<[u8]>) {
        self.replace_with(Span::at(at), |out| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_ref());
            out.extend_from_slice(b"\r\n");
        });
    }

    /// Asks for a Content-Length header even where none was received, as streams need it.
    pub fn declare_length(&mut self) {
        self.declare_length = true;
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && !self.declare_length
    }

    /// Whether an edit recorded so far changes anything within `span`.
    pub fn touches(&self, span: Span) -> bool {
        self.list
            .iter()
            .any(|splice| splice.span.start() < span.end() && span.start() < splice.span.end())
    }

    /// Appends `bytes` to `out` with the edits applied.
    pub fn apply(&self, bytes: &[u8], out: &mut Vec<u8>) {
        self.walk(bytes, 0, |piece| out.extend_from_slice(piece));
    }

    /// Appends what is under `span` of `bytes` to `out` with the edits applied, all of which lie
    /// within it.
    pub(crate) fn apply_within(&self, bytes: &[u8], span: Span, out: &mut Vec<u8>) {
        let bytes = &bytes[..span.end()];
        self.walk(bytes, span.start(), |piece| out.extend_from_slice(piece));
    }

    /// Sets Content-Length to what the body will be.
    pub(crate) fn settle_length(&mut self, message: &Message) {
        let body = message.body().span();
        let body_edited = self
            .list
            .iter()
            .any(|splice| splice.span.start() >= body.start());
        let declared = message.header(HeaderName::ContentLength).copied();
        if !body_edited && (declared.is_some() || !self.declare_length) {
            return;
        }
        let mut length = 0;
        self.walk(message.bytes(), body.start(), |piece| length += piece.len());
        match declared {
            Some(_) if length == body.len() => {}
            Some(header) => self.replace_fmt(header.value, format_args!("{length}")),
            None => {
                let at = Span::at(message.headers_end());
                self.replace_fmt(at, format_args!("Content-Length: {length}\r\n"));
            }
        }
    }

    /// Feeds `write` the bytes from `start` on, edited.
    fn walk(&self, bytes: &[u8], start: usize, mut write: impl FnMut(&[u8])) {
        let first = self
            .list
            .partition_point(|splice| splice.span.start() < start);
        let (before, within) = self.list.split_at(first);
        let mut at = before
            .iter()
            .map(|splice| splice.span.end())
            .fold(start, usize::max);
        for splice in within {
            if splice.span.start() >= at {
                write(&bytes[at..splice.span.start()]);
                write(&self.text[splice.text_start..splice.text_end]);
            }
            at = at.max(splice.span.end());
        }
        write(&bytes[at..]);
    }
}

impl Splice {
    /// Position; insertions first, then the longest.
    fn key(&self) -> (usize, bool, std::cmp::Reverse<usize>) {
        (
            self.span.start(),
            !self.span.is_empty(),
            std::cmp::Reverse(self.span.len()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(edits: &Splices) -> String {
        let mut out = Vec::new();
        edits.apply(b"0123456789", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn edits_apply_by_position_whatever_order_they_come_in() {
        let mut edits = Splices::new();
        edits.insert(10, "end");
        edits.replace(Span::new(6, 8), "six");
        edits.insert(0, "a");
        edits.insert(0, "b");
        edits.remove(Span::new(2, 3));
        edits.insert(2, "two");
        assert_eq!(applied(&edits), "ab01two345six89end");
        assert!(edits.touches(Span::new(7, 9)) && !edits.touches(Span::new(8, 9)));
        edits.clear();
        assert!(edits.is_empty());
        assert_eq!(applied(&edits), "0123456789");
    }

    #[test]
    fn of_overlapping_edits_the_first_position_counts() {
        let mut edits = Splices::new();
        edits.replace(Span::new(4, 6), "late");
        edits.replace(Span::new(2, 5), "early");
        assert_eq!(applied(&edits), "01early6789");
        let mut edits = Splices::new();
        edits.replace(Span::new(3, 4), "first");
        edits.replace(Span::new(3, 4), "second");
        edits.remove(Span::new(6, 9));
        edits.replace(Span::new(6, 7), "inside");
        edits.insert(7, "inside");
        edits.insert(9, "after");
        assert_eq!(applied(&edits), "012first45after9");
    }

    fn rendered(received: &str, edit: impl FnOnce(&Message, &mut Splices)) -> String {
        let message = Message::parse(received.as_bytes()).unwrap();
        let mut edits = Splices::new();
        edit(&message, &mut edits);
        let mut out = Vec::new();
        message.render(&mut edits, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn content_length_follows_the_body() {
        let with = "OPTIONS sip:a SIP/2.0\r\nl:  0003\r\nX: 1\r\n\r\nabc";
        let body = |message: &Message| message.body().span();
        let longer = rendered(with, |m, edits| edits.replace(body(m), "0123456789"));
        assert_eq!(
            longer,
            "OPTIONS sip:a SIP/2.0\r\nl:  10\r\nX: 1\r\n\r\n0123456789"
        );
        let same = rendered(with, |m, edits| edits.replace(body(m), "xyz"));
        assert_eq!(same, "OPTIONS sip:a SIP/2.0\r\nl:  0003\r\nX: 1\r\n\r\nxyz");
        let part = rendered(with, |m, edits| edits.insert(body(m).end(), "d"));
        assert_eq!(part, "OPTIONS sip:a SIP/2.0\r\nl:  4\r\nX: 1\r\n\r\nabcd");
        let declared = rendered(with, |_, edits| edits.declare_length());
        assert_eq!(declared, with);
    }

    #[test]
    fn content_length_is_added_only_where_it_is_needed() {
        let without = "OPTIONS sip:a SIP/2.0\r\nX: 1\r\n\r\nabc";
        assert_eq!(rendered(without, |_, _| {}), without);
        let declared = rendered(without, |_, edits| edits.declare_length());
        assert_eq!(
            declared,
            "OPTIONS sip:a SIP/2.0\r\nX: 1\r\nContent-Length: 3\r\n\r\nabc"
        );
        let emptied = rendered(without, |m, edits| edits.remove(m.body().span()));
        assert_eq!(
            emptied,
            "OPTIONS sip:a SIP/2.0\r\nX: 1\r\nContent-Length: 0\r\n\r\n"
        );
    }
}
