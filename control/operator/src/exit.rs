//! Exit codes, the same for every Strait program, and what they mean.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// It did what it was asked.
    Clean = 0,
    /// Something failed while it ran.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration is wrong; nothing was started.
    Configuration = 3,
    /// An address or port is in use or not on this machine.
    InUse = 4,
    /// A privilege is missing.
    Privilege = 5,
    /// The shared-memory region is of another version or configuration.
    Region = 6,
    /// No Strait runs there.
    NotRunning = 7,
    /// A Strait already runs there.
    AlreadyRunning = 8,
}

impl Exit {
    /// Every code, in order.
    pub const ALL: [Exit; 9] = [
        Exit::Clean,
        Exit::Failed,
        Exit::Usage,
        Exit::Configuration,
        Exit::InUse,
        Exit::Privilege,
        Exit::Region,
        Exit::NotRunning,
        Exit::AlreadyRunning,
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What the number means, for help, manual pages and reports about child processes.
    pub const fn meaning(self) -> &'static str {
        match self {
            Exit::Clean => "done",
            Exit::Failed => "failed while running",
            Exit::Usage => "wrong command line",
            Exit::Configuration => "invalid configuration",
            Exit::InUse => "an address or port is in use, or not on this machine",
            Exit::Privilege => "a privilege is missing",
            Exit::Region => "the shared-memory region is of another version or configuration",
            Exit::NotRunning => "Strait is not running there",
            Exit::AlreadyRunning => "Strait is already running there",
        }
    }

    /// The code of a process that ended with `code`.
    pub fn of_process(code: i32) -> Option<Exit> {
        Exit::ALL
            .into_iter()
            .find(|exit| i32::from(exit.code()) == code)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// Why a command did not do what it was asked, in one line: what, where, what to do.
#[derive(PartialEq, Eq, Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The line; empty when everything is said already.
    pub message: String,
}

impl Failure {
    /// A failure with its line.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure {
            exit,
            message: message.into(),
        }
    }
}

/// The table of codes for `--help` and the manual pages.
pub fn table() -> String {
    let lines = Exit::ALL.map(|exit| format!("  {}  {}", exit.code(), exit.meaning()));
    format!("Exit codes:\n{}", lines.join("\n"))
}
