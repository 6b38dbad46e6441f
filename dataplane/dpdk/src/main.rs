//! `strait-dataplane-dpdk -c FILE`: the media relay as a process, with the `dpdk` port.
#![forbid(unsafe_code)]

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use strait_dataplane_dpdk::host::Capsule;

/// Strait's media relay with the port `dpdk`. Runs beside strait-control, under systemd or
/// `strait run`, in the place of strait-dataplane.
///
/// Exit codes: 0 stopped when told to, 1 failure, 2 usage, 3 configuration invalid, 4 address or
/// port in use, 5 privilege or limit missing, 6 region of another layout or configuration.
#[derive(Parser)]
#[command(name = "strait-dataplane-dpdk", version, about, long_about)]
struct Arguments {
    /// The configuration, the same file that strait-control reads.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match strait_dataplane::process::run_on(&mut Capsule::default(), &arguments.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody may be there to read it.
            let _ = writeln!(std::io::stderr(), "strait-dataplane-dpdk: {failure}");
            failure.exit().into()
        }
    }
}
