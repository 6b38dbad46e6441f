//! What the kernel said, as far as it concerns next hops. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// A next hop: a neighbour on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hop {
    pub(super) interface: u32,
    pub(super) ip: IpAddr,
}

/// A VLAN's interface on another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct VlanInterface {
    pub(super) index: u32,
    pub(super) on: u32,
    pub(super) vlan: u16,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To hosts on the interface's own link.
    OnLink { interface: u32 },
    /// To a gateway there.
    Via { interface: u32, gateway: IpAddr },
    /// Somewhere that only the kernel knows: to itself, into a tunnel, nowhere.
    Kernel,
    /// On to the next table.
    Throw,
}

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) table: u32,
    pub(super) to: IpAddr,
    pub(super) length: u8,
    pub(super) metric: u32,
    pub(super) way: Way,
}

/// Which packets of ours a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selector {
    /// All whose source lies in this prefix.
    From { ip: IpAddr, length: u8 },
    /// All.
    All,
    /// It depends on more than the source.
    Unknown,
}

/// One rule that may be about packets of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) v4: bool,
    pub(super) priority: u32,
    pub(super) selector: Selector,
    /// The table to look in; nothing when it says something else.
    pub(super) table: Option<u32>,
}

/// Everything of interest that the kernel said.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) vlans: Vec<VlanInterface>,
    pub(super) routes: Vec<Route>,
    pub(super) rules: Vec<Rule>,
    neighbours: BTreeMap<Hop, [u8; 6]>,
    /// Neighbours that the kernel has not heard from for a while.
    doubted: BTreeSet<Hop>,
    /// Whether there is anything new but hardware addresses of neighbours known before.
    changed: bool,
}

impl Facts {
    /// Marks routes, rules or interfaces as new.
    pub(super) fn change(&mut self) {
        self.changed = true;
    }

    /// A neighbour answers, or is believed to.
    pub(super) fn learn(&mut self, hop: Hop, mac: [u8; 6], doubted: bool) {
        self.changed |= self.neighbours.insert(hop, mac).is_none();
        if doubted {
            self.doubted.insert(hop);
        }
    }

    /// A neighbour is not there any more.
    pub(super) fn forget(&mut self, hop: Hop) {
        self.changed |= self.neighbours.remove(&hop).is_some();
        self.doubted.remove(&hop);
    }

    /// The hardware address of a next hop, while it is known.
    pub(super) fn mac(&self, hop: &Hop) -> Option<[u8; 6]> {
        self.neighbours.get(hop).copied()
    }

    /// The neighbours on an interface.
    pub(super) fn neighbours(&self, interface: u32) -> impl Iterator<Item = Hop> + '_ {
        let all = self.neighbours.keys();
        all.filter(move |hop| hop.interface == interface).copied()
    }

    /// Says once whether there is anything new.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The doubted neighbours, once.
    pub(super) fn take_doubted(&mut self) -> BTreeSet<Hop> {
        std::mem::take(&mut self.doubted)
    }
}
