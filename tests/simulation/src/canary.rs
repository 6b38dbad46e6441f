//! Planted faults: one for each checker, to see that it sings.

use crate::checks::Checker;
use crate::plan::{Fault, Plan};

/// A fault of the simulation's own making, between Strait and the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Canary {
    /// A media packet goes to another phone.
    Misdelivery,
    /// A message names a softswitch to a phone.
    LeakedAddress,
    /// A slot is not closed, and whoever watches commands does not know that it should be.
    ForgottenClose,
    /// A packet comes in that no counter knows of.
    UncountedPacket,
    /// A command is given twice.
    RepeatedCommand,
    /// A command is not given.
    LostCommand,
    /// Two commands for the same slot are given the wrong way round.
    SwappedCommands,
    /// A stranger's packet is relayed as a party's.
    ForgedPacket,
    /// A worker allocates.
    Allocation,
    /// One direction of all media falls silent.
    Silence,
    /// A record says one packet too many.
    FalseRecord,
    /// A report of a closed slot says one packet too many.
    FalseReport,
    /// The journal's file loses the entry of a call.
    LostEntry,
    /// It loses the entry of a registration.
    LostRegistration,
    /// A text is altered on its way.
    AlteredText,
    /// A text is delivered twice.
    RepeatedText,
    /// Somebody hangs up for a caller.
    EndedCall,
    /// Who has moved is sent everything at the old place too.
    OldPlace,
    /// Something depends on more than the seed.
    Whim,
}

impl Canary {
    /// Every one, with the checker that must notice.
    pub const ALL: [(Self, Checker); 19] = [
        (Self::Misdelivery, Checker::Delivery),
        (Self::LeakedAddress, Checker::Addresses),
        (Self::ForgottenClose, Checker::Remains),
        (Self::UncountedPacket, Checker::Counters),
        (Self::RepeatedCommand, Checker::Commands),
        (Self::LostCommand, Checker::Commands),
        (Self::SwappedCommands, Checker::Commands),
        (Self::ForgedPacket, Checker::Delivery),
        (Self::Allocation, Checker::Allocation),
        (Self::Silence, Checker::Hearing),
        (Self::FalseRecord, Checker::Records),
        (Self::FalseReport, Checker::Records),
        (Self::LostEntry, Checker::Succession),
        (Self::LostRegistration, Checker::Succession),
        (Self::AlteredText, Checker::Texts),
        (Self::RepeatedText, Checker::Texts),
        (Self::EndedCall, Checker::Endings),
        (Self::OldPlace, Checker::Moves),
        (Self::Whim, Checker::Sameness),
    ];

    /// The world it lives in.
    pub fn plan(self, seed: u64, calls: usize) -> Plan {
        let mut plan = Plan::with_faults(seed, calls, self.needs());
        plan.moves |= self == Self::OldPlace;
        plan
    }

    /// What has to go wrong for it to sing.
    fn needs(self) -> &'static [Fault] {
        match self {
            Self::LostEntry | Self::LostRegistration => &[Fault::ControlCrash],
            _ => &[],
        }
    }
}
