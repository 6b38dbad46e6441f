//! Runs worlds for hours, or one world again.
//!
//! ```text
//! cargo run --profile soak -p strait-simulation --example soak -- --hours 8
//! cargo run -p strait-simulation --example soak -- --seed 42 --calls 40 --worlds 1 --trace
//! cargo run -p strait-simulation --example soak -- --calls 8 --interval-ms 12000
//! ```

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use strait_simulation::figures::run_many;
use strait_simulation::plan::Plan;
use strait_simulation::run::run_twice;

#[derive(Parser)]
struct Arguments {
    /// The first world's seed; the next world's is the next number.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Calls in each world.
    #[arg(long, default_value_t = 40)]
    calls: usize,
    /// Time between calls, on average; by its seed each world has 0.2 s to 1.5 s. In long times
    /// the slow things happen too: controllers fail, sessions run out, registrations end.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    interval_ms: Option<u64>,
    /// Real time to go on for.
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
    /// Exactly so many worlds instead, each run twice.
    #[arg(long)]
    worlds: Option<u64>,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Print every message, command and report of `--worlds` on standard error.
    #[arg(long)]
    trace: bool,
}

impl Arguments {
    fn plan(&self, seed: u64) -> Plan {
        let plan = Plan::new(seed, self.calls);
        Plan {
            call_interval: self
                .interval_ms
                .map_or(plan.call_interval, Duration::from_millis),
            ..plan
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ran = match arguments.worlds {
        Some(worlds) => some(&arguments, worlds),
        None => for_hours(&arguments),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn some(arguments: &Arguments, worlds: u64) -> Result<(), Box<strait_simulation::run::Failure>> {
    for seed in arguments.seed..arguments.seed + worlds {
        let mut plan = arguments.plan(seed);
        plan.trace = arguments.trace;
        let outcome = run_twice(plan, None)?;
        println!("{seed}: {outcome:?}");
    }
    Ok(())
}

fn for_hours(arguments: &Arguments) -> Result<(), Box<strait_simulation::run::Failure>> {
    let begin = Instant::now();
    let limit = Duration::from_secs_f64(arguments.hours * 3_600.0);
    let more = |figures: &strait_simulation::figures::Figures| {
        if figures.worlds > 0 && figures.worlds.is_multiple_of(1_000) {
            println!("one thread, {:?}: {figures}", begin.elapsed());
        }
        begin.elapsed() < limit
    };
    let plan = |seed| arguments.plan(seed);
    let figures = run_many(arguments.seed, plan, arguments.threads, more)?;
    println!("{figures}");
    Ok(())
}
