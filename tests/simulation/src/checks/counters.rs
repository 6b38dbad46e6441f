//! Packets in are packets out plus drops, and a worker allocates nothing.

use super::{Checker, Checks};
use crate::dataplane::Breath;

impl Checks {
    /// A worker has had its turn.
    pub fn breath_taken(&mut self, worker: usize, breath: &Breath) {
        let verdict = balance(breath).map_err(|what| format!("worker {worker}: {what}"));
        self.note(Checker::Counters, verdict);
        let verdict = match breath.allocations {
            0 => Ok(()),
            count => Err(format!("worker {worker} allocated {count} times")),
        };
        self.note(Checker::Allocation, verdict);
    }
}

fn balance(breath: &Breath) -> Result<(), String> {
    let (before, after) = (&breath.before, &breath.after);
    if breath.spins {
        return Err("does not come to rest".to_owned());
    }
    let received = after.received - before.received;
    if received != breath.queued {
        return Err(format!("{} queued, {received} received", breath.queued));
    }
    let sent = after.sent - before.sent;
    if sent != breath.frames.len() as u64 {
        return Err(format!("{} came out, {sent} sent", breath.frames.len()));
    }
    if after.received != after.sent + after.all_dropped() {
        return Err(format!("packets are missing: {after:?}"));
    }
    Ok(())
}
