//! A phone that keeps sending is heard within a bound.
//!
//! Between two phones that both believe to talk both ways, each must have heard the other within
//! the bound, counted from the last packet heard, the last change of what they believe, or the
//! last fault that may well silence them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use strait_shared::time::Instant;

use super::{Checker, Checks, Death};

/// Who should hear whom.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Direction {
    /// The listening user.
    pub listener: String,
    /// The speaking user.
    pub speaker: String,
    /// When the listener's call began.
    pub began: Instant,
    /// When the media of either was moved last.
    pub moved: Option<Instant>,
}

/// Who hears whom.
#[derive(Default)]
pub struct Hearing {
    heard: BTreeMap<(String, String), Instant>,
    talking: BTreeMap<Direction, Instant>,
    disturbed: Instant,
    excused: BTreeSet<String>,
    /// When control died: calls it had just changed may be forgotten.
    deaths: Vec<Death>,
    /// Users whose phones were not told that a call is over, and when.
    untold: Vec<(String, Instant)>,
    longest: Duration,
}

impl Hearing {
    /// A packet of the speaker has reached the listener's call with it.
    pub fn heard(&mut self, now: Instant, listener: &str, speaker: &str) {
        let direction = (listener.to_owned(), speaker.to_owned());
        self.heard.insert(direction, now);
    }

    /// Something happens that may silence anyone until then.
    pub fn disturb(&mut self, until: Instant) {
        self.disturbed = self.disturbed.max(until);
    }

    /// This user may go unheard and hear nothing from now on.
    pub fn excuse(&mut self, user: &str) {
        self.excused.insert(user.to_owned());
    }

    pub(super) fn control_died(&mut self, death: &Death) {
        self.deaths.push(death.clone());
    }

    /// Until when anyone may be silenced, or was.
    pub fn disturbed(&self) -> Instant {
        self.disturbed
    }

    /// Whether control has died since then: what it knew of a call may be forgotten.
    pub(super) fn has_died_since(&self, then: Instant) -> bool {
        self.deaths.iter().any(|death| death.at >= then)
    }

    /// The longest time anyone went unheard without excuse.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    fn look(
        &mut self,
        now: Instant,
        talking: Vec<Direction>,
        haunted: &BTreeSet<String>,
        bound: Duration,
    ) -> Option<String> {
        let before = std::mem::take(&mut self.talking);
        for direction in talking {
            let since = before.get(&direction).copied().unwrap_or(now);
            self.talking.insert(direction, since);
        }
        for (direction, since) in &self.talking {
            let forgotten = |death: &Death| death.concerns(direction.began, *since);
            let excused = direction.concerns(&self.excused) || direction.concerns(haunted);
            if excused || self.deaths.iter().any(forgotten) {
                continue;
            }
            let names = (direction.listener.clone(), direction.speaker.clone());
            let heard = self.heard.get(&names).copied().unwrap_or_default();
            let unheard = now.since(heard.max(*since).max(self.disturbed));
            self.longest = self.longest.max(unheard);
            if unheard > bound {
                return Some(format!("{direction:?}: nothing for {unheard:?}"));
            }
        }
        None
    }
}

impl Direction {
    fn concerns(&self, users: &BTreeSet<String>) -> bool {
        users.contains(&self.listener) || users.contains(&self.speaker)
    }
}

impl Checks {
    /// A BYE has no way to its phone, whose connection is gone: that goes on with a call that is
    /// over, to a port that is another call's in the end.
    pub fn bye_lost(&mut self, bye: &[u8]) {
        let (Some(from), Some(to)) = (user(bye, "From: "), user(bye, "To: ")) else {
            return;
        };
        self.media.forget(&to, &from);
        self.hearing.untold.push((to, self.now));
    }

    /// These believe to talk to each other; and these calls, by user and beginning, stand.
    pub fn talking(
        &mut self,
        now: Instant,
        talking: Vec<Direction>,
        standing: &[(String, Instant)],
        bound: Duration,
    ) {
        let looks = talking.len();
        // A call that nobody but its phone knows any more may take what is meant for another one:
        // its packets come from the same NAT, and to a port that has rested since.
        let ghosts = standing.iter().filter(|(user, began)| {
            let mut deaths = self.hearing.deaths.iter();
            let mut untold = self.hearing.untold.iter();
            deaths.any(|death| death.forgets_all() && *began <= death.at)
                || untold.any(|(other, at)| other == user && began <= at)
        });
        let mut haunted: BTreeSet<String> = ghosts.map(|(user, _)| user.clone()).collect();
        if !haunted.is_empty() && self.media.latches_anywhere() {
            // Then it may take anybody's, wherever its packets come from.
            haunted.extend(talking.iter().map(|direction| direction.listener.clone()));
        }
        let found = self.hearing.look(now, talking, &haunted, bound);
        let verdict = found.map_or(Ok(()), Err);
        if looks > 0 {
            self.note(Checker::Hearing, verdict);
        }
    }
}

/// The user part of a header's URI.
fn user(message: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(message);
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let (_, uri) = line.split_once("sip:")?;
    Some(uri.split_once('@')?.0.to_owned())
}
