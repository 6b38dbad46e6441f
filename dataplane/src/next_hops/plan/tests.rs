//! What the kernel's tables come to, on networks as operators have them.

use super::super::facts::{Rule, VlanInterface};
use super::*;

const ETH0: u32 = 2;
const ETH1: u32 = 3;
const ETH0_7: u32 = 4;
const MAIN: u32 = 254;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn route(table: u32, to: &str, way: Way) -> Route {
    let (to, length) = to.split_once('/').unwrap();
    Route {
        table,
        to: ip(to),
        length: length.parse().unwrap(),
        metric: 0,
        way,
    }
}

fn on_link(interface: u32) -> Way {
    Way::OnLink { interface }
}

fn via(interface: u32, gateway: &str) -> Way {
    let gateway = ip(gateway);
    Way::Via { interface, gateway }
}

fn rule(priority: u32, selector: Selector, table: Option<u32>) -> Rule {
    Rule {
        v4: true,
        priority,
        selector,
        table,
    }
}

fn hop(interface: u32, gateway: &str) -> Option<Hop> {
    let ip = ip(gateway);
    Some(Hop { interface, ip })
}

fn outlet(address: &str, vlan: Option<u16>) -> Option<Outlet> {
    Some(Outlet {
        ip: ip(address),
        vlan,
        port: EgressPort(0),
        interface: ETH0,
    })
}

/// Two interfaces, a default route by the first, and a VLAN on it.
fn facts() -> Facts {
    let mut facts = Facts::default();
    facts.vlans.push(VlanInterface {
        index: ETH0_7,
        on: ETH0,
        vlan: 7,
    });
    facts.routes = vec![
        route(MAIN, "0.0.0.0/0", via(ETH0, "192.0.2.254")),
        route(MAIN, "192.0.2.0/24", on_link(ETH0)),
        route(MAIN, "192.0.2.128/25", via(ETH0, "192.0.2.253")),
        route(MAIN, "10.0.0.0/8", on_link(ETH1)),
        route(MAIN, "172.16.0.0/12", on_link(ETH0_7)),
        route(MAIN, "198.18.0.0/15", Way::Kernel),
        route(255, "192.0.2.1/32", Way::Kernel),
    ];
    facts.rules = vec![
        rule(32_766, Selector::All, Some(MAIN)),
        rule(0, Selector::All, Some(255)),
    ];
    for (interface, neighbour) in [
        (ETH0, "192.0.2.9"),
        (ETH0, "192.0.2.200"),
        (ETH1, "10.0.0.9"),
        (ETH0_7, "172.16.0.9"),
    ] {
        let ip = ip(neighbour);
        facts.learn(Hop { interface, ip }, [2; 6], false);
    }
    facts
}

fn found(facts: &Facts, from: Option<Outlet>, to: &str) -> Option<Hop> {
    let plan = Plan::new(facts, &[None, from]);
    let view = &plan.views[plan.view_of[1]];
    find(view, key(ip(to).into())).copied().flatten()
}

#[test]
fn gateways_and_neighbours_are_told_apart() {
    let (facts, from) = (facts(), outlet("192.0.2.1", None));
    let found = |to| found(&facts, from, to);
    assert_eq!(found("203.0.113.5"), hop(ETH0, "192.0.2.254"));
    assert_eq!(found("192.0.2.9"), hop(ETH0, "192.0.2.9"));
    assert_eq!(found("192.0.2.10"), None, "nobody has answered yet");
    assert_eq!(
        found("192.0.2.200"),
        hop(ETH0, "192.0.2.253"),
        "behind a gateway"
    );
    assert_eq!(found("192.0.2.1"), None, "this machine itself");
    assert_eq!(found("10.0.0.9"), None, "another interface");
    assert_eq!(found("198.18.0.1"), None, "nowhere");
    assert_eq!(found("2001:db8::1"), None, "another family");
}

#[test]
fn a_vlans_address_leaves_by_the_vlans_interface() {
    let facts = facts();
    let from = outlet("172.16.0.1", Some(7));
    assert_eq!(found(&facts, from, "172.16.0.9"), hop(ETH0_7, "172.16.0.9"));
    assert_eq!(found(&facts, from, "192.0.2.9"), None);
    let no_interface = outlet("192.0.2.1", Some(9));
    assert_eq!(
        found(&facts, no_interface, "192.0.2.9"),
        hop(ETH0, "192.0.2.9")
    );
}

#[test]
fn rules_by_source_choose_the_table() {
    let mut facts = facts();
    let from = |address, length| Selector::From {
        ip: ip(address),
        length,
    };
    facts.rules.push(rule(100, from("192.0.2.0", 24), Some(7)));
    facts
        .routes
        .push(route(7, "0.0.0.0/0", via(ETH0, "192.0.2.77")));
    facts.routes.push(route(7, "10.0.0.0/8", Way::Throw));
    let ours = outlet("192.0.2.1", None);
    assert_eq!(found(&facts, ours, "203.0.113.5"), hop(ETH0, "192.0.2.77"));
    assert_eq!(
        found(&facts, ours, "10.0.0.9"),
        None,
        "thrown on to the main table"
    );
    let others = outlet("198.51.100.1", None);
    assert_eq!(
        found(&facts, others, "203.0.113.5"),
        hop(ETH0, "192.0.2.254")
    );
    facts.rules.push(rule(50, Selector::Unknown, Some(9)));
    assert_eq!(found(&facts, ours, "203.0.113.5"), None, "that depends");
}

#[test]
fn the_lowest_metric_wins() {
    let mut facts = facts();
    facts.routes[0].metric = 200;
    let mut better = route(MAIN, "0.0.0.0/0", via(ETH0, "192.0.2.250"));
    better.metric = 100;
    facts.routes.push(better);
    let found = found(&facts, outlet("192.0.2.1", None), "203.0.113.5");
    assert_eq!(found, hop(ETH0, "192.0.2.250"));
}

#[test]
fn addresses_that_see_the_same_share_a_view() {
    let outlets = [
        outlet("192.0.2.1", None),
        outlet("192.0.2.2", None),
        None,
        outlet("2001:db8::1", None),
        outlet("172.16.0.1", Some(7)),
    ];
    let plan = Plan::new(&facts(), &outlets);
    assert_eq!(plan.view_of, [1, 1, 0, 2, 3]);
    let hops: Vec<String> = plan.hops().keys().map(|hop| hop.ip.to_string()).collect();
    assert_eq!(
        hops,
        ["192.0.2.9", "192.0.2.253", "192.0.2.254", "172.16.0.9"]
    );
}
