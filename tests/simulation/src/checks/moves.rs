//! Who has moved is sent nothing at the old place, once the other side has agreed and the bound
//! is over that everyone is heard within.

use std::time::Duration;

use strait_shared::time::Instant;

use super::{Checker, Checks};

/// How long media may still come to the old place: until the first packet from the new one has
/// latched, at worst after the rebind interval of 2 s, and what is under way has arrived.
const MEDIA_WITHIN: Duration = Duration::from_secs(4);
/// The same for reports, whose rebind interval is 15 s and which come seldom.
const REPORTS_WITHIN: Duration = Duration::from_secs(25);

impl Checks {
    /// Something comes to where a user's media was, in a call that began and moved then.
    pub fn old_place_reached(
        &mut self,
        user: &str,
        (began, moved): (Instant, Instant),
        reports: bool,
    ) {
        let within = match reports {
            true => REPORTS_WITHIN,
            false => MEDIA_WITHIN,
        };
        let since = self.now.since(moved.max(self.hearing.disturbed()));
        let died = self.hearing.has_died_since(began);
        let excused = died || self.commands.is_lossy() || self.media.is_lawless();
        let verdict = match since > within && !excused {
            true => Err(format!(
                "{user} is sent media {since:?} after it has moved (reports: {reports})"
            )),
            false => Ok(()),
        };
        self.note(Checker::Moves, verdict);
    }
}
