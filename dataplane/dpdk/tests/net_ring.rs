//! A port on DPDK's ring device, which brings back whatever is sent: what is media comes in, in
//! the very buffer that went out, and every buffer comes home.

use std::net::Ipv4Addr;

use strait_dataplane::frame::Frame;
use strait_dataplane::limits::BURST;
use strait_dataplane::port::{FrameIndex, Port};
use strait_dataplane_dpdk::DpdkPort;
use strait_dataplane_dpdk::bare::Bare;
use strait_shared::geometry::{Geometry, LocalAddress, Sizes};
use strait_shared::slot::EgressPort;
use strait_shared::time::Instant;

const OURS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OPTIONS: &str = "--no-shconf --no-telemetry --no-pci --no-huge -m 128 --log-level *:4";

// DPDK is set up once in a process, so this is one test.
#[test]
fn frames_go_round() {
    let mut bare = Bare::open(&["net_ring0"], (0, 1), OPTIONS, &geometry()).expect("DPDK starts");
    let (pool, port) = (bare.pool, &mut bare.ports[0]);
    let lent = port.lend(BURST).expect("buffers for a burst");
    let mut frames: Vec<Frame> = lent.into_iter().map(Frame::of).collect();
    let before = pool.available();
    media_comes_back_in_the_same_buffer(port, &mut frames);
    a_longer_header_goes_along(port, &mut frames);
    what_is_not_media_does_not_come_in(port, &mut frames);
    frames_of_other_memory_are_copied(port);
    for _ in 0..2_000 {
        media_comes_back_in_the_same_buffer(port, &mut frames);
    }
    // What the port and the core keep at hand, and the other frames of the kernel's queue.
    let kept = before.abs_diff(pool.available());
    assert!(kept <= 2 * BURST as u32, "{kept} buffers are gone");
    assert_eq!(port.counters(), Default::default());
}

fn media_comes_back_in_the_same_buffer(port: &mut DpdkPort, frames: &mut [Frame]) {
    let mut sent = Vec::new();
    for (number, frame) in frames.iter_mut().enumerate() {
        assert!(frame.fill(&datagram(OURS, 20_000 + number as u16 % 10)));
        sent.push((frame.bytes().as_ptr(), frame.bytes().to_vec()));
    }
    assert_eq!(send(port, frames), frames.len());
    assert_eq!(port.rx_burst(Instant::ZERO, frames), frames.len());
    for (frame, (place, octets)) in frames.iter().zip(&sent) {
        assert_eq!(frame.bytes(), octets);
        assert_eq!(frame.bytes().as_ptr(), *place, "it was copied");
    }
}

/// As where an IPv6 header takes the place of an IPv4 one: the frame begins in the headroom.
fn a_longer_header_goes_along(port: &mut DpdkPort, frames: &mut [Frame]) {
    const HEADER_BYTES: usize = 34;
    let whole = datagram(OURS, 20_000);
    let (header, payload) = whole.split_at(HEADER_BYTES);
    assert!(frames[0].fill(payload));
    let room = frames[0].reheader(0, payload.len(), HEADER_BYTES);
    let (room, _) = room.expect("there is headroom");
    let at = room.len() - HEADER_BYTES;
    room[at..].copy_from_slice(header);
    assert_eq!(send(port, &mut frames[..1]), 1);
    assert_eq!(port.rx_burst(Instant::ZERO, frames), 1);
    assert_eq!(frames[0].bytes(), whole);
}

fn what_is_not_media_does_not_come_in(port: &mut DpdkPort, frames: &mut [Frame]) {
    let arp = [[0xff; 12].as_slice(), &[0x08, 0x06], &[0; 46]].concat();
    let others = [
        arp,
        datagram(OURS, 5_060),
        datagram(Ipv4Addr::new(192, 0, 2, 2), 20_000),
    ];
    for (frame, octets) in frames.iter_mut().zip(&others) {
        assert!(frame.fill(octets));
    }
    assert_eq!(send(port, &mut frames[..others.len()]), others.len());
    assert_eq!(port.rx_burst(Instant::ZERO, frames), 0);
}

fn frames_of_other_memory_are_copied(port: &mut DpdkPort) {
    let mut heap = [Frame::new(), Frame::new()];
    let octets = datagram(OURS, 20_001);
    assert!(heap[0].fill(&octets));
    assert_eq!(send(port, &mut heap[..1]), 1);
    let [_, other] = &mut heap;
    assert_eq!(port.rx_burst(Instant::ZERO, std::slice::from_mut(other)), 1);
    assert_eq!(other.bytes(), octets);
}

fn send(port: &mut DpdkPort, frames: &mut [Frame]) -> usize {
    let all: Vec<FrameIndex> = (0..frames.len() as u8).collect();
    port.tx_burst(Instant::ZERO, frames, &all)
}

/// A whole frame to this address and port, without checksums.
fn datagram(to: Ipv4Addr, port: u16) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([0x08, 0x00]);
    frame.extend([0x45, 0, 0, 200, 0, 0, 0, 0, 64, 17, 0, 0, 198, 51, 100, 9]);
    frame.extend(to.octets());
    frame.extend([0x13, 0x8c]);
    frame.extend(port.to_be_bytes());
    frame.extend([0, 180, 0, 0]);
    frame.resize(14 + 200, 0x80);
    frame
}

fn geometry() -> Geometry {
    let address = LocalAddress {
        ip: OURS.into(),
        vlan: None,
        first_port: 20_000,
        last_port: 20_009,
        egress_port: EgressPort(0),
    };
    Geometry::new(Sizes {
        workers: 1,
        addresses: vec![address],
        fork_slots: 0,
        ring_capacity: 8,
        adjacencies: 1,
    })
    .expect("a geometry")
}
