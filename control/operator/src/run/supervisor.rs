//! The order of things: dataplane, control, and both until the end.

use std::{path::Path, process::ExitStatus, time::Duration};

use strait_config::{Config, PortKind};
use tokio::time::{Instant, sleep_until};

use super::{
    place::{DATAPLANE, DATAPLANE_DPDK, Place},
    process::{Event, Process, end_of},
    say,
    signals::{Signals, Wish},
    takeover,
};
use crate::exit::{Exit, Failure};

/// How long control may take to end the calls that outlast a drain.
const FAREWELL_WITHIN: Duration = Duration::from_secs(15);

/// Runs both processes until a signal, or until one of them cannot be helped.
pub async fn supervise(config: &Config, file: &Path, place: &Place) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let mut pair = Pair {
        dataplane: Process::new("dataplane", dataplane(config), file, place)?,
        control: Process::new("control", "strait-control", file, place)?,
    };
    takeover::take_over(config, place, &mut pair.dataplane, &mut pair.control)?;
    if !pair.dataplane.is_started() {
        pair.dataplane.start()?;
    } else if !pair.control.is_started() {
        pair.control.start()?;
    }
    let outcome = pair.serve(&mut signals).await;
    if let Ok(Ending::Drain) = outcome {
        pair.drain(config.drain_timeout, &mut signals).await;
    }
    pair.stop().await;
    say("stopped");
    outcome.map(drop)
}

/// The program that has the ports of this configuration.
fn dataplane(config: &Config) -> &'static str {
    let mut nics = config.dataplane.nics.iter();
    match nics.any(|nic| nic.port == PortKind::Dpdk) {
        true => DATAPLANE_DPDK,
        false => DATAPLANE,
    }
}

/// Why serving is over.
enum Ending {
    /// Someone wants it to end in good order.
    Drain,
    /// There is nothing to wait for.
    Stop,
}

struct Pair {
    dataplane: Process,
    control: Process,
}

impl Pair {
    /// Keeps both alive until a signal comes or control ends by itself.
    async fn serve(&mut self, signals: &mut Signals) -> Result<Ending, Failure> {
        loop {
            let (dataplane, event) = tokio::select! {
                event = self.dataplane.event() => (true, event),
                event = self.control.event() => (false, event),
                wish = signals.next() => match wish {
                    Wish::End => {
                        let serving = self.control.is_proven() && self.control.is_alive();
                        return Ok(if serving { Ending::Drain } else { Ending::Stop });
                    }
                    Wish::Reopen => {
                        self.control.hang_up();
                        continue;
                    }
                },
            };
            let process = if dataplane {
                &mut self.dataplane
            } else {
                &mut self.control
            };
            match event {
                Event::Ended(Some(status)) if !dataplane && status.success() => {
                    say("control has ended by itself");
                    return Ok(Ending::Stop);
                }
                event => {
                    if happened(process, event)? == Next::AllAnew {
                        // Its calls have no media any more, and the file may have changed: a
                        // successor ends them and says why.
                        self.control.make_way().await;
                    }
                }
            }
            // Control has nobody to talk to before the dataplane is ready for the first time.
            if dataplane && self.dataplane.is_proven() && !self.control.is_started() {
                self.control.start()?;
            }
        }
    }

    /// Lets the calls that stand end, for as long as they may; the next signal ends the wait.
    async fn drain(&mut self, within: Duration, signals: &mut Signals) {
        self.control.terminate();
        let seconds = within.as_secs();
        say(&format!(
            "draining for up to {seconds} s; the next signal ends all calls now"
        ));
        // Control keeps the time itself and then says goodbye; this only bounds its trust.
        let deadline = Instant::now() + within + FAREWELL_WITHIN;
        loop {
            tokio::select! {
                event = self.dataplane.event() => {
                    if let Err(failure) = happened(&mut self.dataplane, event) {
                        say(&failure.message);
                        return;
                    }
                }
                event = self.control.event() => {
                    if let Event::Ended(status) = event {
                        if status.is_some_and(|status| !status.success()) {
                            say(&format!("control: {}", end_of(status)));
                        }
                        return;
                    }
                }
                () = sleep_until(deadline) => return,
                wish = signals.next() => match wish {
                    Wish::End => return,
                    Wish::Reopen => self.control.hang_up(),
                },
            }
        }
    }

    /// Control first: it ends its calls and writes their records while media can still be read.
    async fn stop(&mut self) {
        self.control.stop().await;
        self.dataplane.stop().await;
    }
}

/// What follows from what happened to one process for the other.
#[derive(PartialEq, Eq)]
enum Next {
    /// Nothing.
    Same,
    /// It starts anew too.
    AllAnew,
}

/// Says what happened to a process, and starts it again where it died.
fn happened(process: &mut Process, event: Event) -> Result<Next, Failure> {
    match event {
        Event::Ready(after, status) => {
            let status = status.map_or_else(String::new, |status| format!(": {status}"));
            say(&format!(
                "{} ready after {} ms{status}",
                process.name,
                after.as_millis()
            ));
            Ok(Next::Same)
        }
        Event::Due => process.start().map(|()| Next::Same),
        Event::Late => {
            let message = format!("{} is not ready after a minute", process.name);
            Err(Failure::new(Exit::Failed, message))
        }
        Event::Ended(status) => died(process, status),
    }
}

fn died(process: &mut Process, status: Option<ExitStatus>) -> Result<Next, Failure> {
    let (name, end) = (process.name, end_of(status));
    let exit = status
        .and_then(|status| status.code())
        .and_then(Exit::of_process)
        .filter(|exit| *exit != Exit::Clean);
    let exit = exit.unwrap_or(Exit::Failed);
    if !process.is_proven() {
        return Err(Failure::new(exit, format!("{name} does not start: {end}")));
    }
    // A program that was replaced while it ran does not take its predecessor's region.
    let renewed = exit == Exit::Region && process.forget();
    if exit == Exit::Region && !renewed {
        // Media goes on without control: what was put in the place of a program can be put back.
        let wait = process.plan_patient_restart().as_secs();
        say(&format!(
            "{name}: {end}; calls go on without it; tried again in {wait} s"
        ));
        return Ok(Next::Same);
    }
    let Some(wait) = process.plan_restart() else {
        return Err(Failure::new(
            exit,
            format!("{name} keeps dying, last: {end}"),
        ));
    };
    let lost = if renewed {
        " without the region it left; its calls are lost"
    } else {
        ""
    };
    let wait = wait.as_millis();
    say(&format!("{name}: {end}; started again in {wait} ms{lost}"));
    Ok(if renewed { Next::AllAnew } else { Next::Same })
}
