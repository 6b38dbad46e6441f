//! `strait-load`: many calls through Strait at once, every packet checked at the other party.
#![deny(unsafe_code)]

mod arguments;
mod bench;
mod built_in;
mod calls;
mod capture;
mod device;
mod echo;
mod failure;
mod hosts;
mod measure;
mod ramp;
mod report;
mod scene;
mod script;
mod side;
mod signalling;
mod stage;
mod station;
mod through;
mod trial;
mod wire;

use std::fmt::Display;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use self::arguments::{Arguments, Bench, Calls, Command, Output, Ramp, Replay};
use self::failure::Failure;
use self::report::{CallsReport, Report};
use self::scene::Scene;
use self::side::Pace;
use self::trial::{Flood, Load, Trial};

/// Exit codes beside 0; `--help` explains them.
const BEYOND_BOUNDS: u8 = 1;
const CONFIGURATION: u8 = 3;
const NOT_MADE: u8 = 7;
/// A ramp ends when the next step would be smaller than this share.
const RESOLUTION: f64 = 0.02;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // Without it, a signal just ends us.
        let _ = signal_hook::flag::register(signal, stop.clone());
    }
    let outcome = match &arguments.command {
        Command::Replay(replay) => self::replay(replay, &stop),
        Command::Calls(calls) => self::calls(calls, &stop),
        Command::Ramp(ramp) => self::ramp(ramp, &stop),
        Command::Bench(bench) => self::bench(bench, &stop),
        Command::Echo(echo) => echo::run(echo, &stop),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => BEYOND_BOUNDS.into(),
        Err(failure) => {
            eprintln!("strait-load: {failure}");
            let invalid = matches!(failure, Failure::Configuration);
            if invalid {
                CONFIGURATION.into()
            } else {
                NOT_MADE.into()
            }
        }
    }
}

fn replay(arguments: &Replay, stop: &AtomicBool) -> Result<bool, Failure> {
    if arguments.flood > 0 && arguments.speed == Pace::Flat {
        return Err(Failure::Mismatch(
            "nothing is faster than --speed max: --flood needs a pace",
        ));
    }
    let mut scene = Scene::new(&arguments.place, arguments.calls + arguments.flood)?;
    let load = Load {
        flood: Flood {
            calls: arguments.flood,
            times: arguments.flood_speed,
        },
        ..Load::new(arguments.calls, arguments.speed, arguments.seconds)
    };
    let bar = bar(load.length, format!("{} calls", load.calls));
    let trial = Trial::run(&mut scene, load, &bar, stop)?;
    bar.finish_and_clear();
    let report = Report::new(&trial);
    let title = format!("Strait: {} calls", report.calls);
    show(&arguments.output, &report, &title, &report, &[])?;
    Ok(report.is_good(arguments.output.loss))
}

fn calls(arguments: &Calls, stop: &AtomicBool) -> Result<bool, Failure> {
    let bar = bar(arguments.seconds, format!("{} calls/s", arguments.rate));
    let run = calls::run(arguments, &bar, stop)?;
    bar.finish_and_clear();
    let report = CallsReport::new(run);
    let title = format!("Strait: {} calls by SIP", report.placed);
    show(&arguments.output, &report, &title, &report.media, &[])?;
    Ok(report.is_good(arguments.output.loss))
}

fn ramp(arguments: &Ramp, stop: &AtomicBool) -> Result<bool, Failure> {
    let mut scene = Scene::new(&arguments.place, arguments.to.max(arguments.from))?;
    let bound = arguments.output.loss;
    let attempt = |calls| {
        let load = Load::new(calls, Pace::Times(1.0), arguments.seconds);
        let mut trials = Vec::new();
        for _ in 0..arguments.trials.max(1) {
            let bar = bar(load.length, format!("{} calls", load.calls));
            let trial = Trial::run(&mut scene, load, &bar, stop)?;
            bar.finish_and_clear();
            trials.push(Report::new(&trial));
            if stop.load(Ordering::Relaxed) {
                return Err(Failure::Interrupted);
            }
        }
        let rung = ramp::median(trials);
        eprintln!(
            "{:>7} calls  {:>9.0} packets/s  lost {:>8.4} %  {}",
            rung.calls,
            rung.packets_per_second,
            rung.loss_percent,
            if rung.is_good(bound) {
                "good"
            } else {
                "too much"
            },
        );
        Ok(rung)
    };
    let (from, to) = (arguments.from, arguments.to);
    let found = ramp::search(from, to, RESOLUTION, attempt, |rung| rung.is_good(bound))?;
    let Some(best) = found.best else {
        eprintln!(
            "strait-load: {} calls are too many: begin with fewer (--from)",
            arguments.from
        );
        return Ok(false);
    };
    let title = format!("Strait: {} calls at most", best.calls);
    show(&arguments.output, &best, &title, &best, &found.rungs)?;
    Ok(true)
}

fn bench(arguments: &Bench, stop: &AtomicBool) -> Result<bool, Failure> {
    let comparison = bench::run(arguments, stop)?;
    print!("{comparison}");
    let json = serde_json::to_string_pretty(&comparison).expect("numbers and names alone");
    let files = [
        ("json", json),
        ("txt", comparison.to_string()),
        ("html", report::bars(&comparison)),
    ];
    for (ending, text) in files {
        write(&arguments.output.with_extension(ending), text)?;
    }
    Ok(comparison.has_all_of_strait())
}

/// A bar of milliseconds, where somebody looks.
fn bar(length: Duration, what: String) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent} %");
    let bar = ProgressBar::new(length.as_millis() as u64);
    bar.set_style(style.expect("a template that is right"));
    bar.set_message(what);
    bar
}

/// Prints a report, and writes it as a page with plots of its media.
fn show(
    output: &Output,
    report: &(impl Display + Serialize),
    title: &str,
    media: &Report,
    rungs: &[Report],
) -> Result<(), Failure> {
    if output.json {
        let json = serde_json::to_string_pretty(report).expect("numbers and names alone");
        println!("{json}");
    } else {
        print!("{report}");
    }
    let Some(path) = &output.html else {
        return Ok(());
    };
    let page = report::page(title, &report.to_string(), media, rungs)?;
    write(path, page)
}

fn write(path: &Path, text: String) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|cause| Failure::Write {
        path: path.to_owned(),
        cause,
    })
}
