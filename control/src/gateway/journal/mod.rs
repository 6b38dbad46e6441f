//! What outlives this process: calls, registrations and resting ports as entries of a journal,
//! written as they change ([`Gateway::journal`]) and taken up by a successor
//! ([`Gateway::restore`]).
//!
//! * `entry`: what is kept and how it is written · `keep`: from the gateway to entries
//! * `gateways`: controlled gateways and their legs, both ways
//! * `restore`, `restore_call`: from entries to a gateway that goes on · `places`: whose numbers
//!   are whose now · `stray`: answers to what the earlier process asked

mod entry;
pub mod fuzz;
mod gateways;
mod keep;
mod places;
mod restore;
mod restore_call;
mod stray;

use std::collections::VecDeque;

use strait_shared::time::Instant;

pub use self::entry::{Change, EntryKey, Kind, LAYOUT};
pub use self::restore::{Before, Restored};
use super::Gateway;
use super::calls::Place;
use super::limits::NUMBERS_AHEAD;

/// The media of a call are gone: the dataplane lost its table, or died together with control.
pub const MEDIA_LOST: &str = "dataplane lost";

/// Control restarted while the call was being set up, or a moment after it ended.
pub const CONTROL_RESTARTED: &str = "control restarted";

/// A reason that the journal holds and this version does not know.
pub const UNKNOWN: &str = "unknown";

/// What writing the journal needs.
#[derive(Debug)]
pub(super) struct Journaling {
    /// What tokens and names are derived from.
    seed: [u8; 32],
    /// Call numbers set aside.
    numbers: u64,
    /// The number of the last entry about resting ports.
    last_rest: u64,
    /// Entries about resting ports that stand, by when they mean nothing any more.
    resting: VecDeque<(Instant, u64)>,
    /// Changes that restoring led to.
    pending: Vec<Change>,
}

impl Gateway {
    /// About how many changes [`journal`](Self::journal) would tell; none exactly when it is so.
    pub fn unjournaled(&self) -> usize {
        self.journal.as_ref().map_or(0, |journal| {
            journal.pending.len()
                + self.calls.changed.waiting()
                + self.dialogs.unasked()
                + self.registrations.changed.waiting()
                + self.serving.locations.changed.waiting()
                + self.controlled.associations.changed.waiting()
                + self.media.unasked()
        })
    }

    /// What has changed since the last time, for the journal; nothing where none is kept.
    pub fn journal(&mut self, now: Instant) -> Vec<Change> {
        let Some(mut journal) = self.journal.take() else {
            return Vec::new();
        };
        let mut changes = std::mem::take(&mut journal.pending);
        self.changed_calls(&mut changes);
        for (number, key) in self.registrations.changed.take() {
            let value = self.registrations.get(key);
            let value = value.map(|binding| keep::written(&self.keep_binding(binding)));
            changes.push(change(Kind::Binding, number, value));
        }
        for (number, key) in self.serving.locations.changed.take() {
            let value = self.serving.locations.get(key);
            let value = value.map(|contact| keep::written(&self.keep_location(contact)));
            changes.push(change(Kind::Location, number, value));
        }
        for (number, key) in self.controlled.associations.changed.take() {
            let value = self.controlled.associations.get(key);
            let value = value.map(|gateway| keep::written(&self.keep_gateway(gateway)));
            changes.push(change(Kind::Gateway, number, value));
        }
        self.changed_rest(now, &mut journal, &mut changes);
        let last = self.calls.last_number();
        if last + NUMBERS_AHEAD / 2 >= journal.numbers {
            journal.numbers = last + NUMBERS_AHEAD;
            let identity = self.identity(&journal);
            changes.push(change(Kind::Identity, 0, Some(keep::written(&identity))));
        }
        self.journal = Some(journal);
        changes
    }

    /// An entry that a successor was still to find means nothing any more.
    pub(super) fn forget_entry(&mut self, key: EntryKey) {
        if let Some(journal) = &mut self.journal {
            journal.pending.push(Change { key, value: None });
        }
    }

    /// Forgets what has changed: nobody keeps a journal.
    pub(super) fn forget_changes(&mut self) {
        self.dialogs.forget_changes();
        self.calls.changed.forget();
        self.registrations.changed.forget();
        self.serving.locations.changed.forget();
        self.controlled.associations.changed.forget();
        self.media.forget_given_up();
    }

    fn changed_calls(&mut self, changes: &mut Vec<Change>) {
        for dialog in self.dialogs.changes() {
            let call = self.dialogs.get(dialog).and_then(|dialog| dialog.call);
            call.into_iter().for_each(|call| self.calls.touch(call));
        }
        for (number, place) in self.calls.changed.take() {
            let kept = match place {
                Place::Call(key) => self.keep_call(key),
                Place::Closing(key) => self.keep_closing(key),
            };
            let value = kept.map(|kept| keep::written(&kept));
            changes.push(change(Kind::Call, number, value));
        }
    }

    /// Ports that were given up rest; entries about ports that have rested go.
    fn changed_rest(&mut self, now: Instant, journal: &mut Journaling, changes: &mut Vec<Change>) {
        let pairs = self.media.given_up();
        if !pairs.is_empty() {
            let realms = self.settings.config.realms.iter();
            let rest = realms.map(|realm| realm.port_quarantine).max();
            let until = now + rest.unwrap_or_default();
            journal.last_rest += 1;
            journal.resting.push_back((until, journal.last_rest));
            let kept = entry::KeptRest {
                until_unix_ms: self.clock.timestamp(until).unix_ms,
                pairs,
            };
            let value = Some(keep::written(&kept));
            changes.push(change(Kind::Rest, journal.last_rest, value));
        }
        let rested = journal.resting.partition_point(|(until, _)| *until <= now);
        for (_, number) in journal.resting.drain(..rested) {
            changes.push(change(Kind::Rest, number, None));
        }
    }
}

fn change(kind: Kind, number: u64, value: Option<Vec<u8>>) -> Change {
    Change {
        key: EntryKey::new(kind, number),
        value,
    }
}
