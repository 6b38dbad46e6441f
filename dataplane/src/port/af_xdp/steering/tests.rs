//! The verifier takes the program, and crafted frames go where they belong: by the program, and by
//! [`Selection`], which decides the same for other ports.

use std::net::IpAddr;

use etherparse::{Ipv6ExtensionsSlice, PacketBuilder};
use strait_shared::geometry::{Geometry, Sizes};
use strait_shared::slot::EgressPort;

use super::*;
use crate::port::selection::Selection;

/// Both ways to decide. The program is missing where this process may not load any.
struct Deciders {
    program: Option<Steering>,
    selection: Selection,
}

fn loaded() -> Deciders {
    let address = |ip: &str, vlan, first_port, last_port| LocalAddress {
        ip: ip.parse().unwrap(),
        vlan,
        first_port,
        last_port,
        egress_port: EgressPort(0),
    };
    let addresses = [
        address("192.0.2.1", None, 20_000, 20_009),
        address("192.0.2.1", None, 30_000, 30_001),
        address("192.0.2.1", Some(7), 40_000, 40_001),
        address("2001:db8::1", None, 20_000, 20_009),
        address("2001:db8::1", Some(4094), 2, 65_535),
    ];
    let program = match Steering::load(&addresses) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            println!("skipped: this process may not load XDP programs");
            None
        }
        steering => Some(steering.expect("the verifier takes the program")),
    };
    let geometry = Geometry::new(Sizes {
        workers: 1,
        adjacencies: addresses.len() as u16,
        addresses: addresses.to_vec(),
        fork_slots: 0,
        ring_capacity: 8,
    });
    Deciders {
        program,
        selection: Selection::new(&geometry.unwrap(), EgressPort(0)),
    }
}

/// Whether a frame is taken for media.
fn is_media(deciders: &Deciders, frame: &[u8]) -> bool {
    let selected = deciders.selection.is_media(frame);
    if let Some(program) = &deciders.program {
        assert_eq!(is_steered(program, frame), selected, "{frame:02x?}");
    }
    selected
}

/// What the program decides: no queue has a socket here, so media is unclaimed.
fn is_steered(steering: &Steering, frame: &[u8]) -> bool {
    let before = steering.unclaimed();
    let verdict = bpf::test_run(steering.program(), frame).expect("a frame can be tried");
    assert_eq!(verdict, PASS as u32, "without a socket the kernel has it");
    steering.unclaimed() > before
}

fn datagram(to: &str, vlan: Option<u16>, port: u16) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2; 6], [4; 6]);
    let udp = match (to.parse().unwrap(), vlan) {
        (IpAddr::V4(to), None) => builder.ipv4([198, 51, 100, 9], to.octets(), 64),
        (IpAddr::V4(to), Some(vlan)) => {
            builder
                .single_vlan(vlan.try_into().unwrap())
                .ipv4([198, 51, 100, 9], to.octets(), 64)
        }
        (IpAddr::V6(to), None) => builder.ipv6([0x20; 16], to.octets(), 64),
        (IpAddr::V6(to), Some(vlan)) => {
            builder
                .single_vlan(vlan.try_into().unwrap())
                .ipv6([0x20; 16], to.octets(), 64)
        }
    }
    .udp(5_004, port);
    let mut frame = Vec::new();
    udp.write(&mut frame, &[0x80; 172]).unwrap();
    frame
}

#[test]
fn addresses_vlans_and_ports_are_steered_exactly() {
    let deciders = loaded();
    let media = |to, vlan, port| is_media(&deciders, &datagram(to, vlan, port));
    for (port, ours) in [
        (19_999, false),
        (20_000, true),
        (20_009, true),
        (20_010, false),
        (29_999, false),
        (30_000, true),
        (30_001, true),
        (40_000, false),
        (5_060, false),
    ] {
        assert_eq!(media("192.0.2.1", None, port), ours, "{port}");
    }
    assert!(media("192.0.2.1", Some(7), 40_000));
    assert!(!media("192.0.2.1", Some(7), 20_000));
    assert!(!media("192.0.2.1", Some(8), 40_000));
    assert!(media("192.0.2.1", Some(0), 20_000), "a priority tag");
    assert!(!media("192.0.2.2", None, 20_000));
    assert!(media("2001:db8::1", None, 20_001));
    assert!(!media("2001:db8::1", None, 20_010));
    assert!(!media("2001:db8::2", None, 20_001));
    assert!(media("2001:db8::1", Some(4094), 65_535));
    assert!(media("2001:db8::1", Some(4094), 2));
    assert!(!media("2001:db8::1", Some(4094), 1));
}

#[test]
fn what_is_not_udp_goes_on_to_the_kernel() {
    let deciders = loaded();
    let mut arp = vec![0xff; 60];
    arp[12..14].copy_from_slice(&[0x08, 0x06]);
    assert!(!is_media(&deciders, &arp));
    for protocol in [1, 6, 58, 132] {
        let mut frame = datagram("192.0.2.1", None, 20_000);
        frame[23] = protocol;
        assert!(!is_media(&deciders, &frame), "IPv4 protocol {protocol}");
        let mut frame = datagram("2001:db8::1", None, 20_000);
        frame[20] = protocol;
        assert!(!is_media(&deciders, &frame), "IPv6 next header {protocol}");
    }
    let mut twice = datagram("192.0.2.1", Some(7), 40_000);
    twice.splice(12..12, [0x81, 0, 0, 7]);
    assert!(!is_media(&deciders, &twice), "two tags");
}

#[test]
fn first_fragments_and_options_are_steered_later_fragments_are_not() {
    let deciders = loaded();
    let mut frame = datagram("192.0.2.1", None, 20_000);
    frame[20] = 0x20;
    assert!(is_media(&deciders, &frame), "more fragments");
    frame[21] = 1;
    assert!(!is_media(&deciders, &frame), "offset 8");
    let mut options = datagram("192.0.2.1", None, 20_000);
    options[14] = 0x46;
    options.splice(34..34, [1, 1, 1, 0]);
    assert!(is_media(&deciders, &options));
    options[14] = 0x44;
    assert!(
        !is_media(&deciders, &options),
        "a header too short to be one"
    );
}

#[test]
fn extension_headers_are_stepped_over() {
    let deciders = loaded();
    let frame_with = |headers: &[(u8, Vec<u8>)]| {
        let mut frame = datagram("2001:db8::1", None, 20_000);
        let mut chain = Vec::new();
        for (number, (_, body)) in headers.iter().enumerate() {
            let next = headers
                .get(number + 1)
                .map_or(udp::PROTOCOL, |(kind, _)| *kind);
            chain.push(next);
            chain.extend(body);
        }
        if let Some((kind, _)) = headers.first() {
            frame[20] = *kind;
        }
        frame.splice(54..54, chain);
        frame
    };
    let padding = |kind: u8, eights: u8| {
        (kind, {
            let mut body = vec![0; usize::from(eights) * 8 + 7];
            body[0] = eights;
            body
        })
    };
    let fragment = |offset: u16| {
        (44, {
            let mut body = vec![0; 7];
            body[1..3].copy_from_slice(&(offset << 3 | 1).to_be_bytes());
            body
        })
    };
    let chain = [padding(0, 0), padding(60, 3), padding(43, 1), fragment(0)];
    let frame = frame_with(&chain);
    let extensions = Ipv6ExtensionsSlice::from_slice(0.into(), &frame[54..]);
    assert_eq!(
        extensions.unwrap().1,
        udp::PROTOCOL.into(),
        "the chain is well formed"
    );
    assert!(is_media(&deciders, &frame));
    assert!(is_media(&deciders, &frame_with(&[padding(60, 200)])));
    assert!(!is_media(&deciders, &frame_with(&[fragment(185)])));
    let five = [
        padding(60, 0),
        padding(60, 0),
        padding(60, 0),
        padding(60, 0),
        padding(60, 0),
    ];
    assert!(!is_media(&deciders, &frame_with(&five)));
}

#[test]
fn frames_cut_anywhere_are_passed_or_steered_but_never_trip_the_program() {
    let deciders = loaded();
    for to in ["192.0.2.1", "2001:db8::1"] {
        let frame = datagram(to, None, 20_000);
        let ports_end = frame.len() - 172 - 4;
        for length in 14..frame.len() {
            let media = is_media(&deciders, &frame[..length]);
            assert_eq!(media, length >= ports_end, "{to} cut to {length}");
        }
    }
}

#[test]
fn both_decide_alike_about_frames_with_octets_changed_at_random() {
    let deciders = loaded();
    let mut random = fastrand::Rng::with_seed(7);
    let whole = [
        datagram("192.0.2.1", None, 20_000),
        datagram("192.0.2.1", Some(7), 40_001),
        datagram("2001:db8::1", None, 20_000),
        datagram("2001:db8::1", Some(4094), 9),
    ];
    let mut media = 0;
    for round in 0..20_000 {
        let mut frame = whole[round % whole.len()].clone();
        for _ in 0..random.usize(1..4) {
            // Headers are where a changed octet tells; small values make extension headers of it.
            let at = random.usize(12..70);
            frame[at] = match random.bool() {
                true => random.u8(..),
                false => *random
                    .choice(&[0, 1, 2, 17, 43, 44, 60, 0x45, 0x46])
                    .unwrap(),
            };
        }
        frame.truncate(random.usize(14..frame.len() + 40));
        media += usize::from(is_media(&deciders, &frame));
    }
    assert!(media > 1_000, "{media} of 20000 are media");
}
