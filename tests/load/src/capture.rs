//! Finds the RTP and RTCP streams in a capture, pcap or pcapng, and which belong together.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use strait_parties::rtp::packet::{Packet, is_rtcp};

/// Packets a stream needs before it counts as one: chance finds three that look alike.
const STREAM_MINIMUM_PACKETS: usize = 10;
/// The first four octets of a pcapng file.
const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Why a capture cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be read.
    #[error("{0}")]
    Open(#[from] std::io::Error),
    /// Not a capture, or cut short.
    #[error("not a readable capture: {0}")]
    Format(#[from] pcap_file::PcapError),
    /// Nothing to replay.
    #[error("no RTP stream of {STREAM_MINIMUM_PACKETS} packets or more in it")]
    Silent,
}

/// One packet as it was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Since the stream's first packet.
    pub at: Duration,
    /// The UDP payload.
    pub bytes: Vec<u8>,
}

/// One direction of a recorded call: one synchronisation source between two addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stream {
    /// Who sent it.
    pub source: SocketAddr,
    /// Whom it was for.
    pub destination: SocketAddr,
    /// Its RTP packets in order of sequence number, each once.
    pub rtp: Vec<Recorded>,
    /// The RTCP compound packets beside them.
    pub rtcp: Vec<Recorded>,
}

/// What one call of the replay plays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recording {
    /// What the near party sends.
    pub near: Stream,
    /// What the far party sends; the same again where the capture has one direction only.
    pub far: Stream,
}

/// Every recorded call in a capture, in the order they began.
pub fn recordings(path: &Path) -> Result<Vec<Recording>, CaptureError> {
    let mut found = Found::default();
    datagrams(path, |datagram| found.add(datagram))?;
    let recordings = pair(found.streams());
    if recordings.is_empty() {
        return Err(CaptureError::Silent);
    }
    Ok(recordings)
}

/// A UDP datagram of the capture.
struct Datagram<'a> {
    at: Duration,
    source: SocketAddr,
    destination: SocketAddr,
    payload: &'a [u8],
}

/// Calls `each` for every UDP datagram in Ethernet frames, tagged or not.
fn datagrams(path: &Path, mut each: impl FnMut(Datagram<'_>)) -> Result<(), CaptureError> {
    let mut file = File::open(path)?;
    let mut magic = [0; 4];
    file.read_exact(&mut magic)?;
    file.seek(SeekFrom::Start(0))?;
    let file = BufReader::new(file);
    let mut frame = |at: Duration, bytes: &[u8]| {
        if let Some((source, destination, payload)) = udp(bytes) {
            each(Datagram {
                at,
                source,
                destination,
                payload,
            });
        }
    };
    if magic != PCAPNG_MAGIC {
        let mut reader = PcapReader::new(file)?;
        while let Some(packet) = reader.next_packet() {
            let packet = packet?;
            frame(packet.timestamp, &packet.data);
        }
        return Ok(());
    }
    let mut reader = PcapNgReader::new(file)?;
    while let Some(block) = reader.next_block() {
        if let Block::EnhancedPacket(packet) = block? {
            frame(packet.timestamp, &packet.data);
        }
    }
    Ok(())
}

fn udp(frame: &[u8]) -> Option<(SocketAddr, SocketAddr, &[u8])> {
    let sliced = SlicedPacket::from_ethernet(frame).ok()?;
    let Some(TransportSlice::Udp(udp)) = sliced.transport else {
        return None;
    };
    let (source, destination) = match sliced.net? {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            (
                header.source_addr().into(),
                header.destination_addr().into(),
            )
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            (
                header.source_addr().into(),
                header.destination_addr().into(),
            )
        }
        NetSlice::Arp(_) => return None,
    };
    Some((
        SocketAddr::new(source, udp.source_port()),
        SocketAddr::new(destination, udp.destination_port()),
        udp.payload(),
    ))
}

/// Source, destination and synchronisation source.
type Key = (SocketAddr, SocketAddr, u32);

#[derive(Default)]
struct Found {
    rtp: BTreeMap<Key, Gathering>,
    rtcp: Vec<(Duration, SocketAddr, SocketAddr, Vec<u8>)>,
}

/// A stream's packets by sequence number extended beyond sixteen bits.
#[derive(Default)]
struct Gathering {
    latest: i64,
    packets: BTreeMap<i64, (Duration, Vec<u8>)>,
}

impl Found {
    fn add(&mut self, datagram: Datagram<'_>) {
        let Datagram {
            at,
            source,
            destination,
            payload,
        } = datagram;
        if is_rtcp(payload) {
            self.rtcp.push((at, source, destination, payload.to_vec()));
        } else if let Some(packet) = Packet::parse(payload) {
            let stream = self
                .rtp
                .entry((source, destination, packet.ssrc.0))
                .or_default();
            if stream.packets.is_empty() {
                stream.latest = i64::from(packet.sequence);
            }
            let step = i64::from(packet.sequence.wrapping_sub(stream.latest as u16) as i16);
            stream.latest += step;
            // A capture on both sides of a switch has everything twice.
            stream
                .packets
                .entry(stream.latest)
                .or_insert((at, payload.to_vec()));
        }
    }

    /// Streams long enough to be some, in the order they began.
    fn streams(self) -> Vec<(Duration, Stream)> {
        let Self { rtp, rtcp } = self;
        let long = rtp
            .into_iter()
            .filter(|(_, found)| found.packets.len() >= STREAM_MINIMUM_PACKETS);
        let mut streams: Vec<(Duration, Stream)> = long
            .map(|((source, destination, _), found)| {
                let began = found
                    .packets
                    .values()
                    .map(|(at, _)| *at)
                    .min()
                    .unwrap_or_default();
                let recorded = |at: Duration, bytes| Recorded {
                    at: at.saturating_sub(began),
                    bytes,
                };
                let beside = |other: SocketAddr, own: SocketAddr| {
                    other.ip() == own.ip()
                        && (other.port() == own.port() || other.port() == own.port() ^ 1)
                };
                let of_stream = rtcp
                    .iter()
                    .filter(|(_, from, to, _)| beside(*from, source) && beside(*to, destination));
                let mut rtcp: Vec<Recorded> = of_stream
                    .map(|(at, _, _, bytes)| recorded(*at, bytes.clone()))
                    .collect();
                rtcp.dedup_by(|later, earlier| later.bytes == earlier.bytes);
                let rtp = found
                    .packets
                    .into_values()
                    .map(|(at, bytes)| recorded(at, bytes));
                (
                    began,
                    Stream {
                        source,
                        destination,
                        rtp: in_time(rtp.collect()),
                        rtcp,
                    },
                )
            })
            .collect();
        streams.sort_by_key(|(began, stream)| (*began, stream.source));
        streams
    }
}

/// Packets that overtook each other on the way to the capture leave in order.
fn in_time(mut packets: Vec<Recorded>) -> Vec<Recorded> {
    let mut latest = Duration::ZERO;
    for packet in &mut packets {
        latest = latest.max(packet.at);
        packet.at = latest;
    }
    packets
}

/// Two streams between the same two addresses are the directions of one call.
fn pair(mut streams: Vec<(Duration, Stream)>) -> Vec<Recording> {
    let mut recordings = Vec::new();
    while !streams.is_empty() {
        let (_, near) = streams.remove(0);
        let back = streams.iter().position(|(_, other)| {
            other.source == near.destination && other.destination == near.source
        });
        let far = back.map_or_else(|| near.clone(), |at| streams.remove(at).1);
        recordings.push(Recording { near, far });
    }
    recordings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn testdata(name: &str) -> Option<std::path::PathBuf> {
        let root = std::env::var("STRAIT_TESTDATA").unwrap_or_else(|_| {
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/testdata").to_owned()
        });
        let path = Path::new(&root).join("pcap").join(name);
        if !path.exists() {
            println!("skipped: no test data (set STRAIT_TESTDATA)");
            return None;
        }
        Some(path)
    }

    #[test]
    fn both_directions_of_the_recorded_call_are_found() {
        let Some(path) = testdata("SIP_CALL_RTP_G711.pcap") else {
            return;
        };
        let recordings = recordings(&path).unwrap();
        // As Wireshark's RTP analysis counts them, each captured twice: 891 and 548 packets.
        let counts: Vec<_> = recordings
            .iter()
            .map(|r| (r.near.rtp.len(), r.far.rtp.len()))
            .collect();
        assert!(
            counts.contains(&(548, 891)) || counts.contains(&(891, 548)),
            "{counts:?}"
        );
        for stream in recordings.iter().flat_map(|r| [&r.near, &r.far]) {
            assert!(stream.rtp.is_sorted_by_key(|packet| packet.at));
        }
    }

    #[test]
    fn rubbish_is_refused_in_one_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            file.path(),
            b"this is no capture, but long enough to be looked at",
        )
        .unwrap();
        assert!(matches!(
            recordings(file.path()),
            Err(CaptureError::Format(_))
        ));
        std::fs::write(file.path(), b"abc").unwrap();
        assert!(matches!(
            recordings(file.path()),
            Err(CaptureError::Open(_))
        ));
    }
}
