//! The same load through Strait and through what it is compared with: between the same hosts, from
//! the same generator, in turn.

use std::io::IsTerminal;
use std::sync::atomic::AtomicBool;

use indicatif::{ProgressBar, ProgressStyle};
use strait_dataplane::port::af_xdp::Mode;

use crate::Failure;
use crate::arguments::{Bench, Middle, Over, Place, Ways};
use crate::device::Device;
use crate::ramp::search;
use crate::report::{Comparison, Direction, Figures, Latency, Report};
use crate::scene::{Scene, Scripts};
use crate::side::Pace;
use crate::through::{DPDK_PROGRAM, program};
use crate::trial::{Load, Trial};

/// The search for a rate counts in so many packets a second,
const UNIT: f64 = 100.0;
/// and ends when the next step would be smaller than this share.
const RESOLUTION: f64 = 0.04;
/// Trials at the common rate, of which the one with the median cost counts.
const CALM: usize = 3;
/// The share of its own highest rate at which a contender's latency is taken,
pub const LOADED: f64 = 0.7;
/// in trials of which the one with the median latency counts.
const LOADED_TRIALS: usize = 3;
/// A later round's search begins at this share of what the one before found.
const AGAIN_FROM: f64 = 0.5;
/// The generator keeps up when it offers this share of what it should,
const KEPT_UP: f64 = 0.97;
/// and sends half of the packets no later than this many microseconds.
const LATE_MAX: f64 = 5_000.0;
/// With half of the packets later than this many microseconds a queue is growing that only hides
/// the loss.
const LATENCY_MAX: f64 = 10_000.0;

/// Something the load is put through.
#[derive(Debug)]
pub struct Contender {
    /// What the results call it.
    pub name: &'static str,
    through: Middle,
    by: By,
}

/// How it gets at its frames.
#[derive(Clone, Copy, Debug)]
enum By {
    /// As it always does.
    Itself,
    /// AF_XDP in this mode.
    Xdp(Mode),
    /// Virtual devices of DPDK's.
    Dpdk(Device),
}

/// What the others are compared with.
pub const BASE: &str = "strait-udp";
/// What latency is added to.
pub const NOTHING: &str = "nothing";

/// Everything that can take part, one a line.
#[rustfmt::skip]
static CONTENDERS: &[Contender] = &[
    one(NOTHING, Middle::Nothing, By::Itself),
    one(BASE, Middle::Strait, By::Itself),
    one("strait-af_xdp-native", Middle::Strait, By::Xdp(Mode::Native)),
    one("strait-af_xdp-generic", Middle::Strait, By::Xdp(Mode::Generic)),
    one("strait-dpdk-af_packet", Middle::Strait, By::Dpdk(Device::Packet)),
    one("strait-dpdk-af_xdp", Middle::Strait, By::Dpdk(Device::Xdp)),
    one("echo-native", Middle::Echo, By::Xdp(Mode::Native)),
    one("echo-generic", Middle::Echo, By::Xdp(Mode::Generic)),
    one("rtpengine", Middle::Rtpengine, By::Itself),
    one("nftables", Middle::Nftables, By::Itself),
    one("testpmd-af_packet", Middle::TestpmdPacket, By::Itself),
    one("testpmd-af_xdp", Middle::TestpmdXdp, By::Itself),
];

const fn one(name: &'static str, through: Middle, by: By) -> Contender {
    Contender { name, through, by }
}

/// The contender of that name.
pub fn contender(name: &str) -> Result<&'static Contender, String> {
    let named = CONTENDERS.iter().find(|contender| contender.name == name);
    let names: Vec<&str> = CONTENDERS.iter().map(|contender| contender.name).collect();
    named.ok_or_else(|| format!("there are {}", names.join(", ")))
}

/// What became of one rate.
#[derive(Clone)]
struct Rung {
    verdict: Verdict,
    report: Report,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// Lost or changed too much, or kept it too long.
    Bad,
    /// The generator did not keep up: nothing is known of what stands in the middle.
    Beyond,
}

/// Puts the load through everything in turn, round after round. What cannot take part is left out,
/// with the reason.
pub fn run(arguments: &Bench, stop: &AtomicBool) -> Result<Comparison, Failure> {
    let taking_part = |contender: &&Contender| {
        let chosen = arguments
            .only
            .iter()
            .any(|only| only.name == contender.name);
        arguments.only.is_empty() || chosen || contender.name == NOTHING
    };
    let contenders: Vec<&Contender> = CONTENDERS.iter().filter(taking_part).collect();
    let mut comparison = Comparison::new(
        arguments.calls,
        arguments.rate,
        arguments.loss,
        contenders.iter().map(|contender| contender.name),
    );
    let has_dpdk = program(DPDK_PROGRAM).exists();
    for contender in &contenders {
        if matches!(contender.by, By::Dpdk(_)) && !has_dpdk {
            comparison.miss(contender.name, format!("{DPDK_PROGRAM} is not built"));
        }
    }
    let bar = bar(contenders.len() as u64 * u64::from(arguments.rounds));
    for round in 1..=arguments.rounds {
        for contender in &contenders {
            let about = format!("round {round}, {}", contender.name);
            if !comparison.is_left_out(contender.name) {
                let say = |what: &str| tell(&bar, &format!("{about}: {what}"));
                let last = comparison.medians(contender.name);
                let last = last.map_or(0.0, |last| last.rate * AGAIN_FROM);
                let from = last.max(f64::from(arguments.rate));
                match measured(arguments, contender, from, &say, stop) {
                    Ok(figures) => comparison.add(contender.name, figures),
                    Err(Failure::Interrupted) => return Err(Failure::Interrupted),
                    Err(failure) => {
                        say(&format!("left out: {failure}"));
                        comparison.leave_out(contender.name, failure.to_string());
                    }
                }
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(comparison)
}

/// One contender at work.
struct Work<'a> {
    arguments: &'a Bench,
    scene: Scene,
    /// What all calls send a second in real time.
    full_speed: f64,
    stop: &'a AtomicBool,
}

/// One contender's figures in one round; the search for its highest rate begins at `from`.
fn measured(
    arguments: &Bench,
    contender: &Contender,
    from: f64,
    say: &dyn Fn(&str),
    stop: &AtomicBool,
) -> Result<Figures, Failure> {
    let calls = arguments.calls as usize;
    let scene = Scene::new(&place(arguments, contender), calls)?;
    let full_speed = packets_per_second(&scene.scripts, calls);
    let mut work = Work {
        arguments,
        scene,
        full_speed,
        stop,
    };
    let calm = work.calm()?;
    let rung = |units: usize| {
        let rate = units as f64 * UNIT;
        let rung = patiently(|| work.attempt(rate))?;
        let lost = rung.report.loss_percent;
        say(&format!(
            "{rate:.0} packets/s, lost {lost:.3} %{}",
            rung.verdict.name()
        ));
        Ok(rung)
    };
    let [from, most] =
        [from, f64::from(arguments.most).max(from)].map(|rate| (rate / UNIT) as usize);
    let is_good = |rung: &Rung| rung.verdict == Verdict::Good;
    let found = search(from, most, RESOLUTION, rung, is_good)?;
    // Each failed at a lower rate than the one before.
    let failed = found.rungs.iter().rfind(|rung| !is_good(rung));
    let best = found.best.as_ref().map(|rung| &rung.report);
    let loaded = best.map(|best| best.packets_per_second * LOADED);
    let loaded = loaded.map(|rate| work.loaded(rate)).transpose()?;
    let loaded = |of: fn(&Latency) -> f64| loaded.as_ref().map(|at| mean(&at.directions, of));
    let latency = |of: fn(&Latency) -> f64| mean(&calm.directions, of);
    Ok(Figures {
        rate: best.map_or(0.0, |best| best.packets_per_second),
        is_generators: failed.is_some_and(|rung| rung.verdict == Verdict::Beyond),
        process: calm.cpu_seconds_per_million,
        kernel: calm.kernel_seconds_per_million,
        process_at_most: best.and_then(|best| best.cpu_seconds_per_million),
        kernel_at_most: best.and_then(|best| best.kernel_seconds_per_million),
        latency_p50: latency(|latency| latency.p50),
        latency_p99: latency(|latency| latency.p99),
        loss_percent: calm.loss_percent,
        loaded_p50: loaded(|latency| latency.p50),
        loaded_p99_9: loaded(|latency| latency.p99_9),
    })
}

impl Work<'_> {
    /// A trial at so many packets a second.
    fn attempt(&mut self, rate: f64) -> Result<Rung, Failure> {
        let Bench { seconds, loss, .. } = self.arguments;
        let pace = Pace::Times(rate / self.full_speed);
        let load = Load::new(self.arguments.calls as usize, pace, *seconds);
        let trial = Trial::run(&mut self.scene, load, &ProgressBar::hidden(), self.stop)?;
        let report = Report::new(&trial);
        let verdict = judge(&report, rate * seconds.as_secs_f64(), *loss);
        Ok(Rung { verdict, report })
    }

    /// The trial with the median latency of some at a rate that it can bear.
    fn loaded(&mut self, rate: f64) -> Result<Report, Failure> {
        let reports = (0..LOADED_TRIALS).map(|_| Ok(self.attempt(rate)?.report));
        let mut reports = reports.collect::<Result<Vec<_>, Failure>>()?;
        let latency = |report: &Report| mean(&report.directions, |latency| latency.p99_9);
        reports.sort_by(|a, b| latency(a).total_cmp(&latency(b)));
        Ok(reports.swap_remove(LOADED_TRIALS / 2))
    }

    /// The trial with the median cost of some at the common rate.
    fn calm(&mut self) -> Result<Report, Failure> {
        let rate = f64::from(self.arguments.rate);
        // Caches and tables are cold in the first one.
        self.attempt(rate)?;
        let reports = (0..CALM).map(|_| Ok(self.attempt(rate)?.report));
        let mut reports = reports.collect::<Result<Vec<_>, Failure>>()?;
        let cost = |report: &Report| {
            let parts = [
                report.cpu_seconds_per_million,
                report.kernel_seconds_per_million,
            ];
            parts.into_iter().flatten().sum::<f64>()
        };
        reports.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
        Ok(reports.swap_remove(CALM / 2))
    }
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Good => "",
            Self::Bad => ": too much",
            Self::Beyond => ": more than the generator can do",
        }
    }
}

fn place(arguments: &Bench, contender: &Contender) -> Place {
    let (over, mode, device) = match contender.by {
        By::Itself => (Over::Udp, None, Device::default()),
        By::Xdp(mode) => (Over::AfXdp, Some(mode), Device::default()),
        By::Dpdk(device) => (Over::Dpdk, None, device),
    };
    let ways = Ways {
        over,
        mode,
        device,
        wire: arguments.wire,
        hosts: true,
        ipv6: Vec::new(),
        cores: Some(arguments.cores),
    };
    Place::new(&arguments.capture, contender.through, ways)
}

/// What the generator and the middle did at one rate, where so many packets were wanted.
fn judge(report: &Report, wanted: f64, loss_percent: f64) -> Verdict {
    let worse = |of: fn(&Direction) -> f64| report.directions.iter().map(of).fold(0.0, f64::max);
    let late = worse(|direction| direction.lateness.p50);
    if late > LATE_MAX || (report.offered as f64) < wanted * KEPT_UP {
        return Verdict::Beyond;
    }
    let kept = worse(|direction| direction.latency.p50);
    match report.is_good(loss_percent) && kept <= LATENCY_MAX {
        true => Verdict::Good,
        false => Verdict::Bad,
    }
}

/// Tries again before a rate is too high: a machine that was busy with something else for a moment
/// decides nothing.
fn patiently(mut attempt: impl FnMut() -> Result<Rung, Failure>) -> Result<Rung, Failure> {
    let first = attempt()?;
    match first.verdict {
        Verdict::Good => Ok(first),
        Verdict::Bad | Verdict::Beyond => attempt(),
    }
}

/// What all calls send in real time, both sides together.
fn packets_per_second(scripts: &[Scripts], calls: usize) -> f64 {
    let of_call = |call: &Scripts| -> f64 {
        let all = call.iter().flatten();
        all.map(|script| script.packets_per_second()).sum()
    };
    let each: f64 = scripts.iter().map(of_call).sum();
    each / scripts.len() as f64 * calls as f64
}

fn mean(directions: &[Direction], of: fn(&Latency) -> f64) -> f64 {
    let sum: f64 = directions
        .iter()
        .map(|direction| of(&direction.latency))
        .sum();
    sum / directions.len() as f64
}

/// A bar where somebody looks.
fn bar(steps: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {eta} {msg}");
    let bar = ProgressBar::new(steps);
    bar.set_style(style.expect("a template that is right"));
    bar
}

/// Says how far it is, on the bar or in a line.
fn tell(bar: &ProgressBar, what: &str) {
    if bar.is_hidden() {
        eprintln!("{what}");
    } else {
        bar.set_message(what.to_owned());
    }
}
