//! The processor's own counters, of this thread in user space, where the machine grants them.

use std::io;

use perf_event::events::Hardware;
use perf_event::{Builder, Counter, Group};

/// What is counted, and what it is called.
const EVENTS: [(Hardware, &str); 3] = [
    (Hardware::CPU_CYCLES, "cycles"),
    (Hardware::INSTRUCTIONS, "instructions"),
    (Hardware::CACHE_MISSES, "cache misses"),
];

/// Counters that run while something works.
pub struct Counters {
    group: Group,
    counters: [Counter; EVENTS.len()],
}

impl Counters {
    /// Asks for them.
    pub fn open() -> io::Result<Self> {
        let mut group = Group::new()?;
        let [cycles, instructions, misses] =
            EVENTS.map(|(event, _)| group.add(&Builder::new(event)));
        Ok(Self {
            counters: [cycles?, instructions?, misses?],
            group,
        })
    }

    /// Counts on while this works.
    pub fn during(&mut self, work: &mut dyn FnMut()) {
        // A group that was opened can be turned on and off.
        let _ = self.group.enable();
        work();
        let _ = self.group.disable();
    }

    /// What was counted since the last time, for each of so many packets.
    pub fn each(&mut self, packets: usize) -> io::Result<String> {
        let counts = self.group.read()?;
        self.group.reset()?;
        let named = EVENTS
            .iter()
            .zip(&self.counters)
            .map(|((_, name), counter)| {
                format!("{:.1} {name}", counts[counter] as f64 / packets as f64)
            });
        Ok(named.collect::<Vec<_>>().join(", "))
    }
}
