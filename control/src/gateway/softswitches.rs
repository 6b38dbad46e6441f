//! Which softswitches are alive: by asking them with OPTIONS (RFC 3261 §11), and by what becomes
//! of requests sent to them.
//!
//! | state | an answer | a failure, no answer       | its timer                               |
//! |-------|-----------|----------------------------|-----------------------------------------|
//! | up    | up        | down until `retry_after`   | every `probe`: ask                      |
//! | down  | up        | down until `retry_after`   | `retry_after`: ask; without `probe`: up |

use strait_config::SoftswitchIndex;
use strait_shared::time::Instant;

use super::Gateway;
use super::due::Due;
use super::io::LogLevel;
use super::timer::TimerId;

/// What is known of one softswitch.
#[derive(Debug)]
pub struct Health {
    /// Whether requests are sent to it.
    pub up: bool,
    /// Since when.
    pub since: Instant,
    timer: Option<TimerId>,
}

impl Health {
    /// Taken to be up until something else is known.
    pub fn new() -> Self {
        Self {
            up: true,
            since: Instant::ZERO,
            timer: None,
        }
    }
}

impl Gateway {
    /// Begins to ask the softswitches that are to be asked.
    pub(super) fn watch_softswitches(&mut self) {
        for index in (0..self.health.len() as u16).map(SoftswitchIndex) {
            if self.settings.config.softswitch(index).probe.is_some() {
                let due = Due::Softswitch(index);
                let timer = self
                    .timers
                    .arm(Instant::ZERO, std::time::Duration::ZERO, due);
                self.health[usize::from(index.0)].timer = Some(timer);
            }
        }
    }

    /// It answered something.
    pub(super) fn softswitch_answered(&mut self, now: Instant, index: SoftswitchIndex) {
        if !self.health[usize::from(index.0)].up {
            self.set_up(now, index, true);
        }
    }

    /// It did not answer, or could not be reached.
    pub(super) fn softswitch_failed(&mut self, now: Instant, index: SoftswitchIndex) {
        if self.health[usize::from(index.0)].up {
            self.set_up(now, index, false);
        }
        let retry_after = self.settings.config.softswitch(index).retry_after;
        self.rearm(now, index, retry_after);
    }

    /// Its timer fired.
    pub(super) fn softswitch_due(&mut self, now: Instant, index: SoftswitchIndex) {
        self.health[usize::from(index.0)].timer = None;
        match self.settings.config.softswitch(index).probe {
            Some(interval) => {
                self.rearm(now, index, interval);
                self.probe(now, index);
            }
            None => self.softswitch_answered(now, index),
        }
    }

    fn probe(&mut self, now: Instant, index: SoftswitchIndex) {
        let softswitch = self.settings.softswitch(index);
        let (flow, authority) = (softswitch.flow, softswitch.authority.clone());
        let uri = [b"sip:", &*authority].concat();
        self.ask_options(now, flow, &uri, super::Asked::Probe(index));
    }

    fn set_up(&mut self, now: Instant, index: SoftswitchIndex, up: bool) {
        let health = &mut self.health[usize::from(index.0)];
        (health.up, health.since) = (up, now);
        let name = self.settings.config.softswitch(index).name.clone();
        let (level, state) = match up {
            true => (LogLevel::Info, "up"),
            false => (LogLevel::Warn, "down: it does not answer"),
        };
        self.log(now, level, || format!("softswitch {name} is {state}"));
    }

    fn rearm(&mut self, now: Instant, index: SoftswitchIndex, delay: std::time::Duration) {
        let timer = self.timers.arm(now, delay, Due::Softswitch(index));
        if let Some(old) = self.health[usize::from(index.0)].timer.replace(timer) {
            self.timers.cancel(old);
        }
    }
}
