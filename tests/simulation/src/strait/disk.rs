//! The journal's file in virtual time: what is on disk, and what was under way when the power or
//! the process went.
//!
//! As the writer's thread does it: a batch is one commit, the next one begins a while after the
//! last, and a key that changes again before it is written is written once.

use std::collections::BTreeMap;
use std::time::Duration;

use strait_control::gateway::journal::{Before, Change, EntryKey, Kind};
use strait_control::journal::limits::{COMMIT_INTERVAL, HEARTBEAT};
use strait_shared::time::Instant;

/// The longest a commit takes, beyond the least time between two.
const COMMIT_MS_MAX: u64 = 20;

/// A journal's file.
#[derive(Default)]
pub(super) struct Disk {
    entries: BTreeMap<EntryKey, Vec<u8>>,
    waiting: BTreeMap<EntryKey, Option<Vec<u8>>>,
    /// When the first of what waits came, and when it is on disk.
    under_way: Option<(Instant, Instant)>,
    written: Option<Instant>,
}

impl Disk {
    /// Has changes written.
    pub fn write(&mut self, now: Instant, changes: Vec<Change>, random: &mut fastrand::Rng) {
        self.catch_up(now);
        if !changes.is_empty() && self.under_way.is_none() {
            let takes = COMMIT_INTERVAL + Duration::from_millis(random.u64(1..=COMMIT_MS_MAX));
            self.under_way = Some((now, now + takes));
        }
        for Change { key, value } in changes {
            self.waiting.insert(key, value);
        }
    }

    /// The process dies. What was just being written is on disk or not, all of it.
    pub fn interrupt(&mut self, now: Instant, random: &mut fastrand::Rng) {
        self.catch_up(now);
        if random.bool() {
            self.commit(now);
        }
    }

    /// What a successor finds; `unix_ms` is the calendar of who wrote it.
    pub fn left(&mut self, now: Instant, unix_ms: impl Fn(Instant) -> u64) -> Before {
        self.waiting.clear();
        self.under_way = None;
        let has_calls = self.entries.keys().any(|key| key.kind == Kind::Call);
        let beat = (has_calls && self.written.is_some())
            .then(|| Instant::ZERO + now.since(Instant::ZERO + HEARTBEAT));
        let alive = self.written.max(beat);
        Before {
            entries: self.entries.clone().into_iter().collect(),
            alive_unix_ms: alive.map(unix_ms),
        }
    }

    /// Since when what is kept may not be on disk; nothing where all of it is.
    pub fn unsure_since(&self) -> Option<Instant> {
        self.under_way.map(|(since, _)| since)
    }

    /// Whether the call's entry is on disk and up to date.
    pub fn keeps_call(&self, number: u64) -> bool {
        let key = EntryKey::new(Kind::Call, number);
        self.entries.contains_key(&key) && !self.waiting.contains_key(&key)
    }

    /// Calls whose entries on disk do not say what has become of them: that they are over, or that
    /// their record is written.
    pub fn ghosts(&self) -> impl Iterator<Item = u64> {
        let keys = self.waiting.keys();
        keys.filter(|key| key.kind == Kind::Call)
            .map(|key| key.number)
    }

    /// Changes about registrations that are not on disk.
    pub fn registrations_waiting(&self) -> usize {
        let keys = self.waiting.keys();
        keys.filter(|key| key.kind == Kind::Binding).count()
    }

    /// Somebody damages the file: the entry of a call is gone.
    pub fn lose_call(&mut self, number: u64) {
        self.entries.remove(&EntryKey::new(Kind::Call, number));
    }

    /// The same with the registration that was made last.
    pub fn lose_registration(&mut self) {
        let mut all = self.entries.keys().rev();
        if let Some(last) = all.find(|key| key.kind == Kind::Binding).copied() {
            self.entries.remove(&last);
        }
    }

    fn catch_up(&mut self, now: Instant) {
        if let Some((_, done)) = self.under_way.filter(|(_, done)| *done <= now) {
            self.commit(done);
        }
    }

    fn commit(&mut self, at: Instant) {
        for (key, value) in std::mem::take(&mut self.waiting) {
            match value {
                Some(value) => self.entries.insert(key, value),
                None => self.entries.remove(&key),
            };
        }
        self.under_way = None;
        self.written = Some(at);
    }
}
