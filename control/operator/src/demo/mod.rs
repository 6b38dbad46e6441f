//! `strait demo`: real calls through both processes on this machine, without privileges.
//!
//! Strait runs as `strait run` runs it, on loopback addresses. Around it, in this process, are the
//! other people: two phones behind simulated NATs and one in the core network, and a softswitch.
//! What leaves their world goes out of real sockets, and every datagram that crosses Strait is
//! captured and timed on both sides.

mod capture;
mod crossing;
mod leaks;
mod orphans;
mod place;
mod report;
mod run;
mod script;
mod stage;
mod strait;
mod verdict;
mod view;
mod voices;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use clap::Args;

use crate::exit::{Exit, Failure};

use self::report::Report;

/// Arguments of `strait demo`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Where capture, records, logs and the report are kept; made if it is not there.
    #[arg(short, long, value_name = "DIR", overrides_with = "output")]
    pub output: Option<PathBuf>,
    /// How long each call talks.
    #[arg(
        short, long, value_name = "SECONDS", default_value_t = 8,
        value_parser = clap::value_parser!(u64).range(2..=30)
    )]
    pub seconds: u64,
    /// How many calls talk; one more is cancelled while it rings.
    #[arg(
        short, long, value_name = "NUMBER", default_value_t = 4,
        value_parser = clap::value_parser!(u16).range(1..=20)
    )]
    pub calls: u16,
    /// A capture (pcap) whose G.711 streams are played; without one, or the variable
    /// STRAIT_TESTDATA naming the directory of `pcap/SIP_CALL_RTP_G711.pcap`, voices are
    /// synthesised.
    #[arg(long, value_name = "FILE")]
    pub capture: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the demonstration to its end.
pub fn demo(arguments: &Arguments) -> Result<(), Failure> {
    let stop = stop_flag()?;
    let output = output_directory(arguments.output.as_deref())?;
    let voices = voices::voices(arguments.capture.as_deref())?;
    let report = run::run(arguments, &output, voices, &stop)?;
    keep(&report, &output)?;
    let text = if arguments.json {
        json(&report)
    } else {
        report.to_string()
    };
    crate::print::lines(text.trim_end())?;
    match &report.failure {
        Some(reason) => Err(Failure::new(Exit::Failed, format!("demo: {reason}"))),
        None => Ok(()),
    }
}

/// Raised by SIGINT and SIGTERM: the demonstration then ends itself and cleans up.
fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // Further signals change nothing: ending takes a few seconds at most, and leaves nothing.
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| failed("cannot watch for signals", &error))?;
    }
    Ok(stop)
}

fn output_directory(wanted: Option<&Path>) -> Result<PathBuf, Failure> {
    let directory = wanted.map_or_else(
        || {
            let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            std::env::temp_dir().join(format!("strait-demo-{}", since.as_secs()))
        },
        Path::to_path_buf,
    );
    std::fs::create_dir_all(&directory)
        .and_then(|()| directory.canonicalize())
        .map_err(|error| failed(&format!("cannot make {}", directory.display()), &error))
}

fn keep(report: &Report, output: &Path) -> Result<(), Failure> {
    let path = output.join("report.json");
    std::fs::write(&path, json(report))
        .map_err(|error| failed(&format!("cannot write {}", path.display()), &error))
}

fn json(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("a report is plain data");
    text.push('\n');
    text
}

fn interrupted(stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed)
}

fn failed(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Failed, format!("demo: {what}: {error}"))
}
