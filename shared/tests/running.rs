//! What a slot counts, against plain models of the same rules.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::HashSet;

use common::{at, geometry};
use proptest::collection::vec;
use proptest::prelude::*;
use strait_shared::geometry::WorkerIndex;
use strait_shared::region::{Region, WorkerEnd};
use strait_shared::slot::{Counters, Forwarding, Generation, Policer, SlotIndex};
use strait_shared::table::{Rate, RtpArrival, SlotRef};
use strait_shared::time::Instant;

const SLOT: SlotIndex = SlotIndex(0);
const CLOCK_HZ: u32 = 8_000;

fn opened(policer: Option<Policer>) -> WorkerEnd {
    let mut end = Region::heap(geometry()).worker(WorkerIndex(0)).unwrap();
    let forwarding = Forwarding {
        accept: true,
        policer,
        clock_hz: CLOCK_HZ,
        ..Forwarding::default()
    };
    end.table
        .open(SLOT, Generation(1), &forwarding, at(0))
        .unwrap();
    end
}

fn slot(end: &WorkerEnd) -> SlotRef<'_> {
    end.table.table().slot(SLOT).unwrap()
}

fn counted(end: &WorkerEnd) -> Counters {
    end.table.table().snapshot(SLOT).unwrap().counters
}

fn rtp(ssrc: u32, sequence: u16, timestamp: u32) -> RtpArrival {
    RtpArrival {
        ssrc,
        sequence,
        timestamp: Some(timestamp),
    }
}

/// Sends these sequence numbers, 20 ms apart, and says what was counted.
fn hear(sequences: &[u16]) -> Counters {
    let end = opened(None);
    for (index, &sequence) in sequences.iter().enumerate() {
        let arrival = rtp(7, sequence, index as u32 * 160);
        slot(&end).record_rtp(at(20 * index as u64), 172, arrival, CLOCK_HZ);
    }
    counted(&end)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 256 }))]

    /// RFC 3550 A.3: expected from the sequence, less received; over the wrap, late ones included.
    #[test]
    fn loss_is_what_is_missing(first: u16, kept in vec(any::<bool>(), 1..300), late in 0..20usize) {
        let mut sent: Vec<u16> = kept.iter().enumerate()
            .filter(|&(index, &kept)| kept || index == 0)
            .map(|(index, _)| first.wrapping_add(index as u16))
            .collect();
        // One packet up to twenty places late; not the first, which the count begins with.
        let moved = (sent.len() - 1).checked_sub(late + 1).filter(|&place| place > 0);
        if let Some(place) = moved {
            let packet = sent.remove(place);
            sent.push(packet);
        }
        let counters = hear(&sent);
        let reach = sent.iter().map(|s| s.wrapping_sub(first)).max().unwrap();
        let unique: HashSet<u16> = sent.iter().copied().collect();
        prop_assert_eq!(counters.lost, u32::from(reach) + 1 - unique.len() as u32);
        prop_assert_eq!(counters.packets, sent.len() as u64);
        prop_assert_eq!(counters.disordered, u32::from(moved.is_some()));
    }

    /// A policer lets through no more than its rate and burst in any window, and never holds up
    /// a stream that keeps to its rate.
    #[test]
    fn the_policer_bounds_every_window(
        gaps in vec(0..40_000_000u64, 1..200),
        burst_ms in 0..500u32,
    ) {
        let rate = Policer { packets_per_second: 50, bytes_per_second: 1_000_000, burst_ms };
        let end = opened(Some(rate));
        let policer = slot(&end).view().unwrap().policer().unwrap();
        let (mut now, mut through) = (1_000_000_000, Vec::new());
        for gap in gaps {
            now += gap;
            if slot(&end).police(&policer, Instant::from_nanos(now), 100) == Rate::Conforms {
                through.push(now);
            }
        }
        let interval = 20_000_000;
        let burst = u64::from(burst_ms) * 1_000_000;
        for (first, start) in through.iter().enumerate() {
            for (last, stop) in through.iter().enumerate().skip(first) {
                prop_assert!((last - first) as u64 * interval <= stop - start + burst);
            }
        }
    }
}

#[test]
fn a_stream_at_its_rate_is_never_policed() {
    let rate = Policer {
        packets_per_second: 50,
        bytes_per_second: 50 * 172,
        burst_ms: 0,
    };
    let end = opened(Some(rate));
    let policer = slot(&end).view().unwrap().policer().unwrap();
    for index in 0..1_000 {
        assert_eq!(
            slot(&end).police(&policer, at(20 * index), 172),
            Rate::Conforms,
            "{index}"
        );
    }
}

#[test]
fn bytes_are_policed_apart_from_packets_and_a_refused_packet_costs_nothing() {
    let rate = Policer {
        packets_per_second: 1_000,
        bytes_per_second: 1_000,
        burst_ms: 100,
    };
    let end = opened(Some(rate));
    let policer = slot(&end).view().unwrap().policer().unwrap();
    let police = |ms, bytes| slot(&end).police(&policer, at(ms), bytes);
    assert_eq!(police(1_000, 1_500), Rate::Conforms);
    assert_eq!(police(1_001, 10), Rate::TooManyBytes);
    // 1 500 bytes are paid off 1.4 s later, with 100 ms of tolerance.
    assert_eq!(police(2_399, 10), Rate::TooManyBytes);
    assert_eq!(police(2_400, 10), Rate::Conforms);
    let rate = Policer {
        packets_per_second: 10,
        bytes_per_second: 1_000_000,
        burst_ms: 100,
    };
    let end = opened(Some(rate));
    let policer = slot(&end).view().unwrap().policer().unwrap();
    let verdicts = [0, 0, 0].map(|ms| slot(&end).police(&policer, at(5_000 + ms), 10));
    assert_eq!(
        verdicts,
        [Rate::Conforms, Rate::Conforms, Rate::TooManyPackets]
    );
}

#[test]
fn duplicates_are_disorder_and_hide_no_loss() {
    let counters = hear(&[10, 11, 11, 13, 13, 14]);
    assert_eq!((counters.lost, counters.disordered), (1, 2));
}

#[test]
fn a_jump_or_another_source_begins_anew_and_keeps_what_was_lost() {
    let counters = hear(&[10, 12, 40_000, 40_001]);
    assert_eq!((counters.lost, counters.disordered), (1, 0));
    let end = opened(None);
    for (ssrc, sequence) in [(1, 5), (1, 7), (2, 60_000), (2, 60_003)] {
        slot(&end).record_rtp(at(1), 172, rtp(ssrc, sequence, 0), CLOCK_HZ);
    }
    let counters = counted(&end);
    assert_eq!((counters.lost, counters.ssrc), (3, Some(2)));
}

#[test]
fn packets_that_are_no_rtp_are_no_loss() {
    let end = opened(None);
    slot(&end).record(at(1), 20);
    slot(&end).record_rtp(at(2), 172, rtp(1, 100, 0), CLOCK_HZ);
    slot(&end).record(at(3), 20);
    slot(&end).record_rtp(at(4), 172, rtp(1, 102, 320), CLOCK_HZ);
    let counters = counted(&end);
    assert_eq!(
        (counters.lost, counters.packets, counters.bytes),
        (1, 4, 384)
    );
}

#[test]
fn a_source_that_was_heard_can_be_recognised() {
    let end = opened(None);
    assert_eq!(slot(&end).reception(), None);
    slot(&end).record_rtp(at(2), 172, rtp(0, 65_535, 0), CLOCK_HZ);
    slot(&end).record_rtp(at(2), 172, rtp(0, 2, 0), CLOCK_HZ);
    let heard = slot(&end).reception().unwrap();
    assert_eq!(heard.ssrc, 0);
    assert_eq!(
        [2, 5, 65_535, 32_770].map(|s| heard.distance(s)),
        [0, 3, 3, 32_768]
    );
}

#[test]
fn jitter_follows_the_transit_and_forgets_it() {
    let end = opened(None);
    // Every second packet 10 ms late: a mean deviation of 10 ms (RFC 3550 A.8).
    for index in 0..400u64 {
        let late = index % 2 * 10;
        let arrival = rtp(1, index as u16, index as u32 * 160);
        slot(&end).record_rtp(at(1_000 + 20 * index + late), 172, arrival, CLOCK_HZ);
    }
    let jitter_ns = counted(&end).jitter_ns;
    assert!((9_000_000..=10_100_000).contains(&jitter_ns), "{jitter_ns}");
    for index in 400..800u64 {
        let arrival = rtp(1, index as u16, index as u32 * 160);
        slot(&end).record_rtp(at(1_000 + 20 * index), 172, arrival, CLOCK_HZ);
    }
    assert!(counted(&end).jitter_ns < 1_000_000);
}

#[test]
fn jitter_needs_a_clock() {
    let end = opened(None);
    for index in 0..50u64 {
        let arrival = rtp(1, index as u16, index as u32);
        slot(&end).record_rtp(at(index * index), 172, arrival, 0);
    }
    assert_eq!(counted(&end).jitter_ns, 0);
}
