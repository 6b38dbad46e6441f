//! What befalls Strait's clocks: the monotonic one leaps ahead, or stands still with the machine;
//! the calendar is set forward and back.

use std::time::Duration;

use strait_control::gateway::WallClock;
use strait_shared::time::Instant;

use super::Strait;

/// 2024-01-02T03:04:05Z, in milliseconds since 1970.
const BEGIN_UNIX_MS: i64 = 1_704_164_645_000;

impl Strait {
    /// What its clock shows: while the machine stands still, what it showed before.
    pub fn clock(&self, now: Instant) -> Instant {
        let (since, _) = self.suspended.unwrap_or((now, now));
        since.min(now) + self.ahead
    }

    /// Its clock leaps ahead.
    pub fn leap(&mut self, by: Duration) {
        self.ahead += by;
    }

    /// The machine stands still, and its clock with it.
    pub fn suspend(&mut self, now: Instant, until: Instant) {
        let (since, before) = self.suspended.unwrap_or((now, now));
        self.suspended = Some((since, until.max(before)));
    }

    /// The machine goes on, whether it was to or not.
    pub fn resume(&mut self, now: Instant) {
        if let Some((since, until)) = self.suspended.take() {
            self.ahead = self.ahead.saturating_sub(until.min(now).since(since));
        }
    }

    /// Whether the machine stands still; what comes meanwhile is lost.
    pub(super) fn stands_still(&mut self, now: Instant) -> bool {
        if self.suspended.is_some_and(|(_, until)| until <= now) {
            self.resume(now);
        }
        self.suspended.is_some()
    }

    /// Somebody sets the calendar.
    pub fn set_calendar(&mut self, by_ms: i64) {
        self.calendar_ms += by_ms;
    }

    /// The calendar as a control that begins now sees it. A later date than its predecessor's
    /// means to it that what was granted until then is over.
    pub(super) fn calendar(&mut self) -> WallClock {
        if self.calendar_ms > self.calendar_before_ms {
            self.checks.borrow_mut().succession.lapse();
        }
        self.calendar_before_ms = self.calendar_ms;
        let unix_ms = BEGIN_UNIX_MS + self.calendar_ms;
        WallClock {
            unix_ns_at_zero: i128::from(unix_ms) * 1_000_000,
        }
    }

    /// When the present control's calendar says that a point of Strait's clock is.
    pub(super) fn unix_ms(&self, at: Instant) -> u64 {
        let unix_ms = BEGIN_UNIX_MS + self.calendar_before_ms;
        unix_ms.unsigned_abs() + at.as_nanos() / 1_000_000
    }
}
