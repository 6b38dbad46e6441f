//! Elements written, each in the shortest form. Identifier and length octets, and integers, are
//! written by `asn1-rs`.

use asn1_rs::{Class, Header, Integer, Length, Tag, ToDer};

const MEMORY: &str = "writing to memory does not fail";

/// What an element is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A component or alternative of that number, which contains others.
    Constructed(u32),
    /// A component or alternative of that number, which contains none.
    Primitive(u32),
    /// An item of a SEQUENCE OF sequences.
    Sequence,
    /// A string of octets that is an item of a SEQUENCE OF such.
    OctetString,
    /// A string of a universal type.
    Universal(Tag),
}

/// Appends an element whose contents are what `contents` appends.
pub(super) fn tlv(kind: Kind, out: &mut Vec<u8>, contents: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    contents(out);
    let len = Length::Definite(out.len() - start);
    let (class, constructed, tag) = match kind {
        Kind::Constructed(number) => (Class::ContextSpecific, true, Tag(number)),
        Kind::Primitive(number) => (Class::ContextSpecific, false, Tag(number)),
        Kind::Sequence => (Class::Universal, true, Tag::Sequence),
        Kind::OctetString => (Class::Universal, false, Tag::OctetString),
        Kind::Universal(tag) => (Class::Universal, false, tag),
    };
    let header = Header::new(class, constructed, tag, len).to_der_vec();
    out.splice(start..start, header.expect(MEMORY));
}

/// Appends a string that is the component or alternative of that number.
pub(super) fn string(number: u32, octets: &[u8], out: &mut Vec<u8>) {
    tlv(Kind::Primitive(number), out, |out| {
        out.extend_from_slice(octets);
    });
}

/// Appends an INTEGER that is the component or alternative of that number.
pub(super) fn integer(number: u32, value: u32, out: &mut Vec<u8>) {
    string(number, Integer::from(value).as_ref(), out);
}

/// A number as a whole INTEGER.
pub(super) fn whole_integer(value: u32) -> Vec<u8> {
    value.to_der_vec().expect(MEMORY)
}

/// The length octets for that many octets of contents.
pub(super) fn length(len: usize) -> Vec<u8> {
    Length::Definite(len).to_der_vec().expect(MEMORY)
}
