//! What happens in the oracle's test: few addresses, so that packets meet configurations.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;
use proptest::sample::select;
use strait_shared::drops::DropReason;
use strait_shared::geometry::LocalAddress;
use strait_shared::slot::{Forwarding, LatchPolicy, Policer, SlotIndex};

use crate::rig::{build, local, rtcp, rtp};
use crate::scalar::{Packet, damage};

pub const SPARES: u32 = 2;
/// Slots of the addresses below, then the spare ones.
const V4_SLOTS: std::ops::Range<u32> = 0..4;
const V6_SLOTS: std::ops::Range<u32> = 4..6;
const FAR_SLOTS: std::ops::Range<u32> = 6..10;
const SLOTS: u32 = 12;

#[derive(Clone, Debug)]
pub enum Operation {
    Open(SlotIndex, Forwarding),
    Update(SlotIndex, Forwarding, bool),
    Close(SlotIndex),
    Wait(u64),
    Burst(Vec<(usize, Vec<u8>)>),
}

/// Two families on one NIC, a VLAN on the other.
pub fn addresses() -> Vec<LocalAddress> {
    vec![
        local("192.0.2.1", None, 20_000..=20_003, 0),
        local("2001:db8::1", None, 20_000..=20_001, 0),
        local("10.0.0.1", Some(7), 30_000..=30_003, 1),
    ]
}

pub fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => configuration(),
        1 => select(vec![1u64, 20, 500, 2_500, 15_000]).prop_map(Operation::Wait),
        4 => proptest::collection::vec(frame(), 1..40).prop_map(Operation::Burst),
    ]
}

pub fn configuration() -> impl Strategy<Value = Operation> {
    let slot = (0..SLOTS).prop_flat_map(|slot| (Just(SlotIndex(slot)), forwarding(slot)));
    (slot, 0..8u8, any::<bool>()).prop_map(|((slot, forwarding), kind, rearm)| match kind {
        0 => Operation::Close(slot),
        1 | 2 => Operation::Update(slot, forwarding, rearm),
        _ => Operation::Open(slot, forwarding),
    })
}

/// A frame that makes sense, or one that was damaged on the way.
pub fn frame() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let whole = sensible_frame();
    let noise = (any::<u16>(), any::<u8>(), 0..10u8);
    (whole, noise).prop_map(|((nic, mut frame), (at, value, kind))| {
        let place = usize::from(at) % frame.len();
        match kind {
            0 => frame[place] = value,
            1 => frame.truncate(place),
            2 => frame.extend(vec![value; place % 40]),
            _ => {}
        }
        (nic, frame)
    })
}

/// Anything at all, often with a beginning that leads deep into the parser.
pub fn hostile_frame() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let noise = (0..2usize, proptest::collection::vec(any::<u8>(), 0..200));
    let begun = (
        sensible_frame(),
        proptest::collection::vec((any::<u8>(), any::<u8>()), 0..6),
    );
    prop_oneof![
        1 => noise,
        3 => begun.prop_map(|((nic, mut frame), changes)| {
            for (at, value) in changes {
                let place = usize::from(at) % frame.len();
                frame[place] = value;
            }
            (nic, frame)
        }),
        1 => frame(),
    ]
}

fn sensible_frame() -> impl Strategy<Value = (usize, Vec<u8>)> {
    (0..12usize, 0..8usize, 0..4u16, payload(), 0..12u8).prop_map(
        |(to, from, port, payload, oddity)| {
            let (mut nic, mut vlan, ip, first) = match to {
                0..4 => (0, None, "192.0.2.1", 20_000),
                4..7 => (0, None, "2001:db8::1", 20_000),
                _ => (1, Some(7), "10.0.0.1", 30_000),
            };
            let to = SocketAddr::new(ip.parse().unwrap(), first + port);
            let remotes = remotes(to.is_ipv4());
            let from = remotes[from % remotes.len()];
            match oddity {
                0 => nic = 1 - nic,
                1 => vlan = if vlan.is_some() { None } else { Some(7) },
                _ => {}
            }
            let mut frame = build(vlan, from, to, &payload);
            if oddity == 2 && vlan.is_none() && to.is_ipv4() {
                frame[40..42].copy_from_slice(&[0, 0]);
            }
            (nic, frame)
        },
    )
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let ssrc = select(vec![1u32, 2]);
    let sequence = select(vec![0u16, 1, 2, 50, 2_999, 40_000, 65_535]);
    prop_oneof![
        4 => (ssrc.clone(), sequence, 12..60usize)
            .prop_map(|(ssrc, sequence, length)| rtp(ssrc, sequence, 0, length)),
        2 => ssrc.prop_map(rtcp),
        1 => proptest::collection::vec(any::<u8>(), 0..30),
        1 => Just(Vec::new()),
    ]
}

/// Remotes of a family: two hosts with two ports each, our own addresses, and one that cannot be.
fn remotes(v4: bool) -> Vec<SocketAddr> {
    let texts: &[&str] = if v4 {
        &[
            "198.51.100.1:4000",
            "198.51.100.1:4002",
            "198.51.100.2:4000",
            "10.0.0.1:30001",
            "192.0.2.1:20001",
            "0.1.2.3:4000",
        ]
    } else {
        &[
            "[2001:db8:1::1]:4000",
            "[2001:db8:1::1]:4002",
            "[2001:db8::1]:20001",
            "[ff02::1]:4000",
        ]
    };
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn forwarding(slot: u32) -> impl Strategy<Value = Forwarding> {
    let port_of = match slot {
        0..10 => None,
        _ => Some(SlotIndex(if slot == 10 {
            V4_SLOTS.start
        } else {
            FAR_SLOTS.start
        })),
    };
    let remotes = remotes(!V6_SLOTS.contains(&slot));
    let any_slot = || proptest::option::weighted(0.8, (0..SLOTS).prop_map(SlotIndex));
    let policy = select(vec![
        LatchPolicy::Signalled,
        LatchPolicy::Restricted,
        LatchPolicy::Symmetric,
    ]);
    let policer = Policer {
        packets_per_second: 10,
        bytes_per_second: 1_000,
        burst_ms: 200,
    };
    (
        (
            any_slot(),
            proptest::bool::weighted(0.9),
            policy,
            any::<bool>(),
        ),
        (
            proptest::option::weighted(0.8, select(remotes.clone())),
            select(remotes),
        ),
        (
            any::<bool>(),
            any::<bool>(),
            0..64u8,
            proptest::option::of(Just(7u16)),
        ),
        (
            proptest::option::weighted(0.2, Just(policer)),
            proptest::option::weighted(0.3, 0..SLOTS),
        ),
    )
        .prop_map(
            move |(first, (signalled, source), flags, (policer, sibling))| Forwarding {
                peer: first.0,
                accept: first.1,
                policy: first.2,
                send_before_latch: first.3,
                signalled,
                signalling_source: Some(source.ip()),
                rtcp: flags.0 && slot % 2 == 1,
                rtcp_mux: flags.1,
                dscp: flags.2,
                vlan: flags.3,
                policer,
                next_sibling: sibling.map(SlotIndex),
                port_of,
                clock_hz: 8_000,
                ..Forwarding::default()
            },
        )
}

/// The obvious reader of a frame: every rule in the order of the layers.
pub fn read(nic: u8, frame: &[u8]) -> Result<Packet, DropReason> {
    let word = |at: usize| usize::from(frame[at]) << 8 | usize::from(frame[at + 1]);
    if frame.len() < 14 {
        return Err(DropReason::Truncated);
    }
    let (mut kind, mut at, mut vlan) = (word(12), 14, None);
    if kind == 0x8100 {
        if frame.len() < 18 {
            return Err(DropReason::Truncated);
        }
        vlan = Some((word(14) & 0xfff) as u16).filter(|&vlan| vlan != 0);
        (kind, at) = (word(16), 18);
    }
    let (from, to, datagram) = match kind {
        0x0800 => read_v4(&frame[at..])?,
        0x86dd => read_v6(&frame[at..])?,
        _ => return Err(DropReason::NotIp),
    };
    read_udp(nic, vlan, from, to, datagram)
}

type Layer<'a> = Result<(IpAddr, IpAddr, &'a [u8]), DropReason>;

fn read_v4(packet: &[u8]) -> Layer<'_> {
    if packet.len() < 20 {
        return Err(DropReason::Truncated);
    }
    let header = usize::from(packet[0] & 15) * 4;
    let total = usize::from(packet[2]) << 8 | usize::from(packet[3]);
    if packet[0] >> 4 != 4 || header < 20 || total < header {
        return Err(DropReason::IpHeader);
    }
    if packet.len() < total {
        return Err(DropReason::Truncated);
    }
    if checksum(&packet[..header]) != 0 {
        return Err(DropReason::IpChecksum);
    }
    if packet[6] & 0x3f != 0 || packet[7] != 0 {
        return Err(DropReason::Fragment);
    }
    if packet[9] != 17 {
        return Err(DropReason::NotUdp);
    }
    let ip = |at: usize| {
        IpAddr::from(Ipv4Addr::new(
            packet[at],
            packet[at + 1],
            packet[at + 2],
            packet[at + 3],
        ))
    };
    Ok((ip(12), ip(16), &packet[header..total]))
}

fn read_v6(packet: &[u8]) -> Layer<'_> {
    if packet.len() < 40 {
        return Err(DropReason::Truncated);
    }
    if packet[0] >> 4 != 6 {
        return Err(DropReason::IpHeader);
    }
    let length = usize::from(packet[4]) << 8 | usize::from(packet[5]);
    if packet.len() < 40 + length {
        return Err(DropReason::Truncated);
    }
    match packet[6] {
        17 => {}
        44 => return Err(DropReason::Fragment),
        0 | 43 | 50 | 51 | 60 | 135 | 139 | 140 => return Err(DropReason::Extension),
        _ => return Err(DropReason::NotUdp),
    }
    let ip = |at: usize| {
        let octets: [u8; 16] = packet[at..at + 16].try_into().unwrap();
        IpAddr::from(Ipv6Addr::from(octets))
    };
    Ok((ip(8), ip(24), &packet[40..40 + length]))
}

fn read_udp(
    nic: u8,
    vlan: Option<u16>,
    from: IpAddr,
    to: IpAddr,
    datagram: &[u8],
) -> Result<Packet, DropReason> {
    if datagram.len() < 8 {
        return Err(DropReason::UdpLength);
    }
    let word = |at: usize| u16::from_be_bytes([datagram[at], datagram[at + 1]]);
    let length = usize::from(word(4));
    if length < 8 || length > datagram.len() {
        return Err(DropReason::UdpLength);
    }
    let checksum = word(6);
    if checksum == 0 && to.is_ipv6() {
        return Err(DropReason::UdpChecksum);
    }
    let payload = &datagram[8..length];
    let mut covered = Vec::new();
    for ip in [from, to] {
        match ip {
            IpAddr::V4(ip) => covered.extend(ip.octets()),
            IpAddr::V6(ip) => covered.extend(ip.octets()),
        }
    }
    for other in [17, length as u16, length as u16, word(0), word(2)] {
        covered.extend(other.to_be_bytes());
    }
    covered.extend(payload);
    let right = self::checksum(&covered);
    Ok(Packet {
        nic,
        vlan,
        from: SocketAddr::new(from, word(0)),
        to: SocketAddr::new(to, word(2)),
        damage: (checksum != 0).then(|| damage(checksum, right)),
        payload: payload.to_vec(),
    })
}

fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
