//! What one direction of a call sends: a recorded stream, over and over, with numbers of its own.
//!
//! Every packet is known by its number alone: the receiver renders the same packet and compares.

use std::sync::Arc;
use std::time::Duration;

use strait_parties::rtp::packet::{HEADER_BYTES, Ssrc};
use strait_parties::rtp::rtcp::{self, SenderInfo};

use crate::capture::{Recorded, Stream};

/// Longest packet that is replayed.
pub const PACKET_BYTES_MAX: usize = 1_472;
/// Time between reports where the capture has none (RFC 3550 §6.2).
const RTCP_INTERVAL: Duration = Duration::from_secs(5);
/// What a pause before the first packet of the next round is, where a stream has one packet.
const PACKET_INTERVAL: Duration = Duration::from_millis(20);
/// Where the number of an RTCP packet stands: the fraction of the sender report's NTP time.
const RTCP_NUMBER: std::ops::Range<usize> = 12..16;
/// Octets of a sender report up to its NTP time and beyond.
const SENDER_REPORT_BYTES: usize = 28;
const SENDER_REPORT: u8 = 200;

/// RTP or RTCP: where a packet's number and source stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// RFC 3550 §5.1.
    Rtp,
    /// RFC 3550 §6.4.1.
    Rtcp,
}

/// A recorded stream, to be sent by any number of calls.
#[derive(Debug)]
pub struct Script {
    kind: Kind,
    packets: Vec<Recorded>,
    /// From one round's first packet to the next round's.
    round: Duration,
    /// What the RTP timestamp gains in a round.
    round_ticks: u32,
}

/// One call's use of a script.
#[derive(Clone, Debug)]
pub struct Part {
    script: Arc<Script>,
    ssrc: u32,
    first: u16,
}

impl Script {
    /// The RTP of a recorded stream.
    pub fn rtp(stream: &Stream) -> Self {
        let fits = |packet: &&Recorded| packet.bytes.len() <= PACKET_BYTES_MAX;
        let packets: Vec<Recorded> = stream.rtp.iter().filter(fits).cloned().collect();
        let last = packets.last().map_or(Duration::ZERO, |packet| packet.at);
        let steps = packets.len().saturating_sub(1).max(1) as u32;
        let interval = if last.is_zero() {
            PACKET_INTERVAL
        } else {
            last / steps
        };
        let ticks = |packet: &Recorded| timestamp(&packet.bytes);
        let gained = match (packets.first(), packets.last()) {
            (Some(first), Some(last)) => ticks(last).wrapping_sub(ticks(first)),
            _ => 0,
        };
        Self {
            kind: Kind::Rtp,
            round: last + interval,
            round_ticks: gained.wrapping_add(gained / steps),
            packets,
        }
    }

    /// The sender reports of a recorded stream, or one every five seconds where it has none.
    pub fn rtcp(stream: &Stream) -> Self {
        let recorded = stream.rtcp.iter().filter(|packet| {
            let bytes = &packet.bytes;
            bytes.get(1) == Some(&SENDER_REPORT)
                && (SENDER_REPORT_BYTES..=PACKET_BYTES_MAX).contains(&bytes.len())
        });
        let mut packets: Vec<Recorded> = recorded.cloned().collect();
        if packets.is_empty() {
            let info = SenderInfo {
                ntp: 1 << 32,
                timestamp: 0,
                packets: 250,
                bytes: 40_000,
            };
            let bytes = rtcp::build(Ssrc(0), "strait-load", Some(&info), None, false);
            packets.push(Recorded {
                at: Duration::ZERO,
                bytes,
            });
        }
        let last = packets.last().map_or(Duration::ZERO, |packet| packet.at);
        Self {
            kind: Kind::Rtcp,
            packets,
            round: last + RTCP_INTERVAL,
            round_ticks: 0,
        }
    }

    /// Mean packets a second at normal speed.
    pub fn packets_per_second(&self) -> f64 {
        self.packets.len() as f64 / self.round.as_secs_f64()
    }
}

impl Part {
    /// A call's part: `ssrc` is its alone, `first` is where its numbers begin.
    pub fn new(script: Arc<Script>, ssrc: u32, first: u16) -> Self {
        Self {
            script,
            ssrc,
            first,
        }
    }

    /// Since the part began, at normal speed, when packet `number` is due.
    pub fn due(&self, number: u64) -> Duration {
        let count = self.script.packets.len() as u64;
        let rounds = u32::try_from(number / count).unwrap_or(u32::MAX);
        self.script.round * rounds + self.script.packets[(number % count) as usize].at
    }

    /// Writes packet `number`; its length.
    pub fn render(&self, number: u64, space: &mut [u8; PACKET_BYTES_MAX]) -> usize {
        let script = &*self.script;
        let count = script.packets.len() as u64;
        let recorded = &script.packets[(number % count) as usize].bytes;
        space[..recorded.len()].copy_from_slice(recorded);
        match script.kind {
            Kind::Rtp => {
                let rounds = (number / count) as u32;
                let ticks =
                    timestamp(recorded).wrapping_add(rounds.wrapping_mul(script.round_ticks));
                let sequence = self.first.wrapping_add(number as u16);
                space[2..4].copy_from_slice(&sequence.to_be_bytes());
                space[4..8].copy_from_slice(&ticks.to_be_bytes());
                space[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
            }
            Kind::Rtcp => {
                space[4..8].copy_from_slice(&self.ssrc.to_be_bytes());
                space[RTCP_NUMBER].copy_from_slice(&(number as u32).to_be_bytes());
            }
        }
        recorded.len()
    }

    /// The number of a packet received, near the `expected` one, and whether it is, octet for
    /// octet, the packet that was sent under it.
    pub fn recognise(&self, bytes: &[u8], expected: u64) -> Option<(u64, bool)> {
        let ssrc_at = if self.script.kind == Kind::Rtp { 8 } else { 4 };
        let ssrc: &[u8; 4] = bytes.get(ssrc_at..)?.first_chunk()?;
        if u32::from_be_bytes(*ssrc) != self.ssrc {
            return None;
        }
        let step = match self.script.kind {
            Kind::Rtp => {
                let sequence = u16::from_be_bytes([bytes[2], *bytes.get(3)?]);
                let offset = sequence.wrapping_sub(self.first);
                i64::from(offset.wrapping_sub(expected as u16) as i16)
            }
            Kind::Rtcp => {
                let number: &[u8; 4] = bytes.get(RTCP_NUMBER)?.first_chunk()?;
                i64::from(u32::from_be_bytes(*number).wrapping_sub(expected as u32) as i32)
            }
        };
        let number = expected.checked_add_signed(step)?;
        let mut space = [0; PACKET_BYTES_MAX];
        let length = self.render(number, &mut space);
        Some((number, &space[..length] == bytes))
    }
}

fn timestamp(rtp: &[u8]) -> u32 {
    debug_assert!(
        rtp.len() >= HEADER_BYTES,
        "the capture is searched for RTP packets"
    );
    u32::from_be_bytes([rtp[4], rtp[5], rtp[6], rtp[7]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        let packet = |number: u8| {
            let mut bytes = vec![0x80, 8, 0, number, 0, 0, 0, number * 16, 9, 9, 9, 9];
            bytes.extend([number; 20]);
            Recorded {
                at: Duration::from_millis(20) * u32::from(number),
                bytes,
            }
        };
        let address = "192.0.2.1:4000".parse().unwrap();
        Stream {
            source: address,
            destination: address,
            rtp: (0..3).map(packet).collect(),
            rtcp: vec![],
        }
    }

    #[test]
    fn rounds_follow_each_other_without_a_seam() {
        let part = Part::new(Arc::new(Script::rtp(&stream())), 0xabcd, 65_534);
        let mut space = [0; PACKET_BYTES_MAX];
        let mut seen = Vec::new();
        for number in 0..5 {
            let length = part.render(number, &mut space);
            let sequence = u16::from_be_bytes([space[2], space[3]]);
            seen.push((
                part.due(number).as_millis(),
                sequence,
                timestamp(&space),
                space[length - 1],
            ));
        }
        let expected = [
            (0, 65_534, 0, 0),
            (20, 65_535, 16, 1),
            (40, 0, 32, 2),
            (60, 1, 48, 0),
            (80, 2, 64, 1),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_packet_is_known_again_and_a_changed_one_is_found_out() {
        for script in [Script::rtp(&stream()), Script::rtcp(&stream())] {
            let part = Part::new(Arc::new(script), 7, 60_000);
            let mut space = [0; PACKET_BYTES_MAX];
            for (number, expected) in [(0, 0), (70_000, 69_990), (70_000, 70_040)] {
                let length = part.render(number, &mut space);
                assert_eq!(
                    part.recognise(&space[..length], expected),
                    Some((number, true))
                );
                space[length - 1] ^= 1;
                assert_eq!(
                    part.recognise(&space[..length], expected),
                    Some((number, false))
                );
                space[if part.script.kind == Kind::Rtp { 8 } else { 4 }] ^= 1;
                assert_eq!(part.recognise(&space[..length], expected), None);
            }
            assert_eq!(part.recognise(&[0x80], 0), None);
        }
    }
}
