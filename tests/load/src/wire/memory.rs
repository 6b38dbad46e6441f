//! Ethernet frames over the far end of a dataplane's `memory` port.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use strait_dataplane::limits::FRAME_BYTES_MAX;
use strait_dataplane::port::memory::FarEnd;

use super::{Endpoint, Wire};

/// Frames taken in one turn.
const BURST: usize = 64;
/// The dataplane's end of a link, and ours.
const DATAPLANE_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const OWN_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const TIME_TO_LIVE: u8 = 64;

/// One side's end of the link.
pub struct Frames {
    end: FarEnd,
    addresses: Vec<SocketAddr>,
    frame: Vec<u8>,
    refused: u64,
    malformed: u64,
    space: Box<[u8; FRAME_BYTES_MAX]>,
}

impl Frames {
    /// A side with these addresses; nobody else has them, for nobody else is on the link.
    pub fn new(end: FarEnd, addresses: Vec<SocketAddr>) -> Self {
        Self {
            end,
            addresses,
            frame: Vec::with_capacity(FRAME_BYTES_MAX),
            refused: 0,
            malformed: 0,
            space: Box::new([0; FRAME_BYTES_MAX]),
        }
    }
}

impl Wire for Frames {
    fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn send(&mut self, from: Endpoint, to: SocketAddr, packet: &[u8]) {
        let from = self.addresses[from.0];
        let link = PacketBuilder::ethernet2(OWN_MAC, DATAPLANE_MAC);
        let network = match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                link.ipv4(from.octets(), to.octets(), TIME_TO_LIVE)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                link.ipv6(from.octets(), to.octets(), TIME_TO_LIVE)
            }
            _ => unreachable!("a side's addresses are of one family"),
        };
        self.frame.clear();
        let built = network
            .udp(from.port(), to.port())
            .write(&mut self.frame, packet);
        if built.is_err() || !self.end.send(&self.frame) {
            self.refused += 1;
        }
    }

    fn flush(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    fn receive(&mut self, each: &mut dyn FnMut(SocketAddr, &[u8])) {
        for _ in 0..BURST {
            let Some(length) = self.end.receive(&mut self.space) else {
                return;
            };
            match datagram(&self.space[..length]) {
                Some((source, payload)) => each(source, payload),
                None => self.malformed += 1,
            }
        }
    }

    fn wait(&mut self, at_most: Duration) {
        // A link in memory wakes nobody.
        std::thread::sleep(at_most.min(Duration::from_micros(50)));
    }

    fn overflowed(&self) -> u64 {
        // What finds the ring full is the dataplane's to count.
        0
    }

    fn malformed(&self) -> u64 {
        self.malformed
    }
}

/// Source and payload of a frame whose checksums are right.
fn datagram(frame: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let sliced = SlicedPacket::from_ethernet(frame).ok()?;
    let TransportSlice::Udp(udp) = sliced.transport? else {
        return None;
    };
    let (header, payload) = (udp.to_header(), udp.payload());
    let (source, checksum): (IpAddr, _) = match sliced.net? {
        NetSlice::Ipv4(ip) => {
            let ip = ip.header().to_header();
            if ip.header_checksum != ip.calc_header_checksum() {
                return None;
            }
            (ip.source.into(), header.calc_checksum_ipv4(&ip, payload))
        }
        NetSlice::Ipv6(ip) => {
            let ip = ip.header().to_header();
            (ip.source.into(), header.calc_checksum_ipv6(&ip, payload))
        }
        NetSlice::Arp(_) => return None,
    };
    let sound = header.checksum == checksum.ok()?;
    sound.then(|| (SocketAddr::new(source, udp.source_port()), payload))
}
