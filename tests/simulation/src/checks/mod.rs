//! What must always hold, looked at after every step.
//!
//! Each checker keeps its own small model of the truth, fed by what goes in and out of Strait and
//! of the telephones, never by Strait's own account of it. It counts its looks, so that one that
//! saw nothing shows.

mod addresses;
mod commands;
mod counters;
mod endings;
mod gossip;
mod hearing;
mod media;
mod moves;
mod records;
mod succession;
mod texts;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use strait_shared::time::Instant;

pub use self::addresses::{Side, misleads};
pub use self::commands::Commands;
pub use self::endings::Endings;
pub use self::gossip::{Gossip, Overheard};
pub use self::hearing::{Direction, Hearing};
pub use self::media::{FORGED, Listening, Media, is_media, ssrc};
pub use self::records::Records;
pub use self::succession::{Death, Succession};
pub use self::texts::{STRANGERS, Texts};

/// Faults that are kept of one run; the first is what matters.
const VIOLATIONS_MAX: usize = 8;

/// What is checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Checker {
    /// Media reaches exactly the other party.
    Delivery,
    /// Nobody sees an address of the far side.
    Addresses,
    /// Nothing is left after the last call.
    Remains,
    /// Packets in are packets out plus drops, each counted once.
    Counters,
    /// Each command takes effect once, in order.
    Commands,
    /// A worker allocates nothing.
    Allocation,
    /// A phone that keeps sending is heard.
    Hearing,
    /// Records agree with what was relayed.
    Records,
    /// Control's successor goes on with every call.
    Succession,
    /// What people say beside media arrives as it was said.
    Texts,
    /// A call ends when one of its people ends it.
    Endings,
    /// Who has moved is sent nothing at the old place.
    Moves,
    /// The same seed gives the same run.
    Sameness,
}

/// Something that must not be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Who noticed.
    pub checker: Checker,
    /// When, in virtual time.
    pub at: Instant,
    /// What.
    pub what: String,
}

/// All checkers of one world.
pub struct Checks {
    /// Who speaks to whom.
    pub media: Media,
    /// The slots as commanded.
    pub commands: Commands,
    /// What was relayed and what is said of it.
    pub records: Records,
    /// Who hears whom.
    pub hearing: Hearing,
    /// What is owed by successors of control.
    pub succession: Succession,
    /// What people said beside media.
    pub texts: Texts,
    /// Who ended which call.
    pub endings: Endings,
    /// What can be overheard in the core.
    pub gossip: Gossip,
    now: Instant,
    looks: BTreeMap<Checker, u64>,
    violations: Vec<Violation>,
}

/// The checkers as the people of one world share them.
pub type SharedChecks = Rc<RefCell<Checks>>;

impl Checks {
    /// Checkers that have seen nothing. `latching_anywhere`: whether strangers may latch.
    pub fn new(latching_anywhere: bool) -> SharedChecks {
        Rc::new(RefCell::new(Self {
            media: Media::new(latching_anywhere),
            commands: Commands::default(),
            records: Records::default(),
            hearing: Hearing::default(),
            succession: Succession::default(),
            texts: Texts::default(),
            endings: Endings::default(),
            gossip: Gossip::default(),
            now: Instant::ZERO,
            looks: BTreeMap::new(),
            violations: Vec::new(),
        }))
    }

    /// Time has passed.
    pub fn at(&mut self, now: Instant) {
        self.now = now;
    }

    /// A checker has looked, and this is what it says.
    pub fn note(&mut self, checker: Checker, verdict: Result<(), String>) {
        *self.looks.entry(checker).or_default() += 1;
        if let Err(what) = verdict
            && self.violations.len() < VIOLATIONS_MAX
        {
            self.violations.push(Violation {
                checker,
                at: self.now,
                what,
            });
        }
    }

    /// What is wrong so far.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How often each checker has looked.
    pub fn looks(&self) -> &BTreeMap<Checker, u64> {
        &self.looks
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.as_nanos() as f64 / 1e9;
        write!(f, "{at:.6} s, {:?}: {}", self.checker, self.what)
    }
}
