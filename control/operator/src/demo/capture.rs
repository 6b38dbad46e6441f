//! Writes what crosses Strait as a capture file, each datagram in a whole Ethernet frame with the
//! addresses Strait sees.

use std::fs::File;
use std::io::{self, BufWriter};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use etherparse::PacketBuilder;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::{DataLink, TsResolution};

/// Hop limit of the frames written: what a host sends with.
const HOPS: u8 = 64;

/// A capture being written.
pub struct Capture {
    writer: PcapWriter<BufWriter<File>>,
    packets: u64,
}

impl Capture {
    /// An empty capture; a file of that name is replaced.
    pub fn create(path: &Path) -> io::Result<Self> {
        let header = PcapHeader {
            datalink: DataLink::ETHERNET,
            ts_resolution: TsResolution::NanoSecond,
            ..PcapHeader::default()
        };
        let writer = BufWriter::new(File::create(path)?);
        let writer = PcapWriter::with_header(writer, header).map_err(io::Error::other)?;
        Ok(Self { writer, packets: 0 })
    }

    /// Writes one datagram; `at` counts from the Unix epoch.
    pub fn write(
        &mut self,
        at: Duration,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
    ) -> io::Result<()> {
        let frame = frame(source, destination, payload)?;
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        let packet = PcapPacket::new(at, length, &frame);
        self.writer
            .write_packet(&packet)
            .map_err(io::Error::other)?;
        self.packets += 1;
        Ok(())
    }

    /// How many datagrams have been written.
    pub fn packets(&self) -> u64 {
        self.packets
    }
}

fn frame(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> io::Result<Vec<u8>> {
    let link = PacketBuilder::ethernet2(mac(source.ip()), mac(destination.ip()));
    let network = match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => link.ipv4(from.octets(), to.octets(), HOPS),
        (IpAddr::V6(from), IpAddr::V6(to)) => link.ipv6(from.octets(), to.octets(), HOPS),
        _ => return Err(io::Error::other("a datagram has one address family")),
    };
    let datagram = network.udp(source.port(), destination.port());
    let mut frame = Vec::with_capacity(datagram.size(payload.len()));
    datagram
        .write(&mut frame, payload)
        .map_err(io::Error::other)?;
    Ok(frame)
}

/// A locally administered address that tells hosts apart by the end of their IP address.
fn mac(ip: IpAddr) -> [u8; 6] {
    let tail = match ip {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) => *ip
            .octets()
            .last_chunk()
            .expect("sixteen octets end in four"),
    };
    [0x02, 0, tail[0], tail[1], tail[2], tail[3]]
}

#[cfg(test)]
mod tests {
    use strait_parties::rtp::capture::streams;
    use strait_parties::rtp::packet::{Packet, Ssrc};

    use super::*;

    #[test]
    fn what_is_written_is_read_back_as_the_same_stream() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("one.pcap");
        let mut capture = Capture::create(&path).unwrap();
        let (source, destination) = (
            "127.30.1.1:1".parse().unwrap(),
            "127.30.0.1:2".parse().unwrap(),
        );
        for sequence in 0..150 {
            let payload = [sequence as u8; 160];
            let packet = Packet {
                marker: false,
                payload_type: 8,
                sequence,
                timestamp: 0,
                ssrc: Ssrc(5),
                payload: &payload,
            };
            let at = Duration::from_millis(u64::from(sequence) * 20);
            capture
                .write(at, source, destination, &packet.to_bytes())
                .unwrap();
        }
        assert_eq!(capture.packets(), 150);
        drop(capture);
        let streams = streams(File::open(path).unwrap()).unwrap();
        assert_eq!(
            (streams[0].source, streams[0].destination),
            (source, destination)
        );
        assert!(
            streams[0]
                .frames
                .iter()
                .enumerate()
                .all(|(n, frame)| *frame == [n as u8; 160])
        );
    }
}
