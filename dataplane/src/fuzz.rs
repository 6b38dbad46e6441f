//! What must hold for any octets whatever: run by the fuzzer, and over a corpus by plain tests.

mod frames;
mod orders;
mod worker;

pub use worker::worker;

use strait_shared::geometry::{Geometry, LocalAddress, Sizes, WorkerIndex};
use strait_shared::region::Region;
use strait_shared::slot::{EgressPort, Forwarding, Generation, LatchPolicy, SlotIndex};
use strait_shared::time::Instant;

use crate::frame::Frame;
use crate::limits::{BURST, FRAME_BYTES_MAX};
use crate::relay::{Egress, Relay};
use crate::wire::{Ethernet, Ipv4, Ipv6, MacAddress, Rtcp, Rtp, Udp, ethernet};

/// Octets before each frame of a burst, its length.
const LENGTH_BYTES: usize = 2;

/// Reads `data` as a frame, layer by layer.
///
/// # Panics
/// When a promise is broken: a layer lies within the one around it.
pub fn frame(data: &[u8]) {
    let Ok(link) = Ethernet::parse(data) else {
        return;
    };
    assert!(within(link.payload(), data) && link.vlan() < 4096);
    let datagram = match link.network() {
        ethernet::Network::V4 => Ipv4::parse(link.payload()).map(|ip| {
            let _ = (ip.source(), ip.destination(), ip.dscp());
            ip.payload()
        }),
        ethernet::Network::V6 => Ipv6::parse(link.payload()).map(|ip| {
            let _ = (ip.source(), ip.destination(), ip.dscp());
            ip.payload()
        }),
    };
    let Ok(datagram) = datagram else { return };
    assert!(within(datagram, link.payload()));
    let Ok(udp) = Udp::parse(datagram) else {
        return;
    };
    assert!(within(udp.payload(), datagram));
    media(udp.payload());
}

/// Reads `data` as RTP and as RTCP.
///
/// # Panics
/// When a promise is broken: each is told by its version, and RTCP by its packet type.
pub fn media(data: &[u8]) {
    if let Some(rtp) = Rtp::parse(data) {
        assert!(data[0] >> 6 == 2 && rtp.payload_type() < 128);
        assert_eq!(data[2..4], rtp.sequence().to_be_bytes());
        assert_eq!(data[4..8], rtp.timestamp().to_be_bytes());
        assert_eq!(data[8..12], rtp.ssrc().to_be_bytes());
    }
    if let Some(rtcp) = Rtcp::parse(data) {
        assert!(data[0] >> 6 == 2 && (192..=223).contains(&rtcp.packet_type()));
        assert_eq!(data[4..8], rtcp.sender_ssrc().to_be_bytes());
    }
}

/// Relays `data` as bursts of frames, each with its length before it, through open slots of both
/// IP versions.
///
/// # Panics
/// When a promise is broken: every frame is dropped or sent, once; what is sent can be read.
pub fn burst(data: &[u8]) {
    let mut relay = relay();
    let mut frames: Vec<Frame> = std::iter::repeat_with(Frame::new).take(BURST).collect();
    let mut rest = data;
    let (mut filled, mut turn) = (0, 1);
    while let Some((length, after)) = rest.split_first_chunk::<LENGTH_BYTES>() {
        let length = usize::from(u16::from_be_bytes(*length)) % FRAME_BYTES_MAX;
        let (bytes, after) = after.split_at(length.min(after.len()));
        assert!(frames[filled].fill(bytes));
        frames[filled].port = EgressPort(0);
        (rest, filled) = (after, filled + 1);
        if filled == BURST || rest.is_empty() {
            turn += 1;
            relay.process(&mut frames[..filled], Instant::from_millis(turn * 1_500));
            for &index in relay.departing(EgressPort(0)) {
                frame(frames[usize::from(index)].bytes());
                assert!(Ethernet::parse(frames[usize::from(index)].bytes()).is_ok());
            }
            let sent = relay.departing(EgressPort(0)).len();
            relay.departed(EgressPort(0), sent, &frames);
            filled = 0;
        }
    }
    let tally = relay.tally();
    assert_eq!(tally.received, tally.sent + tally.all_dropped());
}

/// Two streams between all four slots of 192.0.2.1 and 2001:db8::1, ports 4000 and 4001, that
/// anyone may latch.
fn relay() -> Relay {
    let address = |ip: &str| LocalAddress {
        ip: ip.parse().expect("an address"),
        vlan: None,
        first_port: 4_000,
        last_port: 4_001,
        egress_port: EgressPort(0),
    };
    let geometry = Geometry::new(Sizes {
        workers: 1,
        addresses: vec![address("192.0.2.1"), address("2001:db8::1")],
        fork_slots: 0,
        ring_capacity: 2,
        adjacencies: 2,
    });
    let region = Region::heap(geometry.expect("a small geometry"));
    let mut end = region.worker(WorkerIndex(0)).expect("a fresh region");
    for slot in 0..4 {
        let forwarding = Forwarding {
            peer: Some(SlotIndex(3 - slot)),
            accept: true,
            policy: LatchPolicy::Symmetric,
            rtcp: slot % 2 == 1,
            clock_hz: 8_000,
            ..Forwarding::default()
        };
        let opened = end
            .table
            .open(SlotIndex(slot), Generation(1), &forwarding, Instant::ZERO);
        opened.expect("a closed slot of ours");
    }
    let next_hop = Some(strait_shared::command::NextHop {
        egress_port: EgressPort(0),
        mac: [2, 0, 0, 0, 0, 2],
    });
    for index in 0..2 {
        let set = end
            .adjacencies
            .set(strait_shared::slot::AdjacencyIndex(index), next_hop);
        set.expect("an adjacency of the geometry");
    }
    let egress = Egress {
        mac: MacAddress::default(),
        frame_bytes_max: 1_518,
    };
    Relay::new(
        region.table(),
        end.adjacencies.clone(),
        region.geometry(),
        &[egress],
    )
}

fn within(inner: &[u8], outer: &[u8]) -> bool {
    let (inner, outer) = (inner.as_ptr_range(), outer.as_ptr_range());
    inner.start >= outer.start && inner.end <= outer.end
}
