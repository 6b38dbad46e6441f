//! Strait itself: `strait run` as a child process, and what it says of itself meanwhile.

use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use strait_control::admin::model::{Call, State, Status};

use super::{failed, orphans};
use crate::access::{Access, converse};
use crate::exit::{Exit, Failure};

/// How long Strait may take to start, and to stop once no call stands.
const START_WITHIN: Duration = Duration::from_secs(15);
const STOP_WITHIN: Duration = Duration::from_secs(8);
/// How often it is asked how it is doing.
const SAMPLE_EVERY: Duration = Duration::from_millis(250);

/// A running Strait. Dropping it ends it.
pub struct Strait {
    child: Option<Child>,
    log: PathBuf,
    sampler: Option<Sampler>,
    samples: Receiver<Sample>,
}

/// What Strait says of itself at one moment.
pub struct Sample {
    pub status: Status,
    pub calls: Vec<Call>,
}

struct Sampler {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Strait {
    /// Starts `strait run`, found as this very program, in `output`.
    pub fn start(configuration: &Path, runtime: &Path, output: &Path) -> Result<Self, Failure> {
        orphans::adopt().map_err(|error| failed("cannot look after processes", &error))?;
        let log = output.join("strait.log");
        let file = File::create(&log).map_err(|error| failed("cannot write the log", &error))?;
        let both = file
            .try_clone()
            .map_err(|error| failed("cannot write the log", &error))?;
        let program =
            std::env::current_exe().map_err(|error| failed("cannot find strait", &error))?;
        let child = Command::new(program)
            .args(["run".as_ref(), "-c".as_ref(), configuration.as_os_str()])
            .args(["--end-with".to_owned(), std::process::id().to_string()])
            .current_dir(output)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(both)
            // Ctrl-C is for the demonstration, which then ends Strait in order.
            .process_group(0)
            .spawn()
            .map_err(|error| failed("cannot start strait run", &error))?;
        let (stop, stopped) = channel();
        let (sample, samples) = channel();
        let access = Access::to(runtime, None);
        let thread = std::thread::spawn(move || sample_until(&access, &stopped, &sample));
        Ok(Self {
            child: Some(child),
            log,
            sampler: Some(Sampler { stop, thread }),
            samples,
        })
    }

    /// Waits until both processes are ready for calls.
    pub fn wait_ready(&mut self, interrupted: impl Fn() -> bool) -> Result<(), Failure> {
        let deadline = Instant::now() + START_WITHIN;
        while Instant::now() < deadline {
            self.check_alive()?;
            if interrupted() {
                return Err(Failure::new(
                    Exit::Failed,
                    "demo: interrupted while Strait started",
                ));
            }
            match self.samples.recv_timeout(SAMPLE_EVERY) {
                Ok(sample)
                    if sample.status.dataplane.attached
                        && sample.status.state == State::Running =>
                {
                    return Ok(());
                }
                Ok(_) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
        let seconds = START_WITHIN.as_secs();
        Err(self.failure(&format!("Strait was not ready within {seconds} s")))
    }

    /// Fails if Strait has ended.
    pub fn check_alive(&mut self) -> Result<(), Failure> {
        let Some(child) = &mut self.child else {
            return Ok(());
        };
        match child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                self.child = None;
                orphans::end_all();
                Err(self.failure(&format!("strait run ended: {}", meaning(status))))
            }
            Err(error) => Err(failed("cannot watch strait run", &error)),
        }
    }

    /// What Strait last said of itself, if it said something new.
    pub fn sample(&self) -> Option<Sample> {
        self.samples.try_iter().last()
    }

    /// Lets Strait end in order, which writes its last records.
    pub fn stop(&mut self) -> Result<(), Failure> {
        self.stop_sampling();
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        signal(&child, Signal::TERM);
        let deadline = Instant::now() + STOP_WITHIN;
        while Instant::now() < deadline {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => {
                    return Err(self.failure(&format!("strait run ended: {}", meaning(status))));
                }
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(failed("cannot watch strait run", &error)),
            }
        }
        end_at_once(&mut child);
        let seconds = STOP_WITHIN.as_secs();
        Err(self.failure(&format!(
            "Strait did not end within {seconds} s of being asked"
        )))
    }

    fn stop_sampling(&mut self) {
        if let Some(Sampler { stop, thread }) = self.sampler.take() {
            drop(stop);
            let joined = thread.join();
            debug_assert!(joined.is_ok(), "the sampler does not panic");
        }
    }

    /// A failure that shows the end of Strait's log.
    fn failure(&self, what: &str) -> Failure {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = log
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("");
        let last = crate::print::plain(last);
        Failure::new(
            Exit::Failed,
            format!("demo: {what}; {}: {last}", self.log.display()),
        )
    }
}

impl Drop for Strait {
    fn drop(&mut self) {
        self.stop_sampling();
        if let Some(mut child) = self.child.take() {
            // The second signal tells the supervisor to wait for nothing.
            signal(&child, Signal::TERM);
            std::thread::sleep(Duration::from_millis(200));
            signal(&child, Signal::TERM);
            let deadline = Instant::now() + Duration::from_secs(2);
            while Instant::now() < deadline {
                if matches!(child.try_wait(), Ok(Some(_))) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            end_at_once(&mut child);
        }
    }
}

fn sample_until(access: &Access, stopped: &Receiver<()>, samples: &Sender<Sample>) {
    while stopped.recv_timeout(SAMPLE_EVERY) == Err(RecvTimeoutError::Timeout) {
        let taken = converse(async {
            let status = access.status().await?;
            let calls = access.get("/calls").await?;
            Ok(Sample { status, calls })
        });
        // While Strait starts and stops nobody answers: the next sample will tell.
        if let Ok(sample) = taken
            && samples.send(sample).is_err()
        {
            return;
        }
    }
}

fn meaning(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => match Exit::of_process(code) {
            Some(exit) => format!("exit code {code}, {}", exit.meaning()),
            None => format!("exit code {code}"),
        },
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}

fn signal(child: &Child, signal: Signal) {
    // It may have ended meanwhile, which is what is wanted.
    let _ = kill_process(Pid::from_child(child), signal);
}

/// Ends a supervisor that would not end, with all it supervises.
fn end_at_once(child: &mut Child) {
    signal(child, Signal::KILL);
    let _ = child.wait();
    orphans::end_all();
}
