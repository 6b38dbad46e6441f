//! Our own media addresses: which slot a packet arrives at, and where one leaves from.

use strait_shared::geometry::{AddressIndex, Geometry, LocalAddress};
use strait_shared::net::{Endpoint, PackedIp};
use strait_shared::slot::{EgressPort, SlotIndex};

use crate::wire::checksum::Sum;

/// Where a packet arrived: overlapping private networks are told apart by NIC and VLAN, which
/// are kept in one word so that one comparison does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network(u32);

impl Network {
    /// `vlan` is 0 for none.
    #[inline]
    pub(crate) fn new(port: EgressPort, vlan: u16) -> Self {
        Self(u32::from(vlan) << 8 | u32::from(port.0))
    }

    /// The NIC.
    #[inline]
    pub(super) fn port(self) -> EgressPort {
        EgressPort(self.0 as u8)
    }

    /// The VLAN, 0 for none.
    #[inline]
    pub(super) fn vlan(self) -> u16 {
        (self.0 >> 8) as u16
    }
}

/// One local address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local {
    pub(super) ip: PackedIp,
    pub(super) network: Network,
    /// What the address adds to a UDP checksum.
    pub(super) sum: Sum,
    first_port: u16,
    /// From the first port to the last.
    last_offset: u16,
    /// The slot of the first port.
    first_slot: u32,
}

/// The local addresses, by number and by address.
pub(crate) struct Locals {
    locals: Box<[Local]>,
    /// Open addressing with linear probing, at most a quarter full: number plus one, 0 for empty.
    buckets: Box<[u16]>,
}

const BUCKETS_MIN: usize = 16;

impl Locals {
    /// The addresses of `geometry`.
    pub(crate) fn new(geometry: &Geometry) -> Self {
        let mut first_slot = 0;
        let mut local = |address: &LocalAddress| {
            let local = Local::new(address, first_slot);
            first_slot += address.ports();
            local
        };
        let locals: Box<[Local]> = geometry.addresses().iter().map(&mut local).collect();
        let size = (locals.len() * 4).next_power_of_two().max(BUCKETS_MIN);
        let mut buckets = vec![0; size].into_boxed_slice();
        for (number, local) in locals.iter().enumerate() {
            let mut at = bucket(size, local.ip, local.network);
            while buckets[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            buckets[at] = number as u16 + 1;
        }
        Self { locals, buckets }
    }

    /// The slot that a packet to `to` arrives at, and its address.
    #[inline]
    pub(crate) fn find(&self, network: Network, to: Endpoint) -> Option<(SlotIndex, &Local)> {
        let mask = self.buckets.len() - 1;
        let mut at = bucket(self.buckets.len(), to.ip, network);
        loop {
            let number = self.buckets[at].checked_sub(1)?;
            let local = &self.locals[usize::from(number)];
            let offset = to.port.wrapping_sub(local.first_port);
            if local.ip == to.ip && local.network == network && offset <= local.last_offset {
                return Some((SlotIndex(local.first_slot + u32::from(offset)), local));
            }
            at = (at + 1) & mask;
        }
    }

    /// The address with this number.
    #[inline]
    pub(super) fn get(&self, index: AddressIndex) -> Option<&Local> {
        self.locals.get(usize::from(index.0))
    }
}

impl Local {
    fn new(address: &LocalAddress, first_slot: u32) -> Self {
        let ip = PackedIp::from(address.ip);
        Self {
            ip,
            network: Network::new(address.egress_port, address.vlan.unwrap_or(0)),
            sum: ip_sum(ip),
            first_port: address.first_port,
            last_offset: address.last_port - address.first_port,
            first_slot,
        }
    }

    /// The port that one of the address's slots stands for.
    #[inline]
    pub(super) fn port(&self, slot: SlotIndex) -> u16 {
        let offset = slot.0.wrapping_sub(self.first_slot) as u16;
        self.first_port.wrapping_add(offset)
    }
}

/// What an address adds to a UDP checksum.
#[inline]
pub(super) fn ip_sum(ip: PackedIp) -> Sum {
    Sum::default().quad_word(ip.0[0]).quad_word(ip.0[1])
}

fn bucket(size: usize, ip: PackedIp, network: Network) -> usize {
    let folded = ip.0[0].rotate_left(32) ^ ip.0[1] ^ u64::from(network.0) << 40;
    let mixed = folded.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize & (size - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, SocketAddr};
    use strait_shared::geometry::Sizes;

    fn geometry() -> Geometry {
        let address = |ip: &str, vlan, first_port, last_port, port| LocalAddress {
            ip: ip.parse().unwrap(),
            vlan,
            first_port,
            last_port,
            egress_port: EgressPort(port),
        };
        let mut addresses = vec![
            address("10.0.0.1", None, 20_000, 20_009, 0),
            address("10.0.0.1", Some(7), 20_000, 20_009, 0),
            address("10.0.0.1", None, 20_000, 20_009, 1),
            address("10.0.0.1", None, 30_000, 30_001, 0),
            address("2001:db8::1", None, 20_000, 20_009, 0),
        ];
        for last in 0..100 {
            addresses.push(address(&format!("10.1.0.{last}"), None, 4_000, 4_001, 0));
        }
        Geometry::new(Sizes {
            workers: 1,
            adjacencies: addresses.len() as u16,
            addresses,
            fork_slots: 4,
            ring_capacity: 8,
        })
        .unwrap()
    }

    #[test]
    fn both_searches_agree_with_the_geometry() {
        let geometry = geometry();
        let locals = Locals::new(&geometry);
        for slot in (0..geometry.slots()).map(SlotIndex) {
            let Some(expected) = geometry.local(slot) else {
                continue;
            };
            let local = locals.get(geometry.address(slot).unwrap()).unwrap();
            assert_eq!(
                (local.ip.ip(), local.port(slot)),
                (Some(expected.ip()), expected.port())
            );
            let found = locals.find(local.network, expected.into());
            assert_eq!(found.map(|(slot, _)| slot), Some(slot));
        }
    }

    #[test]
    fn neighbours_in_port_vlan_and_nic_are_not_ours() {
        let locals = Locals::new(&geometry());
        let find = |port, vlan, ip: &str, to| {
            let network = Network::new(EgressPort(port), vlan);
            let ip: IpAddr = ip.parse().unwrap();
            let found = locals.find(network, SocketAddr::new(ip, to).into());
            found.map(|(slot, _)| slot)
        };
        assert_eq!(find(0, 0, "10.0.0.1", 19_999), None);
        assert_eq!(find(0, 0, "10.0.0.1", 20_010), None);
        assert_eq!(find(0, 8, "10.0.0.1", 20_000), None);
        assert_eq!(find(1, 7, "10.0.0.1", 20_000), None);
        assert_eq!(find(2, 0, "10.0.0.1", 20_000), None);
        assert_eq!(find(0, 0, "10.0.0.2", 20_000), None);
        assert_eq!(find(1, 0, "10.0.0.1", 20_003), Some(SlotIndex(23)));
    }
}
