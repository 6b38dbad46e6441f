//! A description's text, turned back into the properties it came from.

use std::collections::BTreeMap;
use std::net::IpAddr;

use asn1_rs::Tag;

use super::align::{Step, steps};
use super::changes::Changes;
use super::properties::{
    Description, IPV4, IPV6, LETTERS, MEDIA_NAMES, Property, SDP_C, SDP_V, Source, descriptions,
    groups, line,
};
use super::reader::Result;
use super::tree::Node;
use super::write::{Kind, string, tlv, whole_integer};

/// Has `descriptor` say `text`. Lines that are as they were leave their properties untouched.
pub(super) fn describe(changes: &mut Changes, descriptor: Node, text: &[u8]) -> Result<()> {
    let old = descriptions(descriptor)?;
    let new = split(text);
    for (old, new) in old.iter().zip(&new) {
        old.become_lines(changes, new)?;
    }
    for lost in old.iter().skip(new.len()) {
        changes.remove(lost.group);
    }
    if new.len() > old.len() {
        let form = old.first().and_then(|first| first.equivalent);
        let mut added = Vec::new();
        for lines in &new[old.len()..] {
            tlv(Kind::Sequence, &mut added, |out| {
                lines.iter().for_each(|line| write_line(line, form, out));
            });
        }
        let groups = groups(descriptor)?;
        let end = groups.contents().end;
        changes.replace(groups, end..end, added);
    }
    Ok(())
}

/// The descriptions of a text, and their lines, each a letter and what it is; a description begins
/// with its `v=`.
fn split(text: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut descriptions: Vec<Vec<&[u8]>> = Vec::new();
    let lines = text.split(|octet| *octet == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    for line in lines.filter(|line| line.get(1) == Some(&b'=')) {
        match descriptions.last_mut() {
            Some(lines) if !line.starts_with(b"v=") => lines.push(line),
            _ => descriptions.push(vec![line]),
        }
    }
    descriptions
}

impl Description<'_> {
    fn become_lines(&self, changes: &mut Changes, new: &[&[u8]]) -> Result<()> {
        let old: Vec<_> = self.lines.iter().map(|line| &*line.text).collect();
        let steps = steps(&old, new);
        let removed = self.removed(&steps);
        let mut before: Option<Node> = None;
        for step in steps {
            let (Step::Keep(i) | Step::Change(i, _) | Step::Remove(i)) = step else {
                let Step::Insert(j) = step else { continue };
                let mut added = Vec::new();
                write_line(new[j], self.equivalent, &mut added);
                match before {
                    Some(node) => changes.insert_after(node, added),
                    None => {
                        let start = self.group.contents().start;
                        changes.replace(self.group, start..start, added);
                    }
                }
                continue;
            };
            let source = self.lines[i].source;
            match step {
                Step::Change(_, j) => self.change(changes, source, &self.lines[i].text, new[j])?,
                Step::Remove(_) => remove(changes, source, &removed)?,
                _ => {}
            }
            // The first line is read from wherever it stands: what follows it may not be behind it.
            let first = self.group.items()?.next().map(Node::index);
            let node = source.node();
            before = node
                .filter(|node| i > 0 || first == Some(node.index()))
                .or(before);
        }
        Ok(())
    }

    /// How many values of each property go.
    fn removed(&self, steps: &[Step]) -> BTreeMap<u32, usize> {
        let mut removed = BTreeMap::new();
        for step in steps {
            let Step::Remove(i) = step else { continue };
            if let Some(node) = self.lines[*i].source.node() {
                *removed.entry(node.index()).or_default() += 1;
            }
        }
        removed
    }

    fn change(&self, changes: &mut Changes, source: Source, old: &[u8], new: &[u8]) -> Result<()> {
        match source {
            Source::Beginning => {
                let mut added = Vec::new();
                write_line(new, self.equivalent, &mut added);
                let start = self.group.contents().start;
                changes.replace(self.group, start..start, added);
            }
            Source::Equivalent { property, value } => {
                let (form, old) = match value {
                    None => (self.equivalent, None),
                    Some(value) => (line(&value.octets()?).0, Some(value)),
                };
                let octets = in_form(&new[2..], form);
                match old {
                    Some(value) if !value.is_constructed() => changes.fill(value, octets),
                    Some(value) => changes.replace(value.parent(), value.whole(), item(&octets)),
                    None => changes.fill(property.values, item(&octets)),
                }
            }
            Source::Address(property) => self.change_address(changes, property, new)?,
            Source::Media {
                port,
                media,
                payload,
            } => {
                let (old, new) = (words(old), words(new));
                let old_and_new = |at: usize| Some((old.get(at)?, new.get(at)?));
                let differs = |at: usize| old_and_new(at).is_some_and(|(old, new)| old != new);
                if differs(1) {
                    let number = new[1].split('/').next().unwrap_or_default();
                    self.set_numbers(changes, port, &[number], 2)?;
                }
                if let Some(media) = media.filter(|_| differs(0)) {
                    let name = if new[0] == "application" {
                        "data"
                    } else {
                        new[0]
                    };
                    let place = MEDIA_NAMES.iter().position(|known| *known == name);
                    let number = place.map_or("$".to_owned(), |place| place.to_string());
                    self.set_numbers(changes, media, &[&number], 1)?;
                }
                if let Some(payload) = payload.filter(|_| old.get(3..) != new.get(3..)) {
                    self.set_numbers(changes, payload, new.get(3..).unwrap_or_default(), 1)?;
                }
            }
        }
        Ok(())
    }

    /// An address that is a name can only be said by the SDP equivalent.
    fn change_address(&self, changes: &mut Changes, property: Property, new: &[u8]) -> Result<()> {
        let words = words(new);
        let address = words.get(2).and_then(|word| word.split('/').next());
        let ip = address.and_then(|address| address.parse::<IpAddr>().ok());
        let octets = match ip {
            Some(IpAddr::V4(ip)) => Some((IPV4, ip.octets().to_vec())),
            Some(IpAddr::V6(ip)) => Some((IPV6, ip.octets().to_vec())),
            None => None,
        };
        let form = |octets: Vec<u8>| match self.native {
            true => in_form(&octets, Some(Tag::OctetString)),
            false => octets,
        };
        let (id, values) = match (octets, address) {
            (Some((id, octets)), _) => (id, item(&form(octets))),
            (None, Some("$")) if words[1] == "IP6" => (IPV6, Vec::new()),
            (None, Some("$")) => (IPV4, Vec::new()),
            (None, _) => (SDP_C, item(&in_form(&new[2..], self.equivalent))),
        };
        if id != property.id {
            let [high, low] = id.to_be_bytes();
            let mut name = Vec::new();
            string(0, &[0, 0, high, low], &mut name);
            changes.replace(property.node, property.name.whole(), name);
        }
        set_values(changes, property, values)
    }

    /// Has a native property have these numbers as its values, each of so many octets where they
    /// are no elements themselves; none where one of them is left to the gateway.
    fn set_numbers(
        &self,
        changes: &mut Changes,
        property: Property,
        numbers: &[&str],
        width: usize,
    ) -> Result<()> {
        let numbers = numbers.iter().map(|number| number.parse::<u32>().ok());
        let mut values = Vec::new();
        for number in numbers.collect::<Option<Vec<_>>>().unwrap_or_default() {
            let octets = match self.native {
                true => whole_integer(number),
                false => number.to_be_bytes()[4 - width..].to_vec(),
            };
            values.extend(item(&octets));
        }
        set_values(changes, property, values)
    }
}

impl<'a> Source<'a> {
    /// The property that a line stands for first of all.
    fn node(self) -> Option<Node<'a>> {
        match self {
            Source::Beginning => None,
            Source::Equivalent { property, .. } | Source::Address(property) => Some(property.node),
            Source::Media { port, .. } => Some(port.node),
        }
    }
}

/// Takes away what says a line: a property, or one of its values where others stay.
fn remove(changes: &mut Changes, source: Source, removed: &BTreeMap<u32, usize>) -> Result<()> {
    let value = match source {
        Source::Equivalent { property, value } => {
            let gone = removed.get(&property.node.index());
            let stays = property.all()?.count() > gone.copied().unwrap_or_default();
            value.map(|value| (property, value, stays))
        }
        _ => None,
    };
    match (value, source) {
        (Some((_, value, true)), _) => changes.remove(value),
        // The whole property goes with the last of its values.
        (Some((property, value, false)), _) => {
            if property.all()?.last().map(Node::index) == Some(value.index()) {
                changes.remove(property.node);
            }
        }
        (
            None,
            Source::Media {
                port,
                media,
                payload,
            },
        ) => {
            let all = [Some(port), media, payload].into_iter().flatten();
            all.for_each(|property| changes.remove(property.node));
        }
        (None, source) => {
            if let Some(node) = source.node() {
                changes.remove(node);
            }
        }
    }
    Ok(())
}

/// Has a property have exactly these values, which are whole elements.
fn set_values(changes: &mut Changes, property: Property, values: Vec<u8>) -> Result<()> {
    changes.fill(property.values, values);
    if let Some(relation) = property.node.fields()?.get(2) {
        changes.remove(relation);
    }
    Ok(())
}

/// Appends the SDP equivalent of a line; one of an unknown letter has none.
fn write_line(line: &[u8], form: Option<Tag>, out: &mut Vec<u8>) {
    let Some(place) = LETTERS.iter().position(|known| *known == line[0]) else {
        return;
    };
    let [high, low] = (SDP_V + place as u16).to_be_bytes();
    tlv(Kind::Sequence, out, |out| {
        string(0, &[0, 0, high, low], out);
        tlv(Kind::Constructed(1), out, |out| {
            out.extend(item(&in_form(&line[2..], form)));
        });
    });
}

/// A value in a property's SEQUENCE OF them.
fn item(octets: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    tlv(Kind::OctetString, &mut written, |out| {
        out.extend_from_slice(octets);
    });
    written
}

/// The octets as they are, or as an element of that type; as one in any case where they would be
/// taken for one.
fn in_form(octets: &[u8], form: Option<Tag>) -> Vec<u8> {
    let taken = line(octets).0.map(|_| Tag::Ia5String);
    let Some(tag) = form.or(taken) else {
        return octets.to_vec();
    };
    let mut written = Vec::new();
    tlv(Kind::Universal(tag), &mut written, |out| {
        out.extend_from_slice(octets);
    });
    written
}

/// The words of a line, the first without its letter.
fn words(line: &[u8]) -> Vec<&str> {
    let line = line
        .get(2..)
        .and_then(|line| std::str::from_utf8(line).ok());
    line.unwrap_or_default().split_ascii_whitespace().collect()
}
