//! `strait-control`: Strait's signalling process.

#![forbid(unsafe_code)]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use strait_config::{Config, LogLevel};
use strait_control::process::{self, Failure};
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
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("strait-control: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = Config::load(&arguments.config).map_err(Failure::Configuration)?;
    log_to_stderr(config.log.level);
    process::run(config)
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
        .init();
}
