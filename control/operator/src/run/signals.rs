//! What the outside asks of the supervisor.

use std::io::IsTerminal;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Exit, Failure};

/// What a signal asks for.
pub enum Wish {
    /// SIGTERM or SIGINT, or a terminal that went away.
    End,
    /// SIGHUP without a terminal: control opens its records anew, after a rotation.
    Reopen,
}

/// The signals that are listened to.
pub struct Signals {
    ending: [Signal; 2],
    hang_up: Signal,
    on_terminal: bool,
}

impl Signals {
    /// Listens from now on.
    pub fn new() -> Result<Signals, Failure> {
        let failed = |error: std::io::Error| Failure::new(Exit::Failed, error.to_string());
        let listen = |kind| signal(kind).map_err(failed);
        Ok(Signals {
            ending: [
                listen(SignalKind::terminate())?,
                listen(SignalKind::interrupt())?,
            ],
            hang_up: listen(SignalKind::hangup())?,
            on_terminal: std::io::stderr().is_terminal(),
        })
    }

    /// Waits for the next signal. Dropping the wait loses none.
    pub async fn next(&mut self) -> Wish {
        let [terminate, interrupt] = &mut self.ending;
        tokio::select! {
            _ = terminate.recv() => Wish::End,
            _ = interrupt.recv() => Wish::End,
            _ = self.hang_up.recv() => if self.on_terminal { Wish::End } else { Wish::Reopen },
        }
    }
}
