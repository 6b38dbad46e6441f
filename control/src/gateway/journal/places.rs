//! What the numbers of an earlier configuration stand for in this one: realms and softswitches are
//! found by their names, listeners by transport and address.

use strait_config::SoftswitchIndex;

use super::entry::{Identity, KeptFlow};
use crate::gateway::io::{Flow, ListenerIndex, RealmIndex, Transport};
use crate::gateway::settings::Settings;

/// From kept numbers to today's.
#[derive(Debug, Default)]
pub(super) struct Places {
    realms: Vec<Option<Realm>>,
    softswitches: Vec<Option<SoftswitchIndex>>,
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
            let here = &settings.realm(index).listeners;
            let listener = |(tcp, address): &(bool, std::net::SocketAddr)| {
                let same = |listener: &crate::gateway::settings::Listener| {
                    listener.address == *address && (listener.transport == Transport::Tcp) == *tcp
                };
                let number = here.iter().position(same)?;
                Some((ListenerIndex(number as u16), here[number].transport))
            };
            let listeners = kept.listeners.iter().map(listener).collect();
            Some(Realm { index, listeners })
        };
        let softswitch = |name: &String| {
            let mut all = config.softswitches.iter();
            let found = all.position(|softswitch| *softswitch.name.to_string() == **name);
            found.map(|index| SoftswitchIndex(index as u16))
        };
        Self {
            realms: identity.realms.iter().map(realm).collect(),
            softswitches: identity.softswitches.iter().map(softswitch).collect(),
        }
    }

    pub fn realm(&self, kept: u16) -> Option<RealmIndex> {
        let realm = self.realms.get(usize::from(kept))?.as_ref()?;
        Some(realm.index)
    }

    pub fn softswitch(&self, kept: u16) -> Option<SoftswitchIndex> {
        *self.softswitches.get(usize::from(kept))?
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
