//! Positions in a received buffer: a span, and bytes that know where they stand.

use std::fmt;
use std::ops::Deref;

use super::limits::MAX_MESSAGE_BYTES;

/// A byte range of a received message: offset and length, 16 bits each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    start: u16,
    len: u16,
}

impl Span {
    /// The range `start..end`; both are offsets into a buffer of at most [`MAX_MESSAGE_BYTES`].
    pub fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= MAX_MESSAGE_BYTES);
        Self {
            start: start as u16,
            len: (end - start) as u16,
        }
    }

    /// The empty range at `at`, where something can be inserted.
    pub fn at(at: usize) -> Self {
        Self::new(at, at)
    }

    /// Offset of the first byte.
    pub fn start(self) -> usize {
        usize::from(self.start)
    }

    /// Offset after the last byte.
    pub fn end(self) -> usize {
        self.start() + self.len()
    }

    /// How many bytes.
    pub fn len(self) -> usize {
        usize::from(self.len)
    }

    /// Whether it covers no byte.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Whether `other` lies within.
    pub fn contains(self, other: Span) -> bool {
        self.start() <= other.start() && other.end() <= self.end()
    }

    /// From the start of `self` to the end of `last`, which stands after it.
    pub fn to(self, last: Span) -> Self {
        Self::new(self.start(), last.end())
    }
}

/// Bytes of a received buffer together with their offset in it, so that they can be edited in
/// place. Dereferences to the bytes.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    bytes: &'a [u8],
    start: u16,
}

impl<'a> Text<'a> {
    /// The bytes of `buffer` under `span`.
    pub fn new(buffer: &'a [u8], span: Span) -> Self {
        Self {
            bytes: &buffer[span.start()..span.end()],
            start: span.start,
        }
    }

    /// Where the bytes stand.
    pub fn span(&self) -> Span {
        Span {
            start: self.start,
            len: self.bytes.len() as u16,
        }
    }

    /// The bytes, living as long as the buffer rather than as this value.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Part of the bytes, by offsets relative to their start.
    pub fn slice(&self, start: usize, end: usize) -> Text<'a> {
        Text {
            bytes: &self.bytes[start..end],
            start: self.start + start as u16,
        }
    }

    /// The bytes as UTF-8, if they are.
    pub fn as_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes).ok()
    }

    /// Compares as most SIP tokens do, without regard to ASCII case.
    pub fn is(&self, word: &str) -> bool {
        self.bytes.eq_ignore_ascii_case(word.as_bytes())
    }
}

impl Deref for Text<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Text<'_> {}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}@{}",
            String::from_utf8_lossy(self.bytes),
            self.start
        )
    }
}
