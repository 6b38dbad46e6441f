//! Judges what is heard: counts as RFC 3550 counts, and compares every payload with the voice the
//! other party is known to play.

use std::net::SocketAddr;
use std::time::Duration;

use strait_shared::time::Instant;

use super::g711::Law;
use super::packet::{Packet, Ssrc};
use super::voice::Voice;
use super::{CLOCK_RATE, Frame};

/// Synchronisation sources told apart; packets of any more are counted as foreign.
const TRACKS_MAXIMUM: usize = 8;
/// How far back a packet is told from a repetition, in packets.
const WINDOW_PACKETS: i64 = 128;

/// The receiving half of a stream.
pub struct Listener {
    expected: Option<Voice>,
    signalled: Option<SocketAddr>,
    tracks: Vec<Track>,
    unsignalled: u64,
    overflowed: u64,
    longest_gap: Duration,
    last: Option<Instant>,
    /// Where a gap would begin: the last packet, unless a pause was agreed since.
    last_before_gap: Option<Instant>,
    paused: bool,
}

/// What a listener has to say.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Heard {
    /// Packets that carried the expected voice, repetitions included.
    pub received: u64,
    /// Packets missing between the first and the last.
    pub lost: u64,
    /// Packets that arrived after a later one.
    pub late: u64,
    /// Packets that arrived twice.
    pub duplicates: u64,
    /// Packets of the expected stream whose content is not what was played.
    pub altered: u64,
    /// Packets of streams that carry nothing of the expected voice.
    pub foreign: u64,
    /// Packets whose source is not the address signalled; a NAT may be the cause.
    pub unsignalled: u64,
    /// Streams (synchronisation sources) that carried the expected voice.
    pub streams: usize,
    /// Interarrival jitter (RFC 3550 §6.4.1) of the latest such stream.
    pub jitter: Duration,
    /// Longest silence between two packets.
    pub longest_gap: Duration,
    /// When the first packet came.
    pub first: Option<Instant>,
    /// When the last packet came.
    pub last: Option<Instant>,
}

/// What a report block says about a stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reception {
    /// Whose stream.
    pub ssrc: Ssrc,
    /// Packets lost since the start, as expected minus received.
    pub lost: i64,
    /// Share lost since the previous report, in 1/256.
    pub fraction: u8,
    /// Extended highest sequence number.
    pub highest: u32,
    /// Jitter in units of the clock rate.
    pub jitter: u32,
}

struct Track {
    ssrc: Ssrc,
    first: Instant,
    base: u16,
    /// Highest sequence number so far, counted from `base`.
    highest: i64,
    received: u64,
    duplicates: u64,
    late: u64,
    matched: u64,
    altered: u64,
    /// Bit `n` says whether the packet `n` before the highest has come.
    window: u128,
    transit: i64,
    jitter_16: i64,
    /// Places in the voice where the stream may have begun; shrinks as packets tell them apart.
    candidates: Vec<usize>,
    reported: (i64, i64),
}

impl Listener {
    /// A listener that expects `voice`. Without one nothing it hears is verified.
    pub fn new(voice: Option<Voice>) -> Self {
        Self {
            expected: voice,
            signalled: None,
            tracks: Vec::new(),
            unsignalled: 0,
            overflowed: 0,
            longest_gap: Duration::ZERO,
            last: None,
            last_before_gap: None,
            paused: false,
        }
    }

    /// Where the other side said its packets come from.
    pub fn expect_from(&mut self, address: Option<SocketAddr>) {
        self.signalled = address;
    }

    /// While a pause is agreed, silence is no gap.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        self.last_before_gap = None;
    }

    /// Takes one RTP packet.
    pub fn receive(&mut self, now: Instant, source: SocketAddr, packet: &Packet<'_>) {
        self.unsignalled += u64::from(self.signalled.is_some_and(|signalled| signalled != source));
        if let Some(last) = self.last_before_gap {
            self.longest_gap = self.longest_gap.max(now.since(last));
        }
        self.last = Some(now);
        self.last_before_gap = (!self.paused).then_some(now);
        let known = self
            .tracks
            .iter()
            .position(|track| track.ssrc == packet.ssrc);
        let Some(law) = Law::from_payload_type(packet.payload_type) else {
            self.overflowed += 1;
            return;
        };
        let at = match known {
            Some(at) => at,
            None if self.tracks.len() < TRACKS_MAXIMUM => {
                self.tracks.push(Track::new(now, packet));
                self.tracks.len() - 1
            }
            None => {
                self.overflowed += 1;
                return;
            }
        };
        let track = &mut self.tracks[at];
        let offset = track.count(now, packet);
        if let Some(voice) = &self.expected {
            track.verify(voice, law, offset, packet.payload);
        }
    }

    /// The judgement so far.
    pub fn heard(&self) -> Heard {
        let mut heard = Heard {
            unsignalled: self.unsignalled,
            foreign: self.overflowed,
            longest_gap: self.longest_gap,
            ..Heard::default()
        };
        for track in &self.tracks {
            if track.matched == 0 {
                heard.foreign += track.received;
                continue;
            }
            heard.streams += 1;
            heard.received += track.received;
            heard.lost += track.lost().max(0).unsigned_abs();
            heard.late += track.late;
            heard.duplicates += track.duplicates;
            heard.altered += track.altered;
            heard.jitter = samples(track.jitter_16 / 16);
            heard.first = heard.first.or(Some(track.first));
        }
        heard.last = self.last.filter(|_| heard.streams > 0);
        heard
    }

    /// Report block for the latest stream, and the start of the next reporting interval.
    pub fn report(&mut self) -> Option<Reception> {
        let track = self.tracks.last_mut()?;
        let expected = track.highest + 1;
        let received = track.unique();
        let (was_expected, was_received) = track.reported;
        let (interval, missing) = (
            expected - was_expected,
            (expected - was_expected) - (received - was_received),
        );
        track.reported = (expected, received);
        let fraction = if interval > 0 {
            (missing.max(0) * 256 / interval).min(255)
        } else {
            0
        };
        Some(Reception {
            ssrc: track.ssrc,
            lost: track.lost(),
            fraction: fraction as u8,
            highest: (i64::from(track.base) + track.highest) as u32,
            jitter: (track.jitter_16 / 16) as u32,
        })
    }
}

impl Heard {
    /// Whether the other party was heard: its voice came, unaltered, with nothing else among it.
    pub fn is_clean(&self) -> bool {
        self.received > 0 && self.altered == 0 && self.foreign == 0
    }
}

impl Track {
    fn new(now: Instant, packet: &Packet<'_>) -> Self {
        Self {
            ssrc: packet.ssrc,
            first: now,
            base: packet.sequence,
            highest: -1,
            received: 0,
            duplicates: 0,
            late: 0,
            matched: 0,
            altered: 0,
            window: 0,
            transit: arrival(now) - i64::from(packet.timestamp),
            jitter_16: 0,
            candidates: Vec::new(),
            reported: (0, 0),
        }
    }

    /// Counts a packet and returns its place counted from the first one of the stream; packets
    /// from before the first have negative places.
    fn count(&mut self, now: Instant, packet: &Packet<'_>) -> i64 {
        self.received += 1;
        let highest_sequence = self.base.wrapping_add(self.highest as u16);
        let step = i64::from(packet.sequence.wrapping_sub(highest_sequence) as i16);
        let offset = self.highest + step;
        if step > 0 {
            self.window = if step < WINDOW_PACKETS {
                self.window << step
            } else {
                0
            } | 1;
            self.highest = offset;
        } else if -step < WINDOW_PACKETS {
            let bit = 1u128 << -step;
            if self.window & bit != 0 {
                self.duplicates += 1;
                return offset;
            }
            self.late += 1;
            self.window |= bit;
        } else {
            self.late += 1;
        }
        let transit = arrival(now) - i64::from(packet.timestamp);
        // Timestamps wrap at 32 bits: only the difference matters, and it is small.
        let difference = i64::from((transit - self.transit) as i32).abs();
        self.transit = transit;
        self.jitter_16 += difference - ((self.jitter_16 + 8) >> 4);
        offset
    }

    /// Keeps the candidates that explain this payload at this place. If none does, the payload is
    /// not what was played, and the candidates stay as they were.
    fn verify(&mut self, voice: &Voice, law: Law, offset: i64, payload: &[u8]) {
        let Ok(frame) = Frame::try_from(payload) else {
            self.altered += 1;
            return;
        };
        let length = voice.length();
        let shift = offset.rem_euclid(length as i64) as usize;
        let explains = |start: &usize| *voice.frame(law, start + shift) == frame;
        let explaining: Vec<usize> = if self.matched == 0 {
            (0..length).filter(explains).collect()
        } else {
            self.candidates.iter().copied().filter(explains).collect()
        };
        if explaining.is_empty() {
            self.altered += 1;
        } else {
            self.matched += 1;
            self.candidates = explaining;
        }
    }

    fn unique(&self) -> i64 {
        (self.received - self.duplicates) as i64
    }

    fn lost(&self) -> i64 {
        self.highest + 1 - self.unique()
    }
}

/// Arrival time in units of the clock rate.
fn arrival(now: Instant) -> i64 {
    (u128::from(now.as_nanos()) * u128::from(CLOCK_RATE) / 1_000_000_000) as i64
}

fn samples(count: i64) -> Duration {
    Duration::from_micros(count.unsigned_abs() * 1_000_000 / u64::from(CLOCK_RATE))
}

#[cfg(test)]
#[path = "heard_tests.rs"]
mod tests;
