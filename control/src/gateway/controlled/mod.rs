//! Gateways that a controller commands: what H.248 and MGCP have in common.
//!
//! Towards a gateway Strait is its controller, towards a controller it is the gateway: each
//! gateway has a port of its own in the controllers' realm, by which they tell it from others.
//! What both number is unique between the two of them, and stays as it is.
//!
//! * `associations`: which gateway is where, and which controller it is brought to
//! * `controllers`: who is tried next
//! * `passages`: requests on their way, carried out at most once; `watched`: until they are
//!   answered
//! * `legs`, `descriptors`: what has media, and where; `ended`: legs that end here; `retracted`:
//!   those that an earlier process was about to make
//! * `watch`: who is still there

pub mod associations;
mod controllers;
pub mod descriptors;
pub mod ended;
pub mod legs;
pub mod limits;
pub mod passages;
pub mod retracted;
mod watch;
mod watched;

use strait_config::{Config, ControlPort, ControlProtocol};
use strait_shared::time::Instant;

use self::associations::Associations;
use self::legs::Legs;
use self::passages::Passages;
use super::Gateway;
use super::io::Flow;

/// Who sends something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// A gateway.
    Gateway,
    /// A controller: media gateway controller or call agent.
    Controller,
}

impl Role {
    /// Who it is sent to.
    pub const fn other(self) -> Self {
        match self {
            Self::Gateway => Self::Controller,
            Self::Controller => Self::Gateway,
        }
    }
}

/// All gateways that are commanded through us.
#[derive(Debug)]
pub struct Controlled {
    pub associations: Associations,
    pub legs: Legs,
    pub passages: Passages,
    /// By controller: until when it is tried last.
    avoided: Vec<Option<Instant>>,
}

impl Controlled {
    /// None.
    pub fn new(config: &Config, seed: &[u8; 32]) -> Self {
        Self {
            associations: Associations::new(seed),
            legs: Legs::new(seed),
            passages: Passages::new(seed),
            avoided: vec![None; config.controllers.len()],
        }
    }
}

impl Gateway {
    /// A message on one of the ports of H.248 or MGCP.
    pub(super) fn control_message(
        &mut self,
        now: Instant,
        flow: Flow,
        port: ControlPort,
        bytes: &[u8],
    ) {
        let from = match port.for_gateways {
            true => Role::Gateway,
            false => Role::Controller,
        };
        match port.protocol {
            ControlProtocol::H248 => self.h248_message(now, flow, from, bytes),
            ControlProtocol::Mgcp => self.mgcp_message(now, flow, from, bytes),
        }
    }
}
