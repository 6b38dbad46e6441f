//! Control's successor goes on: with every call that was answered and on disk, to its record, and
//! with every registration.

use std::collections::BTreeSet;
use std::time::Duration;

use strait_shared::time::Instant;

use super::{Checker, Checks};

/// How long what control said last may be under way.
const UNDER_WAY: Duration = Duration::from_millis(500);

/// How control died, and what its successor must know.
#[derive(Clone, Debug)]
pub struct Death {
    /// When.
    pub at: Instant,
    /// Whether the region is lost as well, and with it the media of every call.
    pub region_too: bool,
    /// What has changed since then may be forgotten.
    pub since: Instant,
    /// Whether the numbers of calls begin anew: there is no journal that keeps them.
    pub numbers_anew: bool,
    /// Answered calls that are on disk, by number.
    pub calls: BTreeSet<u64>,
    /// Calls that may have their record, and may get another: that was not on disk.
    pub ghosts: BTreeSet<u64>,
    /// Until when the registrations there are last, by Strait's clock.
    pub registrations: Vec<Instant>,
    /// Changes about registrations that are not on disk: so many may be forgotten.
    pub unwritten: usize,
}

/// What is owed by successors.
#[derive(Default)]
pub struct Succession {
    /// A death that no successor has followed yet.
    death: Option<Death>,
    /// Calls that stood at a death and have no record yet.
    unrecorded: BTreeSet<u64>,
}

impl Death {
    /// A death that may take everything along.
    pub fn of_all(at: Instant, region_too: bool, numbers_anew: bool) -> Self {
        Self {
            at,
            region_too,
            since: Instant::ZERO,
            numbers_anew,
            calls: BTreeSet::new(),
            ghosts: BTreeSet::new(),
            registrations: Vec::new(),
            unwritten: 0,
        }
    }

    /// Whether any call may have been forgotten.
    pub fn forgets_all(&self) -> bool {
        self.since == Instant::ZERO
    }

    /// Whether a call that began at `began`, and came to what it is at `changed`, may have been
    /// forgotten. Whoever is called hears of it once the INVITE has got there, or an Add.
    pub fn concerns(&self, began: Instant, changed: Instant) -> bool {
        began <= self.at + UNDER_WAY && changed >= self.since
    }
}

impl Succession {
    /// The calendar was set forward: registrations count as over.
    pub fn lapse(&mut self) {
        if let Some(death) = &mut self.death {
            death.registrations.clear();
        }
    }

    /// A command is damaged. What a control that is dead has left on a ring nobody says again: the
    /// successor finds a call without its slots, and ends it.
    pub fn damaged(&mut self) {
        if let Some(death) = &mut self.death {
            death.calls.clear();
        }
    }

    fn followed(
        &self,
        now: Instant,
        standing: &BTreeSet<u64>,
        registrations: usize,
    ) -> Result<(), String> {
        let Some(death) = &self.death else {
            return Ok(());
        };
        let missing: Vec<_> = death.calls.difference(standing).collect();
        if !death.region_too && !missing.is_empty() {
            return Err(format!("forgotten calls: {missing:?}"));
        }
        // A date on disk is good to a millisecond.
        let lasts = |until: &&Instant| until.since(now) > Duration::from_millis(1);
        let owed = death.registrations.iter().filter(lasts).count();
        if registrations + death.unwritten < owed {
            let unwritten = death.unwritten;
            return Err(format!(
                "{registrations} registrations of {owed}, {unwritten} not on disk"
            ));
        }
        Ok(())
    }
}

impl Checks {
    /// Control has died. Calls it had just changed may be forgotten, and nobody tells their phones.
    pub fn control_died(&mut self, mut death: Death) {
        if self.commands.is_lossy() {
            // A call may have no slots any more.
            death.calls.clear();
        }
        if let Some(before) = self.succession.death.take() {
            // Nobody has followed it: what was owed still is.
            death.registrations.extend(before.registrations);
            death.unwritten += before.unwritten;
        }
        self.media.control_died(&death);
        self.hearing.control_died(&death);
        self.records.control_died(&death);
        self.endings.control_died(death.at);
        self.succession.unrecorded.extend(&death.calls);
        self.succession.death = Some(death);
    }

    /// A successor has read the journal, this many entries of which it did not understand.
    pub fn restored(&mut self, skipped: usize) {
        let verdict = match skipped {
            0 => Ok(()),
            _ => Err(format!("{skipped} entries are not understood")),
        };
        if self.succession.death.is_some() {
            self.note(Checker::Succession, verdict);
        }
    }

    /// A successor begins with these calls and so many registrations, at `now` of Strait's clock.
    pub fn succeeded(&mut self, now: Instant, standing: &BTreeSet<u64>, registrations: usize) {
        if self.succession.death.is_some() {
            let verdict = self.succession.followed(now, standing, registrations);
            self.note(Checker::Succession, verdict);
        }
        self.succession.death = None;
    }

    pub(super) fn call_recorded(&mut self, number: u64) {
        self.succession.unrecorded.remove(&number);
    }

    pub(super) fn check_recorded(&mut self) {
        let left = &self.succession.unrecorded;
        let verdict = match left.is_empty() {
            true => Ok(()),
            false => Err(format!("calls without a record: {left:?}")),
        };
        self.note(Checker::Succession, verdict);
    }
}
