//! Registrations: which Contacts of which address-of-record are registered through us, and how
//! their owners are reached. The softswitch is the registrar (RFC 3261 §10); what is kept here is
//! what the NAT and the routing need.

use std::sync::Arc;

use slotmap::{SlotMap, new_key_type};
use strait_config::SoftswitchIndex;
use strait_shared::time::Instant;

use super::changed::Changed;
use super::io::{Flow, RealmIndex};
use super::keyed::{Key, Map, Purpose};
use super::timer::TimerId;
use super::token::Token;
use crate::sip::Uri;

new_key_type! {
    /// A binding; never means another one later.
    pub struct BindingKey;
}

/// One registered Contact.
#[derive(Debug)]
pub struct Binding {
    /// Its number in the journal.
    pub number: u64,
    /// The address-of-record as the registrar knows it.
    pub aor: Aor,
    /// The Contact as its owner wrote it.
    pub uri: Box<[u8]>,
    /// What stands for it in the registrar's realm.
    pub token: Token,
    /// Tokens of its Path and Service-Route.
    pub hops: Vec<Token>,
    /// Where its owner was last heard.
    pub flow: Flow,
    /// Call-ID of the registration, as its owner wrote it.
    pub call_id: Box<[u8]>,
    /// CSeq number of the last registration.
    pub cseq: u32,
    /// The registrar.
    pub softswitch: Option<SoftswitchIndex>,
    /// When its owner last registered.
    pub registered: Instant,
    /// Until when its owner believes to be registered.
    pub near_until: Instant,
    /// Until when the registrar keeps it.
    pub far_until: Instant,
    /// What its owner was granted, in seconds.
    pub granted_seconds: u32,
    /// The last 200 as its owner got it; shared by the Contacts of one request.
    pub answer: Arc<[u8]>,
    /// Fires at `far_until`.
    pub expiry: Option<TimerId>,
}

/// An address-of-record: user and host, in the realm of its registrar.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Aor {
    /// The registrar's realm.
    pub realm: RealmIndex,
    /// The user part; empty where there is none.
    pub user: Box<[u8]>,
    /// The host part, in lower case.
    pub host: Box<[u8]>,
}

impl Aor {
    /// The address-of-record that `uri` names.
    pub fn of(realm: RealmIndex, uri: &Uri) -> Self {
        let user = uri.user.map_or(&b""[..], |user| user.as_bytes()).into();
        let host = uri.host().map_or(&b""[..], |host| host.text.as_bytes());
        Self {
            realm,
            user,
            host: host.to_ascii_lowercase().into(),
        }
    }
}

impl std::fmt::Display for Aor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (user, host) = (
            String::from_utf8_lossy(&self.user),
            String::from_utf8_lossy(&self.host),
        );
        write!(f, "sip:{user}@{host}")
    }
}

/// All bindings.
#[derive(Debug)]
pub struct Registrations {
    table: SlotMap<BindingKey, Binding>,
    /// By realm and user: the bindings of all hosts of that user, the newest last.
    by_user: Map<(RealmIndex, Box<[u8]>), Vec<BindingKey>>,
    last_number: u64,
    /// What has changed, for the journal.
    pub changed: Changed<BindingKey>,
}

impl Registrations {
    /// None.
    pub fn new(seed: &[u8; 32]) -> Self {
        let by_user = Map::with_hasher(Key::new(seed, Purpose::Tables));
        Self {
            table: SlotMap::with_key(),
            by_user,
            last_number: 0,
            changed: Changed::new(),
        }
    }

    /// Adds a binding.
    pub fn insert(&mut self, binding: Binding) -> BindingKey {
        let index = (binding.aor.realm, binding.aor.user.clone());
        let number = binding.number;
        self.last_number = self.last_number.max(number);
        let key = self.table.insert(binding);
        self.changed.note(number, key);
        self.by_user.entry(index).or_default().push(key);
        key
    }

    /// A number for a new binding.
    pub fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Notes that a binding has changed.
    pub fn touch(&mut self, key: BindingKey) {
        if let Some(binding) = self.table.get(key) {
            self.changed.note(binding.number, key);
        }
    }

    /// Takes a binding out.
    pub fn remove(&mut self, key: BindingKey) -> Option<Binding> {
        let binding = self.table.remove(key)?;
        self.changed.note(binding.number, key);
        let index = (binding.aor.realm, binding.aor.user.clone());
        if let Some(keys) = self.by_user.get_mut(&index) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.by_user.remove(&index);
            }
        }
        Some(binding)
    }

    /// One binding.
    pub fn get(&self, key: BindingKey) -> Option<&Binding> {
        self.table.get(key)
    }

    /// One binding, to be changed; its address-of-record stays.
    pub fn get_mut(&mut self, key: BindingKey) -> Option<&mut Binding> {
        self.table.get_mut(key)
    }

    /// The bindings of an address-of-record, the newest last.
    pub fn of<'a>(&'a self, aor: &'a Aor) -> impl Iterator<Item = (BindingKey, &'a Binding)> {
        self.of_user(aor.realm, &aor.user)
            .filter(|(_, binding)| binding.aor.host == aor.host)
    }

    /// The bindings of a user, whatever the host, the newest last.
    pub fn of_user(
        &self,
        realm: RealmIndex,
        user: &[u8],
    ) -> impl Iterator<Item = (BindingKey, &Binding)> {
        let keys = self
            .by_user
            .get(&(realm, user.into()))
            .into_iter()
            .flatten();
        keys.filter_map(|key| Some((*key, self.table.get(*key)?)))
    }

    /// All bindings in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (BindingKey, &Binding)> {
        self.table.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }
}
