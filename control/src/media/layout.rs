//! Where pairs lie: which address, worker and pool each belongs to.

use std::net::{IpAddr, SocketAddr};

use strait_config::{Config, RealmIndex};
use strait_shared::geometry::{AddressIndex, Geometry, WorkerIndex};
use strait_shared::slot::SlotIndex;

use super::side::{Component, Family};

/// Two neighbouring slots, RTP on the even one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct PairId(pub(super) u32);

impl PairId {
    /// The pair a slot belongs to.
    pub const fn of(slot: SlotIndex) -> Self {
        Self(slot.0 / 2)
    }

    pub const fn slot(self, component: Component) -> SlotIndex {
        SlotIndex(self.0 * 2 + component as u32)
    }

    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The geometry, seen from realms.
#[derive(Debug)]
pub(super) struct Layout {
    geometry: Geometry,
    /// Per realm: the IPv4 addresses, the IPv6 addresses.
    addresses: Vec<[Vec<AddressIndex>; 2]>,
}

impl Layout {
    pub fn new(config: &Config, geometry: &Geometry) -> Self {
        let mut addresses = vec![[Vec::new(), Vec::new()]; config.realms.len()];
        for (index, realm, media) in config.media_addresses() {
            let family = Family::from(media.address);
            addresses[usize::from(realm.0)][family as usize].push(index);
        }
        Self {
            geometry: geometry.clone(),
            addresses,
        }
    }

    /// All pairs there are, spare ones last.
    pub fn pairs(&self) -> impl Iterator<Item = PairId> + use<> {
        (0..self.geometry.slots() / 2).map(PairId)
    }

    pub fn workers(&self) -> u16 {
        self.geometry.workers()
    }

    /// A realm's addresses of one family.
    pub fn addresses(&self, realm: RealmIndex, family: Family) -> &[AddressIndex] {
        &self.addresses[usize::from(realm.0)][family as usize]
    }

    pub fn ip(&self, address: AddressIndex) -> IpAddr {
        self.geometry.addresses()[usize::from(address.0)].ip
    }

    /// The realm's first address of this family.
    pub fn first_address(&self, realm: RealmIndex, family: Family) -> Option<IpAddr> {
        let first = self.addresses(realm, family).first()?;
        Some(self.ip(*first))
    }

    /// How many pairs an address has.
    pub fn pairs_of(&self, address: AddressIndex) -> usize {
        self.geometry.addresses()[usize::from(address.0)].ports() as usize / 2
    }

    /// The pair a port on one of the realm's own addresses belongs to.
    pub fn pair_at(&self, realm: RealmIndex, address: SocketAddr) -> Option<PairId> {
        let own = self.addresses(realm, Family::from(address.ip())).iter();
        let mut own = own.filter(|index| self.ip(**index) == address.ip());
        let slot = own.find_map(|index| self.geometry.slot(*index, address.port()))?;
        Some(PairId::of(slot))
    }

    /// The address and RTP port of a pair; nothing for a spare one.
    pub fn local(&self, pair: PairId) -> Option<SocketAddr> {
        self.geometry.local(pair.slot(Component::Rtp))
    }

    /// The VLAN a pair's address is on.
    pub fn vlan(&self, pair: PairId) -> Option<u16> {
        let address = self.geometry.address(pair.slot(Component::Rtp))?;
        self.geometry.addresses()[usize::from(address.0)].vlan
    }

    pub fn worker(&self, pair: PairId) -> WorkerIndex {
        self.geometry.owner(pair.slot(Component::Rtp))
    }

    /// The pool of an address's pairs that belong to `worker`.
    pub fn pool(&self, address: AddressIndex, worker: WorkerIndex) -> usize {
        usize::from(address.0) * usize::from(self.workers()) + usize::from(worker.0)
    }

    /// The pool of the spare pairs that belong to `worker`; after all addresses' pools.
    pub fn spare_pool(&self, worker: WorkerIndex) -> usize {
        self.geometry.addresses().len() * usize::from(self.workers()) + usize::from(worker.0)
    }

    pub fn pool_of(&self, pair: PairId) -> usize {
        let worker = self.worker(pair);
        match self.geometry.address(pair.slot(Component::Rtp)) {
            Some(address) => self.pool(address, worker),
            None => self.spare_pool(worker),
        }
    }
}
