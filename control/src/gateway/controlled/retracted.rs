//! Commands to make legs that an earlier process sent on and saw no answer to: they fail, and what
//! they have made at the gateway goes again.
//!
//! A gateway answers whatever has a number that it knows as it did before, and carries it out no
//! more (H.248.1 Annex D.1, RFC 3435 §3.5). So it is asked under that number for nothing: its
//! answer says what the command has made, or that it never arrived, which it then never does.

use std::sync::Arc;

use strait_config::ControlProtocol;
use strait_shared::time::Instant;

use super::Role;
use super::associations::AssociationKey;
use super::passages::{PassageKey, PassageName, Work};
use crate::gateway::Gateway;
use crate::h248::Own as H248Own;

/// The command that makes a leg, as its controller gave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MakingOf {
    /// Its number.
    pub number: u32,
    /// The endpoint that it names; nothing where a reply names all that is made.
    pub endpoint: Box<[u8]>,
}

impl Gateway {
    /// Takes a command back that an earlier process has sent on to a gateway.
    pub(in crate::gateway) fn retract(
        &mut self,
        now: Instant,
        association: AssociationKey,
        making: &MakingOf,
    ) {
        let name = PassageName {
            association,
            asker: Role::Controller,
            number: making.number,
        };
        let free = self.controlled.passages.has_room_for(&name);
        let way = self.control_way(association, Role::Gateway);
        let Some(to) = way.filter(|_| free) else {
            return;
        };
        let endpoint = String::from_utf8_lossy(&making.endpoint);
        let work = Work::Retraction(making.endpoint.clone());
        match self.control_protocol(association) {
            Some(ControlProtocol::H248) => {
                self.h248_request_as(now, (name, to), work, H248Own::AuditRoot);
            }
            Some(ControlProtocol::Mgcp) => {
                self.mgcp_command_as(now, (name, to), &endpoint, work, None);
            }
            None => {}
        }
    }

    /// It is taken back, or its gateway says nothing: the controller is told, as soon as it asks
    /// again.
    pub(in crate::gateway) fn retracted(&mut self, now: Instant, key: PassageKey) {
        let Some(passage) = self.controlled.passages.get(key) else {
            return;
        };
        let (name, from) = (passage.name, passage.from);
        let refusal = match self.control_protocol(name.association) {
            Some(ControlProtocol::H248) => self.h248_retracted(name.association, name.number),
            Some(ControlProtocol::Mgcp) => self.mgcp_retracted(name.association, name.number),
            None => None,
        };
        if let Some(bytes) = refusal {
            if let Some(flow) = from {
                self.say(flow, bytes.clone());
            }
            self.passage_answered(now, key, Arc::from(bytes));
        }
    }
}
