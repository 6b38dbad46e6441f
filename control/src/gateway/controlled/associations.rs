//! Associations: a gateway, where it was last heard, and the controller it is brought to.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use slotmap::{SlotMap, new_key_type};
use strait_config::{ControlPort, ControlProtocol, ControllerIndex};
use strait_shared::time::Instant;

use super::Role;
use super::ended::EndedLegs;
use super::limits::{FIRST_OWN, LAST_OWN, LOOK_EVERY, MAX_ASSOCIATIONS, MAX_NAME_BYTES};
use super::passages::PassageName;
use crate::gateway::Gateway;
use crate::gateway::changed::Changed;
use crate::gateway::due::Due;
use crate::gateway::h248::Speech as H248Speech;
use crate::gateway::io::{ConnectionId, Flow, ListenerIndex, LogLevel, RealmIndex, Transport};
use crate::gateway::keyed::{Key, Map, Purpose};
use crate::gateway::mgcp::Speech as MgcpSpeech;
use crate::gateway::settings::Settings;
use crate::gateway::timer::TimerId;
use crate::h248::Encoding;

new_key_type! {
    /// A gateway's association; never means another one later.
    pub struct AssociationKey;
}

/// What names a gateway.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GatewayName {
    /// The realm it is in.
    pub realm: RealmIndex,
    /// What it speaks.
    pub protocol: ControlProtocol,
    /// What it calls itself, in lower case.
    pub name: Box<str>,
    /// Where it is heard from, if its name is an address: behind different NATs several gateways
    /// may have the same one.
    pub behind: Option<IpAddr>,
}

/// A gateway and its controller.
#[derive(Debug)]
pub struct Association {
    /// Its number in the journal, never given twice.
    pub number: u64,
    /// What names the gateway.
    pub name: GatewayName,
    /// Where it was last heard, or said that it is to be reached.
    pub near: Flow,
    /// The controller it is brought to.
    pub controller: ControllerIndex,
    /// Our end towards that controller, and where the controller hears it.
    pub far: Flow,
    /// Whether a controller has accepted it.
    pub registered: bool,
    /// How it speaks.
    pub speech: Speech,
    /// When it was last heard.
    pub heard: Instant,
    /// How many questions in a row it left unanswered.
    pub unanswered: u8,
    /// When it is asked, or looked at, next.
    pub timer: TimerId,
    /// The legs lately ended here that its controller may yet speak of.
    pub ended: EndedLegs,
    /// The last number of a request of our own; 0 before the first.
    pub own_number: u32,
}

/// What must be known of how a gateway speaks, by protocol.
#[derive(Clone, Debug)]
pub enum Speech {
    /// H.248.
    H248(H248Speech),
    /// MGCP.
    Mgcp(MgcpSpeech),
}

impl Speech {
    /// Whether it is H.248 in binary, which controllers may hear on another port.
    pub fn is_binary(&self) -> bool {
        matches!(self, Self::H248(speech) if speech.encoding == Encoding::Binary)
    }
}

/// All associations.
#[derive(Debug)]
pub struct Associations {
    table: SlotMap<AssociationKey, Association>,
    by_name: Map<GatewayName, AssociationKey>,
    /// Whose each port towards controllers is.
    by_port: Map<(RealmIndex, ListenerIndex), AssociationKey>,
    /// Who was last heard from where.
    by_flow: Map<(RealmIndex, Transport, SocketAddr), Vec<AssociationKey>>,
    by_number: BTreeMap<u64, AssociationKey>,
    port_key: Key,
    /// What has changed, for the journal.
    pub changed: Changed<AssociationKey>,
}

impl Associations {
    /// None.
    pub fn new(seed: &[u8; 32]) -> Self {
        let key = Key::new(seed, Purpose::Tables);
        Self {
            table: SlotMap::with_key(),
            by_name: Map::with_hasher(key),
            by_port: Map::with_hasher(key),
            by_flow: Map::with_hasher(key),
            by_number: BTreeMap::new(),
            port_key: Key::new(seed, Purpose::Ports),
            changed: Changed::new(),
        }
    }

    /// One association.
    pub fn get(&self, key: AssociationKey) -> Option<&Association> {
        self.table.get(key)
    }

    /// One association, to be changed in what the journal keeps; where it is heard changes by
    /// [`Self::heard_at`] alone.
    pub fn get_mut(&mut self, key: AssociationKey) -> Option<&mut Association> {
        let found = self.table.get_mut(key)?;
        self.changed.note(found.number, key);
        Some(found)
    }

    /// One association, to be changed in what only this process needs.
    pub fn watch(&mut self, key: AssociationKey) -> Option<&mut Association> {
        self.table.get_mut(key)
    }

    /// The association of that number.
    pub fn numbered(&self, number: u64) -> Option<AssociationKey> {
        self.by_number.get(&number).copied()
    }

    /// A number for a new association.
    pub fn next_number(&self) -> u64 {
        let last = self.by_number.last_key_value();
        last.map_or(1, |(last, _)| last + 1)
    }

    /// All associations.
    pub fn iter(&self) -> impl Iterator<Item = (AssociationKey, &Association)> {
        self.table.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether one more finds room.
    pub fn has_room(&self) -> bool {
        self.table.len() < MAX_ASSOCIATIONS
    }

    /// The gateway of that name.
    pub fn named(&self, name: &GatewayName) -> Option<AssociationKey> {
        self.by_name.get(name).copied()
    }

    /// The gateway that a port towards controllers belongs to.
    pub fn on_port(&self, flow: Flow) -> Option<AssociationKey> {
        self.by_port.get(&(flow.realm, flow.listener)).copied()
    }

    /// The gateways that were last heard from there.
    pub fn heard_from(&self, flow: Flow) -> &[AssociationKey] {
        let here = self.by_flow.get(&association_place(flow));
        here.map_or(&[], Vec::as_slice)
    }

    /// Adds a gateway; its port towards the controllers is its own from now on.
    pub fn insert(
        &mut self,
        number: u64,
        make: impl FnOnce(AssociationKey) -> Association,
    ) -> AssociationKey {
        let key = self.table.insert_with_key(make);
        self.by_number.insert(number, key);
        self.changed.note(number, key);
        let association = &self.table[key];
        self.by_name.insert(association.name.clone(), key);
        let far = association.far;
        self.by_port.insert((far.realm, far.listener), key);
        self.file(key, association_place(association.near));
        key
    }

    /// The gateway was heard from `flow`.
    pub fn heard_at(&mut self, now: Instant, key: AssociationKey, flow: Flow) {
        let Some(association) = self.table.get_mut(key) else {
            return;
        };
        association.heard = now;
        association.unanswered = 0;
        let before = association_place(association.near);
        association.near = flow;
        if before != association_place(flow) {
            self.changed.note(association.number, key);
            self.unfile(key, before);
            self.file(key, association_place(flow));
        }
    }

    /// The gateway is brought to another controller, by the port `far` names.
    pub fn move_to(&mut self, key: AssociationKey, controller: ControllerIndex, far: Flow) {
        if let Some(association) = self.table.get_mut(key) {
            association.controller = controller;
            association.far = far;
            self.changed.note(association.number, key);
            self.by_port.insert((far.realm, far.listener), key);
        }
    }

    /// Forgets a gateway and gives its ports back.
    pub fn remove(&mut self, key: AssociationKey) -> Option<Association> {
        let association = self.table.remove(key)?;
        self.by_name.remove(&association.name);
        self.by_number.remove(&association.number);
        self.changed.note(association.number, key);
        self.by_port.retain(|_, owner| *owner != key);
        self.unfile(key, association_place(association.near));
        Some(association)
    }

    /// A connection is gone: whoever was heard on it has none.
    pub fn disconnected(&mut self, connection: ConnectionId) {
        for association in self.table.values_mut() {
            for flow in [&mut association.near, &mut association.far] {
                if flow.connection == Some(connection) {
                    flow.connection = None;
                }
            }
        }
    }

    /// A port towards controllers that is `key`'s already, or else a free one: the same for the
    /// same gateway as long as nobody else has it.
    pub fn port(
        &self,
        settings: &Settings,
        key: Option<AssociationKey>,
        name: &GatewayName,
        realm: RealmIndex,
        fits: impl Fn(&ControlPort) -> bool,
    ) -> Option<ListenerIndex> {
        let current = key.and_then(|key| self.table.get(key)).map(|own| own.far);
        let current = current.filter(|far| far.realm == realm);
        let still = |far: &Flow| settings.control_port(*far).is_some_and(|port| fits(&port));
        if let Some(far) = current.filter(still) {
            return Some(far.listener);
        }
        let behind = name.behind.map(|ip| ip.to_string()).unwrap_or_default();
        let parts = [name.name.as_bytes(), behind.as_bytes()];
        let (first, ports) = settings.control_ports(realm);
        let start = self.port_key.hash(&parts) % (ports.len().max(1) as u128);
        let inward = (0..ports.len()).map(|step| (start as usize + step) % ports.len());
        let free = inward.filter(|place| {
            let port = &ports[*place];
            !port.for_gateways && fits(port)
        });
        let mut free = free.map(|place| ListenerIndex(first.0 + place as u16));
        free.find(|listener| {
            let owner = self.by_port.get(&(realm, *listener));
            owner.is_none_or(|owner| Some(*owner) == key)
        })
    }

    fn file(&mut self, key: AssociationKey, place: (RealmIndex, Transport, SocketAddr)) {
        self.by_flow.entry(place).or_default().push(key);
    }

    fn unfile(&mut self, key: AssociationKey, place: (RealmIndex, Transport, SocketAddr)) {
        if let Some(here) = self.by_flow.get_mut(&place) {
            here.retain(|other| *other != key);
            if here.is_empty() {
                self.by_flow.remove(&place);
            }
        }
    }
}

fn association_place(flow: Flow) -> (RealmIndex, Transport, SocketAddr) {
    (flow.realm, flow.transport, flow.remote)
}

/// Why a gateway is not taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoAssociation {
    /// There are too many, its name is too long, or the operator wants no more.
    Room,
    /// Its realm brings it to no controller.
    Controller,
    /// No port towards controllers is left.
    Port,
}

impl Gateway {
    /// Takes in a gateway that was not known, and brings it to a controller.
    pub(in crate::gateway) fn associate(
        &mut self,
        now: Instant,
        near: Flow,
        name: GatewayName,
        speech: Speech,
    ) -> Result<AssociationKey, NoAssociation> {
        let full = !self.controlled.associations.has_room() || name.name.len() > MAX_NAME_BYTES;
        if self.draining || full {
            return Err(NoAssociation::Room);
        }
        let chosen = self.controllers_for(now, &name).first().copied();
        let chosen = chosen.ok_or(NoAssociation::Controller)?;
        let Some(far) = self.way_to(None, &name, chosen, speech.is_binary()) else {
            let (gateway, at) = (name.name.clone(), near.remote);
            self.log(now, LogLevel::Warn, || {
                format!("no port is left for gateway {gateway} at {at}: widen `ports`")
            });
            return Err(NoAssociation::Port);
        };
        let interval = self.asking_interval(name.realm).unwrap_or(LOOK_EVERY);
        let (associations, timers) = (&mut self.controlled.associations, &mut self.timers);
        let number = associations.next_number();
        let key = associations.insert(number, |key| Association {
            number,
            name,
            near,
            controller: chosen.0,
            far,
            registered: false,
            speech,
            heard: now,
            unanswered: 0,
            timer: timers.arm(now, interval, Due::Gateway(key)),
            ended: EndedLegs::default(),
            own_number: 0,
        });
        Ok(key)
    }

    /// Whether a gateway may speak from there without saying first that it has moved: from where
    /// it was heard, or another port of that address, since NATs forget.
    pub(in crate::gateway) fn is_heard_here(&self, key: AssociationKey, flow: Flow) -> bool {
        let association = self.controlled.associations.get(key);
        association.is_some_and(|association| {
            let near = association.near;
            near.realm == flow.realm && near.remote.ip() == flow.remote.ip()
        })
    }

    /// What a gateway and its controller speak.
    pub(in crate::gateway) fn control_protocol(
        &self,
        association: AssociationKey,
    ) -> Option<ControlProtocol> {
        let found = self.controlled.associations.get(association)?;
        Some(found.name.protocol)
    }

    /// Where a gateway, or its controller, is reached; nowhere where that is a connection that is
    /// gone and that only its owner can open.
    pub(in crate::gateway) fn control_way(
        &self,
        association: AssociationKey,
        to: Role,
    ) -> Option<Flow> {
        let found = self.controlled.associations.get(association)?;
        match to {
            Role::Controller => Some(found.far),
            Role::Gateway => {
                let near = found.near;
                let lost = near.transport == Transport::Tcp && near.connection.is_none();
                let nat = self.settings.realm_config(near.realm).nat;
                (!lost || !nat).then_some(near)
            }
        }
    }

    /// Our own address towards a gateway or its controller.
    pub(in crate::gateway) fn control_address(
        &self,
        association: AssociationKey,
        towards: Role,
    ) -> Option<SocketAddr> {
        let found = self.controlled.associations.get(association)?;
        let flow = match towards {
            Role::Gateway => found.near,
            Role::Controller => found.far,
        };
        Some(self.settings.control_port(flow)?.address)
    }

    /// Forgets a gateway with all it has.
    pub(in crate::gateway) fn forget_gateway(&mut self, now: Instant, key: AssociationKey) {
        self.end_legs_of(now, key, "gateway gone");
        self.forget_passages(key);
        if let Some(association) = self.controlled.associations.remove(key) {
            self.timers.cancel(association.timer);
        }
    }

    /// The name of a request of our own to a gateway or its controller, and where that is; nothing
    /// where it cannot be asked now.
    pub(in crate::gateway) fn own_question(
        &mut self,
        key: AssociationKey,
        asked: Role,
    ) -> Option<(PassageName, Flow)> {
        let to = self.control_way(key, asked)?;
        let name = PassageName {
            association: key,
            asker: asked.other(),
            number: self.own_number(key)?,
        };
        let free = self.controlled.passages.has_room_for(&name);
        free.then_some((name, to))
    }

    /// A number for a request of our own.
    fn own_number(&mut self, key: AssociationKey) -> Option<u32> {
        let association = self.controlled.associations.watch(key)?;
        association.own_number = match association.own_number {
            // Whoever is asked remembers what an earlier process asked by its numbers.
            0 => FIRST_OWN + (self.unique.next() % u64::from(LAST_OWN - FIRST_OWN)) as u32,
            LAST_OWN => FIRST_OWN,
            last => last + 1,
        };
        Some(association.own_number)
    }
}
