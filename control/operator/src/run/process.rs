//! One process under supervision: its start, what it says, its end.

use std::{
    os::{
        fd::OwnedFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use rustix::process::Signal;
use strait_shared::notify::{NOTIFY_SOCKET, Received, handover};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    backoff::Backoff,
    descriptors::{STORED_MAX, Store},
    living::Living,
    notices::Notices,
    orphan::Orphan,
    place::{Place, program},
    say,
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
    living: Option<Living>,
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
    /// It ended; how, nobody knows of one that was taken over.
    Ended(Option<ExitStatus>),
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
            living: None,
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
        self.living = Some(Living::Child(child));
        self.started = Instant::now();
        self.ready = None;
        self.restart = None;
        Ok(())
    }

    /// The process that an earlier supervisor started in this one's place, if it lives.
    pub fn left(&self) -> Option<Orphan> {
        Orphan::find(self.notices.path())
    }

    /// Goes on with a process that an earlier supervisor started, as if it had been ready here.
    pub fn adopt(&mut self, orphan: Orphan) {
        self.living = Some(Living::Orphan(orphan));
        self.ready = Some(Instant::now());
        self.proven = true;
    }

    /// Keeps a descriptor for it, as if it had asked for that.
    pub fn keep(&mut self, name: &str, descriptor: OwnedFd) {
        if !self.store.keep(name, descriptor) {
            let name = self.name;
            say(&format!(
                "{name} wants more than {STORED_MAX} descriptors kept"
            ));
        }
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
            let waiting = self.living.is_some() && self.ready.is_none();
            tokio::select! {
                biased;
                received = self.notices.next() => {
                    if let Some(event) = self.noticed(received) {
                        return event;
                    }
                }
                status = ended(&mut self.living) => {
                    self.living = None;
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
        let id = self.living.as_ref().and_then(Living::id);
        if id.is_none_or(|id| i64::from(id) != i64::from(received.pid)) {
            return None;
        }
        let notification = received.notification;
        if let Some(name) = notification.store {
            for descriptor in received.fds {
                self.keep(&name, descriptor);
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

    /// Plans the next start after it has refused what its predecessor left, however often it does.
    pub fn plan_patient_restart(&mut self) -> Duration {
        let wait = Backoff::refused();
        self.ready = None;
        self.restart = Some(Instant::now() + wait);
        wait
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
        self.living.is_some() || self.restart.is_some()
    }

    /// Whether it is alive.
    pub fn is_alive(&self) -> bool {
        self.living.is_some()
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
        if let Some(living) = &self.living {
            living.signal(signal);
        }
    }

    /// Ends it: asks, and after a while does not ask. It is not started again.
    pub async fn stop(&mut self) {
        self.restart = None;
        self.terminate();
        self.wait_for_end().await;
    }

    /// Waits for the end of a process that was asked to, for a while.
    async fn wait_for_end(&mut self) {
        let Some(mut living) = self.living.take() else {
            return;
        };
        if timeout(ENDED_WITHIN, living.ended()).await.is_err() {
            let (name, seconds) = (self.name, ENDED_WITHIN.as_secs());
            say(&format!(
                "{name} did not end within {seconds} s and is killed"
            ));
            living.signal(Signal::KILL);
            // Its end is waited for here, so that no second one meets its sockets.
            living.ended().await;
        }
    }

    /// Has it write down what it knows and end, for a successor. It is not started again by itself.
    pub async fn make_way(&mut self) {
        self.restart = None;
        self.signal(Signal::USR2);
        self.wait_for_end().await;
    }
}

/// The process's end; never, while there is no process.
async fn ended(living: &mut Option<Living>) -> Option<ExitStatus> {
    match living {
        Some(living) => living.ended().await,
        None => std::future::pending().await,
    }
}

/// How a process ended, in words.
pub fn end_of(status: Option<ExitStatus>) -> String {
    let Some(status) = status else {
        return "ended".to_owned();
    };
    match (status.code(), status.signal()) {
        (Some(code), _) => match Exit::of_process(code) {
            Some(exit) => format!("exit code {code}: {}", exit.meaning()),
            None => format!("exit code {code}"),
        },
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
