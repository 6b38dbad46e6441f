//! Local and Remote descriptors: groups of properties (Annex C) as session descriptions.
//!
//! An SDP equivalent (C.11) is the line it stands for. Native properties are the lines that say the
//! same: an address (C.6) is a `c=` line; a port (C.6), with the medium and the payload types (C.1)
//! of its group, an `m=` line. What the gateway shall choose is `$`. Other properties are no lines.
//!
//! Values of native properties are elements of a universal type within the octets of the value;
//! those of SDP equivalents are the octets themselves. Some do one like the other: both are read.

use std::net::IpAddr;

use asn1_rs::Tag;

use super::reader::Result;
use super::tree::{Node, integer, refuse, universal};
use crate::h248::limits::MAX_DESCRIPTION_LINES;
use crate::h248::model::ErrorCode;

/// The letters of the SDP equivalents, in the order of their identifiers.
pub(super) const LETTERS: &[u8] = b"vosiuepcbzkatrm";
/// The identifier of the first SDP equivalent.
pub(super) const SDP_V: u16 = 0xB001;
const SDP_O: u16 = 0xB002;
pub(super) const SDP_C: u16 = 0xB008;
const SDP_M: u16 = 0xB00F;
const MEDIA: u16 = 0x1001;
const RTP_PAYLOAD: u16 = 0x100F;
pub(super) const IPV4: u16 = 0x6001;
pub(super) const IPV6: u16 = 0x6002;
const PORT: u16 = 0x6003;
const PORT_TYPE: u16 = 0x6004;

/// The media by their numbers (C.1).
pub(super) const MEDIA_NAMES: [&str; 3] = ["audio", "video", "data"];

/// One group of properties.
pub(super) struct Description<'a> {
    pub(super) group: Node<'a>,
    pub(super) lines: Vec<Line<'a>>,
    /// Whether values of its native properties are elements themselves.
    pub(super) native: bool,
    /// Of which type values of its SDP equivalents are, where they are elements themselves.
    pub(super) equivalent: Option<Tag>,
}

/// One line, without its end, and what says it.
pub(super) struct Line<'a> {
    pub(super) text: Vec<u8>,
    pub(super) source: Source<'a>,
}

/// What says a line.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// Nothing: a description begins so, and the group does not.
    Beginning,
    /// A value of an SDP equivalent; none where the gateway shall choose.
    Equivalent {
        property: Property<'a>,
        value: Option<Node<'a>>,
    },
    /// An address.
    Address(Property<'a>),
    /// A port, and what is known of the stream.
    Media {
        port: Property<'a>,
        media: Option<Property<'a>>,
        payload: Option<Property<'a>>,
    },
}

/// A PropertyParm.
#[derive(Clone, Copy)]
pub(super) struct Property<'a> {
    pub(super) node: Node<'a>,
    pub(super) name: Node<'a>,
    /// Its identifier in Annex C.
    pub(super) id: u16,
    pub(super) values: Node<'a>,
}

/// The text of a LocalRemoteDescriptor.
pub(super) fn text(descriptor: Node) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for description in descriptions(descriptor)? {
        for line in &description.lines {
            text.extend_from_slice(&line.text);
            text.extend_from_slice(b"\r\n");
        }
    }
    Ok(text)
}

/// The groups of a LocalRemoteDescriptor.
pub(super) fn groups(descriptor: Node<'_>) -> Result<Node<'_>> {
    descriptor.fields()?.need(0, "groups were expected")
}

/// The descriptions of a LocalRemoteDescriptor.
pub(super) fn descriptions(descriptor: Node<'_>) -> Result<Vec<Description<'_>>> {
    let groups = groups(descriptor)?.sequences()?;
    groups.map(description).collect()
}

/// What a native property's value says that is a number; its octets are an INTEGER or the number.
pub(super) fn number(octets: &[u8]) -> Option<u32> {
    let element = universal(octets).filter(|(_, contents)| !contents.is_empty());
    let value = match element {
        Some((Tag::Integer | Tag::Enumerated, contents)) => integer(contents)?,
        _ if octets.is_empty() || octets.len() > 4 => return None,
        _ => octets
            .iter()
            .fold(0, |value, octet| value << 8 | i64::from(*octet)),
    };
    value.try_into().ok()
}

/// The line that a value of an SDP equivalent is, and its type where it is an element itself.
pub(super) fn line(octets: &[u8]) -> (Option<Tag>, &[u8]) {
    match universal(octets) {
        Some((
            tag @ (Tag::OctetString
            | Tag::Utf8String
            | Tag::PrintableString
            | Tag::Ia5String
            | Tag::VisibleString
            | Tag::GeneralString),
            line,
        )) => (Some(tag), line),
        _ => (None, octets),
    }
}

fn description(group: Node<'_>) -> Result<Description<'_>> {
    let mut properties = Vec::new();
    for item in group.sequences()? {
        properties.extend(property(item)?);
    }
    for id in [MEDIA, RTP_PAYLOAD] {
        // Taken away with its line, it would leave the other one to say what the next line is.
        let mut said = properties.iter().filter(|known| known.id == id);
        if let Some(again) = said.nth(1) {
            return bad(
                "a group says a medium or its payload types twice",
                again.node,
            );
        }
    }
    let find = |id: u16| properties.iter().find(|known| known.id == id).copied();
    let begins = find(SDP_V).is_some_and(|property| property.first().is_some());
    let mut description = Description {
        group,
        lines: Vec::new(),
        native: true,
        equivalent: None,
    };
    description.note_forms(&properties)?;
    if let Some(version) = find(SDP_V).filter(|_| begins) {
        description.add_equivalents(version)?;
        description.lines.truncate(1);
    } else {
        let text = b"v=0".to_vec();
        let source = Source::Beginning;
        description.lines.push(Line { text, source });
    }
    let (mut media, mut payload) = (find(MEDIA), find(RTP_PAYLOAD));
    for property in &properties {
        match property.id {
            SDP_V => {}
            SDP_O..=SDP_M => description.add_equivalents(*property)?,
            IPV4 | IPV6 => description.add_address(*property)?,
            PORT => {
                let (media, payload) = (media.take(), payload.take());
                description.add_media(*property, media, payload, find(PORT_TYPE))?;
            }
            _ => {}
        }
    }
    Ok(description)
}

/// A property of Annex C; those of packages are no lines.
fn property(node: Node<'_>) -> Result<Option<Property<'_>>> {
    let fields = node.fields()?;
    let name = fields.need(0, "a property's name was expected")?;
    let values = fields.need(1, "a property's value was expected")?;
    for value in values.strings()? {
        value.octets()?;
    }
    match *name.octets()? {
        [0, 0, high, low] => Ok(Some(Property {
            node,
            name,
            id: u16::from_be_bytes([high, low]),
            values,
        })),
        [_, _, _, _] => Ok(None),
        _ => bad("a property's name of 4 octets was expected", name),
    }
}

impl<'a> Property<'a> {
    /// Its first value.
    pub(super) fn first(self) -> Option<Node<'a>> {
        self.values.strings().ok()?.next()
    }

    /// Its values.
    pub(super) fn all(self) -> Result<impl Iterator<Item = Node<'a>>> {
        self.values.strings()
    }

    /// What its first value says, which is a number; `$` where the gateway shall choose.
    fn number(self) -> Result<String> {
        self.first().map_or(Ok("$".to_owned()), number_of)
    }
}

impl<'a> Description<'a> {
    /// Sees how values are written here, for those that may have to be added.
    fn note_forms(&mut self, properties: &[Property<'a>]) -> Result<()> {
        let value_of = |equivalent: bool| {
            let of = |property: &&Property| (SDP_V..=SDP_M).contains(&property.id) == equivalent;
            properties.iter().filter(of).find_map(|known| known.first())
        };
        if let Some(value) = value_of(false) {
            self.native = universal(&value.octets()?).is_some();
        }
        if let Some(value) = value_of(true) {
            self.equivalent = line(&value.octets()?).0;
        }
        Ok(())
    }

    fn add(&mut self, text: Vec<u8>, source: Source<'a>) -> Result<()> {
        if self.lines.len() == MAX_DESCRIPTION_LINES {
            let code = ErrorCode::INSUFFICIENT_RESOURCES;
            return refuse(code, "too long a description", self.group.at());
        }
        self.lines.push(Line { text, source });
        Ok(())
    }

    /// A line for each value of an SDP equivalent.
    fn add_equivalents(&mut self, property: Property<'a>) -> Result<()> {
        let letter = LETTERS[usize::from(property.id - SDP_V)];
        let mut chosen = true;
        for value in property.all()? {
            chosen = false;
            let octets = value.octets()?;
            let (_, line) = line(&octets);
            if line.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
                return bad("a line was expected", value);
            }
            let value = Some(value);
            let source = Source::Equivalent { property, value };
            self.add([&[letter, b'='], line].concat(), source)?;
        }
        if chosen {
            let value = None;
            self.add(
                vec![letter, b'=', b'$'],
                Source::Equivalent { property, value },
            )?;
        }
        Ok(())
    }

    fn add_address(&mut self, property: Property<'a>) -> Result<()> {
        let version = if property.id == IPV4 { 4 } else { 6 };
        let address = match property.first() {
            None => "$".to_owned(),
            Some(value) => {
                let octets = value.octets()?;
                let inner = universal(&octets).filter(|(tag, _)| *tag == Tag::OctetString);
                let inner = inner.and_then(|(_, inner)| ip(version, inner));
                match inner.or_else(|| ip(version, &octets)) {
                    Some(ip) => ip.to_string(),
                    None => return bad("an address was expected", value),
                }
            }
        };
        let text = format!("c=IN IP{version} {address}").into_bytes();
        self.add(text, Source::Address(property))
    }

    fn add_media(
        &mut self,
        port: Property<'a>,
        media: Option<Property<'a>>,
        payload: Option<Property<'a>>,
        port_type: Option<Property<'a>>,
    ) -> Result<()> {
        let name = match media.and_then(Property::first) {
            Some(value) => {
                let number = number(&value.octets()?).and_then(|n| usize::try_from(n).ok());
                match number.and_then(|number| MEDIA_NAMES.get(number)) {
                    Some(name) => *name,
                    None => return bad("a medium was expected", value),
                }
            }
            None if media.is_some() => "$",
            None => MEDIA_NAMES[0],
        };
        let transport = match port_type.map(Property::number).transpose()?.as_deref() {
            Some("0") => "TCP",
            Some("2") => "SCTP",
            _ => "RTP/AVP",
        };
        let formats = match payload {
            None => vec!["-".to_owned()],
            Some(payload) if payload.first().is_none() => vec!["$".to_owned()],
            Some(payload) => payload.all()?.map(number_of).collect::<Result<_>>()?,
        };
        let (number, formats) = (port.number()?, formats.join(" "));
        let text = format!("m={name} {number} {transport} {formats}").into_bytes();
        let source = Source::Media {
            port,
            media,
            payload,
        };
        self.add(text, source)
    }
}

fn ip(version: u8, octets: &[u8]) -> Option<IpAddr> {
    match version {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
    }
}

fn number_of(value: Node) -> Result<String> {
    match number(&value.octets()?) {
        Some(number) => Ok(number.to_string()),
        None => bad("a number was expected", value),
    }
}

fn bad<T>(reason: &'static str, node: Node) -> Result<T> {
    refuse(ErrorCode::BAD_PROPERTY_VALUE, reason, node.at())
}
