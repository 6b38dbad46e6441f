//! One process under supervision: its start, what it says, its end.

use std::{
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use strait_shared::notify::{NOTIFY_SOCKET, Received, handover};
use tokio::{
    process::Child,
    time::{Instant, sleep_until, timeout},
};

use super::{
    backoff::Backoff,
    descriptors::{STORED_MAX, Store},
    notices::Notices,
    place::{Place, program},
};
use crate::{
    exit::{Exit, Failure},
    print,
};

/// How long a process may take to be ready; the dataplane binds all its ports in that time.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a process may take to end once it was told to.
const ENDED_WITHIN: Duration = Duration::from_secs(10);

/// A process under supervision, whether it is alive or not.
pub struct Process {
    /// What people call it.
    pub name: &'static str,
    program: PathBuf,
    config: PathBuf,
    notices: Notices,
    store: Store,
    child: Option<Child>,
    started: Instant,
    ready: Option<Instant>,
    backoff: Backoff,
    restart: Option<Instant>,
    /// Whether it was ready since this supervisor started.
    proven: bool,
}

/// Something that happened to a process.
#[derive(Debug)]
pub enum Event {
    /// It is ready, this long after its start; its own words on it.
    Ready(Duration, Option<String>),
    /// It ended.
    Ended(ExitStatus),
    /// It is alive and says nothing.
    Late,
    /// It is time to start it again.
    Due,
}

impl Process {
    /// A process that is not started yet.
    pub fn new(
        name: &'static str,
        binary: &str,
        config: &Path,
        place: &Place,
    ) -> Result<Process, Failure> {
        let path = place.directory().join(format!("notify-{name}.sock"));
        let notices = Notices::bind(&path);
        let failed = |error| Failure::new(Exit::Failed, format!("{}: {error}", path.display()));
        Ok(Process {
            name,
            program: program(binary)?,
            config: config.to_owned(),
            notices: notices.map_err(failed)?,
            store: Store::default(),
            child: None,
            started: Instant::now(),
            ready: None,
            backoff: Backoff::default(),
            restart: None,
            proven: false,
        })
    }

    /// Starts it, with the descriptors that were kept for it.
    pub fn start(&mut self) -> Result<(), Failure> {
        let command = self.command();
        let spawned = command.and_then(|command| tokio::process::Command::from(command).spawn());
        let child = spawned.map_err(|error| {
            let program = self.program.display();
            Failure::new(Exit::Failed, format!("cannot start {program}: {error}"))
        })?;
        self.child = Some(child);
        self.started = Instant::now();
        self.ready = None;
        self.restart = None;
        Ok(())
    }

    fn command(&self) -> std::io::Result<Command> {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(&self.config);
        command.env(NOTIFY_SOCKET, self.notices.path());
        // A terminal's interrupt reaches the supervisor alone, which then drains.
        command.process_group(0);
        handover(&mut command, &self.store.kept())?;
        Ok(command)
    }

    /// Waits for what happens next; never for a process that is not started. Dropping the wait
    /// loses nothing.
    pub async fn event(&mut self) -> Event {
        loop {
            let late = self.started + READY_WITHIN;
            let waiting = self.child.is_some() && self.ready.is_none();
            tokio::select! {
                biased;
                received = self.notices.next() => {
                    if let Some(event) = self.noticed(received) {
                        return event;
                    }
                }
                status = ended(&mut self.child) => {
                    self.child = None;
                    return Event::Ended(status);
                }
                () = sleep_until(self.restart.unwrap_or(late)), if self.restart.is_some() => {
                    return Event::Due;
                }
                () = sleep_until(late), if waiting => return Event::Late,
            }
        }
    }

    /// Does what the process asks for. Others that find the socket are not listened to.
    fn noticed(&mut self, received: Received) -> Option<Event> {
        let id = self.child.as_ref().and_then(Child::id);
        if id.is_none_or(|id| i64::from(id) != i64::from(received.pid)) {
            return None;
        }
        let notification = received.notification;
        if let Some(name) = notification.store {
            for descriptor in received.fds {
                if !self.store.keep(&name, descriptor) {
                    let name = self.name;
                    eprintln!("strait: {name} wants more than {STORED_MAX} descriptors kept");
                }
            }
        }
        if let Some(name) = notification.forget {
            self.store.remove(&name);
        }
        if !notification.ready || self.ready.is_some() {
            return None;
        }
        self.ready = Some(Instant::now());
        self.proven = true;
        let status = notification.status.map(|status| print::plain(&status));
        Some(Event::Ready(self.started.elapsed(), status))
    }

    /// Plans the next start after a death; how long until then, or `None` to give up.
    pub fn plan_restart(&mut self) -> Option<Duration> {
        let ready_for = self.ready.take().map(|ready| ready.elapsed());
        let wait = self.backoff.died(ready_for)?;
        self.restart = Some(Instant::now() + wait);
        Some(wait)
    }

    /// Forgets what was kept for it; whether there was something.
    pub fn forget(&mut self) -> bool {
        let kept = !self.store.is_empty();
        self.store.clear();
        kept
    }

    /// Whether it was ever ready.
    pub fn is_proven(&self) -> bool {
        self.proven
    }

    /// Whether it is alive or about to be started again.
    pub fn is_started(&self) -> bool {
        self.child.is_some() || self.restart.is_some()
    }

    /// Whether it is alive.
    pub fn is_alive(&self) -> bool {
        self.child.is_some()
    }

    /// Asks it to end in good order; asked again, it hurries.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Has it open its files anew.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().and_then(Child::id);
        let pid = id
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // A process that just ended needs no signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends it: asks, and after a while does not ask. It is not started again.
    pub async fn stop(&mut self) {
        self.restart = None;
        self.terminate();
        let Some(mut child) = self.child.take() else {
            return;
        };
        if timeout(ENDED_WITHIN, child.wait()).await.is_err() {
            let (name, seconds) = (self.name, ENDED_WITHIN.as_secs());
            eprintln!("strait: {name} did not end within {seconds} s and is killed");
            // Its end is waited for here, so that no second one meets its sockets.
            let _ = child.kill().await;
        }
    }
}

/// The process's end; never, while there is no process.
async fn ended(child: &mut Option<Child>) -> ExitStatus {
    match child {
        Some(child) => match child.wait().await {
            Ok(status) => status,
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// How a process ended, in words.
pub fn end_of(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => match Exit::of_process(code) {
            Some(exit) => format!("exit code {code}: {}", exit.meaning()),
            None => format!("exit code {code}"),
        },
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
