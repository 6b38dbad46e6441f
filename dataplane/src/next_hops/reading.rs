//! Reading the kernel's messages into facts.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::link::{InfoData, InfoVlan, LinkAttribute, LinkInfo, LinkMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteType, RouteVia,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};

use super::facts::{Facts, Hop, Route, Rule, Selector, VlanInterface, Way};
use crate::limits::ROUTES_MAX;
use crate::netlink::Netlink;

/// The kernel's side of the next hops.
pub(super) struct Reader {
    requests: Netlink,
    events: Netlink,
}

impl Reader {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self {
            events: Netlink::subscribe()?,
            requests: Netlink::open()?,
        })
    }

    /// Everything there is. What changes meanwhile comes as an event.
    pub(super) fn all(&mut self) -> io::Result<Facts> {
        let mut facts = Facts::default();
        facts.change();
        let links = Message::GetLink(LinkMessage::default());
        self.requests.dump(links, |message| {
            if let Message::NewLink(link) = message {
                facts.vlans.extend(vlan_interface(&link));
            }
        })?;
        let mut count = 0;
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut request = RouteMessage::default();
            request.header.address_family = family;
            self.requests.dump(Message::GetRoute(request), |message| {
                if let Message::NewRoute(route) = message {
                    count += 1;
                    facts.routes.extend(read_route(&route));
                }
            })?;
        }
        if count > ROUTES_MAX {
            // Some of them would be wrong: a longer prefix may lead elsewhere.
            tracing::warn!(
                routes = count,
                most = ROUTES_MAX,
                "too many routes: media is slow"
            );
            facts.routes.clear();
        }
        let rules = Message::GetRule(RuleMessage::default());
        self.requests.dump(rules, |message| {
            if let Message::NewRule(rule) = message {
                facts.rules.extend(read_rule(&rule));
            }
        })?;
        let neighbours = Message::GetNeighbour(NeighbourMessage::default());
        self.requests.dump(neighbours, |message| {
            if let Message::NewNeighbour(neighbour) = message {
                read_neighbour(&neighbour, &mut facts);
            }
        })?;
        Ok(facts)
    }

    /// Brings what has changed of the neighbours into the facts; says whether anything else has
    /// changed too. An error says that some changes were lost.
    pub(super) fn changes(&mut self, facts: &mut Facts) -> io::Result<bool> {
        let mut others = false;
        self.events.changes(|message| match message {
            Message::NewNeighbour(neighbour) => read_neighbour(&neighbour, facts),
            Message::DelNeighbour(neighbour) => {
                if let Some(hop) = hop(&neighbour) {
                    facts.forget(hop);
                }
            }
            _ => others = true,
        })?;
        Ok(others)
    }

    /// Has the kernel ask a neighbour whether it is still there.
    pub(super) fn ask_after(&mut self, hop: &Hop) {
        let mut message = NeighbourMessage::default();
        let (family, address) = match hop.ip {
            IpAddr::V4(ip) => (AddressFamily::Inet, NeighbourAddress::Inet(ip)),
            IpAddr::V6(ip) => (AddressFamily::Inet6, NeighbourAddress::Inet6(ip)),
        };
        message.header.family = family;
        message.header.ifindex = hop.interface;
        message.header.flags = NeighbourFlags::Use;
        let attribute = NeighbourAttribute::Destination(address);
        message.attributes.push(attribute);
        if let Err(error) = self.requests.request(Message::NewNeighbour(message)) {
            tracing::debug!(%error, neighbour = %hop.ip, "the kernel cannot be asked");
        }
    }
}

impl AsFd for Reader {
    /// Readable when something has changed.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

fn vlan_interface(link: &LinkMessage) -> Option<VlanInterface> {
    let mut on = None;
    let mut vlan = None;
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::Link(index) => on = Some(*index),
            LinkAttribute::LinkInfo(infos) => {
                vlan = infos.iter().find_map(|info| match info {
                    LinkInfo::Data(InfoData::Vlan(data)) => vlan_id(data),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    Some(VlanInterface {
        index: link.header.index,
        on: on?,
        vlan: vlan?,
    })
}

fn vlan_id(data: &[InfoVlan]) -> Option<u16> {
    data.iter().find_map(|info| match info {
        InfoVlan::Id(id) => Some(*id),
        _ => None,
    })
}

fn read_neighbour(neighbour: &NeighbourMessage, facts: &mut Facts) {
    use NeighbourState::{Delay, Noarp, Permanent, Probe, Reachable, Stale};
    let Some(hop) = hop(neighbour) else {
        return;
    };
    let state = neighbour.header.state;
    let known = [Reachable, Stale, Delay, Probe, Noarp, Permanent].contains(&state);
    let mac = neighbour
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(octets) => octets.as_slice().try_into().ok(),
            _ => None,
        });
    match mac.filter(|_| known) {
        Some(mac) => facts.learn(hop, mac, state == Stale),
        None => facts.forget(hop),
    }
}

/// Bridges' forwarding entries and proxies are no neighbours.
fn hop(neighbour: &NeighbourMessage) -> Option<Hop> {
    let proxy = neighbour.header.flags.contains(NeighbourFlags::Proxy);
    let ip = neighbour
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => Some(IpAddr::from(*ip)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => Some((*ip).into()),
            _ => None,
        });
    Some(Hop {
        interface: neighbour.header.ifindex,
        ip: ip.filter(|_| !proxy)?,
    })
}

fn read_route(message: &RouteMessage) -> Option<Route> {
    let header = &message.header;
    let v4 = header.address_family == AddressFamily::Inet;
    let unspecified: IpAddr = match v4 {
        true => Ipv4Addr::UNSPECIFIED.into(),
        false => Ipv6Addr::UNSPECIFIED.into(),
    };
    let dead = RouteFlags::Dead | RouteFlags::Cloned;
    if header.flags.intersects(dead) || header.tos != 0 {
        return None;
    }
    let mut route = Route {
        table: header.table.into(),
        to: unspecified,
        length: header.destination_prefix_length,
        metric: 0,
        way: Way::Kernel,
    };
    let (mut interface, mut gateway, mut plain) = (None, None, true);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Table(table) => route.table = *table,
            RouteAttribute::Destination(RouteAddress::Inet(to)) => route.to = (*to).into(),
            RouteAttribute::Destination(RouteAddress::Inet6(to)) => route.to = (*to).into(),
            RouteAttribute::Priority(metric) => route.metric = *metric,
            RouteAttribute::Oif(index) => interface = Some(*index),
            RouteAttribute::Gateway(RouteAddress::Inet(ip))
            | RouteAttribute::Via(RouteVia::Inet(ip)) => gateway = Some(IpAddr::from(*ip)),
            RouteAttribute::Gateway(RouteAddress::Inet6(ip))
            | RouteAttribute::Via(RouteVia::Inet6(ip)) => gateway = Some((*ip).into()),
            // Several ways to share, tunnels, and routes by source are the kernel's.
            RouteAttribute::MultiPath(_) | RouteAttribute::EncapType(_) => plain = false,
            _ => {}
        }
    }
    plain &= header.source_prefix_length == 0;
    route.way = match (header.kind, interface, gateway) {
        (RouteType::Throw, ..) => Way::Throw,
        (RouteType::Unicast, Some(interface), Some(gateway)) if plain => {
            Way::Via { interface, gateway }
        }
        (RouteType::Unicast, Some(interface), None) if plain => Way::OnLink { interface },
        _ => Way::Kernel,
    };
    Some(route)
}

/// Nothing for rules that are never about packets of ours.
fn read_rule(message: &RuleMessage) -> Option<Rule> {
    let header = &message.header;
    let mut rule = Rule {
        v4: header.family == AddressFamily::Inet,
        priority: 0,
        selector: Selector::All,
        table: (header.action == RuleAction::ToTable).then_some(header.table.into()),
    };
    let mut unknown = header.flags.contains(RuleFlags::Invert) || header.dst_len > 0;
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(priority) => rule.priority = *priority,
            RuleAttribute::Table(table) => {
                rule.table = rule.table.map(|_| *table);
            }
            RuleAttribute::Source(ip) => {
                rule.selector = Selector::From {
                    ip: *ip,
                    length: header.src_len,
                };
            }
            // Our packets carry no mark, come in by no interface, and are bound to none.
            RuleAttribute::FwMark(mark) if *mark != 0 => return None,
            RuleAttribute::Iifname(name) if name != "lo" => return None,
            RuleAttribute::Oifname(_) | RuleAttribute::L3MDev(true) => return None,
            RuleAttribute::Goto(_)
            | RuleAttribute::UidRange(_)
            | RuleAttribute::IpProtocol(_)
            | RuleAttribute::SourcePortRange(_)
            | RuleAttribute::DestinationPortRange(_)
            | RuleAttribute::TunId(_) => unknown = true,
            // Main may be asked with its default route left out, as some tunnels set it up.
            RuleAttribute::SuppressPrefixLen(length) if *length != u32::MAX => unknown = true,
            _ => {}
        }
    }
    if header.tos != 0 {
        return None;
    }
    if unknown {
        rule.selector = Selector::Unknown;
    }
    Some(rule)
}
