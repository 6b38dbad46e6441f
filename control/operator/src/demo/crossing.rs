//! Follows each RTP packet into Strait and out of it again.
//!
//! Strait passes synchronisation source and sequence number on as they are, so the pair tells a
//! packet that leaves which packet it was when it came.

use std::collections::{BTreeMap, HashMap};

use hdrhistogram::Histogram;
use strait_parties::rtp::packet::{Packet, Ssrc};
use strait_shared::time::Instant;

/// Packets in Strait at one time; far more than can be, short of something being wrong.
const WAITING_MAXIMUM: usize = 65_536;
/// Latencies are kept between a nanosecond and ten seconds, to three digits.
const LATENCY_MAXIMUM_NS: u64 = 10_000_000_000;

/// All streams.
#[derive(Default)]
pub struct Crossings {
    waiting: HashMap<(Ssrc, u16), Instant>,
    streams: BTreeMap<Ssrc, Crossing>,
}

/// One stream.
pub struct Crossing {
    /// Packets sent into Strait.
    pub entered: u64,
    /// Packets that came out.
    pub left: u64,
    /// Time between the two, in nanoseconds.
    pub latency_ns: Histogram<u64>,
}

impl Crossings {
    /// A datagram is sent to Strait.
    pub fn enter(&mut self, now: Instant, payload: &[u8]) {
        let Some(packet) = Packet::parse(payload) else {
            return;
        };
        self.stream(packet.ssrc).entered += 1;
        if self.waiting.len() < WAITING_MAXIMUM {
            self.waiting.insert((packet.ssrc, packet.sequence), now);
        }
    }

    /// A datagram has come from Strait.
    pub fn leave(&mut self, now: Instant, payload: &[u8]) {
        let Some(packet) = Packet::parse(payload) else {
            return;
        };
        let sent = self.waiting.remove(&(packet.ssrc, packet.sequence));
        let stream = self.stream(packet.ssrc);
        stream.left += 1;
        if let Some(sent) = sent {
            let latency = now.since(sent).as_nanos();
            stream
                .latency_ns
                .saturating_record(u64::try_from(latency).unwrap_or(u64::MAX));
        }
    }

    /// One stream, if any packet of it was seen.
    pub fn of(&self, ssrc: Ssrc) -> Option<&Crossing> {
        self.streams.get(&ssrc)
    }

    /// Every packet's latency.
    pub fn all_latencies_ns(&self) -> Histogram<u64> {
        let mut all = histogram();
        for stream in self.streams.values() {
            all.add(&stream.latency_ns)
                .expect("all histograms have the same bounds");
        }
        all
    }

    /// Packets sent in and packets come out, over all streams.
    pub fn totals(&self) -> (u64, u64) {
        let sum = |count: fn(&Crossing) -> u64| self.streams.values().map(count).sum();
        (sum(|stream| stream.entered), sum(|stream| stream.left))
    }

    fn stream(&mut self, ssrc: Ssrc) -> &mut Crossing {
        self.streams.entry(ssrc).or_insert_with(|| Crossing {
            entered: 0,
            left: 0,
            latency_ns: histogram(),
        })
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAXIMUM_NS, 3).expect("the bounds are in order")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn packet(ssrc: u32, sequence: u16) -> Vec<u8> {
        let ssrc = Ssrc(ssrc);
        let payload = &[0; 160];
        Packet {
            marker: false,
            payload_type: 8,
            sequence,
            timestamp: 0,
            ssrc,
            payload,
        }
        .to_bytes()
    }

    #[test]
    fn each_packet_is_timed_once_and_each_stream_by_itself() {
        let mut crossings = Crossings::default();
        let start = Instant::from_millis(100);
        for sequence in 0..10 {
            crossings.enter(start, &packet(1, sequence));
            crossings.enter(start, &packet(2, sequence));
        }
        for sequence in 0..9 {
            crossings.leave(start + Duration::from_micros(50), &packet(1, sequence));
        }
        crossings.leave(start + Duration::from_micros(50), &packet(1, 0));
        crossings.leave(start, &[0x80, 200, 0, 1, 0, 0, 0, 1]);
        let stream = crossings.of(Ssrc(1)).unwrap();
        assert_eq!(
            (stream.entered, stream.left, stream.latency_ns.len()),
            (10, 10, 9)
        );
        assert!(stream.latency_ns.max().abs_diff(50_000) < 100);
        assert_eq!(crossings.totals(), (20, 10));
        assert_eq!(crossings.all_latencies_ns().len(), 9);
        assert_eq!(crossings.of(Ssrc(2)).unwrap().left, 0);
    }
}
