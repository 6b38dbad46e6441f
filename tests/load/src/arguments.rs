//! The command line.

mod ways;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use strait_dataplane::port::af_xdp::Mode;

pub use self::ways::{Away, Middle, Over, Ways, Wire};
use self::ways::{cores, mode};
use crate::bench::{Contender, contender};
use crate::echo::{Party, party};
use crate::hosts::Cores;
use crate::side::Pace;
use crate::signalling::Kind;

/// Addresses each side sends RTP from, unless told otherwise.
const SOCKETS: usize = 64;
const EXIT_CODES: &str = "\
Exit codes: 0 within the bounds; 1 packets were lost beyond --loss, or came changed, twice from \
nowhere or from a stranger; 2 wrong command line; 3 invalid configuration; 7 the test could not \
be made.";

/// Load for Strait: many calls at once, every packet checked at the other party.
///
/// Without a configuration it brings its own on loopback addresses, so that `strait-load replay
/// --capture FILE` is all it takes.
#[derive(Parser, Debug)]
#[command(name = "strait-load", version, after_long_help = EXIT_CODES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Replay a capture's RTP and RTCP as many simultaneous calls, at both parties.
    #[command(after_long_help = EXIT_CODES)]
    Replay(Replay),
    /// Place calls by SIP, with media, at a rate: answered, busy, cancelled, re-INVITEd.
    #[command(after_long_help = EXIT_CODES)]
    Calls(Calls),
    /// Find the most calls at which less than --loss is lost, by bisection.
    #[command(after_long_help = EXIT_CODES)]
    Ramp(Ramp),
    /// Put the same load through Strait and through what it is compared with, side by side.
    Bench(Bench),
    /// What `--through echo` runs.
    #[command(hide = true)]
    Echo(Echo),
}

/// Where a test takes place.
#[derive(Args, Debug, Clone)]
pub struct Place {
    /// The capture: pcap or pcapng, of Ethernet frames. Its streams are played in turn.
    #[arg(long, value_name = "FILE")]
    pub capture: PathBuf,
    /// What stands between the parties.
    #[arg(long, value_enum, default_value_t)]
    pub through: Middle,
    /// Strait's configuration; without it, two realms on loopback addresses.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Use the dataplane that runs with this configuration, without its strait-control.
    #[arg(long, requires = "config")]
    pub running: bool,
    /// How packets get about, and where everybody is.
    #[command(flatten)]
    pub ways: Ways,
    /// The workers of the built-in configuration.
    #[arg(long, default_value_t = 1, value_name = "N", conflicts_with = "config",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// Packets a second that the built-in configuration lets each stream send.
    #[arg(long, value_name = "RATE", conflicts_with = "config",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub police: Option<u32>,
    /// The realm of the parties that call; the configuration's first.
    #[arg(long, value_name = "NAME")]
    pub near_realm: Option<String>,
    /// The realm of the parties that are called; the next one.
    #[arg(long, value_name = "NAME")]
    pub far_realm: Option<String>,
    /// This machine's address that calling parties use; that of the realm's first media address.
    #[arg(long, value_name = "ADDRESS")]
    pub near_address: Option<IpAddr>,
    /// The same for the called parties.
    #[arg(long, value_name = "ADDRESS")]
    pub far_address: Option<IpAddr>,
    /// Where the parties are elsewhere on this machine.
    #[command(flatten)]
    pub away: Away,
    /// Addresses each side sends RTP from; calls share them when there are fewer than calls.
    #[arg(long, default_value_t = SOCKETS, value_name = "N")]
    pub sockets: usize,
}

impl Place {
    /// The built-in configuration, or what it is compared with, and one worker.
    pub fn new(capture: &Path, through: Middle, ways: Ways) -> Self {
        Self {
            capture: capture.to_owned(),
            through,
            config: None,
            running: false,
            ways,
            workers: 1,
            police: None,
            near_realm: None,
            far_realm: None,
            near_address: None,
            far_address: None,
            away: Away::default(),
            sockets: SOCKETS,
        }
    }
}

/// What comes out.
#[derive(Args, Debug, Clone)]
pub struct Output {
    /// The largest share of packets that may be lost, in per cent.
    #[arg(long, default_value_t = 0.1, value_name = "PERCENT")]
    pub loss: f64,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
    /// Write the report with its plots as one HTML page.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Arguments of `strait-load replay`.
#[derive(Args, Debug)]
pub struct Replay {
    /// Where it takes place.
    #[command(flatten)]
    pub place: Place,
    /// Calls at once.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub calls: usize,
    /// How fast: a multiple of real time, or `max` for as fast as packets come back.
    #[arg(long, default_value = "1", value_name = "TIMES", value_parser = pace)]
    pub speed: Pace,
    /// How long; recordings that are shorter go on from their beginning.
    #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = seconds)]
    pub seconds: Duration,
    /// Further calls that flood: they play much faster, and are counted apart.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub flood: usize,
    /// How many times as fast as the others they play.
    #[arg(long, default_value_t = 20.0, value_name = "TIMES", value_parser = times)]
    pub flood_speed: f64,
    /// What comes out.
    #[command(flatten)]
    pub output: Output,
}

/// Arguments of `strait-load calls`.
#[derive(Args, Debug)]
pub struct Calls {
    /// The capture that calls play: pcap or pcapng, of Ethernet frames.
    #[arg(long, value_name = "FILE")]
    pub capture: PathBuf,
    /// The configuration of the Strait that runs; without it, one of our own is started. Calls
    /// go to its first realm that forwards to a softswitch, whose place we take: the softswitch's
    /// address must be this machine's, and free.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The realm of those who call.
    #[arg(long, value_name = "NAME", requires = "config")]
    pub near_realm: Option<String>,
    /// This machine's address that callers use; that of the realm's first signalling address.
    #[arg(long, value_name = "ADDRESS")]
    pub near_address: Option<IpAddr>,
    /// Where the parties are elsewhere on this machine.
    #[command(flatten)]
    pub away: Away,
    /// Calls a second.
    #[arg(long, default_value_t = 10.0, value_name = "CALLS", value_parser = rate)]
    pub rate: f64,
    /// How long calls are placed.
    #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = seconds)]
    pub seconds: Duration,
    /// How long an answered call lasts.
    #[arg(long, default_value = "3", value_name = "SECONDS", value_parser = seconds)]
    pub hold: Duration,
    /// How long a callee's phone rings.
    #[arg(long, default_value = "0.1", value_name = "SECONDS", value_parser = seconds)]
    pub ring: Duration,
    /// Shares of what calls do: answer, reinvite, busy, cancel.
    #[arg(long, default_value = "answer=70,reinvite=10,busy=10,cancel=10", value_parser = mix)]
    pub mix: Mix,
    /// How packets get about, and where everybody is.
    #[command(flatten)]
    pub ways: Ways,
    /// Addresses each side sends RTP from.
    #[arg(long, default_value_t = SOCKETS, value_name = "N")]
    pub sockets: usize,
    /// What comes out.
    #[command(flatten)]
    pub output: Output,
}

/// Shares of what calls do.
#[derive(Clone, Debug)]
pub struct Mix(Vec<(Kind, u32)>);

impl Mix {
    /// What call `number` does: kinds take turns by their shares.
    pub fn kind(&self, number: u64) -> Kind {
        let total: u32 = self.0.iter().map(|(_, share)| share).sum();
        // Neighbours differ: a step without a common divisor walks through all places.
        let mut place = (number.wrapping_mul(0x9e37_79b9) % u64::from(total)) as u32;
        for (kind, share) in &self.0 {
            if place < *share {
                return *kind;
            }
            place -= share;
        }
        unreachable!("the place is less than the sum of the shares")
    }
}

/// Arguments of `strait-load ramp`.
#[derive(Args, Debug)]
pub struct Ramp {
    /// Where it takes place.
    #[command(flatten)]
    pub place: Place,
    /// Calls to begin with.
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub from: usize,
    /// Calls never exceeded.
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    pub to: usize,
    /// How long each trial takes.
    #[arg(long, default_value = "5", value_name = "SECONDS", value_parser = seconds)]
    pub seconds: Duration,
    /// Trials of one rung, the median of which counts.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub trials: usize,
    /// What comes out.
    #[command(flatten)]
    pub output: Output,
}

/// Arguments of `strait-load bench`.
#[derive(Args, Debug)]
pub struct Bench {
    /// The capture: pcap or pcapng, of Ethernet frames. Its streams are played in turn.
    #[arg(long, value_name = "FILE")]
    pub capture: PathBuf,
    /// What takes part; all there is. `nothing` always does.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = contender)]
    pub only: Vec<&'static Contender>,
    /// Calls at once; the load is set by how fast they play.
    #[arg(long, default_value_t = 1_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub calls: u32,
    /// How the parties send and receive.
    #[arg(long, value_enum, default_value = "af_xdp")]
    pub wire: Wire,
    /// Cores for the parties and for what stands between them; two of this machine's.
    #[arg(long, value_name = "PARTIES,MIDDLE", value_parser = cores, default_value = "0,1")]
    pub cores: Cores,
    /// Packets a second at which processor time and latency are compared, and where the search
    /// for the highest rate begins.
    #[arg(long, default_value_t = 50_000, value_name = "RATE",
          value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    pub rate: u32,
    /// The highest rate that is tried.
    #[arg(long, default_value_t = 5_000_000, value_name = "RATE",
          value_parser = clap::value_parser!(u32).range(1_000..=100_000_000))]
    pub most: u32,
    /// Rounds, each with everything in turn; medians count.
    #[arg(long, default_value_t = 5, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// How long each trial takes.
    #[arg(long, default_value = "0.5", value_name = "SECONDS", value_parser = seconds)]
    pub seconds: Duration,
    /// The largest share of packets that may be lost, in per cent.
    #[arg(long, default_value_t = 0.1, value_name = "PERCENT")]
    pub loss: f64,
    /// Where the results go: this with .txt, .json and .html.
    #[arg(long, default_value = "bench", value_name = "PATH")]
    pub output: PathBuf,
}

/// Arguments of `strait-load echo`.
#[derive(Args, Debug)]
pub struct Echo {
    /// Whom there is to pass frames between: interface, MAC address, address, ports.
    #[arg(long, required = true, num_args = 1, value_parser = party)]
    pub party: Vec<Party>,
    /// The mode the interfaces must have.
    #[arg(long, value_parser = mode)]
    pub mode: Option<Mode>,
}

fn pace(text: &str) -> Result<Pace, String> {
    if text == "max" {
        return Ok(Pace::Flat);
    }
    let paced = times(text).map(Pace::Times);
    paced.map_err(|allowed| format!("{allowed}, or `max`"))
}

fn times(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(times) if (0.01..=1_000.0).contains(&times) => Ok(times),
        _ => Err("a number from 0.01 to 1000".to_owned()),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.1..=10_000.0).contains(&rate) => Ok(rate),
        _ => Err("calls a second, 0.1 to 10000".to_owned()),
    }
}

fn mix(text: &str) -> Result<Mix, String> {
    let allowed = "shares such as answer=80,reinvite=5,busy=10,cancel=5";
    let shares = text.split(',').map(|part| {
        let (kind, share) = part.split_once('=')?;
        Some((
            Kind::named(kind.trim())?,
            share.trim().parse().ok().filter(|share| *share <= 1_000)?,
        ))
    });
    let shares: Option<Vec<(Kind, u32)>> = shares.collect();
    let shares = shares.filter(|shares| shares.iter().any(|(_, share)| *share > 0));
    shares.map(Mix).ok_or_else(|| allowed.to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=1_000_000.0).contains(&seconds) => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => Err("seconds, 0.1 to 1000000".to_owned()),
    }
}
