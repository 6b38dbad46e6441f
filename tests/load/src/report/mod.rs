//! What a trial showed, as numbers: for people, for programs, as a page with plots.

mod bars;
mod calls;
mod comparison;
mod page;
mod text;

pub use self::bars::bars;
pub use self::calls::CallsReport;
pub use self::comparison::{Comparison, Figures};
pub use self::page::page;

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::measure::{MOMENT, Moment};
use crate::side::{Outcome, Pace};
use crate::trial::Trial;

/// A trial's figures.
#[derive(Serialize, Clone, Debug)]
pub struct Report {
    /// Calls at once.
    pub calls: usize,
    /// The multiple of real time; nothing where no clock set the pace.
    pub speed: Option<f64>,
    /// Seconds in which packets were sent.
    pub seconds: f64,
    /// Packets that fell due.
    pub offered: u64,
    /// Packets that came, each counted once.
    pub delivered: u64,
    /// The share of the offered that did not come sound, in per cent.
    pub loss_percent: f64,
    /// Packets delivered a second, both directions together.
    pub packets_per_second: f64,
    /// Megabits of RTP and RTCP delivered a second.
    pub megabits_per_second: f64,
    /// The processor time for a million packets of what stands in the middle, in seconds.
    pub cpu_seconds_per_million: Option<f64>,
    /// The same of what the kernel did for frames that arrived in the middle, where that was kept
    /// apart.
    pub kernel_seconds_per_million: Option<f64>,
    /// Packets that each of Strait's workers received.
    pub workers: Vec<u64>,
    /// Packets of calls that flood: sent and delivered, both directions together.
    pub flood: [u64; 2],
    /// From the calling party to the called one, and back.
    pub directions: [Direction; 2],
    /// Where the lost ones were lost.
    pub lost: BTreeMap<String, u64>,
}

/// One direction's figures.
#[derive(Serialize, Clone, Debug)]
pub struct Direction {
    /// `near to far` or `far to near`.
    pub name: &'static str,
    /// Packets that fell due.
    pub offered: u64,
    /// Packets that came, each counted once.
    pub delivered: u64,
    /// Packets overtaken by later ones.
    pub reordered: u64,
    /// Further copies.
    pub duplicated: u64,
    /// Packets that were changed on the way.
    pub corrupted: u64,
    /// Packets that were none of this side's.
    pub strange: u64,
    /// Packets with wrong headers or checksums.
    pub malformed: u64,
    /// From when a packet was due to its arrival.
    pub latency: Latency,
    /// How late the sender was with it, which the latency contains.
    pub lateness: Latency,
    /// Delivered packets and longest latency, every tenth of a second.
    pub timeline: Vec<Point>,
    /// The whole distribution of latencies: share of packets in per cent, microseconds.
    pub distribution: Vec<(f64, f64)>,
}

/// A distribution in microseconds.
#[derive(Serialize, Clone, Copy, Debug)]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// 99 of 100 are shorter.
    pub p99: f64,
    /// 999 of 1000 are shorter.
    pub p99_9: f64,
    /// 9999 of 10000 are shorter.
    pub p99_99: f64,
    /// The longest.
    pub max: f64,
}

/// A point of the timeline.
#[derive(Serialize, Clone, Copy, Debug)]
pub struct Point {
    /// Seconds since the start.
    pub at: f64,
    /// Packets delivered in this tenth of a second.
    pub delivered: u64,
    /// The longest latency in it, in microseconds.
    pub latency_max: f64,
}

impl Latency {
    /// Every quantile with its name.
    pub fn quantiles(self) -> [(&'static str, f64); 5] {
        [
            ("p50", self.p50),
            ("p99", self.p99),
            ("p99.9", self.p99_9),
            ("p99.99", self.p99_99),
            ("max", self.max),
        ]
    }
}

impl Report {
    /// The figures of a trial.
    pub fn new(trial: &Trial) -> Self {
        let [near, far] = &trial.sides;
        let directions = [
            direction("near to far", near, far),
            direction("far to near", far, near),
        ];
        let total = |count: fn(&Direction) -> u64| directions.iter().map(count).sum::<u64>();
        let offered = total(|direction| direction.offered);
        let delivered = total(|direction| direction.delivered);
        let missing = offered.saturating_sub(delivered);
        let seconds = trial.lasted.as_secs_f64();
        let bytes = near.heard.bytes + far.heard.bytes;
        let million = (offered + near.sent.flooded + far.sent.flooded) as f64 / 1e6;
        let each = |spent: Option<Duration>| {
            let spent = spent.filter(|_| million > 0.0);
            spent.map(|spent| spent.as_secs_f64() / million)
        };
        Self {
            calls: trial.load.calls,
            speed: match trial.load.pace {
                Pace::Times(times) => Some(times),
                Pace::Flat => None,
            },
            seconds,
            offered,
            delivered,
            loss_percent: 100.0 * missing as f64 / offered.max(1) as f64,
            packets_per_second: delivered as f64 / seconds,
            megabits_per_second: bytes as f64 * 8.0 / 1e6 / seconds,
            cpu_seconds_per_million: each(trial.processor_time),
            kernel_seconds_per_million: each(trial.kernel_time),
            workers: trial.counted.received.clone(),
            flood: [
                near.sent.flooded + far.sent.flooded,
                near.heard.flooded + far.heard.flooded,
            ],
            lost: lost(trial, missing),
            directions,
        }
    }

    /// Whether every packet that came was the right one, and not too many are missing.
    pub fn is_good(&self, loss_percent: f64) -> bool {
        let sound = |direction: &Direction| {
            direction.corrupted + direction.strange + direction.malformed == 0
        };
        self.delivered > 0 && self.loss_percent <= loss_percent && self.directions.iter().all(sound)
    }
}

fn direction(name: &'static str, from: &Outcome, to: &Outcome) -> Direction {
    let heard = &to.heard;
    Direction {
        name,
        offered: from.sent.offered,
        delivered: heard.delivered,
        reordered: heard.reordered,
        duplicated: heard.duplicated,
        corrupted: heard.corrupted,
        strange: heard.strange,
        malformed: to.malformed,
        latency: latency(&heard.latency),
        lateness: latency(&from.sent.lateness),
        timeline: heard.timeline.iter().enumerate().map(point).collect(),
        distribution: distribution(&heard.latency),
    }
}

/// Every place a packet can be lost at that somebody counts; what is left over is nobody's.
fn lost(trial: &Trial, missing: u64) -> BTreeMap<String, u64> {
    let mut lost = BTreeMap::new();
    let mut put = |name: &str, count: u64| {
        if count > 0 {
            *lost.entry(name.to_owned()).or_default() += count;
        }
    };
    for (reason, count) in &trial.counted.drops {
        put(&format!("dataplane: {reason}"), *count);
    }
    for side in &trial.sides {
        put("this machine refused to send", side.sent.refused);
        put("this side's receive queues", side.overflowed);
    }
    let explained: u64 = lost.values().sum();
    let rest = missing.saturating_sub(explained);
    if rest > 0 {
        lost.insert("on the way (kernel queues, network)".to_owned(), rest);
    }
    lost
}

fn latency(histogram: &Histogram<u64>) -> Latency {
    let at = |quantile| microseconds(histogram.value_at_quantile(quantile));
    Latency {
        p50: at(0.5),
        p99: at(0.99),
        p99_9: at(0.999),
        p99_99: at(0.9999),
        max: microseconds(histogram.max()),
    }
}

/// Steps that halve the distance to 100 %, as latencies are plotted.
fn distribution(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    let steps = histogram.iter_quantiles(1);
    steps
        .map(|step| {
            (
                step.quantile_iterated_to() * 100.0,
                microseconds(step.value_iterated_to()),
            )
        })
        .collect()
}

fn point((index, moment): (usize, &Moment)) -> Point {
    Point {
        at: (MOMENT * index as u32).as_secs_f64(),
        delivered: moment.delivered,
        latency_max: moment.latency_max.as_secs_f64() * 1e6,
    }
}

fn microseconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64() * 1e6
}
