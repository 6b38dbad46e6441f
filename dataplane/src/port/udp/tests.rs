//! The udp port against real sockets on the loopback interface.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use strait_shared::geometry::{Geometry, LocalAddress, Sizes};
use strait_shared::slot::EgressPort;

use super::*;

/// Each test binds ports of its own.
fn geometry(ip: &str, first_port: u16, workers: u16) -> Geometry {
    let address = LocalAddress {
        ip: ip.parse().unwrap(),
        vlan: None,
        first_port,
        last_port: first_port + 3,
        egress_port: EgressPort(0),
    };
    Geometry::new(Sizes {
        workers,
        addresses: vec![address],
        fork_slots: 0,
        ring_capacity: 64,
        adjacencies: 1,
    })
    .unwrap()
}

fn port(ip: &str, first_port: u16) -> UdpPort {
    let sockets = Sockets::bind(&geometry(ip, first_port, 1), EgressPort(0)).unwrap();
    UdpPort::new("test", Arc::new(sockets), WorkerIndex(0)).unwrap()
}

fn burst() -> Vec<Frame> {
    std::iter::repeat_with(Frame::new).take(BURST).collect()
}

/// Polls until `wanted` frames are there; the loopback interface delivers at once, or soon.
fn receive(port: &mut UdpPort, frames: &mut [Frame], wanted: usize) {
    let mut filled = 0;
    while filled < wanted {
        filled += port.rx_burst(Instant::now(), &mut frames[filled..]);
    }
    assert_eq!(filled, wanted);
}

/// Turns a received frame round: what came from a peer goes back to it.
fn turned(frame: &Frame) -> Vec<u8> {
    use etherparse::PacketBuilder;
    let (source, destination, _, payload) = headers::parse(frame.bytes()).unwrap();
    let link = PacketBuilder::ethernet2(NEAR.0, FAR.0);
    let ip = match source.ip.v4() {
        Some(octets) => {
            let mut header = etherparse::Ipv4Header::new(
                0,
                64,
                etherparse::IpNumber::UDP,
                destination.ip.v4().unwrap(),
                octets,
            )
            .unwrap();
            header.dscp = 46.try_into().unwrap();
            link.ip(etherparse::IpHeaders::Ipv4(header, Default::default()))
        }
        None => link.ipv6(destination.ip.octets(), source.ip.octets(), 64),
    };
    let mut out = Vec::new();
    ip.udp(destination.port, source.port)
        .write(&mut out, payload)
        .unwrap();
    out
}

fn echo(ip: &str, first_port: u16, source: &str) {
    let mut port = port(ip, first_port);
    let peer = UdpSocket::bind(source).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut frames = burst();
    for offset in 0..4 {
        let to = SocketAddr::new(ip.parse().unwrap(), first_port + offset);
        for text in [&b"one"[..], b"", b"the third"] {
            peer.send_to(text, to).unwrap();
        }
    }
    receive(&mut port, &mut frames, 12);
    let mut chosen = Vec::new();
    for (index, frame) in frames[..12].iter_mut().enumerate() {
        let (from, ..) = headers::parse(frame.bytes()).unwrap();
        assert_eq!(from.socket_addr(), Some(peer.local_addr().unwrap()));
        assert!(frame.received <= Instant::now() && frame.received > Instant::ZERO);
        etherparse::SlicedPacket::from_ethernet(frame.bytes()).unwrap();
        let answer = turned(frame);
        assert!(frame.fill(&answer));
        chosen.push(index as FrameIndex);
    }
    assert_eq!(port.tx_burst(Instant::now(), &mut frames, &chosen), 12);
    let mut heard = vec![Vec::new(); 4];
    for _ in 0..12 {
        let mut space = [0; 100];
        let (length, from) = peer.recv_from(&mut space).unwrap();
        heard[usize::from(from.port() - first_port)].push(space[..length].to_vec());
    }
    for texts in heard {
        assert_eq!(texts, [&b"one"[..], b"", b"the third"]);
    }
    assert_eq!(port.counters(), PortCounters::default());
}

#[test]
fn datagrams_become_frames_and_go_back_over_ipv4() {
    echo("127.0.71.1", 41_000, "127.0.71.2:0");
}

#[test]
fn datagrams_become_frames_and_go_back_over_ipv6() {
    echo("::1", 41_010, "[::1]:0");
}

#[test]
fn the_synthesised_ipv6_checksum_is_right() {
    let mut port = port("::1", 41_020);
    let peer = UdpSocket::bind("[::1]:0").unwrap();
    peer.send_to(b"odd number", "[::1]:41021").unwrap();
    let mut frames = burst();
    receive(&mut port, &mut frames, 1);
    let packet = etherparse::PacketHeaders::from_ethernet_slice(frames[0].bytes()).unwrap();
    let Some(etherparse::NetHeaders::Ipv6(ip, _)) = packet.net else {
        panic!("not IPv6")
    };
    let udp = packet.transport.unwrap().udp().unwrap();
    let expected = udp.calc_checksum_ipv6(&ip, packet.payload.slice()).unwrap();
    assert_eq!(udp.checksum, expected);
}

#[test]
fn each_worker_hears_the_slots_it_owns() {
    let geometry = geometry("127.0.71.3", 41_000, 2);
    let sockets = Arc::new(Sockets::bind(&geometry, EgressPort(0)).unwrap());
    let open = |worker| UdpPort::new("test", sockets.clone(), WorkerIndex(worker)).unwrap();
    let mut ports = [open(0), open(1)];
    let peer = UdpSocket::bind("127.0.71.2:0").unwrap();
    for number in 41_000..41_004 {
        peer.send_to(b"x", ("127.0.71.3", number)).unwrap();
    }
    for (worker, port) in ports.iter_mut().enumerate() {
        let mut frames = burst();
        receive(port, &mut frames, 2);
        for frame in &frames[..2] {
            let (_, to, ..) = headers::parse(frame.bytes()).unwrap();
            assert_eq!(usize::from(to.port - 41_000) / 2, worker);
        }
    }
}

#[test]
fn a_port_in_use_and_a_foreign_address_are_named() {
    let taken = UdpSocket::bind("127.0.71.4:41002").unwrap();
    let error = Sockets::bind(&geometry("127.0.71.4", 41_000, 1), EgressPort(0))
        .err()
        .unwrap();
    assert!(matches!(error, BindError::InUse(address) if address == taken.local_addr().unwrap()));
    assert!(
        error.to_string().starts_with("127.0.71.4:41002 is in use"),
        "{error}"
    );
    let error = Sockets::bind(&geometry("192.0.2.77", 41_000, 1), EgressPort(0))
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("192.0.2.77 is not an address of this machine")
    );
}

#[test]
fn an_oversized_datagram_is_counted_and_the_next_one_heard() {
    let mut port = port("127.0.71.5", 41_000);
    let peer = UdpSocket::bind("127.0.71.2:0").unwrap();
    peer.send_to(&[1; 4_000], "127.0.71.5:41000").unwrap();
    peer.send_to(b"fits", "127.0.71.5:41000").unwrap();
    let mut frames = burst();
    receive(&mut port, &mut frames, 1);
    assert_eq!(headers::parse(frames[0].bytes()).unwrap().3, b"fits");
    assert_eq!(port.counters().oversized, 1);
}

#[test]
fn sending_where_nobody_listens_harms_nothing() {
    let mut port = port("127.0.71.6", 41_000);
    let peer = UdpSocket::bind("127.0.71.2:0").unwrap();
    peer.send_to(b"x", "127.0.71.6:41000").unwrap();
    let mut frames = burst();
    receive(&mut port, &mut frames, 1);
    drop(peer);
    let answer = turned(&frames[0]);
    assert!(frames[0].fill(&answer));
    for _ in 0..3 {
        assert_eq!(port.tx_burst(Instant::now(), &mut frames, &[0]), 1);
        assert_eq!(port.rx_burst(Instant::now(), &mut frames[1..]), 0);
    }
}
