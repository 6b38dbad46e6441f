//! Bringing an interface up and letting it go, and what is said when that cannot be.

use strait_dataplane::port::af_xdp::{Mode, OpenError};

use strait_shared::geometry::Geometry;
use strait_tests::program::wait_until;

use crate::rig::local;
use crate::stage::{Hosts, PATIENCE, addresses, geometry, link, open, possible};

#[test]
fn the_best_mode_there_is_is_taken_and_the_required_one_insisted_on() {
    if !possible() {
        return;
    }
    let hosts = Hosts::new(1);
    let geometry = geometry(addresses(None), 1);
    let open = |mode| open(&hosts.strait, "access", mode, &geometry, 0);
    assert_eq!(
        open(None).unwrap().mode(),
        Mode::Native,
        "veth has no zero-copy"
    );
    assert_eq!(open(Some(Mode::Generic)).unwrap().mode(), Mode::Generic);
    let refused = open(Some(Mode::ZeroCopy))
        .err()
        .expect("veth has no zero-copy");
    let said = refused.to_string();
    assert!(said.starts_with("`access` refuses zero-copy ("), "{said}");
    assert!(
        said.ends_with("leave `mode` out to take the best there is, or use another NIC or driver"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1);
}

#[test]
fn the_interface_is_left_as_it_was() {
    if !possible() {
        return;
    }
    let hosts = Hosts::new(1);
    let geometry = geometry(addresses(None), 1);
    let before = link(&hosts.strait, "access").unwrap();
    for mode in [Mode::Native, Mode::Generic] {
        let nic = open(&hosts.strait, "access", Some(mode), &geometry, 0).unwrap();
        let during = link(&hosts.strait, "access").unwrap();
        assert!(during.contains("prog/xdp"), "{during}");
        drop(nic);
        let as_it_was = || link(&hosts.strait, "access").is_ok_and(|now| now == before);
        assert!(
            wait_until(PATIENCE, as_it_was),
            "{:?}",
            link(&hosts.strait, "access")
        );
    }
}

#[test]
fn what_is_in_the_way_is_named_in_one_line() {
    if !possible() {
        return;
    }
    let hosts = Hosts::new(1);
    let one = geometry(addresses(None), 1);
    let said = |geometry: Geometry, interface| {
        let refused = open(&hosts.strait, interface, None, &geometry, 0);
        let said = refused.err().expect("it is refused").to_string();
        assert_eq!(said.lines().count(), 1, "{said}");
        said
    };
    let elsewhere = vec![local("203.0.113.1", None, 20_000..=20_001, 0)];
    let not_local = said(geometry(elsewhere, 1), "access");
    assert!(
        not_local.starts_with("203.0.113.1 is not an address"),
        "{not_local}"
    );
    let missing = said(one.clone(), "nowhere0");
    assert!(
        missing.contains("no interface `nowhere0`; `ip link` lists them"),
        "{missing}"
    );
    let queues = said(geometry(addresses(None), 2), "access");
    assert!(queues.contains("ethtool -L access combined 2"), "{queues}");
    hosts.strait.feature("access", "rxvlan", "on");
    let vlan = said(geometry(addresses(Some(7)), 1), "access");
    assert!(vlan.contains("ethtool -K access rxvlan off"), "{vlan}");
    let held = open(&hosts.strait, "access", None, &one, 0).unwrap();
    let occupied = open(&hosts.strait, "access", None, &one, 0).err();
    assert!(
        matches!(occupied, Some(OpenError::Occupied(_))),
        "{occupied:?}"
    );
    drop(held);
}
