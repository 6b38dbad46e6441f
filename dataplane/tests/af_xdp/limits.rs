//! What an interface brings that its sockets cannot take: queues nobody has, frames too long.

use std::net::UdpSocket;

use strait_dataplane::frame::Frame;
use strait_dataplane::port::af_xdp::{AfXdpPort, Mode};
use strait_dataplane::port::{Port, PortCounters};
use strait_tests::namespace::Namespace;
use strait_tests::program::wait_until;

use crate::rig::now;
use crate::stage::{Hosts, PATIENCE, addresses, geometry, only_port, open, possible, within};

const MEDIA: &str = "192.0.2.1:20000";

fn queues(host: &Namespace, interface: &str, receive: u32, transmit: u32) -> bool {
    let counts = [receive.to_string(), transmit.to_string()];
    let mut ethtool = host.command("ethtool");
    ethtool.args(["-L", interface, "rx", &counts[0], "tx", &counts[1]]);
    ethtool.output().unwrap().status.success()
}

fn senders(hosts: &Hosts, count: usize) -> Vec<UdpSocket> {
    let bind = |_| UdpSocket::bind("192.0.2.9:0").unwrap();
    within(&hosts.phones, || (0..count).map(bind).collect())
}

/// Receives until all that `send` sends is received or counted; what came of it.
fn receive(port: &mut AfXdpPort, send: impl FnOnce() -> usize) -> (Vec<usize>, PortCounters) {
    let mut frames: Vec<Frame> = std::iter::repeat_with(Frame::new).take(64).collect();
    let before = port.counters();
    let sent = send() as u64;
    let mut lengths = Vec::new();
    let mut counters = before;
    wait_until(PATIENCE, || {
        let count = port.rx_burst(now(), &mut frames);
        lengths.extend(frames[..count].iter().map(|frame| frame.bytes().len()));
        counters = port.counters();
        counters.missed -= before.missed;
        counters.oversized -= before.oversized;
        lengths.len() as u64 + counters.missed + counters.oversized >= sent
    });
    (lengths, counters)
}

/// The kernel takes no queue away that a worker has. One that it gets later takes flows away
/// (veth does not even show them to a program that is attached already, so here nobody counts
/// them); the others go on, and all is well when it is gone again.
#[test]
fn queues_come_and_do_not_go() {
    if !possible() {
        return;
    }
    let hosts = Hosts::new(4);
    assert!(queues(&hosts.phones, "eth0", 4, 2));
    assert!(queues(&hosts.strait, "access", 2, 4));
    let geometry = geometry(addresses(None), 1);
    let mut port =
        only_port(open(&hosts.strait, "access", Some(Mode::Native), &geometry, 0).unwrap());
    let senders = senders(&hosts, 64);
    let send = || {
        for sender in &senders {
            sender.send_to(&[0x80; 172], MEDIA).unwrap();
        }
        senders.len()
    };
    let round = |port: &mut AfXdpPort| receive(port, send);
    let (received, counters) = round(&mut port);
    assert_eq!((received.len(), counters.missed), (64, 0));

    assert!(!queues(&hosts.strait, "access", 1, 4), "a worker has it");
    assert_eq!(round(&mut port).0.len(), 64);

    assert!(queues(&hosts.strait, "access", 4, 4));
    assert!(queues(&hosts.phones, "eth0", 4, 4));
    send();
    let (received, _) = receive(&mut port, || 1);
    assert!(!received.is_empty());
    assert!(queues(&hosts.phones, "eth0", 4, 2));
    assert!(queues(&hosts.strait, "access", 2, 4));
    let (received, _) = round(&mut port);
    assert!(received.len() >= senders.len());
}

/// Frames longer than the relay takes are counted, whoever finds out, and harm no other.
#[test]
fn frames_too_long_are_counted() {
    if !possible() {
        return;
    }
    let hosts = Hosts::new(1);
    hosts.strait.ip("link set access mtu 3000");
    hosts.phones.ip("link set eth0 mtu 3000");
    let geometry = geometry(addresses(None), 1);
    let mut port =
        only_port(open(&hosts.strait, "access", Some(Mode::Native), &geometry, 0).unwrap());
    let sender = &senders(&hosts, 1)[0];
    // With the headers 42 octets more: the longest, one too long, one that no buffer holds.
    let (received, counters) = receive(&mut port, || {
        let payloads = [2006, 2007, 2500, 172];
        for payload in payloads {
            sender.send_to(&vec![0x80; payload], MEDIA).unwrap();
        }
        payloads.len()
    });
    assert_eq!(received, [2048, 214]);
    assert_eq!((counters.oversized, counters.missed), (1, 1));
}
