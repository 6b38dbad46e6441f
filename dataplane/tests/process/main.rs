//! The real process: real sockets on the loopback interface, commands through the region.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../rig/mod.rs"]
mod rig;
mod running;

use std::net::UdpSocket;
use std::os::fd::AsFd;

use rig::{addr, build, geometry, local, rtcp, rtp};
use running::{Running, heard, phone, silent};
use strait_dataplane::limits::FRAME_BYTES_MAX;
use strait_dataplane::port::memory::Link;
use strait_shared::command::Event;
use strait_shared::drops::DropReason;
use strait_shared::region::Region;
use strait_shared::slot::{Forwarding, LatchPolicy, Policer};

const UDP: &str = "nics: [ { name: default, port: udp } ]";

fn media(number: u8) -> String {
    format!(
        "[ {{ address: 127.0.72.{number}, ports: 42000-42003 }}, \
         {{ address: \"::1\", ports: 42{number}0-42{number}3 }} ]"
    )
}

#[test]
fn media_flows_between_ipv4_and_ipv6_and_spoofed_packets_do_not() {
    let mut running = Running::start(&media(10), UDP, 1);
    let near = "127.0.72.10:42000".parse().unwrap();
    let far = "[::1]:42100".parse().unwrap();
    let (caller, callee) = (phone("127.0.72.11:0"), phone("[::1]:0"));
    let stranger = phone("127.0.72.12:0");
    let (near_slot, far_slot) = (running.slot(near), running.slot(far));
    let stream = Forwarding {
        accept: true,
        policy: LatchPolicy::Restricted,
        dscp: 46,
        clock_hz: 8_000,
        send_before_latch: true,
        ..Forwarding::default()
    };
    running.open(
        near_slot,
        Forwarding {
            peer: Some(far_slot),
            signalled: addr("127.0.72.11:9"),
            ..stream
        },
    );
    running.open(
        far_slot,
        Forwarding {
            peer: Some(near_slot),
            signalled: Some(callee.local_addr().unwrap()),
            ..stream
        },
    );
    for sequence in 0..50u16 {
        let packet = rtp(7, sequence, u32::from(sequence) * 160, 172);
        stranger.send_to(b"spoofed", near).unwrap();
        caller.send_to(&packet, near).unwrap();
        assert_eq!(heard(&callee), (packet.clone(), far));
        callee.send_to(&packet, far).unwrap();
        assert_eq!(heard(&caller), (packet, near));
    }
    assert!(silent(&callee) && silent(&caller) && silent(&stranger));
    let event =
        running.event(|event| matches!(event, Event::Latched { slot, .. } if *slot == near_slot));
    let Event::Latched { source, .. } = event else {
        unreachable!()
    };
    assert_eq!(source, caller.local_addr().unwrap());
    running.event(|event| matches!(event, Event::Refused { slot, .. } if *slot == near_slot));
    let counters = running.close(near_slot);
    assert_eq!(
        (counters.packets, counters.refused, counters.lost),
        (50, 50, 0)
    );
    assert_eq!(counters.latched, Some(caller.local_addr().unwrap()));
    running.close(far_slot);
    caller.send_to(b"late", near).unwrap();
    running.until(|statistics| statistics.dropped(DropReason::Closed) == 1);
    let statistics = running.statistics();
    assert_eq!((statistics.packets_in, statistics.packets_out), (151, 100));
    assert_eq!(statistics.latency.count(), 100);
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn policers_and_silence_work_on_the_real_clock() {
    let mut running = Running::start(&media(20), UDP, 1);
    let near = "127.0.72.20:42000".parse().unwrap();
    let slot = running.slot(near);
    let caller = phone("127.0.72.21:0");
    running.open(
        slot,
        Forwarding {
            accept: true,
            policy: LatchPolicy::Symmetric,
            policer: Some(Policer {
                packets_per_second: 1,
                bytes_per_second: 1_000,
                burst_ms: 0,
            }),
            // Longer than a sweep, so that one packet is noticed.
            silence_timeout_ms: 3_000,
            ..Forwarding::default()
        },
    );
    for _ in 0..20 {
        caller.send_to(b"x", near).unwrap();
    }
    running.until(|statistics| statistics.dropped(DropReason::PacketRate) >= 15);
    running.event(|event| matches!(event, Event::Silent { .. }));
    caller.send_to(b"x", near).unwrap();
    running.event(|event| matches!(event, Event::Heard { .. }));
    assert!(running.close(slot).policed >= 15);
}

#[test]
fn two_workers_share_the_slots_and_send_for_each_other() {
    let mut running = Running::start(&media(30), UDP, 2);
    // RTP pairs alternate between the workers: 42000 has the first, 42002 the second.
    let near = "127.0.72.30:42000".parse().unwrap();
    let far = "127.0.72.30:42002".parse().unwrap();
    let (caller, callee) = (phone("127.0.72.31:0"), phone("127.0.72.32:0"));
    let (near_slot, far_slot) = (running.slot(near), running.slot(far));
    for (slot, peer) in [(near_slot, far_slot), (far_slot, near_slot)] {
        running.open(
            slot,
            Forwarding {
                peer: Some(peer),
                accept: true,
                policy: LatchPolicy::Symmetric,
                signalled: Some(callee.local_addr().unwrap()).filter(|_| slot == far_slot),
                send_before_latch: true,
                ..Forwarding::default()
            },
        );
    }
    for _ in 0..20 {
        caller.send_to(b"there", near).unwrap();
        assert_eq!(heard(&callee), (b"there".to_vec(), far));
        callee.send_to(b"back", far).unwrap();
        assert_eq!(heard(&caller), (b"back".to_vec(), near));
    }
    assert_eq!(running.close(near_slot).packets, 20);
    assert_eq!(running.close(far_slot).packets, 20);
}

#[test]
fn a_killed_dataplane_comes_back_to_its_calls() {
    let mut running = Running::start(&media(40), UDP, 1);
    let near = "127.0.72.40:42000".parse().unwrap();
    let slot = running.slot(near);
    let (caller, callee) = (phone("127.0.72.41:0"), phone("127.0.72.42:0"));
    let far = "127.0.72.40:42002".parse().unwrap();
    let far_slot = running.slot(far);
    let stream = Forwarding {
        accept: true,
        policy: LatchPolicy::Symmetric,
        ..Forwarding::default()
    };
    running.open(
        slot,
        Forwarding {
            peer: Some(far_slot),
            ..stream
        },
    );
    running.open(
        far_slot,
        Forwarding {
            peer: Some(slot),
            signalled: Some(callee.local_addr().unwrap()),
            send_before_latch: true,
            ..stream
        },
    );
    caller.send_to(&rtp(1, 1, 0, 50), near).unwrap();
    assert_eq!(heard(&callee).1, far);
    running.kill_and_restart();
    caller.send_to(&rtp(1, 2, 160, 50), near).unwrap();
    assert_eq!(heard(&callee).1, far);
    callee.send_to(&rtcp(1), far).unwrap();
    assert_eq!(heard(&caller).1, near);
    assert_eq!(running.statistics().starts, 2);
    assert_eq!(running.close(slot).packets, 2);
}

#[test]
fn a_memory_nic_is_plugged_in_from_outside() {
    let link = Link::create(1, 64).unwrap();
    let media = "[ { address: 192.0.2.1, ports: 42000-42003, vlan: 9, nic: lab } ]";
    let nics = "nics: [ { name: lab, port: memory } ]";
    let mut running = Running::start_with(media, nics, 1, &[("nic-lab", link.fd())]);
    let mut far_end = link.far_end(0);
    let (near, far) = (
        "192.0.2.1:42000".parse().unwrap(),
        "192.0.2.1:42002".parse().unwrap(),
    );
    let (slot, far_slot) = (running.slot(near), running.slot(far));
    let forwarding = Forwarding {
        accept: true,
        peer: Some(far_slot),
        ..Forwarding::default()
    };
    running.open(
        slot,
        Forwarding {
            signalled: addr("192.0.2.9:5000"),
            ..forwarding
        },
    );
    running.open(
        far_slot,
        Forwarding {
            signalled: addr("192.0.2.8:6000"),
            send_before_latch: true,
            vlan: Some(9),
            ..Forwarding::default()
        },
    );
    let frame = build(Some(9), "192.0.2.9:5000".parse().unwrap(), near, b"hello");
    assert!(far_end.send(&frame));
    let mut space = [0; FRAME_BYTES_MAX];
    let length = running::wait(|| far_end.receive(&mut space));
    let out = rig::Datagram::read(&space[..length]);
    assert_eq!((out.from, out.to), (far, "192.0.2.8:6000".parse().unwrap()));
    assert_eq!((out.vlan, out.payload), (Some(9), b"hello".to_vec()));
}

#[test]
fn what_prevents_a_start_is_one_line_and_an_exit_code() {
    let taken = UdpSocket::bind("127.0.72.50:42002").unwrap();
    let (code, text) = running::fails(&media(50), UDP, &[]);
    assert_eq!(code, Some(4));
    assert!(
        text.starts_with("strait-dataplane: 127.0.72.50:42002 is in use"),
        "{text}"
    );
    assert_eq!(text.trim_end().lines().count(), 1);
    drop(taken);

    let elsewhere = "[ { address: 192.0.2.77, ports: 42000-42003 } ]";
    let (code, text) = running::fails(elsewhere, UDP, &[]);
    assert_eq!(code, Some(4));
    assert!(
        text.contains("192.0.2.77 is not an address of this machine"),
        "{text}"
    );

    let odd = "[ { address: 127.0.72.50, ports: 42001-42003 } ]";
    let (code, text) = running::fails(odd, UDP, &[]);
    assert_eq!(code, Some(3));
    assert!(text.contains("42001"), "{text}");

    let other = Region::create(geometry(
        vec![local("127.0.72.50", None, 42_000..=42_001, 0)],
        1,
        0,
    ));
    let other = other.unwrap();
    let (code, text) = running::fails(&media(50), UDP, &[("region", other.fd().unwrap())]);
    assert_eq!(code, Some(6));
    assert!(text.contains("another configuration"), "{text}");

    let memory = "[ { address: 192.0.2.1, ports: 42000-42003, nic: lab } ]";
    let (code, text) = running::fails(memory, "nics: [ { name: lab, port: memory } ]", &[]);
    assert_eq!(code, Some(1));
    assert!(text.contains("nic-lab"), "{text}");
    let nonsense = UdpSocket::bind("127.0.0.1:0").unwrap();
    let handed = [("nic-lab", nonsense.as_fd())];
    let (code, _) = running::fails(memory, "nics: [ { name: lab, port: memory } ]", &handed);
    assert_eq!(code, Some(1));
}

#[test]
fn a_nic_of_dpdks_is_refused_by_name_where_there_is_no_dpdk() {
    let media = "[ { address: 192.0.2.1, ports: 42000-42003, nic: bound } ]";
    let nics = "nics: [ { name: bound, port: dpdk, device: net_null0 } ]";
    let (code, text) = running::fails(media, nics, &[]);
    assert_eq!(code, Some(1), "{text}");
    let told = "strait-dataplane: NIC bound: `port: dpdk` needs the program strait-dataplane-dpdk";
    assert!(text.starts_with(told), "{text}");
    assert!(text.contains("docs/DPDK.md"), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
}

#[test]
fn a_second_dataplane_of_the_same_instance_is_refused() {
    let running = Running::start(&media(60), UDP, 1);
    let (code, text) = running.second();
    assert_eq!(code, Some(4));
    assert!(text.contains("another dataplane runs in"), "{text}");
}

#[test]
fn a_capture_shows_what_passed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tap.pcapng");
    let nics = format!(
        "nics: [ {{ name: default, port: udp, capture: {} }} ]",
        path.display()
    );
    let mut running = Running::start(&media(70), &nics, 1);
    let near = "127.0.72.70:42000".parse().unwrap();
    let far = "127.0.72.70:42002".parse().unwrap();
    let (caller, callee) = (phone("127.0.72.71:0"), phone("127.0.72.72:0"));
    let (slot, far_slot) = (running.slot(near), running.slot(far));
    running.open(
        slot,
        Forwarding {
            accept: true,
            peer: Some(far_slot),
            policy: LatchPolicy::Symmetric,
            ..Forwarding::default()
        },
    );
    running.open(
        far_slot,
        Forwarding {
            signalled: Some(callee.local_addr().unwrap()),
            send_before_latch: true,
            ..Forwarding::default()
        },
    );
    caller.send_to(b"seen twice", near).unwrap();
    heard(&callee);
    assert_eq!(running.stop(), Some(0));
    let mut reader = strait_dataplane::port::pcap::Reader::open(&path).unwrap();
    let mut frame = strait_dataplane::frame::Frame::new();
    let mut seen = Vec::new();
    while reader.next(&mut frame).unwrap().is_some() {
        let datagram = rig::Datagram::read(frame.bytes());
        assert_eq!(datagram.payload, b"seen twice");
        seen.push((datagram.from, datagram.to));
    }
    let (caller, callee) = (caller.local_addr().unwrap(), callee.local_addr().unwrap());
    assert_eq!(seen, [(caller, near), (far, callee)]);
}
