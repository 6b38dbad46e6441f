//! The operator's command.

#![forbid(unsafe_code)]

mod access;
mod arguments;
mod calls;
mod check;
mod demo;
mod exit;
mod gateways;
mod pages;
mod print;
mod run;
mod status;
mod top;

use clap::Parser;

use crate::{
    arguments::{Arguments, Command},
    exit::{Exit, Failure},
};

fn main() -> std::process::ExitCode {
    match carry_out(Arguments::parse().command) {
        Ok(()) => Exit::Clean.into(),
        Err(failure) => {
            if !failure.message.is_empty() {
                eprintln!("strait: {}", failure.message);
            }
            failure.exit.into()
        }
    }
}

fn carry_out(command: Command) -> Result<(), Failure> {
    match command {
        Command::Check(arguments) => check::check(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Status(arguments) => status::status(&arguments),
        Command::Top(arguments) => top::top(&arguments),
        Command::Calls(arguments) => calls::calls(&arguments),
        Command::Gateways(arguments) => gateways::gateways(&arguments),
        Command::Drain(arguments) => status::drain(&arguments),
        Command::Schema => print::lines(&format!("{:#}", strait_config::schema())),
        Command::ConfigManual => print::lines(strait_config::manual().trim_end()),
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { directory } => pages::manual_pages(&directory),
    }
}
