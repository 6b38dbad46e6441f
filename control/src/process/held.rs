//! A message that has a party send media leaves once the workers let that media in.
//!
//! Commands take effect when a worker next looks at its ring, which may be asleep; an answer is
//! at the party within that time on a fast network, and its first packets would find the gate
//! shut. What goes the same way behind a message that waits waits too, so that order stays.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use strait_shared::command::Command;
use strait_shared::time::Instant;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::Process;
use super::limits::{HELD_LIMIT, HELD_LOOK};
use crate::gateway::io::Output;

/// What waits to be sent, in order.
#[derive(Default)]
pub(super) struct Held {
    queue: RefCell<VecDeque<(Instant, Output)>>,
    /// Whether this step has told a worker to let something in.
    commanded: Cell<bool>,
    waits: Notify,
}

impl Held {
    /// Takes note of a command that is on its way.
    pub(super) fn commanded(&self, command: &Command) {
        if matches!(command, Command::Open { .. } | Command::Update { .. }) {
            self.commanded.set(true);
        }
    }

    /// Keeps a message if it has to wait; gives it back if it can go.
    pub(super) fn hold(&self, now: Instant, output: Output) -> Option<Output> {
        let mut queue = self.queue.borrow_mut();
        let waits = self.commanded.get() || queue.iter().any(|(_, other)| same_way(other, &output));
        if !waits {
            return Some(output);
        }
        queue.push_back((now, output));
        None
    }

    /// The step has ended.
    pub(super) fn step_over(&self) {
        self.commanded.set(false);
        if !self.queue.borrow().is_empty() {
            self.waits.notify_one();
        }
    }

    /// The next message that has waited since `before` or longer.
    fn next(&self, before: Instant) -> Option<Output> {
        let mut queue = self.queue.borrow_mut();
        let (since, _) = queue.front()?;
        if *since > before {
            return None;
        }
        queue.pop_front().map(|(_, output)| output)
    }
}

fn same_way(one: &Output, other: &Output) -> bool {
    match (one, other) {
        (Output::Send { flow, .. }, Output::Send { flow: other, .. }) => flow == other,
        (Output::Send { flow, .. }, Output::Close(connection)) => {
            flow.connection == Some(*connection)
        }
        _ => false,
    }
}

impl Process {
    /// Lets held messages go when the workers have done as they were told, and in any case soon.
    pub(super) async fn let_go(self: Rc<Self>) {
        loop {
            self.held.waits.notified().await;
            while !self.held.queue.borrow().is_empty() {
                let now = Instant::now();
                let settled = self.dataplane.borrow_mut().is_settled();
                let before = if settled { now } else { now - HELD_LIMIT };
                while let Some(output) = self.held.next(before) {
                    if let Some(input) = self.emit(output) {
                        self.step(|gateway, now| gateway.receive(now, input));
                    }
                }
                if !self.held.queue.borrow().is_empty() {
                    sleep(HELD_LOOK).await;
                }
            }
        }
    }
}
