//! The location service: the Contacts of every address-of-record that is registered here
//! (RFC 3261 §10.3).

use slotmap::{SlotMap, new_key_type};
use strait_shared::time::Instant;

use crate::gateway::changed::Changed;
use crate::gateway::io::Flow;
use crate::gateway::keyed::{Key, Map, Purpose};
use crate::gateway::timer::TimerId;

new_key_type! {
    /// A registered Contact; never means another one later.
    pub struct ContactKey;
}

/// One registered Contact.
#[derive(Debug)]
pub struct Contact {
    /// Its number in the journal.
    pub number: u64,
    /// The address-of-record: user, `@` and domain in lower case.
    pub user: Box<[u8]>,
    /// The Contact's URI as its owner wrote it.
    pub uri: Box<[u8]>,
    /// The Route that leads there (RFC 3327): its Path, comma-separated; mostly empty.
    pub path: Box<[u8]>,
    /// How it is reached: where its owner was heard, or its own address where that is of the
    /// other family.
    pub flow: Flow,
    /// A hash of the registration's Call-ID.
    pub call_id: u64,
    /// CSeq number of the last registration.
    pub cseq: u32,
    /// Its q-value in thousandths (RFC 3261 §20.10).
    pub preference: u16,
    /// When it was last registered.
    pub registered: Instant,
    /// Until when it is.
    pub until: Instant,
    /// Fires then.
    pub expiry: Option<TimerId>,
}

/// All Contacts.
#[derive(Debug)]
pub struct Locations {
    table: SlotMap<ContactKey, Contact>,
    /// By address-of-record, in the order they came.
    by_user: Map<Box<[u8]>, Vec<ContactKey>>,
    call_id_key: Key,
    last_number: u64,
    /// What has changed, for the journal.
    pub changed: Changed<ContactKey>,
}

impl Locations {
    /// None.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self {
            table: SlotMap::with_key(),
            by_user: Map::with_hasher(Key::new(seed, Purpose::Tables)),
            call_id_key: Key::new(seed, Purpose::CallIds),
            last_number: 0,
            changed: Changed::new(),
        }
    }

    /// What a Call-ID is remembered by.
    pub fn call_id(&self, call_id: &[u8]) -> u64 {
        self.call_id_key.hash(&[call_id]) as u64
    }

    /// A number for a new Contact.
    pub fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Adds a Contact.
    pub fn insert(&mut self, contact: Contact) -> ContactKey {
        let number = contact.number;
        self.last_number = self.last_number.max(number);
        let user = contact.user.clone();
        let key = self.table.insert(contact);
        self.changed.note(number, key);
        let keys = self.by_user.entry(user).or_default();
        // One is the rule: no room for more is set aside.
        keys.reserve_exact(1);
        keys.push(key);
        key
    }

    /// Takes a Contact out.
    pub fn remove(&mut self, key: ContactKey) -> Option<Contact> {
        let contact = self.table.remove(key)?;
        self.changed.note(contact.number, key);
        if let Some(keys) = self.by_user.get_mut(&contact.user) {
            keys.retain(|other| *other != key);
            if keys.is_empty() {
                self.by_user.remove(&contact.user);
            }
        }
        Some(contact)
    }

    /// A Contact.
    pub fn get(&self, key: ContactKey) -> Option<&Contact> {
        self.table.get(key)
    }

    /// A Contact, to be changed; whose it is stays.
    pub fn get_mut(&mut self, key: ContactKey) -> Option<&mut Contact> {
        let contact = self.table.get_mut(key)?;
        self.changed.note(contact.number, key);
        Some(contact)
    }

    /// The Contacts of an address-of-record, in the order they came.
    pub fn of<'a>(
        &'a self,
        user: &[u8],
    ) -> impl Iterator<Item = (ContactKey, &'a Contact)> + use<'a> {
        let keys = self.by_user.get(user).into_iter().flatten();
        keys.filter_map(|key| Some((*key, self.table.get(*key)?)))
    }

    /// All Contacts in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (ContactKey, &Contact)> {
        self.table.iter()
    }

    /// How many there are.
    #[allow(
        clippy::len_without_is_empty,
        reason = "nobody asks whether there are none"
    )]
    pub fn len(&self) -> usize {
        self.table.len()
    }
}

/// The address-of-record of a user in a domain.
pub fn address_of_record(user: &[u8], domain: &[u8]) -> Box<[u8]> {
    [user, b"@", domain].concat().into()
}
