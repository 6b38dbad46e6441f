//! Frames go through in both families, tagged or not, and nothing but media does.

use std::net::UdpSocket;

use strait_dataplane::port::Port;
use strait_dataplane::port::af_xdp::Mode;

use crate::rig::{Datagram, rtp};
use crate::stage::{
    Hosts, PATIENCE, PHONE, PHONE6, SWITCH, Stage, addresses, from_core, from_phone, geometry,
    open, possible, within,
};

/// One packet each way, first while no next hop is known, then directly.
fn both_ways(mode: Mode, vlan: Option<u16>, phone: &str) {
    let mut stage = Stage::with(mode, vlan);
    stage.stream(phone, vlan);
    for sequence in 1..=2 {
        assert!(stage.phones.send(&from_phone(vlan, phone, sequence)));
        let got = stage.at_core().expect("it reaches the softswitch");
        check(
            &got,
            SWITCH,
            &rtp(7, sequence, 160, 172),
            stage.core.mac(),
            None,
        );
        stage.wait_for_next_hop(stage.core.mac());
    }
    let remote = phone.rsplit_once(':').unwrap().0.trim_matches(['[', ']']);
    if vlan.is_some() {
        // This kernel has no interface for the VLAN, so nobody answers there.
        let mac = stage
            .phones
            .mac()
            .map(|octet| format!("{octet:02x}"))
            .join(":");
        stage
            .hosts
            .strait
            .ip(&format!("neigh replace {remote} lladdr {mac} dev access"));
        stage.wait_for_next_hop(stage.phones.mac());
    }
    for sequence in 1..=2 {
        assert!(stage.core.send(&from_core(sequence)));
        let got = stage.at_phones().expect("it reaches the phone");
        check(
            &got,
            phone,
            &rtp(8, sequence, 160, 172),
            stage.phones.mac(),
            vlan,
        );
        stage.wait_for_next_hop(stage.phones.mac());
    }
    let tally = *stage.rig.worker.tally();
    assert_eq!(tally.all_dropped(), 0);
    assert_eq!(tally.sent, 4);
}

fn check(got: &Datagram, to: &str, payload: &[u8], mac: [u8; 6], vlan: Option<u16>) {
    assert_eq!(got.to, to.parse().unwrap());
    assert_eq!(got.payload, payload);
    assert_eq!(got.to_mac, mac);
    assert_eq!(got.vlan, vlan);
}

#[test]
fn ipv4_natively() {
    if possible() {
        both_ways(Mode::Native, None, PHONE);
    }
}

#[test]
fn ipv4_generically() {
    if possible() {
        both_ways(Mode::Generic, None, PHONE);
    }
}

#[test]
fn ipv6_to_ipv4_natively() {
    if possible() {
        both_ways(Mode::Native, None, PHONE6);
    }
}

#[test]
fn ipv6_to_ipv4_generically() {
    if possible() {
        both_ways(Mode::Generic, None, PHONE6);
    }
}

#[test]
fn a_vlans_frames_natively() {
    if possible() {
        both_ways(Mode::Native, Some(7), PHONE);
    }
}

#[test]
fn a_vlans_frames_generically() {
    if possible() {
        both_ways(Mode::Generic, Some(7), PHONE6);
    }
}

/// Ping, and datagrams for ports that are not media's, get to the kernel and back.
#[test]
fn the_kernel_keeps_everything_else() {
    if !possible() {
        return;
    }
    let stage = Stage::new(Mode::Native);
    for target in ["192.0.2.1", "2001:db8::1"] {
        let mut ping = stage.hosts.phones.command("ping");
        let output = ping.args(["-c", "1", "-w", "10", target]).output().unwrap();
        assert!(output.status.success(), "{target}: {output:?}");
    }
    let bind = |address: &str| UdpSocket::bind(address).unwrap();
    let signalling = within(&stage.hosts.strait, || bind("192.0.2.1:5060"));
    let phone = within(&stage.hosts.phones, || bind("192.0.2.9:5060"));
    signalling.set_read_timeout(Some(PATIENCE)).unwrap();
    phone.send_to(b"OPTIONS", "192.0.2.1:5060").unwrap();
    let mut space = [0; 16];
    let (length, from) = signalling.recv_from(&mut space).unwrap();
    assert_eq!(
        (&space[..length], from.to_string().as_str()),
        (&b"OPTIONS"[..], "192.0.2.9:5060")
    );
}

/// Several queues: each worker has its own, and what comes by any of them is received.
#[test]
fn every_queue_is_received_from() {
    if !possible() {
        return;
    }
    let hosts = Hosts::new(4);
    let geometry = geometry(addresses(None), 2);
    let nic = open(&hosts.strait, "access", Some(Mode::Native), &geometry, 0).unwrap();
    let mut ports = nic.into_ports().unwrap();
    assert_eq!(ports.len(), 2);
    // The far end sends by its first queue only, so the kernel's sockets are used: they choose
    // the queue by flow.
    let senders: Vec<UdpSocket> = within(&hosts.phones, || {
        (0..32)
            .map(|_| UdpSocket::bind("192.0.2.9:0").unwrap())
            .collect()
    });
    for sender in &senders {
        sender.send_to(&[0x80; 172], "192.0.2.1:20000").unwrap();
    }
    let mut received = [0; 2];
    let frame = strait_dataplane::frame::Frame::new;
    let mut frames: Vec<_> = std::iter::repeat_with(frame).take(64).collect();
    let all = strait_tests::program::wait_until(PATIENCE, || {
        for (port, received) in ports.iter_mut().zip(&mut received) {
            *received += port.rx_burst(crate::rig::now(), &mut frames);
        }
        received.iter().sum::<usize>() == senders.len()
    });
    assert!(all, "{received:?} of {}", senders.len());
}
