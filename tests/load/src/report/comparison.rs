//! What a bench showed: a table, medians of all rounds.

use std::fmt;

use serde::Serialize;

use crate::bench::{BASE, LOADED, NOTHING};

/// What every contender did.
#[derive(Serialize, Clone, Debug)]
pub struct Comparison {
    /// Calls at once.
    pub calls: u32,
    /// Packets a second at which processor time and latency were taken.
    pub rate: u32,
    /// The largest share that may be lost, in per cent.
    pub loss_percent: f64,
    /// In the order they took part.
    pub contenders: Vec<Standing>,
}

/// What one contender did.
#[derive(Serialize, Clone, Debug)]
pub struct Standing {
    /// Its name.
    pub name: &'static str,
    /// Why it is left out, if it is.
    pub left_out: Option<String>,
    /// Whether that is because it is not installed.
    pub is_absent: bool,
    /// Of every round.
    pub rounds: Vec<Figures>,
    /// The median of each figure over all rounds.
    pub medians: Option<Figures>,
}

/// One round's figures. Processor times are seconds for a million packets, latencies microseconds
/// from when a packet was due.
#[derive(Serialize, Clone, Copy, Debug)]
pub struct Figures {
    /// The highest rate with losses in bounds, packets a second.
    pub rate: f64,
    /// Whether it was the generator that went no further.
    pub is_generators: bool,
    /// Of the process in the middle, at the common rate.
    pub process: Option<f64>,
    /// Of the kernel for frames that arrived in the middle, at the common rate.
    pub kernel: Option<f64>,
    /// Of the process at the highest rate.
    pub process_at_most: Option<f64>,
    /// Of the kernel at the highest rate.
    pub kernel_at_most: Option<f64>,
    /// Half of the packets were faster, at the common rate.
    pub latency_p50: f64,
    /// 99 of 100 were faster.
    pub latency_p99: f64,
    /// The share lost at the common rate, in per cent.
    pub loss_percent: f64,
    /// Half of the packets were faster at a part of its own highest rate.
    pub loaded_p50: Option<f64>,
    /// 999 of 1000 were faster there.
    pub loaded_p99_9: Option<f64>,
}

impl Figures {
    /// All processor time for a million packets at the common rate.
    pub fn cost(&self) -> Option<f64> {
        sum(self.process, self.kernel)
    }

    /// The same at the highest rate.
    pub fn cost_at_most(&self) -> Option<f64> {
        sum(self.process_at_most, self.kernel_at_most)
    }

    fn medians(rounds: &[Self]) -> Option<Self> {
        let number = |of: fn(&Self) -> f64| median(rounds.iter().map(of).collect());
        let time = |of: fn(&Self) -> Option<f64>| median(rounds.iter().filter_map(of).collect());
        Some(Self {
            rate: number(|round| round.rate)?,
            is_generators: rounds.iter().filter(|round| round.is_generators).count() * 2
                > rounds.len(),
            process: time(|round| round.process),
            kernel: time(|round| round.kernel),
            process_at_most: time(|round| round.process_at_most),
            kernel_at_most: time(|round| round.kernel_at_most),
            latency_p50: number(|round| round.latency_p50)?,
            latency_p99: number(|round| round.latency_p99)?,
            loss_percent: number(|round| round.loss_percent)?,
            loaded_p50: time(|round| round.loaded_p50),
            loaded_p99_9: time(|round| round.loaded_p99_9),
        })
    }
}

impl Comparison {
    /// Nothing yet, of these.
    pub fn new(
        calls: u32,
        rate: u32,
        loss_percent: f64,
        names: impl Iterator<Item = &'static str>,
    ) -> Self {
        let nothing_yet = |name| Standing {
            name,
            left_out: None,
            is_absent: false,
            rounds: Vec::new(),
            medians: None,
        };
        Self {
            calls,
            rate,
            loss_percent,
            contenders: names.map(nothing_yet).collect(),
        }
    }

    /// Takes a round's figures in.
    pub fn add(&mut self, name: &str, figures: Figures) {
        if let Some(standing) = self.standing(name) {
            standing.rounds.push(figures);
            standing.medians = Figures::medians(&standing.rounds);
        }
    }

    /// Leaves it out from now on.
    pub fn leave_out(&mut self, name: &str, reason: String) {
        if let Some(standing) = self.standing(name) {
            standing.left_out = Some(reason);
        }
    }

    /// Leaves out what is not installed.
    pub fn miss(&mut self, name: &str, reason: String) {
        self.leave_out(name, reason);
        if let Some(standing) = self.standing(name) {
            standing.is_absent = true;
        }
    }

    /// Whether it is left out.
    pub fn is_left_out(&self, name: &str) -> bool {
        let mut standings = self.contenders.iter();
        standings.any(|standing| standing.name == name && standing.left_out.is_some())
    }

    /// Whether nothing of Strait's own that is there was left out.
    pub fn has_all_of_strait(&self) -> bool {
        let strait = |standing: &&Standing| standing.name.starts_with("strait");
        let mut strait = self.contenders.iter().filter(strait);
        strait.all(|standing| standing.left_out.is_none() || standing.is_absent)
    }

    /// The medians of one that took part.
    pub fn medians(&self, name: &str) -> Option<Figures> {
        let named = self
            .contenders
            .iter()
            .find(|standing| standing.name == name);
        named.and_then(|standing| standing.medians)
    }

    fn standing(&mut self, name: &str) -> Option<&mut Standing> {
        let mut standings = self.contenders.iter_mut();
        standings.find(|standing| standing.name == name)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.contenders.iter().map(|standing| standing.rounds.len());
        writeln!(
            f,
            "{} calls, {} rounds, medians; ratios to {BASE} in brackets. Processor time is seconds \
             for a million packets,\nof the process + of the kernel for frames that arrive there; \
             latency is microseconds more than {NOTHING}'s, which are its own, and as it is at \
             {:.0} % of the highest rate.\n",
            self.calls,
            rounds.max().unwrap_or_default(),
            LOADED * 100.0,
        )?;
        writeln!(
            f,
            "{:22} {:>20} {:>22} {:>22} {:>14} {:>15}",
            "",
            format!("packets/s, < {} %", self.loss_percent),
            format!("CPU at {}/s", self.rate),
            "CPU at the highest",
            "p50, p99 more",
            "p50, p99.9 then",
        )?;
        let base = self.medians(BASE);
        let nothing = self.medians(NOTHING);
        for standing in &self.contenders {
            match (&standing.left_out, standing.medians) {
                (None, Some(figures)) => row(f, standing.name, figures, base, nothing)?,
                (reason, _) => {
                    let reason = reason.as_deref().unwrap_or("no round");
                    writeln!(f, "{:22} left out: {reason}", standing.name)?;
                }
            }
        }
        writeln!(f, "\n>= the generator went no further: it may be more")
    }
}

fn row(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    figures: Figures,
    base: Option<Figures>,
    nothing: Option<Figures>,
) -> fmt::Result {
    let cost = |parts: [Option<f64>; 2], base: Option<f64>| match sum(parts[0], parts[1]) {
        None => "-".to_owned(),
        Some(all) => {
            let [process, kernel] = parts.map(|part| part.unwrap_or_default());
            let ratio = base.map_or(f64::NAN, |base| all / base);
            format!("{process:.2} + {kernel:.2} [{ratio:.2}]")
        }
    };
    let ratio = base.map_or(f64::NAN, |base| figures.rate / base.rate);
    let bound = if figures.is_generators { ">= " } else { "" };
    let nothing = nothing.filter(|_| name != NOTHING);
    let more = |of: fn(&Figures) -> f64| of(&figures) - nothing.as_ref().map_or(0.0, of);
    writeln!(
        f,
        "{name:22} {:>20} {:>22} {:>22} {:>14} {:>15}",
        format!("{bound}{:.0} [{ratio:.2}]", figures.rate),
        cost(
            [figures.process, figures.kernel],
            base.and_then(|base| base.cost())
        ),
        cost(
            [figures.process_at_most, figures.kernel_at_most],
            base.and_then(|base| base.cost_at_most()),
        ),
        format!(
            "{:.0}, {:.0}",
            more(|figures| figures.latency_p50),
            more(|figures| figures.latency_p99)
        ),
        match (figures.loaded_p50, figures.loaded_p99_9) {
            (Some(p50), Some(p99_9)) => format!("{p50:.0}, {p99_9:.0}"),
            _ => "-".to_owned(),
        },
    )
}

fn sum(process: Option<f64>, kernel: Option<f64>) -> Option<f64> {
    let none = process.is_none() && kernel.is_none();
    (!none).then(|| process.unwrap_or_default() + kernel.unwrap_or_default())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
