//! Each command takes effect once, in order: the table is what the commands say, one after the
//! other, and every end of a use is reported once.

use std::collections::{BTreeMap, BTreeSet};

use strait_control::media::limits::CLOSE_TIMEOUT;
use strait_shared::command::{Command, Event};
use strait_shared::net::Endpoint;
use strait_shared::slot::{Forwarding, Generation, SlotIndex};
use strait_shared::table::Table;
use strait_shared::time::Instant;

use super::{Checker, Checks};

/// The slots as commanded.
#[derive(Default)]
pub struct Commands {
    slots: BTreeMap<SlotIndex, Use>,
    /// Uses that were ended and not yet reported, and when.
    closing: BTreeMap<(SlotIndex, Generation), Instant>,
    /// Uses that were ended once more.
    again: BTreeSet<(SlotIndex, Generation)>,
    /// Slots commanded since the table was last compared.
    moved: BTreeSet<SlotIndex>,
    /// Whether commands may get lost: a record is damaged, or a ring was.
    lossy: bool,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    generation: Generation,
    /// Nothing once it is closed.
    forwarding: Option<Forwarding>,
    /// Whether the last command about it may not have reached its worker.
    unsure: bool,
}

impl Commands {
    /// Another dataplane begins with a table of its own.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// Another control begins: what it does not know is closed, and it hears of nothing that was
    /// closed before.
    pub fn succeed(&mut self, known: &dyn Fn(SlotIndex, Generation) -> bool) {
        self.slots
            .retain(|slot, used| known(*slot, used.generation));
        self.closing.clear();
        self.again.clear();
        self.moved.extend(self.slots.keys());
    }

    /// Control died with commands that no ring had taken yet.
    pub fn lose_untold(&mut self) {
        for slot in &self.moved {
            let used = self.slots.get_mut(slot);
            used.into_iter().for_each(|used| used.unsure = true);
        }
    }

    /// Whether commands may get lost.
    pub fn is_lossy(&self) -> bool {
        self.lossy
    }

    /// From now on commands may be damaged on their way.
    pub fn expect_damage(&mut self) {
        self.lossy = true;
    }

    /// A report got lost on its way.
    pub fn lose_report(&mut self, event: &Event) {
        self.lossy = true;
        if let Event::Closed {
            slot, generation, ..
        } = event
        {
            self.closing.remove(&(*slot, *generation));
        }
    }

    /// How many slots are commanded to be open.
    pub fn open(&self) -> usize {
        let open = self.slots.values().filter(|used| used.forwarding.is_some());
        open.count()
    }

    /// Whether this use was ended and is still to be reported.
    pub fn awaits(&self, slot: SlotIndex, generation: Generation) -> bool {
        self.closing.contains_key(&(slot, generation))
    }

    /// Uses that ended without a report.
    pub fn unreported(&self) -> usize {
        self.closing.len()
    }

    fn given(&mut self, at: Instant, command: &Command) -> Result<(), String> {
        let (slot, generation) = match *command {
            Command::Open {
                slot,
                generation,
                forwarding,
            } => {
                let forwarding = Some(forwarding);
                let before = self.slots.insert(
                    slot,
                    Use {
                        generation,
                        forwarding,
                        unsure: false,
                    },
                );
                self.moved.insert(slot);
                // What no worker was told of is told again by whoever finds it undone.
                let open = before.filter(|before| before.forwarding.is_some() && !before.unsure);
                return match open {
                    Some(_) => Err(format!("{slot:?} is opened while open")),
                    None => Ok(()),
                };
            }
            Command::Update {
                slot, generation, ..
            }
            | Command::Close { slot, generation } => (slot, generation),
            Command::Adjacency { .. } => return Ok(()),
        };
        let ended = self.closing.get(&(slot, generation));
        if ended.is_some_and(|ended| at.since(*ended) >= CLOSE_TIMEOUT) {
            // What is not reported for so long is said again.
            self.again.insert((slot, generation));
            return Ok(());
        }
        self.moved.insert(slot);
        let current = self.slots.get_mut(&slot);
        // What no worker was told of may be taken up by a control that does not know it either.
        let stands = |used: &Use| used.forwarding.is_some() || used.unsure;
        let current = current.filter(|used| used.generation == generation && stands(used));
        let Some(current) = current else {
            return Err(format!("no such use is open: {command:?}"));
        };
        current.unsure = false;
        match *command {
            Command::Update { forwarding, .. } => current.forwarding = Some(forwarding),
            _ => {
                current.forwarding = None;
                self.closing.insert((slot, generation), at);
            }
        }
        Ok(())
    }

    fn reported(&mut self, event: &Event) -> Result<(), String> {
        match *event {
            Event::Closed {
                slot, generation, ..
            } => {
                let used = (slot, generation);
                match self.closing.remove(&used).is_some() || self.again.remove(&used) {
                    true => Ok(()),
                    false => Err(format!(
                        "{slot:?} closed without being told: {generation:?}"
                    )),
                }
            }
            Event::Latched {
                slot, generation, ..
            }
            | Event::Refused {
                slot, generation, ..
            }
            | Event::Silent { slot, generation }
            | Event::Heard { slot, generation } => {
                let current = self.slots.get(&slot);
                match current.is_some_and(|used| used.generation == generation) {
                    true => Ok(()),
                    false => Err(format!("of a use that is not: {event:?}")),
                }
            }
            Event::Late { slot, generation } => {
                let current = self.slots.get(&slot).copied();
                let stands = |used: Use| used.generation == generation && !used.unsure;
                match current
                    .filter(|used| used.forwarding.is_some())
                    .is_some_and(stands)
                {
                    true => Err(format!("late for a use that stands: {event:?}")),
                    false => Ok(()),
                }
            }
            Event::Rejected { .. } => Ok(()),
        }
    }

    fn rejected(&mut self, command: &Command) -> Result<(), String> {
        if self.lossy {
            // What the damaged command was to do has not happened.
            if let Some(slot) = command.slot() {
                self.moved.remove(&slot);
                self.slots.remove(&slot);
                self.closing.retain(|(closing, _), _| *closing != slot);
            }
            return Ok(());
        }
        Err(format!("rejected: {command:?}"))
    }

    fn compare(&mut self, table: &Table) -> Result<(), String> {
        for slot in std::mem::take(&mut self.moved) {
            // A damaged command may have been for a slot that is not in use.
            let Some(used) = self.slots.get(&slot).copied() else {
                continue;
            };
            let Some(found) = table.snapshot(slot) else {
                if self.lossy {
                    continue;
                }
                return Err(format!("{slot:?} cannot be read"));
            };
            let wanted = used.forwarding.unwrap_or_default();
            let signalled = wanted.signalled.map(Endpoint::from);
            let as_commanded = found.generation == used.generation
                && (found.open == used.forwarding.is_some() || used.unsure)
                && (!found.open
                    || used.unsure
                    || (found.accepts, found.peer, found.signalled)
                        == (wanted.accept, wanted.peer, signalled));
            if !as_commanded && !self.lossy {
                return Err(format!("{slot:?} is {found:?}, commanded is {used:?}"));
            }
        }
        Ok(())
    }
}

impl Checks {
    /// The gateway gives a command, at `at` of Strait's clock.
    pub fn command_given(&mut self, at: Instant, command: &Command) {
        let verdict = self.commands.given(at, command);
        let verdict = if self.commands.lossy { Ok(()) } else { verdict };
        self.note(Checker::Commands, verdict);
    }

    /// A worker reports.
    pub fn event_reported(&mut self, event: &Event) {
        let verdict = self.commands.reported(event);
        let verdict = if self.commands.lossy { Ok(()) } else { verdict };
        self.note(Checker::Commands, verdict);
    }

    /// A worker did not carry a command out.
    pub fn command_rejected(&mut self, command: &Command) {
        let verdict = self.commands.rejected(command);
        self.note(Checker::Commands, verdict);
    }

    /// Every command has taken effect: the table is as commanded.
    pub fn table_settled(&mut self, table: &Table) {
        if !self.commands.moved.is_empty() {
            let verdict = self.commands.compare(table);
            self.note(Checker::Commands, verdict);
        }
    }
}
