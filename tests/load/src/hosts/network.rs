//! Wires, addresses, neighbours, routes: what makes a network of the hosts.
//!
//! Every neighbour is known from the start, so that none need answer for itself. Where DPDK drives
//! the interfaces in the middle, the kernel there has TAP devices in their place.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Command;

use super::tools::{feed, ip, run};
use super::{Hosts, MIDDLE_ADDRESSES, Middle, mac};
use crate::Failure;
use crate::device::Device;

/// Each side's network of 24 bits, and of 64 bits.
const IPV4: [[u8; 3]; 2] = [[192, 0, 2], [198, 51, 100]];
const IPV6: [[u16; 3]; 2] = [[0x2001, 0xdb8, 1], [0x2001, 0xdb8, 2]];

/// An address on one side.
pub fn address(side: usize, host: u8, is_ipv6: bool) -> IpAddr {
    let ([a, b, c], [d, e, f]) = (IPV4[side], IPV6[side]);
    match is_ipv6 {
        false => Ipv4Addr::new(a, b, c, host).into(),
        true => Ipv6Addr::new(d, e, f, 0, 0, 0, 0, host.into()).into(),
    }
}

/// Joins all hosts.
pub fn join(hosts: &Hosts) -> Result<(), Failure> {
    for name in &hosts.names {
        ip(name, "link set lo up\n")?;
    }
    for side in [0, 1] {
        if hosts.middle != Middle::Dpdk(Device::Tap) {
            wire(hosts, side)?;
            ip(&hosts.names[side], &party(hosts, side))?;
        }
        if let Some(name) = hosts.names.get(2) {
            ip(name, &in_the_middle(hosts, side))?;
            drop_for_the_kernel(hosts, side)?;
        }
    }
    // A checksum left to hardware that is not there would stay undone.
    hosts.each_interface(|hosts, host, interface| {
        let mut ethtool = hosts.command(host, "ethtool");
        run(ethtool.args(["-K", interface, "tx", "off"]))
    })
}

/// Makes the interface of a TAP device of DPDK's the party's own.
pub fn adopt(hosts: &Hosts, side: usize) -> Result<(), Failure> {
    let (device, own) = (hosts.driven_interface(side), hosts.party_interface(side));
    let party_host = &hosts.names[side];
    ip(
        &hosts.names[2],
        &format!("link set {device} netns {party_host} name {own}\n"),
    )?;
    let address = mac(Hosts::party_mac(side));
    let adopted = format!("link set {own} address {address}\n") + &party(hosts, side);
    ip(party_host, &adopted)?;
    let mut ethtool = hosts.command(side, "ethtool");
    run(ethtool.args(["-K", &own, "tx", "off"]))
}

/// Has the middle know the party, whom a TAP device forgets when it is opened.
pub fn introduce(hosts: &Hosts, side: usize) -> Result<(), Failure> {
    ip(&hosts.names[2], &neighbour(hosts, side))
}

/// The veth pair between a party and the middle, or between the parties.
fn wire(hosts: &Hosts, side: usize) -> Result<(), Failure> {
    let own = hosts.party_interface(side);
    let (peer, peer_host, peer_mac) = match hosts.middle {
        Middle::Nothing if side == 1 => return Ok(()),
        Middle::Nothing => (hosts.party_interface(1), 1, Hosts::party_mac(1)),
        _ => (hosts.driven_interface(side), 2, Hosts::middle_mac(side)),
    };
    let (party_mac, peer_mac) = (mac(Hosts::party_mac(side)), mac(peer_mac));
    let (peer_host, queues) = (&hosts.names[peer_host], hosts.queues);
    let queues = format!("numrxqueues {queues} numtxqueues {queues}");
    let link = format!(
        "link add {own} address {party_mac} {queues} type veth peer name {peer} address {peer_mac} \
         {queues} netns {peer_host}\n"
    );
    ip(&hosts.names[side], &link)
}

/// The party's address, neighbours and routes.
fn party(hosts: &Hosts, side: usize) -> String {
    let own = hosts.party_interface(side);
    let mut batch = own_address(hosts.party_address(side), &own);
    batch += &format!("link set {own} up\n");
    for (other, known) in neighbours(hosts, side) {
        let known = mac(known);
        batch += &format!("neigh add {other} lladdr {known} dev {own}\n");
    }
    let everywhere = match hosts.is_ipv6[side] {
        false => "0.0.0.0/0",
        true => "::/0",
    };
    let gateway = hosts.middle_address(side, 0);
    batch
        + &match hosts.middle {
            Middle::Nothing => format!("route add {everywhere} dev {own}\n"),
            _ => format!("route add {everywhere} via {gateway} dev {own}\n"),
        }
}

/// The middle's addresses and neighbour on one side.
fn in_the_middle(hosts: &Hosts, side: usize) -> String {
    let (interface, driven) = (hosts.middle_interface(side), hosts.driven_interface(side));
    let mut batch = match hosts.middle {
        Middle::Dpdk(_) => format!("tuntap add {interface} mode tap\n"),
        _ => String::new(),
    };
    if let Middle::Dpdk(Device::Packet | Device::Xdp) = hosts.middle {
        batch += &format!("link set {driven} up\n");
    }
    for number in 0..MIDDLE_ADDRESSES {
        batch += &own_address(hosts.middle_address(side, number), &interface);
    }
    batch + &format!("link set {interface} up\n") + &neighbour(hosts, side)
}

/// The party as the middle's neighbour.
fn neighbour(hosts: &Hosts, side: usize) -> String {
    let (party, known) = (hosts.party_address(side), mac(Hosts::party_mac(side)));
    let interface = hosts.middle_interface(side);
    format!("neigh replace {party} lladdr {known} dev {interface}\n")
}

/// What DPDK drives is none of the kernel's, though packet sockets leave it everything.
fn drop_for_the_kernel(hosts: &Hosts, side: usize) -> Result<(), Failure> {
    if hosts.middle != Middle::Dpdk(Device::Packet) {
        return Ok(());
    }
    let driven = hosts.driven_interface(side);
    let rules = format!(
        "table netdev side{side} {{ chain drops {{ type filter hook ingress device \"{driven}\" \
         priority 0; policy drop; }}\n}}\n"
    );
    let mut nft = Command::new("ip");
    nft.args(["netns", "exec", &hosts.names[2], "nft", "-f", "-"]);
    feed(&mut nft, &rules)
}

/// Whom a party sends to, and their hardware addresses.
fn neighbours(hosts: &Hosts, side: usize) -> Vec<(IpAddr, [u8; 6])> {
    if hosts.middle == Middle::Nothing {
        return vec![(hosts.party_address(1 - side), Hosts::party_mac(1 - side))];
    }
    let numbers = 0..MIDDLE_ADDRESSES;
    numbers
        .map(|number| (hosts.middle_address(side, number), Hosts::middle_mac(side)))
        .collect()
}

fn own_address(address: IpAddr, interface: &str) -> String {
    // Nobody else is there to have the same one.
    match address.is_ipv6() {
        false => format!("addr add {address}/24 dev {interface}\n"),
        true => format!("addr add {address}/64 dev {interface} nodad\n"),
    }
}
