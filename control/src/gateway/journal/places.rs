//! What the numbers of an earlier configuration stand for in this one: realms, softswitches and
//! controllers are found by their names, listeners by transport and address.

use std::collections::BTreeMap;

use strait_config::{ControllerIndex, SoftswitchIndex};

use super::entry::{Identity, KeptFlow};
use crate::gateway::io::{Flow, ListenerIndex, RealmIndex, Transport};
use crate::gateway::settings::Settings;

/// From kept numbers to today's.
#[derive(Debug, Default)]
pub(super) struct Places {
    realms: Vec<Option<Realm>>,
    softswitches: Vec<Option<SoftswitchIndex>>,
    controllers: Vec<Option<ControllerIndex>>,
}

#[derive(Debug)]
struct Realm {
    index: RealmIndex,
    listeners: Vec<Option<(ListenerIndex, Transport)>>,
}

impl Places {
    pub fn new(identity: &Identity, settings: &Settings) -> Self {
        let config = &settings.config;
        let realm = |kept: &super::entry::RealmNames| {
            let named = |realm: &strait_config::Realm| *realm.name.to_string() == *kept.name;
            let index = RealmIndex(config.realms.iter().position(named)? as u16);
            let here = config.realm(index).listeners();
            let here = here.map(|(transport, address)| (Transport::from(transport), address));
            let here: BTreeMap<_, _> = here.zip((0..).map(ListenerIndex)).collect();
            let listener = |(tcp, address): &(bool, std::net::SocketAddr)| {
                let transport = if *tcp { Transport::Tcp } else { Transport::Udp };
                let number = here.get(&(transport, *address))?;
                Some((*number, transport))
            };
            let listeners = kept.listeners.iter().map(listener).collect();
            Some(Realm { index, listeners })
        };
        let softswitch = |name: &String| {
            let mut all = config.softswitches.iter();
            let found = all.position(|softswitch| *softswitch.name.to_string() == **name);
            found.map(|index| SoftswitchIndex(index as u16))
        };
        let controller = |name: &String| {
            let mut all = config.controllers.iter();
            let found = all.position(|controller| *controller.name.to_string() == **name);
            found.map(|index| ControllerIndex(index as u16))
        };
        Self {
            realms: identity.realms.iter().map(realm).collect(),
            softswitches: identity.softswitches.iter().map(softswitch).collect(),
            controllers: identity.controllers.iter().map(controller).collect(),
        }
    }

    pub fn realm(&self, kept: u16) -> Option<RealmIndex> {
        let realm = self.realms.get(usize::from(kept))?.as_ref()?;
        Some(realm.index)
    }

    pub fn softswitch(&self, kept: u16) -> Option<SoftswitchIndex> {
        *self.softswitches.get(usize::from(kept))?
    }

    pub fn controller(&self, kept: u16) -> Option<ControllerIndex> {
        *self.controllers.get(usize::from(kept))?
    }

    /// A path of today; connections have ended with the process that had them.
    pub fn flow(&self, kept: KeptFlow) -> Option<Flow> {
        let realm = self.realms.get(usize::from(kept.realm))?.as_ref()?;
        let listener = realm.listeners.get(usize::from(kept.listener))?;
        let (listener, transport) = (*listener)?;
        Some(Flow {
            realm: realm.index,
            listener,
            transport,
            remote: kept.remote,
            connection: None,
        })
    }
}
