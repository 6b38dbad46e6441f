//! Changes on their way to the disk: the latest of each key.

use std::collections::{HashMap, HashSet};

use crate::gateway::journal::{Change, EntryKey, Kind};

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    changes: HashMap<EntryKey, Option<Vec<u8>>>,
    /// Keys that the file has, or will have once what is being written is.
    stored: HashSet<EntryKey>,
    /// Changes that are being written.
    writing: usize,
    /// The writer sleeps until it is woken.
    pub asleep: bool,
    pub stopping: bool,
}

impl Pending {
    /// Nothing waits; the file has these keys.
    pub fn new(stored: impl Iterator<Item = EntryKey>) -> Self {
        Self {
            stored: stored.collect(),
            ..Self::default()
        }
    }

    pub fn add(&mut self, change: Change) {
        let Change { key, value } = change;
        if value.is_none() && !self.stored.contains(&key) {
            self.changes.remove(&key);
        } else {
            self.changes.insert(key, value);
        }
    }

    /// Takes all that waits.
    pub fn take(&mut self) -> Vec<Change> {
        let changes = std::mem::take(&mut self.changes);
        for (key, value) in &changes {
            match value {
                Some(_) => self.stored.insert(*key),
                None => self.stored.remove(key),
            };
        }
        self.writing = changes.len();
        let changes = changes.into_iter();
        changes.map(|(key, value)| Change { key, value }).collect()
    }

    /// What was taken is on disk.
    pub fn written(&mut self) {
        self.writing = 0;
    }

    /// Takes back what could not be written; what has changed since stays.
    pub fn give_back(&mut self, changes: Vec<Change>) {
        self.writing = 0;
        for Change { key, value } in changes {
            // It may be in the file from before.
            self.stored.insert(key);
            self.changes.entry(key).or_insert(value);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Changes that are not on disk.
    pub fn unwritten(&self) -> usize {
        self.changes.len() + self.writing
    }

    /// Whether the file tells of calls.
    pub fn has_calls(&self) -> bool {
        self.stored.iter().any(|key| key.kind == Kind::Call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: u64, value: Option<u8>) -> Change {
        Change {
            key: EntryKey::new(Kind::Call, number),
            value: value.map(|byte| vec![byte]),
        }
    }

    #[test]
    fn what_was_never_written_leaves_without_a_trace() {
        let mut pending = Pending::new([EntryKey::new(Kind::Call, 1)].into_iter());
        for number in [1, 2] {
            pending.add(change(number, Some(7)));
            pending.add(change(number, None));
        }
        assert_eq!(pending.take(), [change(1, None)]);
        assert!(!pending.has_calls());
    }

    #[test]
    fn the_latest_change_counts_also_over_a_failure() {
        let mut pending = Pending::new(std::iter::empty());
        pending.add(change(1, Some(1)));
        pending.add(change(1, Some(2)));
        let failed = pending.take();
        assert_eq!(failed, [change(1, Some(2))]);
        pending.add(change(1, None));
        pending.give_back(failed);
        assert_eq!(pending.take(), [change(1, None)]);
    }
}
