//! From the kernel's routes, rules and neighbours to the next hop of every remote. Pure.
//!
//! What is not followed leads nowhere here, which means through the kernel: rules that look at
//! more than the source, tunnels, other interfaces, neighbours that do not answer.

use std::collections::BTreeMap;
use std::net::IpAddr;

use strait_shared::net::PackedIp;
use strait_shared::slot::EgressPort;

use super::facts::{Facts, Hop, Route, Selector, Way};
use super::pool::Pool;
use crate::relay::Routes;
use crate::relay::intervals::{Interval, Key, Prefix, find, layered, longest_match};
use crate::relay::routes::{View, key};

/// How many bits of an IPv4 address's key are fixed before its own.
const MAPPED_BITS: u8 = 96;

/// A local address whose next hops are followed, and where it leaves by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outlet {
    pub(super) ip: IpAddr,
    pub(super) vlan: Option<u16>,
    pub(super) port: EgressPort,
    pub(super) interface: u32,
}

/// What makes two local addresses see the same next hops.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sight {
    interface: u32,
    v4: bool,
    tables: Vec<u32>,
}

/// The next hops of all remotes from all local addresses.
pub(super) struct Plan {
    views: Vec<Vec<Interval<Hop>>>,
    view_of: Vec<usize>,
    hops: BTreeMap<Hop, EgressPort>,
}

impl Plan {
    /// A plan for local addresses, in their order; those that are not followed know no next hop.
    pub(super) fn new(facts: &Facts, outlets: &[Option<Outlet>]) -> Self {
        let mut sights: Vec<Option<Sight>> = vec![None];
        let mut plan = Self {
            views: vec![Vec::new()],
            view_of: Vec::new(),
            hops: BTreeMap::new(),
        };
        for outlet in outlets {
            let sight = outlet.map(|outlet| Sight::new(facts, &outlet));
            let known = sights.iter().position(|other| *other == sight);
            let at = known.unwrap_or(sights.len());
            if let (None, Some(sight), Some(outlet)) = (known, &sight, outlet) {
                let view = sight.view(facts);
                let hops = view.iter().filter_map(|(_, hop)| *hop);
                plan.hops.extend(hops.map(|hop| (hop, outlet.port)));
                plan.views.push(view);
                sights.push(Some(sight.clone()));
            }
            plan.view_of.push(at);
        }
        plan
    }

    /// Every next hop there is, with the NIC that leads there.
    pub(super) fn hops(&self) -> &BTreeMap<Hop, EgressPort> {
        &self.hops
    }

    /// The plan as the relay reads it; next hops without a place are not known.
    pub(super) fn routes(&self, pool: &Pool) -> Routes {
        let view = |view: &Vec<Interval<Hop>>| -> View {
            let place = |hop: Option<Hop>| pool.index(&hop?);
            view.iter()
                .map(|&(first, hop)| (first, place(hop)))
                .collect()
        };
        let view_of = self.view_of.iter().map(|&view| view as u16);
        Routes::new(self.views.iter().map(view).collect(), view_of.collect())
    }
}

impl Sight {
    fn new(facts: &Facts, outlet: &Outlet) -> Self {
        let on_vlan = facts
            .vlans
            .iter()
            .find(|vlan| vlan.on == outlet.interface && Some(vlan.vlan) == outlet.vlan);
        Self {
            interface: on_vlan.map_or(outlet.interface, |vlan| vlan.index),
            v4: outlet.ip.is_ipv4(),
            tables: tables(facts, outlet.ip),
        }
    }

    fn view(&self, facts: &Facts) -> Vec<Interval<Hop>> {
        let layers = self.tables.iter().map(|table| self.layer(facts, *table));
        let ways = layered(&layers.collect::<Vec<_>>());
        let neighbours = facts.neighbours(self.interface);
        let on_link = neighbours.filter(|hop| {
            let way = find(&ways, key(hop.ip.into())).copied().flatten();
            matches!(way, Some(Way::OnLink { .. })) && hop.ip.is_ipv4() == self.v4
        });
        let hosts = on_link.map(|hop| Prefix {
            first: key(hop.ip.into()),
            length: 128,
            value: Some(hop),
        });
        let hosts = longest_match(hosts.collect());
        let gateways = ways.iter().map(|&(first, way)| (first, self.gateway(way)));
        layered(&[hosts, gateways.collect()])
    }

    /// One table's routes of this family.
    fn layer(&self, facts: &Facts, table: u32) -> Vec<Interval<Way>> {
        let ours = |route: &&Route| route.table == table && route.to.is_ipv4() == self.v4;
        let mut routes: Vec<&Route> = facts.routes.iter().filter(ours).collect();
        routes.sort_by_key(|route| route.metric);
        let prefixes = routes.into_iter().map(|route| Prefix {
            first: first(route.to, route.length),
            length: route.length + if self.v4 { MAPPED_BITS } else { 0 },
            value: Some(self.seen(route.way)).filter(|way| *way != Way::Throw),
        });
        longest_match(prefixes.collect())
    }

    /// A way that leaves by another interface is the kernel's.
    fn seen(&self, way: Way) -> Way {
        match way {
            Way::OnLink { interface } | Way::Via { interface, .. }
                if interface != self.interface =>
            {
                Way::Kernel
            }
            way => way,
        }
    }

    fn gateway(&self, way: Option<Way>) -> Option<Hop> {
        match way? {
            Way::Via { interface, gateway } => Some(Hop {
                interface,
                ip: gateway,
            }),
            Way::OnLink { .. } | Way::Kernel | Way::Throw => None,
        }
    }
}

/// The tables a packet from `source` is looked up in, in order; up to the first rule of which
/// that cannot be said.
fn tables(facts: &Facts, source: IpAddr) -> Vec<u32> {
    let mut rules: Vec<_> = facts
        .rules
        .iter()
        .filter(|rule| rule.v4 == source.is_ipv4())
        .collect();
    rules.sort_by_key(|rule| rule.priority);
    let mut tables = Vec::new();
    for rule in rules {
        let applies = match rule.selector {
            Selector::All => true,
            Selector::From { ip, length } => first(source, length) == first(ip, length),
            Selector::Unknown => return tables,
        };
        match rule.table {
            Some(table) if applies => tables.push(table),
            None if applies => return tables,
            _ => {}
        }
    }
    tables
}

/// The first address of a prefix.
fn first(ip: IpAddr, length: u8) -> Key {
    let length = length + if ip.is_ipv4() { MAPPED_BITS } else { 0 };
    let mask = Key::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    key(PackedIp::from(ip)) & mask
}

#[cfg(test)]
mod tests;
