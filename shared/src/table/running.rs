//! The running line: what has arrived at a slot. Written by the worker the flow lands on, with
//! plain loads and stores; a flow that moves to another worker may cost a count or two.
//!
//! RTP reception follows RFC 3550 appendix A: extended sequence (A.1), loss (A.3), jitter (A.8).
//! Instead of two base values the slot keeps one, `lost base = highest - packets - lost` at the
//! moment a source begins, so that `lost = highest - packets - lost base` goes on over sources.

use crate::slot::Counters;
use crate::sync::Ordering::Relaxed;
use crate::table::view::load;
use crate::table::words::{high, low, pack};
use crate::table::{SlotRef, SlotWords, add};
use crate::time::Instant;

/// Sequence steps forward that count as loss; further ones begin anew (RFC 3550 A.1).
const DROPOUT_MAX: u16 = 3_000;
/// Sequence steps back that count as disorder; further ones begin anew (RFC 3550 A.1).
const DISORDER_MAX: u16 = 100;
/// The cycle a source's sequence starts in, so that steps back from the start stay above 0.
const FIRST_CYCLE: u32 = 1 << 16;

/// What an RTP header says about arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RtpArrival {
    /// The synchronisation source.
    pub ssrc: u32,
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp; nothing where it would mislead the jitter (telephone events, RFC 4733).
    pub timestamp: Option<u32>,
}

/// The source a slot hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reception {
    /// The synchronisation source.
    pub ssrc: u32,
    /// The extended highest sequence number; its lower half is the highest on the wire.
    pub highest: u32,
}

impl Reception {
    /// How far `sequence` is from the highest, in either direction.
    pub fn distance(&self, sequence: u16) -> u16 {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        ahead.min(ahead.wrapping_neg())
    }
}

impl SlotRef<'_> {
    /// Counts an accepted packet that is no RTP.
    #[inline]
    pub fn record(&self, now: Instant, bytes: u32) {
        self.count(now, bytes);
        // One packet more that no sequence number accounts for.
        let loss = load(&self.words.rtp_loss);
        let base = low(loss).wrapping_sub(1);
        self.words.rtp_loss.store(pack(base, high(loss)), Relaxed);
    }

    /// Counts an accepted RTP packet of a stream with this clock (0: jitter is not measured).
    #[inline]
    pub fn record_rtp(&self, now: Instant, bytes: u32, rtp: RtpArrival, clock_hz: u32) {
        let packets = self.count(now, bytes);
        let words = self.words;
        let source = load(&words.rtp_source);
        let before = Loss::read(load(&words.rtp_loss));
        let step = step(source, rtp);
        let (highest, loss) = before.after(step, high(source), rtp.sequence, packets);
        words.rtp_source.store(pack(rtp.ssrc, highest), Relaxed);
        words
            .rtp_loss
            .store(pack(loss.base, loss.disordered), Relaxed);
        if let Some(timestamp) = rtp.timestamp.filter(|_| clock_hz != 0) {
            let transit = ticks(now, clock_hz).wrapping_sub(timestamp);
            let timing = load(&words.rtp_timing);
            let jitter = match step {
                Step::Begin => low(timing),
                _ => jitter(low(timing), high(timing), transit),
            };
            words.rtp_timing.store(pack(jitter, transit), Relaxed);
        }
    }

    /// The RTP source heard last, if any.
    #[inline]
    pub fn reception(&self) -> Option<Reception> {
        let source = load(&self.words.rtp_source);
        let reception = Reception {
            ssrc: low(source),
            highest: high(source),
        };
        (reception.highest != 0).then_some(reception)
    }

    /// When the last packet was accepted, or the slot opened.
    #[inline]
    pub fn last_seen(&self) -> Instant {
        Instant::from_nanos(load(&self.words.last_seen))
    }

    /// Packets accepted since the slot opened.
    #[inline]
    pub fn packets(&self) -> u64 {
        load(&self.words.packets)
    }

    #[inline(always)]
    fn count(&self, now: Instant, bytes: u32) -> u64 {
        let packets = load(&self.words.packets).wrapping_add(1);
        self.words.packets.store(packets, Relaxed);
        add(&self.words.bytes, u64::from(bytes));
        self.words.last_seen.store(now.as_nanos(), Relaxed);
        packets
    }
}

impl SlotWords {
    /// Owner: a new use begins.
    pub(super) fn reset_running(&self, now: Instant) {
        for word in [
            &self.packets,
            &self.bytes,
            &self.arrival_times[0],
            &self.arrival_times[1],
            &self.rtp_source,
            &self.rtp_timing,
            &self.rtp_loss,
            &self.refused,
            &self.policed,
        ] {
            word.store(0, Relaxed);
        }
        self.last_seen.store(now.as_nanos(), Relaxed);
    }

    /// The counters as they stand, each whole but not all of one moment.
    pub(super) fn counters(&self) -> Counters {
        let (source, timing) = (load(&self.rtp_source), load(&self.rtp_timing));
        let packets = load(&self.packets);
        let loss = Loss::read(load(&self.rtp_loss));
        let heard = high(source) != 0;
        let clock_hz = u64::from(high(load(&self.byte_policer)));
        let jitter_ticks_16 = u64::from(low(timing));
        let jitter_ns = jitter_ticks_16 * 1_000_000_000 / 16;
        Counters {
            packets,
            bytes: load(&self.bytes),
            refused: load(&self.refused),
            policed: load(&self.policed),
            lost: if heard {
                loss.lost(high(source), packets)
            } else {
                0
            },
            disordered: loss.disordered,
            jitter_ns: jitter_ns.checked_div(clock_hz).unwrap_or(0),
            ssrc: heard.then_some(low(source)),
            last_seen: Instant::from_nanos(load(&self.last_seen)),
            latched: self.remote().and_then(|remote| remote.socket_addr()),
        }
    }
}

/// How a packet's sequence number follows on what was heard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// A new source, or one that jumped.
    Begin,
    /// On by this much.
    Forward(u16),
    /// The highest once more.
    Twice,
    /// A late one.
    Back,
}

#[inline(always)]
fn step(source: u64, rtp: RtpArrival) -> Step {
    if high(source) == 0 || low(source) != rtp.ssrc {
        return Step::Begin;
    }
    match rtp.sequence.wrapping_sub(high(source) as u16) {
        0 => Step::Twice,
        ahead if ahead < DROPOUT_MAX => Step::Forward(ahead),
        ahead if ahead.wrapping_neg() <= DISORDER_MAX => Step::Back,
        _ => Step::Begin,
    }
}

#[derive(Clone, Copy)]
struct Loss {
    base: u32,
    disordered: u32,
}

impl Loss {
    #[inline(always)]
    fn read(word: u64) -> Self {
        Self {
            base: low(word),
            disordered: high(word),
        }
    }

    /// Packets missing; late ones make up for their gap.
    #[inline(always)]
    fn lost(self, highest: u32, packets: u64) -> u32 {
        let lost = highest.wrapping_sub(packets as u32).wrapping_sub(self.base);
        if (lost as i32) < 0 { 0 } else { lost }
    }

    /// The highest sequence and the loss once `packets` have arrived, this one included.
    #[inline(always)]
    fn after(self, step: Step, highest: u32, sequence: u16, packets: u64) -> (u32, Self) {
        match step {
            Step::Forward(ahead) => (highest.wrapping_add(u32::from(ahead)).max(1), self),
            Step::Back => (
                highest,
                Self {
                    disordered: self.disordered.wrapping_add(1),
                    ..self
                },
            ),
            Step::Twice => {
                let base = self.base.wrapping_sub(1);
                (
                    highest,
                    Self {
                        base,
                        disordered: self.disordered.wrapping_add(1),
                    },
                )
            }
            Step::Begin => {
                let lost = if highest == 0 {
                    0
                } else {
                    self.lost(highest, packets.wrapping_sub(1))
                };
                let highest = FIRST_CYCLE | u32::from(sequence);
                let base = highest.wrapping_sub(packets as u32).wrapping_sub(lost);
                (highest, Self { base, ..self })
            }
        }
    }
}

/// RFC 3550 A.8: the mean deviation of transit, in 1/16 ticks.
#[inline(always)]
fn jitter(jitter: u32, previous_transit: u32, transit: u32) -> u32 {
    let deviation = (transit.wrapping_sub(previous_transit) as i32).unsigned_abs();
    jitter
        .wrapping_add(deviation)
        .wrapping_sub(jitter.wrapping_add(8) >> 4)
}

/// A point in time on an RTP clock.
#[inline(always)]
fn ticks(now: Instant, clock_hz: u32) -> u32 {
    let (ns, hz) = (now.as_nanos(), u64::from(clock_hz));
    let seconds = (ns / 1_000_000_000).wrapping_mul(hz);
    let rest = ns % 1_000_000_000 * hz / 1_000_000_000;
    seconds.wrapping_add(rest) as u32
}
