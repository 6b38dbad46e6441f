//! `strait-control`: Strait's signalling process.

#![forbid(unsafe_code)]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use strait_config::{Config, LogLevel};
use strait_control::process::{self, Ending, Failure};
use tracing::level_filters::LevelFilter;

/// Strait's signalling: a dialog-stateful full proxy for SIP.
#[derive(Parser, Debug)]
#[command(name = "strait-control", version)]
struct Arguments {
    /// The configuration, the same one that strait-dataplane is given.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(Ending::Stopped) => ExitCode::SUCCESS,
        Ok(Ending::MadeWay) => make_way(),
        Err(failure) => {
            say(&failure.to_string());
            ExitCode::from(failure.code())
        }
    }
}

fn run(arguments: &Arguments) -> Result<Ending, Failure> {
    let config = Config::load(&arguments.config).map_err(Failure::Configuration)?;
    log_to_stderr(config.log.level);
    process::run(config)
}

/// Ends by the signal that asked for it, as if nobody had caught it: supervisors start a process
/// again that a signal has ended, and leave one alone that ended by itself.
fn make_way() -> ExitCode {
    let ended = signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGUSR2);
    say(&format!("cannot end by a signal: {ended:?}"));
    ExitCode::FAILURE
}

/// Writes a line for whoever reads standard error, if someone still does.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "strait-control: {line}");
}

fn log_to_stderr(level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_max_level(level)
        // A log that nobody reads any more is no reason to end: the complaint would be a panic.
        .log_internal_errors(false)
        .init();
}
