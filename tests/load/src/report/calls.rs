//! The report of calls by SIP.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Latency, Report, latency};
use crate::calls::Run;
use crate::side::Pace;
use crate::trial::{Load, Trial};

/// Figures of signalling, and of the media of the calls.
#[derive(Serialize, Debug)]
pub struct CallsReport {
    /// INVITEs sent.
    pub placed: u64,
    /// Seconds until the last call was over.
    pub seconds: f64,
    /// The most calls that stood at once.
    pub most_at_once: usize,
    /// Calls that went as they were meant to, by kind.
    pub good: BTreeMap<&'static str, u64>,
    /// Calls that did not, by what happened.
    pub failed: BTreeMap<String, u64>,
    /// From INVITE to the first 18x.
    pub to_ringing: Latency,
    /// From INVITE to its 2xx, without the time it rang.
    pub to_answer: Latency,
    /// From BYE to its 2xx.
    pub to_end: Latency,
    /// Strait's processor time a call, signalling and media together, in milliseconds.
    pub cpu_ms_per_call: Option<f64>,
    /// What became of their packets.
    pub media: Report,
}

impl CallsReport {
    /// The figures of a run.
    pub fn new(run: Run) -> Self {
        let figures = &run.figures;
        let per_call =
            |spent: std::time::Duration| spent.as_secs_f64() * 1e3 / figures.placed.max(1) as f64;
        Self {
            placed: figures.placed,
            seconds: run.lasted.as_secs_f64(),
            most_at_once: run.most,
            good: figures.good.clone(),
            failed: figures.failed.clone(),
            to_ringing: latency(&figures.to_ringing),
            to_answer: latency(&figures.to_answer),
            to_end: latency(&figures.to_end),
            cpu_ms_per_call: run.processor_time.map(per_call),
            media: Report::new(&Trial {
                load: Load::new(run.most, Pace::Times(1.0), run.lasted),
                lasted: run.lasted,
                sides: run.sides,
                counted: run.counted,
                processor_time: None,
                kernel_time: None,
            }),
        }
    }

    /// Whether every call went as it was meant to, with its media.
    pub fn is_good(&self, loss_percent: f64) -> bool {
        let silent = self.media.offered == 0;
        self.failed.is_empty() && self.placed > 0 && (silent || self.media.is_good(loss_percent))
    }
}

impl fmt::Display for CallsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.placed as f64 / self.seconds;
        writeln!(
            f,
            "{} calls placed in {:.1} s ({rate:.1}/s with the last ones' end), {} at once",
            self.placed, self.seconds, self.most_at_once
        )?;
        for (kind, count) in &self.good {
            writeln!(f, "  as meant: {kind:<28} {count:>8}")?;
        }
        for (how, count) in &self.failed {
            writeln!(f, "  FAILED:   {how:<28} {count:>8}")?;
        }
        if let Some(ms) = self.cpu_ms_per_call {
            writeln!(
                f,
                "Strait: {ms:.2} ms of processor time a call, media included"
            )?;
        }
        let times = [
            ("INVITE to 18x", self.to_ringing),
            ("INVITE to 2xx", self.to_answer),
            ("BYE to 2xx", self.to_end),
        ];
        for (name, time) in times {
            write!(f, "  {name:<14}")?;
            for (quantile, us) in time.quantiles() {
                write!(f, "  {quantile} {:.1} ms", us / 1e3)?;
            }
            writeln!(f)?;
        }
        write!(f, "\nmedia of up to {}", self.media)
    }
}
