//! What is to be changed in a message on its way.

use super::model::{MessageId, ServiceChangeAddress, Site};

/// Changes to one message, by site. Recorded in any order; the last one for a site counts.
#[derive(Clone, Default, Debug)]
pub struct Edits {
    list: Vec<(Site, Replacement)>,
}

/// What is to stand at a site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Replacement {
    /// At a sender's, or that of the controller to turn to.
    MessageId(MessageId),
    /// At a ServiceChange's address.
    Address(ServiceChangeAddress),
    /// At a Local or Remote descriptor: its whole text, as [`Descriptor`] gives it.
    ///
    /// [`Descriptor`]: super::model::Descriptor
    Descriptor(Vec<u8>),
    /// At a reply: it asks to be acknowledged at once.
    Acknowledge,
    /// At a transaction: it is left out. At least one other stays.
    Nothing,
}

impl Edits {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has `replacement` stand at `site`.
    pub fn set(&mut self, site: Site, replacement: Replacement) {
        match self.list.iter_mut().find(|(known, _)| *known == site) {
            Some((_, known)) => *known = replacement,
            None => self.list.push((site, replacement)),
        }
    }

    /// Whether nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What is to stand at `site`, where that changes.
    pub fn get(&self, site: Site) -> Option<&Replacement> {
        let found = self.list.iter().find(|(known, _)| *known == site);
        found.map(|(_, replacement)| replacement)
    }

    /// All changes, in the order of their first recording.
    pub fn iter(&self) -> impl Iterator<Item = (Site, &Replacement)> {
        self.list.iter().map(|(site, what)| (*site, what))
    }
}
