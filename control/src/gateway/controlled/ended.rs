//! Legs that end here and not by their controller's word: their media is silent, the operator ends
//! them, or the dataplane has lost them. Their gateway and its controller are told.
//!
//! A leg that its gateway has not answered for yet is refused to the controller once it has.

use std::collections::VecDeque;

use strait_config::ControlProtocol;
use strait_shared::time::Instant;

use super::Role;
use super::associations::AssociationKey;
use super::legs::LegKey;
use super::limits::MAX_ENDED;
use super::passages::PassageKey;
use crate::gateway::Gateway;
use crate::gateway::calls::CallState;
use crate::gateway::record::EndedBy;

/// A leg that has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndedLeg {
    /// The gateway that has it.
    pub association: AssociationKey,
    /// What the gateway calls it, as it is written.
    pub name: Box<[u8]>,
    /// What it belongs to at the gateway.
    pub group: Box<[u8]>,
    /// Its streams.
    pub streams: Vec<u16>,
    /// Who ends it.
    pub by: EndedBy,
}

/// The legs of one gateway that ended here lately: whoever speaks of one has not heard of it yet.
#[derive(Default, Debug)]
pub struct EndedLegs {
    all: VecDeque<Remembered>,
}

/// What is remembered of one of them.
#[derive(Debug)]
pub struct Remembered {
    /// Its name in lower case.
    pub name: Box<[u8]>,
    /// What it belonged to.
    pub group: Box<[u8]>,
}

impl EndedLegs {
    /// Remembers a leg.
    pub fn push(&mut self, leg: Remembered) {
        if self.all.len() >= MAX_ENDED {
            self.all.pop_front();
        }
        self.all.push_back(leg);
    }

    /// Those that are remembered, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Remembered> {
        self.all.iter()
    }
}

impl Gateway {
    /// Tells a leg's gateway and its controller that it ends.
    pub(in crate::gateway) fn say_leg_ended(&mut self, now: Instant, key: LegKey, by: EndedBy) {
        let Some(leg) = self.controlled.legs.get(key) else {
            return;
        };
        let call = self.calls.get(leg.call);
        let stands = call.is_some_and(|call| call.state == CallState::Answered);
        let Some(name) = leg.said.clone().filter(|_| stands) else {
            return;
        };
        let ended = EndedLeg {
            association: leg.association,
            name,
            group: leg.group.clone(),
            streams: leg.streams.keys().copied().collect(),
            by,
        };
        self.say_ended(now, &ended);
    }

    /// Tells a gateway and its controller that a leg has ended.
    pub(in crate::gateway) fn say_ended(&mut self, now: Instant, ended: &EndedLeg) {
        match self.control_protocol(ended.association) {
            Some(ControlProtocol::H248) => self.h248_leg_ended(now, ended),
            Some(ControlProtocol::Mgcp) => self.mgcp_leg_ended(now, ended),
            None => {}
        }
    }

    /// Nobody has answered what we said of something that is over.
    pub(super) fn farewell_unanswered(&mut self, now: Instant, key: PassageKey) {
        let Some(passage) = self.forget_passage(key) else {
            return;
        };
        let association = self.controlled.associations.get(passage.name.association);
        if let (Role::Gateway, Some(association)) = (passage.name.asker, association) {
            self.avoid_controller(now, association.controller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut ended = EndedLegs::default();
        for number in 0..MAX_ENDED + 2 {
            let name = number.to_string().into_bytes().into();
            let group = Box::default();
            ended.push(Remembered { name, group });
        }
        assert_eq!(ended.iter().count(), MAX_ENDED);
        assert_eq!(
            ended.iter().next().map(|oldest| &*oldest.name),
            Some(&b"2"[..])
        );
    }
}
