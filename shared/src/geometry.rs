//! How many of everything there is: sizes fixed at start, and the slot numbers they imply.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use crate::limits;
use crate::slot::{EgressPort, SlotIndex};

/// One local address with the range of ports that media may use there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocalAddress {
    /// The address packets are received on and sent from.
    pub ip: IpAddr,
    /// The VLAN the address lives on, 1 to 4094.
    pub vlan: Option<u16>,
    /// First port of the range, even (RTP), not 0.
    pub first_port: u16,
    /// Last port of the range, odd (RTCP).
    pub last_port: u16,
    /// The port (NIC) the address lives on.
    pub egress_port: EgressPort,
}

impl LocalAddress {
    /// How many ports, and so slots, the range holds.
    pub fn ports(&self) -> u32 {
        u32::from(self.last_port) + 1 - u32::from(self.first_port)
    }
}

/// A worker's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WorkerIndex(pub u16);

/// A local address's number, in the configuration's order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AddressIndex(pub u16);

/// What a geometry is made from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sizes {
    /// Workers, 1 to 64.
    pub workers: u16,
    /// Local addresses, 1 to 256.
    pub addresses: Vec<LocalAddress>,
    /// Spare slots for forked dialogs, even.
    pub fork_slots: u32,
    /// Records in each ring, a power of two.
    pub ring_capacity: u32,
    /// Next hops, at least one for each local address.
    pub adjacencies: u16,
}

/// Why sizes make no geometry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GeometryError {
    /// The number of workers is out of range.
    #[error("{0} workers: there may be 1 to {max}", max = limits::WORKERS_MAX)]
    Workers(u16),
    /// The number of local addresses is out of range.
    #[error("{0} local media addresses: there may be 1 to {max}", max = limits::ADDRESSES_MAX)]
    Addresses(usize),
    /// A port range is empty, or does not start even and end odd.
    #[error("ports {first}-{last} of {ip}: a range starts even (RTP) and ends odd (RTCP)")]
    Ports {
        /// The address.
        ip: IpAddr,
        /// First port asked for.
        first: u16,
        /// Last port asked for.
        last: u16,
    },
    /// Two ranges of the same address on the same VLAN and port overlap.
    #[error("two port ranges of {0} overlap")]
    Overlap(IpAddr),
    /// A VLAN identifier is out of range.
    #[error("VLAN {0}: there are 1 to {max}", max = limits::VLAN_MAX)]
    Vlan(u16),
    /// The number of spare slots is odd.
    #[error("{0} fork slots: RTP and RTCP come in pairs, so the number is even")]
    ForkSlots(u32),
    /// There are more slots than the table may hold.
    #[error("{0} slots: there may be {max}", max = limits::SLOTS_MAX)]
    Slots(u64),
    /// The ring capacity is not a power of two in range.
    #[error("{0} records a ring: a power of two up to {max}", max = limits::RING_CAPACITY_MAX)]
    RingCapacity(u32),
    /// The number of next hops is out of range.
    #[error(
        "{0} adjacencies: one for each local address, {max} at most",
        max = limits::ADJACENCIES_MAX
    )]
    Adjacencies(u16),
}

/// Checked sizes, and the slot numbering that follows from them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Geometry {
    sizes: Sizes,
    /// First slot of each address; one more entry holds where the spare slots start.
    slot_bases: Vec<u32>,
}

impl Geometry {
    /// Checks the sizes and numbers the slots.
    pub fn new(sizes: Sizes) -> Result<Self, GeometryError> {
        check_counts(&sizes)?;
        check_addresses(&sizes.addresses)?;
        let mut slot_bases = vec![0];
        let mut total = 0u64;
        for address in &sizes.addresses {
            total += u64::from(address.ports());
            // Cannot wrap: 256 addresses of 65 536 ports.
            slot_bases.push(total as u32);
        }
        total += u64::from(sizes.fork_slots);
        if total > u64::from(limits::SLOTS_MAX) {
            return Err(GeometryError::Slots(total));
        }
        Ok(Self { sizes, slot_bases })
    }

    /// Number of workers.
    pub fn workers(&self) -> u16 {
        self.sizes.workers
    }

    /// The local addresses, in the configuration's order.
    pub fn addresses(&self) -> &[LocalAddress] {
        &self.sizes.addresses
    }

    /// Records in each ring.
    pub fn ring_capacity(&self) -> u32 {
        self.sizes.ring_capacity
    }

    /// Number of next hops.
    pub fn adjacencies(&self) -> u16 {
        self.sizes.adjacencies
    }

    /// Number of spare slots.
    pub fn fork_slots(&self) -> u32 {
        self.sizes.fork_slots
    }

    /// Number of slots, spare ones included.
    pub fn slots(&self) -> u32 {
        self.spare_base() + self.sizes.fork_slots
    }

    /// The numbers of the spare slots.
    pub fn spares(&self) -> Range<u32> {
        self.spare_base()..self.slots()
    }

    /// First slot of a local address.
    pub fn slot_base(&self, address: AddressIndex) -> Option<SlotIndex> {
        self.sizes.addresses.get(usize::from(address.0))?;
        Some(SlotIndex(self.slot_bases[usize::from(address.0)]))
    }

    /// The slot of a port on a local address, when the port is in its range.
    pub fn slot(&self, address: AddressIndex, port: u16) -> Option<SlotIndex> {
        let local = self.sizes.addresses.get(usize::from(address.0))?;
        if !(local.first_port..=local.last_port).contains(&port) {
            return None;
        }
        let base = self.slot_bases[usize::from(address.0)];
        Some(SlotIndex(base + u32::from(port - local.first_port)))
    }

    /// The local address a slot lives on; nothing for spare slots, which have none of their own.
    pub fn address(&self, slot: SlotIndex) -> Option<AddressIndex> {
        if slot.0 >= self.spare_base() {
            return None;
        }
        let after = self.slot_bases.partition_point(|&base| base <= slot.0);
        Some(AddressIndex(after as u16 - 1))
    }

    /// The local address and port of a slot; nothing for spare slots.
    pub fn local(&self, slot: SlotIndex) -> Option<SocketAddr> {
        let index = usize::from(self.address(slot)?.0);
        let local = &self.sizes.addresses[index];
        let offset = slot.0 - self.slot_bases[index];
        Some(SocketAddr::new(local.ip, local.first_port + offset as u16))
    }

    /// The slot that owns this local address and port, wherever it lives.
    pub fn slot_at(&self, local: SocketAddr) -> Option<SlotIndex> {
        (0..self.sizes.addresses.len())
            .filter(|&index| self.sizes.addresses[index].ip == local.ip())
            .find_map(|index| self.slot(AddressIndex(index as u16), local.port()))
    }

    /// The worker that applies a slot's commands. RTP and its RTCP have the same one.
    pub fn owner(&self, slot: SlotIndex) -> WorkerIndex {
        WorkerIndex((slot.0 / 2 % u32::from(self.sizes.workers)) as u16)
    }

    fn spare_base(&self) -> u32 {
        *self.slot_bases.last().expect("starts with one entry")
    }
}

fn check_counts(sizes: &Sizes) -> Result<(), GeometryError> {
    if !(1..=limits::WORKERS_MAX).contains(&sizes.workers) {
        return Err(GeometryError::Workers(sizes.workers));
    }
    if !(1..=limits::ADDRESSES_MAX).contains(&sizes.addresses.len()) {
        return Err(GeometryError::Addresses(sizes.addresses.len()));
    }
    if !sizes.fork_slots.is_multiple_of(2) {
        return Err(GeometryError::ForkSlots(sizes.fork_slots));
    }
    let ring = sizes.ring_capacity;
    if !ring.is_power_of_two() || ring > limits::RING_CAPACITY_MAX {
        return Err(GeometryError::RingCapacity(ring));
    }
    let adjacencies = sizes.addresses.len()..=usize::from(limits::ADJACENCIES_MAX);
    if !adjacencies.contains(&usize::from(sizes.adjacencies)) {
        return Err(GeometryError::Adjacencies(sizes.adjacencies));
    }
    Ok(())
}

fn check_addresses(addresses: &[LocalAddress]) -> Result<(), GeometryError> {
    for (index, address) in addresses.iter().enumerate() {
        let (first, last) = (address.first_port, address.last_port);
        if first == 0 || first > last || first % 2 != 0 || last % 2 != 1 {
            return Err(GeometryError::Ports {
                ip: address.ip,
                first,
                last,
            });
        }
        match address.vlan {
            Some(vlan) if !(1..=limits::VLAN_MAX).contains(&vlan) => {
                return Err(GeometryError::Vlan(vlan));
            }
            _ => {}
        }
        if addresses[..index]
            .iter()
            .any(|other| overlap(address, other))
        {
            return Err(GeometryError::Overlap(address.ip));
        }
    }
    Ok(())
}

fn overlap(one: &LocalAddress, other: &LocalAddress) -> bool {
    one.ip == other.ip
        && one.vlan == other.vlan
        && one.egress_port == other.egress_port
        && one.first_port <= other.last_port
        && other.first_port <= one.last_port
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes() -> Sizes {
        let local = |ip: &str, first_port, last_port| LocalAddress {
            ip: ip.parse().unwrap(),
            vlan: None,
            first_port,
            last_port,
            egress_port: EgressPort(0),
        };
        Sizes {
            workers: 3,
            addresses: vec![
                local("192.0.2.1", 20000, 20009),
                local("2001:db8::1", 30000, 30003),
            ],
            fork_slots: 4,
            ring_capacity: 8,
            adjacencies: 2,
        }
    }

    #[test]
    fn every_slot_has_one_address_and_port_and_back() {
        let geometry = Geometry::new(sizes()).unwrap();
        assert_eq!(geometry.slots(), 18);
        assert_eq!(geometry.spares(), 14..18);
        for index in 0..14 {
            let local = geometry.local(SlotIndex(index)).unwrap();
            assert_eq!(geometry.slot_at(local), Some(SlotIndex(index)));
            let address = geometry.address(SlotIndex(index)).unwrap();
            assert_eq!(geometry.slot(address, local.port()), Some(SlotIndex(index)));
        }
        for index in 14..20 {
            assert_eq!(geometry.local(SlotIndex(index)), None);
        }
        assert_eq!(geometry.slot(AddressIndex(0), 20010), None);
        assert_eq!(geometry.slot(AddressIndex(2), 20000), None);
    }

    #[test]
    fn rtp_and_its_rtcp_share_an_owner() {
        let geometry = Geometry::new(sizes()).unwrap();
        for index in (0..geometry.slots()).step_by(2) {
            let owner = geometry.owner(SlotIndex(index));
            assert_eq!(owner, geometry.owner(SlotIndex(index + 1)));
            assert!(owner.0 < geometry.workers());
        }
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let refused = |change: fn(&mut Sizes)| {
            let mut sizes = sizes();
            change(&mut sizes);
            Geometry::new(sizes).unwrap_err()
        };
        let ip: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(refused(|s| s.workers = 0), GeometryError::Workers(0));
        assert_eq!(
            refused(|s| s.addresses.clear()),
            GeometryError::Addresses(0)
        );
        assert_eq!(refused(|s| s.fork_slots = 3), GeometryError::ForkSlots(3));
        assert_eq!(
            refused(|s| s.ring_capacity = 12),
            GeometryError::RingCapacity(12)
        );
        assert_eq!(
            refused(|s| s.adjacencies = 1),
            GeometryError::Adjacencies(1)
        );
        assert_eq!(
            refused(|s| s.addresses[0].vlan = Some(4095)),
            GeometryError::Vlan(4095)
        );
        assert_eq!(
            refused(|s| s.addresses[0].first_port = 20001),
            GeometryError::Ports {
                ip,
                first: 20001,
                last: 20009
            }
        );
        assert_eq!(
            refused(|s| s.addresses[1] = s.addresses[0]),
            GeometryError::Overlap(ip)
        );
        assert!(matches!(
            refused(|s| s.fork_slots = 1 << 23),
            GeometryError::Slots(_)
        ));
    }
}
