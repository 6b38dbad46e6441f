//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// Strait, a session border controller: checks, runs, watches.
///
/// `strait check` explains every mistake of a configuration, `strait run` starts both processes
/// and looks after them, `strait top` and `strait calls` show what goes on.
#[derive(Parser, Debug)]
#[command(
    name = "strait",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
#[command(after_long_help = crate::exit::table())]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Explain every mistake of a configuration.
    Check(Check),
    /// Run both processes and look after them.
    ///
    /// Starts strait-dataplane, then strait-control, found beside this command or in PATH, and
    /// starts either again when it dies; what the dataplane has relayed goes on. The first SIGTERM
    /// or SIGINT drains: no new calls, and the end once the calls that stand are over or
    /// `drain_timeout` has passed. The second ends at once. Where this command itself was killed
    /// outright, both go on, and the next one takes them over.
    #[command(after_long_help = crate::exit::table())]
    Run(Run),
    /// Place real calls through Strait on this machine, without privileges, and show what happened.
    ///
    /// Starts both processes on loopback addresses; around them phones behind simulated NATs, one
    /// of them symmetric, and a softswitch. Ends by itself, with exit code 0 only if every call was
    /// heard both ways.
    Demo(crate::demo::Arguments),
    /// Say how a running Strait is doing.
    Status(Instance),
    /// Show what goes on, live.
    Top(Top),
    /// List, show or end calls.
    Calls(Calls),
    /// List the gateways that controllers command by H.248 or MGCP.
    Gateways(Instance),
    /// Take no new calls and let those that stand end.
    Drain(Instance),
    /// Print the JSON Schema of the configuration, for editors.
    Schema,
    /// Print the manual of the configuration's keys, in Markdown.
    ConfigManual,
    /// Print what makes a shell complete this command.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages.
    Man {
        /// The directory they go to; it is made when it is not there.
        directory: PathBuf,
    },
}

/// Arguments of `strait check`.
#[derive(Args, Debug)]
pub struct Check {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// Print the findings and the summary as JSON.
    #[arg(long)]
    pub json: bool,
    /// Do not look at this machine's cores, addresses and limits: the file is for another.
    #[arg(long)]
    pub elsewhere: bool,
}

/// Arguments of `strait run`.
#[derive(Args, Debug)]
pub struct Run {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// End, as on SIGTERM, when this process does, which is the one that starts this.
    #[arg(long, hide = true, value_name = "PID")]
    pub end_with: Option<i32>,
}

/// Which running Strait is meant.
#[derive(Args, Debug)]
pub struct Instance {
    /// Its configuration file; without this and --directory, the instance `strait` is meant.
    #[arg(short, long, value_name = "FILE", conflicts_with = "directory")]
    pub config: Option<PathBuf>,
    /// Its runtime directory, where control.sock is.
    #[arg(short, long, value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `strait top`.
#[derive(Args, Debug)]
pub struct Top {
    /// Which Strait.
    #[command(flatten)]
    pub instance: Instance,
    /// Print one picture and end; --json does too.
    #[arg(long)]
    pub once: bool,
    /// Seconds between pictures.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = interval)]
    pub interval: f64,
}

/// Arguments of `strait calls`.
#[derive(Args, Debug)]
pub struct Calls {
    /// What to do with them.
    #[command(subcommand)]
    pub command: CallsCommand,
}

/// What to do with calls.
#[derive(Subcommand, Debug)]
pub enum CallsCommand {
    /// List the calls that stand.
    List(Instance),
    /// Show everything about one call.
    Show {
        /// The call's number, as `strait calls list` shows it.
        number: u64,
        /// Which Strait.
        #[command(flatten)]
        instance: Instance,
    },
    /// End one call, towards both sides.
    End {
        /// The call's number, as `strait calls list` shows it.
        number: u64,
        /// Which Strait.
        #[command(flatten)]
        instance: Instance,
    },
}

fn interval(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=60.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("0.1 to 60".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn intervals_neither_spin_nor_sleep() {
        assert_eq!(interval("0.5"), Ok(0.5));
        assert!(interval("0").is_err() && interval("1e9").is_err() && interval("NaN").is_err());
    }
}
