//! What control and the operator read of a slot.

use crate::net::Endpoint;
use crate::slot::{Counters, Generation, SlotIndex};
use crate::table::Table;
use crate::table::view::load;
use crate::table::words::low;

/// Looks at a slot before control gives up on it; the owner may be off the core while it writes.
const SNAPSHOT_ATTEMPTS: u32 = if cfg!(loom) { 2 } else { 1_000 };

/// One slot as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotSnapshot {
    /// Whether it is in use.
    pub open: bool,
    /// The current use, or the last one.
    pub generation: Generation,
    /// Whether its gate is open.
    pub accepts: bool,
    /// Whether silence has been reported.
    pub silent: bool,
    /// The slot that packets leave from.
    pub peer: Option<SlotIndex>,
    /// Where the signalling says the party is.
    pub signalled: Option<Endpoint>,
    /// What it has seen, the latched remote included.
    pub counters: Counters,
}

impl Table {
    /// A slot as it stands; nothing for a slot that does not exist or whose owner would not let
    /// go of it.
    pub fn snapshot(&self, index: SlotIndex) -> Option<SlotSnapshot> {
        let slot = self.slot(index)?;
        let words = slot.words;
        (0..SNAPSHOT_ATTEMPTS).find_map(|_| {
            let view = words.view()?;
            let sources = slot.sources(&view)?;
            let usage = load(&words.usage);
            let mut counters = words.counters();
            counters.latched = view.remote().and_then(Endpoint::socket_addr);
            let snapshot = SlotSnapshot {
                open: view.is_open(),
                generation: Generation(low(usage)),
                accepts: view.accepts(),
                silent: view.is_silent(),
                peer: view.peer(),
                signalled: sources.signalled,
                counters,
            };
            view.still_holds(words).then_some(snapshot)
        })
    }
}
