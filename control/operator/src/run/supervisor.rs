//! The order of things: dataplane, control, and both until the end.

use std::{path::Path, process::ExitStatus, time::Duration};

use hyper::Method;
use strait_config::Config;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    place::Place,
    process::{Event, Process, end_of},
};
use crate::{
    access::Access,
    exit::{Exit, Failure},
};

/// How often a drain looks whether calls still stand.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Runs both processes until a signal, or until one of them cannot be helped.
pub async fn supervise(config: &Config, file: &Path, place: &Place) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let mut pair = Pair {
        dataplane: Process::new("dataplane", "strait-dataplane", file, place)?,
        control: Process::new("control", "strait-control", file, place)?,
    };
    pair.dataplane.start()?;
    let outcome = pair.serve(&mut signals).await;
    if let Ok(Ending::Drain) = outcome {
        let access = Access::to(place.directory(), Some(config.instance.to_string()));
        pair.drain(&access, config.drain_timeout, &mut signals)
            .await;
    }
    pair.stop().await;
    eprintln!("strait: stopped");
    outcome.map(drop)
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
                () = signals.next() => {
                    let serving = self.control.is_proven() && self.control.is_alive();
                    return Ok(if serving { Ending::Drain } else { Ending::Stop });
                }
            };
            let process = if dataplane {
                &mut self.dataplane
            } else {
                &mut self.control
            };
            match event {
                Event::Ended(status) if !dataplane && status.success() => {
                    eprintln!("strait: control has ended by itself");
                    return Ok(Ending::Stop);
                }
                event => happened(process, event)?,
            }
            // Control has nobody to talk to before the dataplane is ready for the first time.
            if dataplane && self.dataplane.is_proven() && !self.control.is_started() {
                self.control.start()?;
            }
        }
    }

    /// Lets the calls that stand end, for as long as they may; the next signal ends the wait.
    async fn drain(&mut self, access: &Access, within: Duration, signals: &mut Signals) {
        if let Err(failure) = access.order(Method::POST, "/drain").await {
            eprintln!("strait: cannot drain: {}", failure.message);
            return;
        }
        let seconds = within.as_secs();
        eprintln!("strait: draining for up to {seconds} s; the next signal ends all calls now");
        let deadline = Instant::now() + within;
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.dataplane.event() => {
                    // What is said of the dataplane's death is said; media goes on if it can.
                    if happened(&mut self.dataplane, event).is_err() {
                        return;
                    }
                }
                event = self.control.event() => {
                    if let Event::Ended(status) = event {
                        eprintln!("strait: control: {}", end_of(status));
                        return;
                    }
                }
                _ = look.tick() => {
                    if access.status().await.is_ok_and(|status| status.calls == 0) {
                        eprintln!("strait: drained");
                        return;
                    }
                }
                () = sleep_until(deadline) => {
                    eprintln!("strait: calls still stand and are ended");
                    return;
                }
                () = signals.next() => return,
            }
        }
    }

    /// Control first: it ends its calls and writes their records while media can still be read.
    async fn stop(&mut self) {
        self.control.stop().await;
        self.dataplane.stop().await;
    }
}

/// Says what happened to a process, and starts it again where it died.
fn happened(process: &mut Process, event: Event) -> Result<(), Failure> {
    match event {
        Event::Ready(after, status) => {
            let status = status.map_or_else(String::new, |status| format!(": {status}"));
            eprintln!(
                "strait: {} ready after {} ms{status}",
                process.name,
                after.as_millis()
            );
            Ok(())
        }
        Event::Due => process.start(),
        Event::Late => {
            let message = format!("{} is not ready after a minute", process.name);
            Err(Failure::new(Exit::Failed, message))
        }
        Event::Ended(status) => died(process, status),
    }
}

fn died(process: &mut Process, status: ExitStatus) -> Result<(), Failure> {
    let (name, end) = (process.name, end_of(status));
    let exit = status
        .code()
        .and_then(Exit::of_process)
        .filter(|exit| *exit != Exit::Clean);
    let exit = exit.unwrap_or(Exit::Failed);
    if !process.is_proven() {
        return Err(Failure::new(exit, format!("{name} does not start: {end}")));
    }
    // A program that was replaced while it ran does not take its predecessor's region.
    let renewed = exit == Exit::Region && process.forget();
    let Some(wait) = process.plan_restart() else {
        return Err(Failure::new(
            exit,
            format!("{name} keeps dying, last: {end}"),
        ));
    };
    let renewed = if renewed {
        " without the region it left; its calls are lost"
    } else {
        ""
    };
    eprintln!(
        "strait: {name}: {end}; started again in {} ms{renewed}",
        wait.as_millis()
    );
    Ok(())
}

/// The signals that end it.
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> Result<Signals, Failure> {
        let kinds = [
            SignalKind::terminate(),
            SignalKind::interrupt(),
            SignalKind::hangup(),
        ];
        let [terminate, interrupt, hangup] = kinds.map(signal);
        let all = || Ok(Signals([terminate?, interrupt?, hangup?]));
        all().map_err(|error: std::io::Error| Failure::new(Exit::Failed, error.to_string()))
    }

    async fn next(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
