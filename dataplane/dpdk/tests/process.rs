//! The process on virtual devices, as a configuration names them: captures in and out (net_pcap),
//! and a source of frames that are no media (net_null).
//!
//! `tests/load/tests/hosts.rs` runs it on packet sockets, AF_XDP and TAP devices.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::borrow::Cow;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
use pcap_file::pcap::{PcapPacket, PcapReader, PcapWriter};
use strait_shared::attach::{Attached, fetch};
use strait_shared::command::{Command as Order, CommandId};
use strait_shared::drops::DropReason;
use strait_shared::geometry::WorkerIndex;
use strait_shared::region::ControlEnd;
use strait_shared::slot::{Forwarding, Generation, Policer, SlotIndex};
use strait_shared::statistics::Statistics;
use strait_tests::namespace::{Namespace, World};
use strait_tests::program::{Program, wait_until};
use strait_tests::requirements;

const NEAR: &str = "192.0.2.1:20000";
const FAR: &str = "198.51.100.1:20000";
const PHONE: &str = "192.0.2.9:4000";
const SWITCH: &str = "198.51.100.9:6000";
const SWITCH_MAC: &str = "02:00:00:00:01:09";
const PAYLOAD: [u8; 24] = [0x80; 24];
/// The capture is played over and over, as fast as it goes: few of it may leave.
const POLICER: Policer = Policer {
    packets_per_second: 100,
    bytes_per_second: 100_000,
    burst_ms: 100,
};
/// Memory without huge pages.
const NO_HUGE: &str = "--no-huge, -m, '128', ";
/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_capture_is_relayed_into_another() {
    if !requirements::met(&["ip"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    write(&directory.join("in.pcap"));
    let host = host();
    configure(directory, &captures(directory), 1, NO_HUGE);
    let (dataplane, attached) = start(&host, directory);
    host.ip(&format!(
        "neigh replace 198.51.100.9 lladdr {SWITCH_MAC} dev far"
    ));
    let mut control = attached.region.control().unwrap();
    open(&attached, &mut control);
    let relayed =
        |seen: Statistics| seen.packets_out > 0 && seen.dropped(DropReason::PacketRate) > 0;
    let page = attached.region.statistics(WorkerIndex(0)).unwrap();
    assert!(
        wait_until(PATIENCE, || relayed(page.read())),
        "{:?}",
        page.read()
    );
    dataplane.signal("TERM");
    dataplane.succeed(PATIENCE);
    assert_relayed(&directory.join("out.pcap"));
}

#[test]
fn a_device_with_too_few_queues_is_refused() {
    if !requirements::met(&["ip"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    write(&directory.path().join("in.pcap"));
    let host = host();
    configure(directory.path(), &captures(directory.path()), 2, NO_HUGE);
    let output = program(&host, directory.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    let reason = match allowed {
        1 => "2 workers cannot run",
        _ => "Insufficient number of RX queues",
    };
    assert!(said.contains(reason), "{said}");
}

#[test]
fn a_flood_for_the_kernel_is_bounded_and_counted() {
    if !requirements::met(&["ip"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let host = host();
    let nulls = ["net_null0".to_owned(), "net_null1".to_owned()];
    configure(directory, &nulls, 1, NO_HUGE);
    let (dataplane, attached) = start(&host, directory);
    let page = attached.region.statistics(WorkerIndex(0)).unwrap();
    let lost = || page.read().missed > 1_000;
    assert!(wait_until(PATIENCE, lost), "{:?}", page.read());
    assert_eq!(page.read().packets_in, 0, "none of them is media");
    dataplane.signal("TERM");
    dataplane.succeed(PATIENCE);
}

#[test]
fn huge_pages_that_are_missing_are_said_to_be() {
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap();
    let mut lines = memory.lines();
    let none = lines.any(|line| line.starts_with("HugePages_Total:") && line.ends_with(" 0"));
    if !none {
        println!("skipped: this machine has huge pages reserved");
        return;
    }
    if !requirements::met(&["ip"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let host = host();
    let nulls = ["net_null0".to_owned(), "net_null1".to_owned()];
    configure(directory.path(), &nulls, 1, "");
    let output = program(&host, directory.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains("DPDK does not start"), "{said}");
    assert!(last.contains("docs/DPDK.md"), "{said}");
}

/// The process, once it hands its region out.
fn start(host: &Namespace, directory: &Path) -> (Program, Attached) {
    let dataplane = host.start("dataplane", program(host, directory), directory);
    let socket = directory.join("run/region.sock");
    let mut attached = None;
    let up = wait_until(PATIENCE, || {
        attached = fetch(&socket, None, Duration::from_millis(100)).ok();
        attached.is_some()
    });
    assert!(up, "{}", dataplane.output());
    (dataplane, attached.unwrap())
}

/// A host with the TAP devices of both NICs.
fn host() -> Namespace {
    let host = World::new().host("pcap");
    for (interface, address) in [("near", "192.0.2.1/24"), ("far", "198.51.100.1/24")] {
        host.ip(&format!("tuntap add {interface} mode tap"));
        host.address(interface, address);
    }
    host
}

/// A capture that is played over and over, and one that is written.
fn captures(directory: &Path) -> [String; 2] {
    let at = directory.display();
    [
        format!("net_pcap0,rx_pcap={at}/in.pcap,infinite_rx=1"),
        format!("net_pcap1,tx_pcap={at}/out.pcap"),
    ]
}

fn configure(directory: &Path, [near, far]: &[String; 2], workers: usize, more: &str) {
    let at = directory.display();
    let workers = vec!["{}"; workers].join(", ");
    let text = format!(
        "runtime_directory: {at}/run
realms:
  - name: near
    signalling: [ {{ address: 192.0.2.1 }} ]
    media: [ {{ address: 192.0.2.1, ports: 20000-20009, nic: near }} ]
  - name: far
    signalling: [ {{ address: 198.51.100.1 }} ]
    media: [ {{ address: 198.51.100.1, ports: 20000-20009, nic: far }} ]
dataplane:
  nics:
    - {{ name: near, port: dpdk, device: '{near}' }}
    - {{ name: far, port: dpdk, device: '{far}' }}
  workers: [ {workers} ]
  dpdk: {{ options: [ {more}--log-level, '*:4' ] }}
"
    );
    std::fs::write(directory.join("strait.yaml"), text).unwrap();
}

fn program(host: &Namespace, directory: &Path) -> Command {
    let mut program = host.command(env!("CARGO_BIN_EXE_strait-dataplane-dpdk"));
    program.arg("-c").arg(directory.join("strait.yaml"));
    program
}

/// A stream from the phone to the softswitch.
fn open(attached: &Attached, control: &mut ControlEnd) {
    let geometry = attached.region.geometry();
    let slot = |at: &str| -> SlotIndex { geometry.slot_at(address(at)).unwrap() };
    for (slot, peer, party) in [
        (slot(NEAR), slot(FAR), PHONE),
        (slot(FAR), slot(NEAR), SWITCH),
    ] {
        let forwarding = Forwarding {
            peer: Some(peer),
            accept: true,
            signalled: Some(address(party)),
            send_before_latch: true,
            policer: Some(POLICER),
            ..Forwarding::default()
        };
        let command = Order::Open {
            slot,
            generation: Generation(1),
            forwarding,
        };
        control.commands[0]
            .push(&command.encode(CommandId(1)))
            .unwrap();
    }
}

/// A capture of one frame from the phone.
fn write(path: &Path) {
    let mut frame = Vec::new();
    let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([192, 0, 2, 9], [192, 0, 2, 1], 64);
    packet
        .udp(4_000, 20_000)
        .write(&mut frame, &PAYLOAD)
        .unwrap();
    let mut writer = PcapWriter::new(File::create(path).unwrap()).unwrap();
    let packet = PcapPacket {
        timestamp: Duration::ZERO,
        orig_len: frame.len() as u32,
        data: Cow::Owned(frame),
    };
    writer.write_packet(&packet).unwrap();
}

/// What left is what came, to the softswitch and from our address towards it.
fn assert_relayed(path: &Path) {
    let mut reader = PcapReader::new(File::open(path).unwrap()).unwrap();
    let mut count = 0;
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        let sliced = SlicedPacket::from_ethernet(&packet.data).unwrap();
        let Some(TransportSlice::Udp(udp)) = sliced.transport else {
            // What the kernel had to say on its TAP device.
            continue;
        };
        if udp.source_port() != address(FAR).port() {
            continue;
        }
        assert_eq!(udp.destination_port(), address(SWITCH).port());
        assert_eq!(udp.payload(), PAYLOAD);
        count += 1;
    }
    assert!(count > 0, "nothing was relayed");
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}
