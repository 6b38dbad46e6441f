//! Legs: what a gateway has in a call, with media of its own: an ephemeral termination (H.248.1
//! §6.2) or a connection (RFC 3435 §2.1.3). Each is a call here, with a number and a record.
//!
//! Its caller is the party beyond the controllers' network, its callee the gateway.

use std::collections::{BTreeMap, BTreeSet};

use slotmap::{SlotMap, new_key_type};
use strait_shared::time::Instant;

use super::Role;
use super::associations::AssociationKey;
use super::retracted::MakingOf;
use crate::gateway::Gateway;
use crate::gateway::calls::{Call, CallKey, CallState};
use crate::gateway::keyed::{Key, Map, Purpose};
use crate::gateway::record::{CallRecord, EndedBy, Ending, GatewayRecord, PartyRecord};
use crate::media::{BySide, Family, SessionId, Side, SideSetup};

new_key_type! {
    /// A leg; never means another one later.
    pub struct LegKey;
}

/// A leg.
#[derive(Debug)]
pub struct Leg {
    /// The gateway that has it.
    pub association: AssociationKey,
    /// What makes it, until it is known to stand.
    pub making: Option<MakingOf>,
    /// What the gateway calls it, once it is known: a termination, or an endpoint's connection.
    pub name: Option<Box<[u8]>>,
    /// The same as the gateway writes it, where that differs.
    pub said: Option<Box<[u8]>>,
    /// What it belongs to at the gateway: a context's number, or a call's name.
    pub group: Box<[u8]>,
    /// Its call.
    pub call: CallKey,
    /// Its media.
    pub session: SessionId,
    /// Its streams, by number.
    pub streams: BTreeMap<u16, LegStream>,
    /// How many of the session's lines are in use.
    pub lines: u16,
}

/// One stream of a leg.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LegStream {
    /// The session's lines that it takes: one for each address its descriptors have had at once.
    pub lines: Vec<u16>,
    /// Whose media flows.
    pub from: BySide<bool>,
    /// What was last said of where the remote party receives, as the controller said it.
    pub remote: Vec<u8>,
}

/// All legs.
#[derive(Debug)]
pub struct Legs {
    table: SlotMap<LegKey, Leg>,
    by_name: Map<(AssociationKey, Box<[u8]>), LegKey>,
    by_association: Map<AssociationKey, BTreeSet<LegKey>>,
}

/// Why there is no room for a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoRoom {
    /// No more calls are taken: the limit on them, or the operator.
    #[error("no more calls are taken")]
    Calls,
    /// The dataplane is behind.
    #[error("media is overloaded")]
    Backlog,
    /// No media port is left.
    #[error("no media port is left")]
    Ports,
}

impl Legs {
    /// None.
    pub fn new(seed: &[u8; 32]) -> Self {
        let key = Key::new(seed, Purpose::Tables);
        Self {
            table: SlotMap::with_key(),
            by_name: Map::with_hasher(key),
            by_association: Map::with_hasher(key),
        }
    }

    /// One leg.
    pub fn get(&self, key: LegKey) -> Option<&Leg> {
        self.table.get(key)
    }

    /// One leg, to be changed; its name changes by [`Self::call_it`] alone.
    pub fn get_mut(&mut self, key: LegKey) -> Option<&mut Leg> {
        self.table.get_mut(key)
    }

    /// The leg that a gateway calls so.
    pub fn named(&self, association: AssociationKey, name: &[u8]) -> Option<LegKey> {
        self.by_name.get(&(association, name.into())).copied()
    }

    /// A gateway's legs.
    pub fn of(&self, association: AssociationKey) -> impl Iterator<Item = (LegKey, &Leg)> {
        let keys = self.by_association.get(&association);
        let keys = keys.into_iter().flatten().copied();
        keys.filter_map(|key| Some((key, self.table.get(key)?)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Adds a leg.
    pub fn insert(&mut self, leg: Leg) -> LegKey {
        let (association, name) = (leg.association, leg.name.clone());
        let key = self.table.insert(leg);
        self.by_association
            .entry(association)
            .or_default()
            .insert(key);
        if let Some(name) = name {
            self.by_name.insert((association, name), key);
        }
        key
    }

    /// The gateway has said what it calls a leg, and how it writes that.
    pub fn call_it(&mut self, key: LegKey, name: &[u8], said: &[u8]) {
        if let Some(leg) = self.table.get_mut(key) {
            let association = leg.association;
            leg.said = Some(said.into());
            if let Some(before) = leg.name.replace(name.into()) {
                self.by_name.remove(&(association, before));
            }
            self.by_name.insert((association, name.into()), key);
        }
    }

    /// Forgets a leg.
    pub fn remove(&mut self, key: LegKey) -> Option<Leg> {
        let leg = self.table.remove(key)?;
        if let Some(own) = self.by_association.get_mut(&leg.association) {
            own.remove(&key);
            if own.is_empty() {
                self.by_association.remove(&leg.association);
            }
        }
        if let Some(name) = leg.name.clone() {
            let named = (leg.association, name);
            // Another leg may have taken the name meanwhile.
            if self.by_name.get(&named) == Some(&key) {
                self.by_name.remove(&named);
            }
        }
        Some(leg)
    }
}

impl Role {
    /// The side whose party it speaks for.
    pub const fn side(self) -> Side {
        match self {
            Self::Controller => Side::Caller,
            Self::Gateway => Side::Callee,
        }
    }
}

/// Whose media flows: the gateway's, and its remote party's.
pub fn from_each(gateway: bool, remote: bool) -> BySide<bool> {
    BySide::new(Role::Gateway.side(), gateway, remote)
}

impl Gateway {
    /// Begins a leg of a gateway, or says why not.
    pub(in crate::gateway) fn begin_leg(
        &mut self,
        now: Instant,
        association: AssociationKey,
        making: MakingOf,
        name: Option<&[u8]>,
        group: &[u8],
    ) -> Result<LegKey, NoRoom> {
        self.has_room_for_leg(now, association)?;
        let found = self.controlled.associations.get(association);
        let found = found.ok_or(NoRoom::Calls)?;
        let (near, far, gateway) = (found.near, found.far, found.name.clone());
        let setup = |flow: crate::gateway::io::Flow| SideSetup {
            realm: flow.realm,
            family: Family::from(flow.remote.ip()),
        };
        let session = self.media.begin_controlled(BySide {
            caller: setup(far),
            callee: setup(near),
        });
        let party = |realm, address, from: String| PartyRecord {
            realm: self.settings.realm_config(realm).name.to_string(),
            address: Some(address),
            from,
            ..PartyRecord::default()
        };
        let controller = self.settings.config.controller(found.controller);
        let record = CallRecord {
            number: self.calls.next_number().0,
            caller: party(far.realm, far.remote, controller.name.to_string()),
            callee: party(near.realm, near.remote, gateway.name.to_string()),
            softswitch: Some(controller.name.to_string()),
            began: self.clock.timestamp(now),
            answered: None,
            ended: None,
            duration_ms: 0,
            ending: None,
            steering: None,
            gateway: Some(GatewayRecord::new(
                gateway.protocol,
                &gateway.name,
                name,
                group,
            )),
            streams: Vec::new(),
        };
        let call = self.calls.insert(Call {
            state: CallState::Calling,
            invite: None,
            parties: None,
            offered: false,
            session: None,
            sessions: Vec::new(),
            dialogs: Vec::new(),
            direct: false,
            leg: None,
            record,
        });
        self.calls.own_session(session, call);
        self.counters.calls += 1;
        let leg = self.controlled.legs.insert(Leg {
            association,
            making: Some(making),
            name: name.map(Into::into),
            said: name.map(Into::into),
            group: group.into(),
            call,
            session,
            streams: BTreeMap::new(),
            lines: 0,
        });
        if let Some(call) = self.calls.get_mut(call) {
            call.leg = Some(leg);
        }
        Ok(leg)
    }

    /// The gateway has carried out what made the leg, which it calls `name` and writes `said`.
    pub(in crate::gateway) fn leg_stands(
        &mut self,
        now: Instant,
        key: LegKey,
        name: &[u8],
        said: &[u8],
    ) {
        self.controlled.legs.call_it(key, name, said);
        let Some(leg) = self.controlled.legs.get_mut(key) else {
            return;
        };
        leg.making = None;
        let (group, at) = (leg.group.clone(), self.clock.timestamp(now));
        if let Some(call) = self.calls.get_mut(leg.call) {
            if call.state != CallState::Answered {
                call.state = CallState::Answered;
                call.record.answered = Some(at);
                self.counters.answered += 1;
            }
            if let Some(gateway) = &mut call.record.gateway {
                gateway.call(name, &group);
            }
        }
    }

    /// Ends a leg: its media closes, its record follows.
    pub(in crate::gateway) fn end_leg(
        &mut self,
        now: Instant,
        key: LegKey,
        by: EndedBy,
        reason: &'static str,
    ) {
        let Some(leg) = self.controlled.legs.get(key) else {
            return;
        };
        let ending = Ending {
            ended_by: by,
            reason,
            status: None,
        };
        self.close_call(now, leg.call, ending);
    }

    /// Ends all legs of a gateway.
    pub(in crate::gateway) fn end_legs_of(
        &mut self,
        now: Instant,
        association: AssociationKey,
        reason: &'static str,
    ) {
        let all = self.controlled.legs.of(association);
        let keys: Vec<LegKey> = all.map(|(key, _)| key).collect();
        for key in keys {
            self.end_leg(now, key, EndedBy::Callee, reason);
        }
    }

    fn has_room_for_leg(
        &mut self,
        now: Instant,
        association: AssociationKey,
    ) -> Result<(), NoRoom> {
        if self.draining || self.calls.len() >= self.settings.config.limits.calls as usize {
            self.counters.calls_over_limit += 1;
            return Err(NoRoom::Calls);
        }
        if self.media_backlog {
            self.counters.media_backlog += 1;
            return Err(NoRoom::Backlog);
        }
        let found = self.controlled.associations.get(association);
        let realms = found.map(|found| [found.near.realm, found.far.realm]);
        let none_left = |realm| self.media.port_usage(now, realm).free == 0;
        if realms.into_iter().flatten().any(none_left) {
            self.counters.media_exhausted += 1;
            return Err(NoRoom::Ports);
        }
        if !self.keeps_rate(now) {
            return Err(NoRoom::Calls);
        }
        Ok(())
    }
}
