//! The elements of a message in BER, as a tree over its octets: what each is, and where its
//! contents lie. Identifier and length octets, and integers, are read by `asn1-rs`.

use std::borrow::Cow;
use std::ops::Range;

use asn1_rs::{Class, FromBer, Header, Integer, Length, Tag};

use crate::h248::limits::{MAX_BINARY_DEPTH, MAX_BINARY_ELEMENTS, MAX_MESSAGE_BYTES};
use crate::h248::model::{ErrorCode, SyntaxError};

/// All elements of a message, each before those it contains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tree {
    list: Vec<Element>,
}

/// One element: identifier, length, contents, and the two octets at the end of contents of
/// indefinite length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Element {
    class: Class,
    tag: u32,
    constructed: bool,
    pub(super) indefinite: bool,
    start: u32,
    /// Where the length octets begin.
    length: u32,
    contents: u32,
    contents_end: u32,
    end: u32,
    /// The element it lies in; the first one lies in itself.
    pub(super) parent: u32,
    /// The first element after it that does not lie in it.
    next: u32,
}

/// An element of a message.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    tree: &'a Tree,
    bytes: &'a [u8],
    index: u32,
}

type Result<T, E = SyntaxError> = std::result::Result<T, E>;

pub(super) fn refuse<T>(code: ErrorCode, reason: &'static str, at: usize) -> Result<T> {
    Err(SyntaxError { code, reason, at })
}

impl Tree {
    /// Reads the elements of a message, which is one element and nothing after it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let too_much = ErrorCode::INSUFFICIENT_RESOURCES;
        if bytes.len() > MAX_MESSAGE_BYTES {
            return refuse(too_much, "message too long", MAX_MESSAGE_BYTES);
        }
        let mut reading = Reading::new(bytes);
        while !reading.is_done() {
            reading.element()?;
            reading.close();
        }
        if reading.at != bytes.len() {
            return malformed("something after the message", reading.at);
        }
        Ok(Self { list: reading.list })
    }

    /// The message itself.
    pub(super) fn root<'a>(&'a self, bytes: &'a [u8]) -> Node<'a> {
        self.node(bytes, 0)
    }

    pub(super) fn node<'a>(&'a self, bytes: &'a [u8], index: u32) -> Node<'a> {
        Node {
            tree: self,
            bytes,
            index,
        }
    }

    pub(super) fn element(&self, index: u32) -> &Element {
        &self.list[index as usize]
    }
}

impl Element {
    pub(super) fn whole(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(super) fn contents(&self) -> Range<usize> {
        self.contents as usize..self.contents_end as usize
    }

    pub(super) fn length_octets(&self) -> Range<usize> {
        self.length as usize..self.contents as usize
    }
}

impl<'a> Node<'a> {
    pub(super) fn index(self) -> u32 {
        self.index
    }

    fn element(self) -> &'a Element {
        self.tree.element(self.index)
    }

    pub(super) fn whole(self) -> Range<usize> {
        self.element().whole()
    }

    pub(super) fn contents(self) -> Range<usize> {
        self.element().contents()
    }

    /// Where it begins.
    pub(super) fn at(self) -> usize {
        self.element().start as usize
    }

    pub(super) fn parent(self) -> Self {
        self.tree.node(self.bytes, self.element().parent)
    }

    /// Whether it contains others.
    pub(super) fn is_constructed(self) -> bool {
        self.element().constructed
    }

    /// Its number among the components or alternatives of its type.
    pub(super) fn number(self) -> Option<u32> {
        let element = self.element();
        (element.class == Class::ContextSpecific).then_some(element.tag)
    }

    /// The elements in it, which is a SEQUENCE OF sequences.
    pub(super) fn sequences(self) -> Result<impl Iterator<Item = Node<'a>>> {
        self.items_of(Tag::Sequence)
    }

    /// The elements in it, which is a SEQUENCE OF OCTET STRING, or such a string in pieces.
    pub(super) fn strings(self) -> Result<impl Iterator<Item = Node<'a>>> {
        self.items_of(Tag::OctetString)
    }

    fn items_of(self, tag: Tag) -> Result<impl Iterator<Item = Node<'a>>> {
        for item in self.items()? {
            let element = item.element();
            if (element.class, element.tag) != (Class::Universal, tag.0) {
                return malformed("an element of another type was expected", item.at());
            }
        }
        self.items()
    }

    /// The elements in it, which is constructed.
    pub(super) fn items(self) -> Result<impl Iterator<Item = Node<'a>>> {
        let element = self.element();
        if !element.constructed {
            return malformed("a sequence was expected", self.at());
        }
        let mut index = self.index + 1;
        Ok(std::iter::from_fn(move || {
            let inside = index < element.next;
            inside.then(|| {
                let item = self.tree.node(self.bytes, index);
                index = item.element().next;
                item
            })
        }))
    }

    /// Its components, which is a SEQUENCE: each at most once, in the order of their numbers.
    pub(super) fn fields(self) -> Result<Fields<'a>> {
        let mut last = None;
        for item in self.items()? {
            let number = item.number();
            if number.is_none() || number <= last {
                return malformed("components out of order", item.at());
            }
            last = number;
        }
        Ok(Fields(self))
    }

    /// The alternative that is chosen, and its number, in what wraps a CHOICE.
    pub(super) fn chosen(self) -> Result<(u32, Node<'a>)> {
        let mut items = self.items()?;
        let only = items.next().filter(|_| items.next().is_none());
        match only.and_then(|item| Some((item.number()?, item))) {
            Some(chosen) => Ok(chosen),
            None => malformed("one alternative was expected", self.at()),
        }
    }

    /// Its octets, which is a string: in one piece, or in several put together.
    pub(super) fn octets(self) -> Result<Cow<'a, [u8]>> {
        if !self.is_constructed() {
            return Ok(Cow::Borrowed(&self.bytes[self.contents()]));
        }
        let mut whole = Vec::new();
        for piece in self.strings()? {
            whole.extend_from_slice(&piece.octets()?);
        }
        Ok(Cow::Owned(whole))
    }

    /// Its value, which is an INTEGER or ENUMERATED.
    pub(super) fn integer(self) -> Result<i64> {
        let element = self.element();
        let value = integer(&self.bytes[self.contents()]);
        match value.filter(|_| !element.constructed) {
            Some(value) => Ok(value),
            None => malformed("a number was expected", self.at()),
        }
    }

    /// Its value, which is an INTEGER of 32 bits without sign. Some write the highest ones, which
    /// mean CHOOSE and ALL, in four octets, as if they were negative.
    pub(super) fn word(self) -> Result<u32> {
        let value = self.integer()?;
        let negative = self.contents().len() == 4;
        match u32::try_from(value) {
            Ok(value) => Ok(value),
            Err(_) if negative => Ok(value as u32),
            Err(_) => malformed("number out of range", self.at()),
        }
    }

    /// Its value, which is an INTEGER of 16 bits without sign.
    pub(super) fn short(self) -> Result<u16> {
        let value = u16::try_from(self.integer()?);
        value.or_else(|_| malformed("number out of range", self.at()))
    }
}

/// The value that an INTEGER's contents have.
pub(super) fn integer(contents: &[u8]) -> Option<i64> {
    let whole = Some(contents).filter(|contents| !contents.is_empty());
    whole.and_then(|contents| Integer::new(contents).as_i64().ok())
}

/// The tag and the contents of the one element of a universal type that these octets are, if they
/// are that.
pub(super) fn universal(octets: &[u8]) -> Option<(Tag, &[u8])> {
    let (contents, header) = Header::from_ber(octets).ok()?;
    let whole = header.length() == Length::Definite(contents.len());
    let plain = header.is_universal() && header.is_primitive();
    (whole && plain).then(|| (header.tag(), contents))
}

/// The components of a SEQUENCE.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(Node<'a>);

impl<'a> Fields<'a> {
    /// The component of that number.
    pub(super) fn get(self, number: u32) -> Option<Node<'a>> {
        let mut items = self.0.items().ok()?;
        items.find(|item| item.number() == Some(number))
    }

    /// The component of that number, which is not optional.
    pub(super) fn need(self, number: u32, missing: &'static str) -> Result<Node<'a>> {
        match self.get(number) {
            Some(found) => Ok(found),
            None => malformed(missing, self.0.at()),
        }
    }
}

fn malformed<T>(reason: &'static str, at: usize) -> Result<T> {
    refuse(ErrorCode::SYNTAX_IN_MESSAGE, reason, at)
}

/// How far reading has come.
struct Reading<'a> {
    bytes: &'a [u8],
    at: usize,
    list: Vec<Element>,
    /// The elements that `at` lies in, and how far each may reach.
    open: Vec<(u32, usize)>,
}

impl<'a> Reading<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            list: Vec::with_capacity(bytes.len().min(1024) / 4),
            open: Vec::with_capacity(MAX_BINARY_DEPTH),
        }
    }

    fn is_done(&self) -> bool {
        self.open.is_empty() && !self.list.is_empty()
    }

    /// Reads one element's identifier and length, and the whole of it where it contains no others.
    fn element(&mut self) -> Result<()> {
        if self.list.len() == MAX_BINARY_ELEMENTS {
            let too_much = ErrorCode::INSUFFICIENT_RESOURCES;
            return refuse(too_much, "too many elements", self.at);
        }
        let (parent, limit) = self.open.last().copied().unwrap_or((0, self.bytes.len()));
        let rest = &self.bytes[self.at..limit];
        let Ok((contents, header)) = Header::from_ber(rest) else {
            return malformed("an element was expected", self.at);
        };
        let contents_at = limit - contents.len();
        let end = match header.length() {
            Length::Definite(len) if len > contents.len() => {
                return malformed("length beyond the end", self.at);
            }
            Length::Definite(len) => contents_at + len,
            Length::Indefinite => limit,
        };
        if header.is_universal() && header.tag() == Tag::EndOfContent {
            return malformed("end of contents that never began", self.at);
        }
        let index = self.list.len() as u32;
        self.list.push(Element {
            class: header.class(),
            tag: header.tag().0,
            constructed: header.is_constructed(),
            indefinite: !header.length().is_definite(),
            start: self.at as u32,
            length: (self.at + header.raw_tag().map_or(1, <[u8]>::len)) as u32,
            contents: contents_at as u32,
            contents_end: end as u32,
            end: end as u32,
            parent,
            next: index + 1,
        });
        if !header.is_constructed() {
            self.at = end;
            return Ok(());
        }
        if self.open.len() == MAX_BINARY_DEPTH {
            return malformed("nested too deep", self.at);
        }
        self.at = contents_at;
        self.open.push((index, end));
        Ok(())
    }

    /// Leaves the elements that end here.
    fn close(&mut self) {
        while let Some((index, limit)) = self.open.last().copied() {
            let next = self.list.len() as u32;
            let element = &mut self.list[index as usize];
            let ended = self.bytes[self.at..limit].starts_with(&[0, 0]);
            if element.indefinite && ended {
                element.contents_end = self.at as u32;
                self.at += 2;
                element.end = self.at as u32;
            } else if element.indefinite || self.at < limit {
                return;
            }
            element.next = next;
            self.open.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> &'static str {
        Tree::read(bytes).unwrap_err().reason
    }

    #[test]
    fn lengths_short_long_and_indefinite_are_the_same() {
        for bytes in [
            &b"\x30\x08\x80\x01\x05\xa1\x03\x80\x01\x07"[..],
            b"\x30\x82\x00\x08\x80\x01\x05\xa1\x03\x80\x01\x07",
            b"\x30\x80\x80\x01\x05\xa1\x80\x80\x01\x07\x00\x00\x00\x00",
            b"\x30\x84\x00\x00\x00\x0a\x80\x01\x05\xa1\x80\x80\x01\x07\x00\x00",
        ] {
            let tree = Tree::read(bytes).unwrap();
            let fields = tree.root(bytes).fields().unwrap();
            assert_eq!(fields.need(0, "").unwrap().integer(), Ok(5));
            let inner = fields.need(1, "").unwrap();
            assert_eq!(inner.chosen().unwrap().1.integer(), Ok(7));
            assert_eq!(inner.parent().index(), 0);
        }
    }

    #[test]
    fn what_is_no_element_is_refused() {
        for (bytes, reason) in [
            (&b""[..], "an element was expected"),
            (b"\x30", "an element was expected"),
            (b"\x30\x01", "length beyond the end"),
            (b"\x30\x84\xff\xff\xff\xff", "length beyond the end"),
            (
                b"\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff",
                "length beyond the end",
            ),
            (
                b"\x30\x89\x01\xff\xff\xff\xff\xff\xff\xff\xff",
                "an element was expected",
            ),
            (b"\x30\xff\x00", "an element was expected"),
            (b"\x04\x80\x00\x00", "an element was expected"),
            (b"\x30\x80", "an element was expected"),
            (b"\x30\x80\x00", "an element was expected"),
            (b"\x30\x02\x00\x00", "end of contents that never began"),
            (b"\x30\x00\x00", "something after the message"),
            (
                b"\xbf\xff\xff\xff\xff\xff\xff\x00",
                "an element was expected",
            ),
        ] {
            assert_eq!(refused(bytes), reason, "{bytes:02x?}");
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep = |depth: usize| [[0x30, 0x80].repeat(depth), vec![0; 2 * depth]].concat();
        assert!(Tree::read(&deep(MAX_BINARY_DEPTH)).is_ok());
        assert_eq!(refused(&deep(MAX_BINARY_DEPTH + 1)), "nested too deep");
        let wide = |number: usize| [vec![0x30, 0x80], [5, 0].repeat(number), vec![0, 0]].concat();
        assert!(Tree::read(&wide(MAX_BINARY_ELEMENTS - 1)).is_ok());
        assert_eq!(refused(&wide(MAX_BINARY_ELEMENTS)), "too many elements");
        assert_eq!(refused(&[0x30; MAX_MESSAGE_BYTES + 1]), "message too long");
    }

    #[test]
    fn numbers_and_strings_are_read_in_every_form() {
        let word = |bytes: &[u8]| Tree::read(bytes).unwrap().root(bytes).word().ok();
        assert_eq!(word(b"\x02\x05\x00\xff\xff\xff\xfe"), Some(u32::MAX - 1));
        assert_eq!(word(b"\x02\x04\xff\xff\xff\xfe"), Some(u32::MAX - 1));
        assert_eq!(word(b"\x02\x01\xfe"), None);
        assert_eq!(word(b"\x02\x00"), None);
        assert_eq!(word(b"\x02\x09\0\0\0\0\0\0\0\0\x07"), Some(7));
        assert_eq!(word(b"\x22\x00"), None);
        let pieces = b"\x24\x80\x04\x01a\x24\x05\x04\x03bcd\x00\x00";
        let tree = Tree::read(pieces).unwrap();
        assert_eq!(&*tree.root(pieces).octets().unwrap(), b"abcd");
    }
}
