//! The binary encoding (H.248.1 Annex A): ASN.1 with automatic tags, in BER.
//!
//! * `tree`: the elements of a message over its octets; `write`: elements written
//! * `reader`: messages, transactions and actions; `command`: commands and their replies
//! * `identity`: who and what is meant
//! * `properties`: groups of properties as descriptions; `describe`: descriptions turned back, line
//!   by line as `align` says
//! * `changes`: edits to a message, and the lengths that change with them
//! * `own`: the few messages of our own

mod align;
mod changes;
mod command;
mod describe;
mod identity;
mod own;
mod properties;
mod reader;
mod tree;
mod write;

#[cfg(test)]
mod tests;

use self::changes::Changes;
use self::tree::{Node, Tree};
use super::edits::{Edits, Replacement};
use super::model::Site;

pub(super) use self::own::own;
pub(super) use self::reader::read;

/// Where what may change stands in one message, by the numbers of its sites.
#[derive(Clone, Debug)]
pub(super) struct Sites {
    tree: Tree,
    places: Vec<Place>,
}

impl Sites {
    /// A transaction's octets.
    pub fn transaction<'a>(&self, bytes: &'a [u8], site: Site) -> &'a [u8] {
        match self.places.get(site.0 as usize) {
            Some(Place::Transaction(index)) => &bytes[self.tree.element(*index).whole()],
            _ => &[],
        }
    }
}

/// What may change, by the number of its element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// What wraps the `MId`.
    MessageId(u32),
    /// What wraps the ServiceChangeAddress.
    Address(u32),
    /// A LocalRemoteDescriptor.
    Descriptor(u32),
    /// A transaction.
    Transaction(u32),
}

/// Appends `bytes` with `edits`, which name sites of this message.
pub(super) fn render(bytes: &[u8], sites: &Sites, edits: &Edits, out: &mut Vec<u8>) {
    let mut changes = Changes::new(&sites.tree);
    let place = |site: Site| sites.places.get(site.0 as usize).copied();
    let gone = edits
        .iter()
        .filter(|(_, what)| **what == Replacement::Nothing);
    let gone = gone.filter_map(|(site, _)| match place(site) {
        Some(Place::Transaction(index)) => Some(sites.tree.element(index).whole()),
        _ => None,
    });
    let gone: Vec<_> = gone.collect();
    for (site, replacement) in edits.iter() {
        let Some(place) = place(site) else {
            debug_assert!(false, "{site:?} is not of this message");
            continue;
        };
        let node = sites.tree.node(bytes, place.index());
        let lost = gone.iter().any(|whole| whole.contains(&node.at()));
        if !lost || *replacement == Replacement::Nothing {
            change(&mut changes, place, node, replacement);
        }
    }
    changes.apply(bytes, out);
}

impl Place {
    fn index(self) -> u32 {
        let (Self::MessageId(index)
        | Self::Address(index)
        | Self::Descriptor(index)
        | Self::Transaction(index)) = self;
        index
    }
}

fn change(changes: &mut Changes, place: Place, node: Node, replacement: &Replacement) {
    match (place, replacement) {
        (Place::MessageId(_), Replacement::MessageId(id)) => {
            let mut octets = Vec::new();
            identity::write_message_id(id, &mut octets);
            changes.fill(node, octets);
        }
        (Place::Address(_), Replacement::Address(address)) => {
            let mut octets = Vec::new();
            identity::write_address(address, &mut octets);
            changes.fill(node, octets);
        }
        (Place::Descriptor(_), Replacement::Descriptor(text)) => {
            let done = describe::describe(changes, node, text);
            done.expect("what was read once is read again");
        }
        (Place::Transaction(_), Replacement::Nothing) => changes.remove(node),
        (Place::Transaction(_), Replacement::Acknowledge) => acknowledge(changes, node),
        _ => debug_assert!(false, "{replacement:?} is not for {place:?}"),
    }
}

/// Has a reply ask to be acknowledged, where it does not: `immAckRequired` after its number.
fn acknowledge(changes: &mut Changes, node: Node) {
    let Ok(fields) = node.fields() else { return };
    if let (Some(2), Some(id), None) = (node.number(), fields.get(0), fields.get(1)) {
        let mut octets = Vec::new();
        write::string(1, &[], &mut octets);
        changes.insert_after(id, octets);
    }
}
