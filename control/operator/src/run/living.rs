//! A living process: a child of ours, or one that another supervisor started.

use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;

use super::orphan::Orphan;

/// Whose child it is decides how it is waited for.
pub enum Living {
    /// Ours.
    Child(Child),
    /// Another supervisor's, which is dead.
    Orphan(Orphan),
}

impl Living {
    /// Its number, until it has ended.
    pub fn id(&self) -> Option<u32> {
        match self {
            Living::Child(child) => child.id(),
            Living::Orphan(orphan) => Some(orphan.id()),
        }
    }

    /// Waits for its end, and how it ended where that can be known. Dropping the wait loses
    /// nothing.
    pub async fn ended(&mut self) -> Option<ExitStatus> {
        match self {
            Living::Child(child) => match child.wait().await {
                Ok(status) => Some(status),
                Err(_) => std::future::pending().await,
            },
            Living::Orphan(orphan) => {
                orphan.ended().await;
                None
            }
        }
    }

    /// Sends it a signal; one that just ended needs none.
    pub fn signal(&self, signal: Signal) {
        match self {
            Living::Child(child) => {
                let id = child.id().and_then(|id| i32::try_from(id).ok());
                if let Some(pid) = id.and_then(Pid::from_raw) {
                    let _ = kill_process(pid, signal);
                }
            }
            Living::Orphan(orphan) => orphan.signal(signal),
        }
    }
}
