//! Next hops follow the kernel: a changed hardware address, a gateway, a neighbour that is gone.

use strait_dataplane::port::af_xdp::Mode;
use strait_shared::slot::AdjacencyIndex;

use crate::stage::{PHONE, Stage, from_core, from_phone, possible};

const CHANGED: [u8; 6] = [2, 0, 0, 0, 0, 0x77];

fn written(mac: [u8; 6]) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

#[test]
fn a_changed_hardware_address_takes_effect_without_touching_slots() {
    if !possible() {
        return;
    }
    let mut stage = Stage::new(Mode::Native);
    let (near, _) = stage.stream(PHONE, None);
    assert!(stage.core.send(&from_core(1)));
    assert!(stage.at_phones().is_some());
    stage.wait_for_next_hop(stage.phones.mac());
    let before = stage.rig.region.table().snapshot(near).unwrap();
    let lladdr = written(CHANGED);
    stage.hosts.strait.ip(&format!(
        "neigh replace 192.0.2.9 lladdr {lladdr} dev access"
    ));
    stage.wait_for_next_hop(CHANGED);
    assert!(stage.core.send(&from_core(2)));
    assert_eq!(stage.at_phones().unwrap().to_mac, CHANGED);
    assert_eq!(stage.rig.region.table().snapshot(near).unwrap(), before);
}

/// The host itself changes its address and says so, as a standby does that takes over.
#[test]
fn a_host_that_announces_a_new_address_is_followed() {
    if !possible() {
        return;
    }
    let mut stage = Stage::new(Mode::Generic);
    stage.stream(PHONE, None);
    assert!(stage.core.send(&from_core(1)));
    assert!(stage.at_phones().is_some());
    stage.wait_for_next_hop(stage.phones.mac());
    stage
        .hosts
        .phones
        .ip(&format!("link set eth0 address {}", written(CHANGED)));
    // What a ping asks ARP for tells its own address to whom it asks.
    stage.hosts.phones.ip("neigh flush dev eth0");
    let mut ping = stage.hosts.phones.command("ping");
    assert!(
        ping.args(["-c", "1", "-w", "10", "192.0.2.1"])
            .status()
            .unwrap()
            .success()
    );
    stage.wait_for_next_hop(CHANGED);
    assert!(stage.core.send(&from_core(2)));
    assert_eq!(stage.at_phones().unwrap().to_mac, CHANGED);
}

#[test]
fn remotes_behind_a_gateway_go_to_the_gateway() {
    if !possible() {
        return;
    }
    let mut stage = Stage::new(Mode::Native);
    stage
        .hosts
        .strait
        .ip("route add 192.0.2.8/32 via 192.0.2.77 dev access onlink");
    let lladdr = written(CHANGED);
    stage.hosts.strait.ip(&format!(
        "neigh replace 192.0.2.77 lladdr {lladdr} dev access"
    ));
    stage.wait_for_next_hop(CHANGED);
    stage.stream("192.0.2.8:4000", None);
    assert!(stage.core.send(&from_core(1)));
    assert_eq!(stage.at_phones().unwrap().to_mac, CHANGED);
}

#[test]
fn a_neighbour_that_is_gone_is_asked_for_again() {
    if !possible() {
        return;
    }
    let mut stage = Stage::new(Mode::Native);
    stage.stream(PHONE, None);
    for sequence in 1..=2 {
        assert!(stage.phones.send(&from_phone(None, PHONE, sequence)));
        assert!(stage.at_core().is_some(), "packet {sequence}");
        stage.wait_for_next_hop(stage.core.mac());
        stage.hosts.strait.ip("neigh flush all");
        let gone = |stage: &mut Stage| {
            let geometry = stage.rig.region.geometry();
            let mut places = geometry.addresses().len() as u16..geometry.adjacencies();
            let table = stage.rig.region.adjacencies();
            places.all(|index| table.get(AdjacencyIndex(index)).is_none())
        };
        assert!(stage.until(gone));
    }
}
