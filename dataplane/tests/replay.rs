//! A recorded call through some other relay: given what it received, ours sends what it sent.
//!
//! The capture lies outside of the repository, in the directory that `STRAIT_TESTDATA` names.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod rig;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rig::*;
use strait_dataplane::frame::Frame;
use strait_dataplane::port::Port;
use strait_dataplane::port::pcap::{PcapPort, Reader};
use strait_shared::region::Region;
use strait_shared::slot::{Forwarding, LatchPolicy};

/// The relay of the capture, and its two parties.
const RELAY: &str = "200.57.7.196";
const CALLER: (&str, &str) = ("200.57.7.204:8000", "200.57.7.196:40376");
const CALLEE: (&str, &str) = ("200.57.7.199:4800", "200.57.7.196:40378");

#[test]
fn a_recorded_g711_call_comes_out_as_it_did() {
    let data = std::env::var_os("STRAIT_TESTDATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/testdata"),
        PathBuf::from,
    );
    let capture = data.join("pcap/SIP_CALL_RTP_G711.pcap");
    if !capture.exists() {
        println!("skipped: there is no {}", capture.display());
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out.pcapng");
    let mut rig = plugged_in(&capture, &out);
    let (caller, callee) = (rig.slot(CALLER.1), rig.slot(CALLEE.1));
    for (slot, peer, remote) in [(caller, callee, CALLER.0), (callee, caller, CALLEE.0)] {
        rig.open(
            slot,
            Forwarding {
                peer: Some(peer),
                accept: true,
                policy: LatchPolicy::Signalled,
                signalled: addr(remote),
                send_before_latch: true,
                clock_hz: 8_000,
                ..Forwarding::default()
            },
        );
    }
    // The call took less than two minutes.
    for _ in 0..120_000 {
        advance(Duration::from_millis(1));
        rig.breathe();
    }
    let heard = [rig.close(caller), rig.close(callee)];
    assert_eq!(heard.map(|counters| counters.packets), [548, 891]);
    assert_eq!(heard.map(|counters| counters.lost), [0, 0]);
    drop(rig);
    for (from, to) in [(CALLER.1, CALLER.0), (CALLEE.1, CALLEE.0)] {
        let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
        let (expected, sent) = (stream(&capture, from, to), stream(&out, from, to));
        assert!(expected.len() > 500);
        assert_eq!(sent, expected);
    }
}

/// A worker whose only NIC plays one capture and records another.
fn plugged_in(read: &Path, write: &Path) -> Rig {
    let region = Region::heap(geometry(vec![local(RELAY, None, 40_376..=40_379, 0)], 1, 0));
    let port = PcapPort::open("replay", Some(read), Some(write)).unwrap();
    let ports: Vec<Box<dyn Port>> = vec![Box::new(port)];
    let worker = worker(&region, 0, ports);
    let mut rig = Rig::over(region, worker, Vec::new());
    rig.resolve();
    rig
}

/// The payloads of one stream of a capture, in order.
fn stream(capture: &Path, from: SocketAddr, to: SocketAddr) -> Vec<Vec<u8>> {
    let mut reader = Reader::open(capture).unwrap();
    let mut frame = Frame::new();
    let mut payloads = Vec::new();
    while reader.next(&mut frame).unwrap().is_some() {
        let packet = etherparse::PacketHeaders::from_ethernet_slice(frame.bytes());
        let is_udp = packet.is_ok_and(|packet| {
            matches!(packet.transport, Some(etherparse::TransportHeader::Udp(_)))
        });
        if is_udp {
            let datagram = Datagram::read_unverified(frame.bytes());
            if (datagram.from, datagram.to) == (from, to) {
                payloads.push(datagram.payload);
            }
        }
    }
    payloads
}
