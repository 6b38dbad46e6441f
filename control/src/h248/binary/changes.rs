//! What is changed in a message, and the lengths that change with it: those of the elements around
//! a change, and no others.

use std::collections::BTreeMap;
use std::ops::Range;

use super::tree::{Node, Tree};
use super::write::length;

/// Changes to a message, each to the contents of one of its elements. They do not overlap.
pub(super) struct Changes<'a> {
    tree: &'a Tree,
    splices: Vec<(Range<usize>, Vec<u8>)>,
    /// The elements whose contents change, and by how many octets they grow.
    grown: BTreeMap<u32, isize>,
}

impl<'a> Changes<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self {
            tree,
            splices: Vec::new(),
            grown: BTreeMap::new(),
        }
    }

    /// Has `octets` stand in the place of `range`, which lies in the contents of `within`.
    pub(super) fn replace(&mut self, within: Node, range: Range<usize>, octets: Vec<u8>) {
        let by = octets.len() as isize - range.len() as isize;
        *self.grown.entry(within.index()).or_default() += by;
        self.splices.push((range, octets));
    }

    /// Has `octets` stand in the place of all that `within` contains.
    pub(super) fn fill(&mut self, within: Node, octets: Vec<u8>) {
        self.replace(within, within.contents(), octets);
    }

    /// Has `octets`, which are whole elements, follow `node` in what that lies in.
    pub(super) fn insert_after(&mut self, node: Node, octets: Vec<u8>) {
        let end = node.whole().end;
        self.replace(node.parent(), end..end, octets);
    }

    /// Takes an element out of what it lies in.
    pub(super) fn remove(&mut self, node: Node) {
        self.replace(node.parent(), node.whole(), Vec::new());
    }

    /// Appends `bytes` with the changes.
    pub(super) fn apply(mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.settle_lengths();
        self.splices
            .sort_by_key(|(range, _)| (range.start, !range.is_empty()));
        let mut at = 0;
        for (range, octets) in &self.splices {
            debug_assert!(at <= range.start, "changes overlap");
            out.extend_from_slice(&bytes[at..range.start]);
            out.extend_from_slice(octets);
            at = range.end;
        }
        out.extend_from_slice(&bytes[at..]);
    }

    /// From the innermost elements outwards, since those stand behind the ones around them.
    fn settle_lengths(&mut self) {
        while let Some((index, mut by)) = self.grown.pop_last() {
            let element = self.tree.element(index);
            let (field, contents) = (element.length_octets(), element.contents());
            if by != 0 && !element.indefinite {
                let octets = length(contents.len().wrapping_add_signed(by));
                by += octets.len() as isize - field.len() as isize;
                self.splices.push((field, octets));
            }
            if index != 0 {
                *self.grown.entry(element.parent).or_default() += by;
            }
        }
    }
}
