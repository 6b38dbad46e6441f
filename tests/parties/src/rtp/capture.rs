//! Reads the G.711 streams out of a packet capture, to be played again.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;

use pcap_file::pcap::PcapReader;

use super::g711::Law;
use super::packet::{Packet, Ssrc};
use super::{FRAME_BYTES, Frame};

/// Packets a stream needs before it counts as one: two seconds.
const STREAM_MINIMUM_PACKETS: usize = 100;

/// One direction of a recorded call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stream {
    /// Who sent it.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// Its synchronisation source.
    pub ssrc: Ssrc,
    /// The law its payloads are in.
    pub law: Law,
    /// The payloads of 20 ms in order of sequence number; shorter ones, which some senders put
    /// between talk, are left out.
    pub frames: Vec<Frame>,
}

/// Why a capture could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Not a pcap, or cut short.
    #[error("the capture cannot be read: {0}")]
    Pcap(#[from] pcap_file::PcapError),
    /// No stream of G.711 in 20 ms packets worth playing.
    #[error("the capture holds no G.711 stream of two seconds or more")]
    Silent,
}

/// All G.711 streams of an Ethernet capture, longest first. A stream recorded on both sides of a
/// switch is listed once.
pub fn streams(capture: impl Read) -> Result<Vec<Stream>, CaptureError> {
    let mut reader = PcapReader::new(capture)?;
    let mut found: BTreeMap<(SocketAddr, SocketAddr, Ssrc), Found> = BTreeMap::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet?;
        let Some((source, destination, payload)) = udp(&packet.data) else {
            continue;
        };
        let Some(rtp) = Packet::parse(payload) else {
            continue;
        };
        let Some(law) = Law::from_payload_type(rtp.payload_type) else {
            continue;
        };
        let Ok(frame) = Frame::try_from(rtp.payload) else {
            continue;
        };
        let stream = found
            .entry((source, destination, rtp.ssrc))
            .or_insert_with(|| Found {
                law,
                latest: i64::from(rtp.sequence),
                frames: BTreeMap::new(),
            });
        if stream.law == law {
            stream.add(rtp.sequence, frame);
        }
    }
    let mut streams: Vec<Stream> = Vec::new();
    for ((source, destination, ssrc), Found { law, frames, .. }) in found {
        let frames: Vec<Frame> = frames.into_values().collect();
        if frames.len() >= STREAM_MINIMUM_PACKETS && streams.iter().all(|s| s.ssrc != ssrc) {
            streams.push(Stream {
                source,
                destination,
                ssrc,
                law,
                frames,
            });
        }
    }
    if streams.is_empty() {
        return Err(CaptureError::Silent);
    }
    streams.sort_by_key(|stream| std::cmp::Reverse(stream.frames.len()));
    Ok(streams)
}

/// A stream being gathered, by sequence number extended beyond sixteen bits.
struct Found {
    law: Law,
    latest: i64,
    frames: BTreeMap<i64, Frame>,
}

impl Found {
    fn add(&mut self, sequence: u16, frame: Frame) {
        let step = i64::from(sequence.wrapping_sub(self.latest as u16) as i16);
        self.latest += step;
        self.frames.entry(self.latest).or_insert(frame);
    }
}

/// Source, destination and payload of a UDP datagram over IPv4 in an Ethernet frame.
fn udp(frame: &[u8]) -> Option<(SocketAddr, SocketAddr, &[u8])> {
    let packet = match frame.get(12..14)? {
        [0x08, 0x00] => frame.get(14..)?,
        [0x81, 0x00] if frame.get(16..18)? == [0x08, 0x00] => frame.get(18..)?,
        _ => return None,
    };
    let header: &[u8; 20] = packet.first_chunk()?;
    let length = usize::from(header[0] & 0x0f) * 4;
    let fragmented = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
    if header[0] >> 4 != 4 || length < 20 || header[9] != 17 || fragmented {
        return None;
    }
    let datagram = packet.get(length..)?;
    let ports: &[u8; 8] = datagram.first_chunk()?;
    let end = usize::from(u16::from_be_bytes([ports[4], ports[5]]));
    let address = |at: usize, port: usize| -> SocketAddr {
        let ip: [u8; 4] = header[at..at + 4]
            .try_into()
            .expect("four bytes are an address");
        (ip, u16::from_be_bytes([ports[port], ports[port + 1]])).into()
    };
    Some((address(12, 0), address(16, 2), datagram.get(8..end)?))
}

const _: () = assert!(
    FRAME_BYTES == 160,
    "captures are searched for 20 ms packets"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_is_an_error_and_short_frames_are_passed_over() {
        assert!(matches!(
            streams(&b"no pcap"[..]),
            Err(CaptureError::Pcap(_))
        ));
        let mut frame = vec![0u8; 14 + 20 + 8];
        frame[12] = 8;
        frame[14] = 0x45;
        frame[23] = 17;
        frame[39] = 8;
        assert_eq!(udp(&frame).unwrap().2, b"");
        for cut in 0..frame.len() {
            assert!(udp(&frame[..cut]).is_none(), "{cut}");
        }
    }

    #[test]
    fn the_recorded_calls_are_found() {
        let root = std::env::var("STRAIT_TESTDATA").unwrap_or_else(|_| {
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/testdata").to_owned()
        });
        let path = std::path::Path::new(&root).join("pcap/SIP_CALL_RTP_G711.pcap");
        let Ok(file) = std::fs::File::open(&path) else {
            println!("skipped: no test data (set STRAIT_TESTDATA)");
            return;
        };
        let streams = streams(std::io::BufReader::new(file)).unwrap();
        // As Wireshark's RTP analysis counts them: 891 packets, of which 16 are one byte of
        // silence, and 548; each captured twice.
        let lengths: Vec<_> = streams.iter().map(|s| (s.ssrc.0, s.frames.len())).collect();
        assert_eq!(lengths, [(0x58F3_3DEA, 875), (0xD2BD_4E3E, 548)]);
        assert!(streams.iter().all(|stream| stream.law == Law::A));
    }
}
