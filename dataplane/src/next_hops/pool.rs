//! Places in the adjacency table, given to next hops for as long as they are wanted. Pure.

use std::collections::BTreeMap;

use strait_shared::geometry::Geometry;
use strait_shared::slot::{AdjacencyIndex, EgressPort};

use super::facts::Hop;

/// Where a next hop is in the table, and the NIC that leads there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) index: AdjacencyIndex,
    pub(super) port: EgressPort,
}

/// Every place beyond those that local addresses have by their number.
pub(super) struct Pool {
    taken: BTreeMap<Hop, Place>,
    free: Vec<AdjacencyIndex>,
    /// Given back, but perhaps still looked at.
    resting: Vec<AdjacencyIndex>,
}

impl Pool {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let places = geometry.addresses().len() as u16..geometry.adjacencies();
        Self {
            taken: BTreeMap::new(),
            free: places.rev().map(AdjacencyIndex).collect(),
            resting: Vec::new(),
        }
    }

    /// The place of a next hop.
    pub(super) fn index(&self, hop: &Hop) -> Option<AdjacencyIndex> {
        self.taken.get(hop).map(|place| place.index)
    }

    /// Every next hop that has a place.
    pub(super) fn taken(&self) -> impl Iterator<Item = (&Hop, &Place)> {
        self.taken.iter()
    }

    /// Nobody looks at the resting places any more.
    pub(super) fn wake(&mut self) {
        self.free.append(&mut self.resting);
    }

    /// Takes the places of all other next hops back; they rest from now on.
    pub(super) fn keep(&mut self, wanted: &BTreeMap<Hop, EgressPort>) -> Vec<AdjacencyIndex> {
        let mut gone = Vec::new();
        self.taken.retain(|hop, place| {
            let keeps = wanted.contains_key(hop);
            if !keeps {
                gone.push(place.index);
            }
            keeps
        });
        self.resting.extend(&gone);
        gone
    }

    /// Gives a place to each that has none; says for how many there was no room.
    pub(super) fn take(&mut self, wanted: &BTreeMap<Hop, EgressPort>) -> usize {
        let mut outside = 0;
        for (hop, &port) in wanted {
            if self.taken.contains_key(hop) {
                continue;
            }
            match self.free.pop() {
                Some(index) => drop(self.taken.insert(*hop, Place { index, port })),
                None => outside += 1,
            }
        }
        outside
    }
}

#[cfg(test)]
mod tests {
    use strait_shared::geometry::{LocalAddress, Sizes};

    use super::*;

    #[test]
    fn a_place_given_back_rests_before_it_is_given_away_again() {
        let geometry = Geometry::new(Sizes {
            workers: 1,
            addresses: vec![LocalAddress {
                ip: "192.0.2.1".parse().unwrap(),
                vlan: None,
                first_port: 20_000,
                last_port: 20_001,
                egress_port: EgressPort(0),
            }],
            fork_slots: 0,
            ring_capacity: 8,
            adjacencies: 3,
        });
        let mut pool = Pool::new(&geometry.unwrap());
        let hop = |last: u8| Hop {
            interface: 2,
            ip: [192, 0, 2, last].into(),
        };
        let wanted = |hops: &[u8]| -> BTreeMap<Hop, EgressPort> {
            hops.iter()
                .map(|&last| (hop(last), EgressPort(0)))
                .collect()
        };
        assert_eq!(pool.take(&wanted(&[10, 11])), 0);
        let first = pool.index(&hop(10)).unwrap();
        assert!(first.0 >= 1, "the local address has the first place");
        assert_eq!(pool.take(&wanted(&[10, 11, 12])), 1);
        assert_eq!(pool.keep(&wanted(&[11, 12])), [first]);
        assert_eq!(pool.take(&wanted(&[11, 12])), 1, "it rests");
        pool.wake();
        assert_eq!(pool.take(&wanted(&[11, 12])), 0);
        assert_eq!(pool.index(&hop(12)), Some(first));
    }
}
