//! Our own media addresses: which slot a packet arrives at, and where one leaves from.

use strait_shared::geometry::Geometry;
use strait_shared::net::{Endpoint, PackedIp};
use strait_shared::slot::{EgressPort, SlotIndex};

/// Where a packet arrived: overlapping private networks are told apart by NIC and VLAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The NIC.
    pub port: EgressPort,
    /// The VLAN, 0 for none.
    pub vlan: u16,
}

/// One local address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// The address.
    pub ip: PackedIp,
    /// The NIC and VLAN it lives on.
    pub network: Network,
    /// The first port of its range.
    pub first_port: u16,
    /// The slot of that port.
    pub first_slot: u32,
}

#[derive(Clone, Copy)]
struct Entry {
    ip: PackedIp,
    network: Network,
    first_port: u16,
    last_port: u16,
    first_slot: u32,
}

/// The local addresses, searchable by address and by slot.
pub struct Locals {
    /// Open addressing with linear probing, at most a quarter full.
    buckets: Box<[Option<Entry>]>,
    locals: Box<[Local]>,
    /// First slot of each local but the first, padded to whole vectors.
    boundaries: Box<[u32]>,
    spare_base: u32,
}

/// Boundaries are compared this many at once.
const LANES: usize = 8;
const BUCKETS_MIN: usize = 16;

impl Locals {
    /// The addresses of `geometry`.
    pub fn new(geometry: &Geometry) -> Self {
        let mut locals = Vec::new();
        let mut first_slot = 0;
        let count = geometry.addresses().len();
        let size = (count * 4).next_power_of_two().max(BUCKETS_MIN);
        let mut buckets = vec![None; size].into_boxed_slice();
        for address in geometry.addresses() {
            let network = Network {
                port: address.egress_port,
                vlan: address.vlan.unwrap_or(0),
            };
            let ip = PackedIp::from(address.ip);
            locals.push(Local {
                ip,
                network,
                first_port: address.first_port,
                first_slot,
            });
            let entry = Entry {
                ip,
                network,
                first_port: address.first_port,
                last_port: address.last_port,
                first_slot,
            };
            let mut at = bucket(size, ip, network);
            while buckets[at].is_some() {
                at = (at + 1) & (size - 1);
            }
            buckets[at] = Some(entry);
            first_slot += address.ports();
        }
        let mut boundaries: Vec<u32> = locals.iter().skip(1).map(|l| l.first_slot).collect();
        boundaries.resize(boundaries.len().next_multiple_of(LANES), u32::MAX);
        Self {
            buckets,
            locals: locals.into(),
            boundaries: boundaries.into(),
            spare_base: first_slot,
        }
    }

    /// The slot that a packet to `to` arrives at.
    #[inline]
    pub fn find(&self, network: Network, to: Endpoint) -> Option<SlotIndex> {
        let mask = self.buckets.len() - 1;
        let mut at = bucket(self.buckets.len(), to.ip, network);
        while let Some(entry) = &self.buckets[at] {
            let ports = entry.first_port..=entry.last_port;
            if entry.ip == to.ip && entry.network == network && ports.contains(&to.port) {
                return Some(SlotIndex(
                    entry.first_slot + u32::from(to.port - entry.first_port),
                ));
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// The local address of a slot and the port it stands for; nothing for spare slots.
    #[inline]
    pub fn of(&self, slot: SlotIndex) -> Option<(&Local, u16)> {
        if slot.0 >= self.spare_base {
            return None;
        }
        let below = |lanes: &[u32]| {
            lanes
                .iter()
                .map(|&first| usize::from(first <= slot.0))
                .sum::<usize>()
        };
        let index: usize = self.boundaries.chunks_exact(LANES).map(below).sum();
        let local = &self.locals[index];
        Some((local, local.first_port + (slot.0 - local.first_slot) as u16))
    }
}

fn bucket(size: usize, ip: PackedIp, network: Network) -> usize {
    let place = u64::from(network.vlan) << 8 | u64::from(network.port.0);
    let folded = ip.0[0].rotate_left(32) ^ ip.0[1] ^ place << 40;
    let mixed = folded.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize & (size - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, SocketAddr};
    use strait_shared::geometry::{LocalAddress, Sizes};

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
                assert!(geometry.spares().contains(&slot.0) && locals.of(slot).is_none());
                continue;
            };
            let (local, port) = locals.of(slot).unwrap();
            assert_eq!(local.ip.ip(), Some(expected.ip()));
            assert_eq!(port, expected.port());
            assert_eq!(locals.find(local.network, expected.into()), Some(slot));
        }
    }

    #[test]
    fn neighbours_in_port_vlan_and_nic_are_not_ours() {
        let locals = Locals::new(&geometry());
        let find = |port, vlan, ip: &str, to| {
            let network = Network {
                port: EgressPort(port),
                vlan,
            };
            let ip: IpAddr = ip.parse().unwrap();
            locals.find(network, SocketAddr::new(ip, to).into())
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
