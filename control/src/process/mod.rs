//! The process around the gateway: one thread on which every socket, timer and report becomes an
//! input, and every output is carried out at once.
//!
//! * [`run`]: from a configuration to the end of the process · `exit`: why it ends
//! * `held`: messages leave once the media they tell of can flow
//! * `names`: questions to the DNS · `users`: who may register
//! * `tasks`: what goes on beside signalling · `operated`: what the operator sees

mod descriptors;
mod exit;
mod held;
pub mod limits;
mod names;
mod operated;
mod start;
mod tasks;
mod users;

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use hdrhistogram::Histogram;
use strait_config::Config;
use strait_shared::time::Instant;
use tokio::sync::Notify;

pub use self::exit::Failure;
use self::held::Held;
use self::limits::{LATENCY_DIGITS, LATENCY_MAX_NS};
use self::names::Names;
pub use self::start::{Ending, run, serve};
use crate::gateway::Gateway;
use crate::gateway::io::{Input, LogLevel, LogLine, OperatorCommand, Output};
use crate::journal::Journal;
use crate::link::{Dataplane, Report};
use crate::records::Records;
use crate::transport::{Sink, Transport};

/// Everything the process holds.
///
/// The gateway and the dataplane are borrowed only within one step, which never waits and is never
/// entered twice: sockets hand their inputs over from tasks of their own.
pub(crate) struct Process {
    config: Arc<Config>,
    gateway: RefCell<Gateway>,
    dataplane: RefCell<Dataplane>,
    /// Set before anything can come in.
    transport: OnceCell<Rc<Transport>>,
    /// Messages that wait for the workers.
    held: Held,
    names: Names,
    records: Records,
    journal: Option<Journal>,
    /// Something may have changed that the journal tells of.
    changed: Notify,
    /// From an input to the end of what it caused, in nanoseconds.
    latency: RefCell<Histogram<u64>>,
    /// The due time the timer task sleeps towards.
    armed: Cell<Option<Instant>>,
    rearm: Notify,
    since_unix_ms: u64,
}

impl Process {
    fn new(
        config: Arc<Config>,
        gateway: Gateway,
        dataplane: Dataplane,
        names: Names,
        records: Records,
        journal: Option<Journal>,
    ) -> Self {
        let latency = Histogram::new_with_bounds(1, LATENCY_MAX_NS, LATENCY_DIGITS);
        Self {
            config,
            gateway: RefCell::new(gateway),
            dataplane: RefCell::new(dataplane),
            transport: OnceCell::new(),
            held: Held::default(),
            names,
            records,
            journal,
            changed: Notify::new(),
            latency: RefCell::new(latency.expect("the bounds are constants that fit")),
            armed: Cell::new(None),
            rearm: Notify::new(),
            since_unix_ms: unix_ms(),
        }
    }

    /// Gives the gateway something to do and carries out what it answers.
    fn step(&self, act: impl FnOnce(&mut Gateway, Instant)) {
        let now = Instant::now();
        let mut gateway = self.gateway.borrow_mut();
        gateway.set_media_backlog(!self.dataplane.borrow().is_ready());
        act(&mut gateway, now);
        while let Some(output) = gateway.poll_output() {
            self.carry_out(&mut gateway, now, output);
        }
        if self.journal.is_some() {
            self.changed.notify_one();
        }
        self.held.step_over();
        let next = gateway.next_timeout();
        if next.is_some_and(|next| self.armed.get().is_none_or(|armed| next < armed)) {
            self.rearm.notify_one();
        }
        let ns = u64::try_from(Instant::now().since(now).as_nanos()).unwrap_or(u64::MAX);
        self.latency.borrow_mut().saturating_record(ns);
    }

    fn carry_out(&self, gateway: &mut Gateway, now: Instant, output: Output) {
        match output {
            Output::Send { .. } | Output::Close(_) => {
                if let Some(output) = self.held.hold(now, output)
                    && let Some(input) = self.emit(output)
                {
                    gateway.receive(now, input);
                }
            }
            Output::Media(command) => {
                self.held.commanded(&command);
                self.dataplane.borrow_mut().send(command);
                gateway.set_media_backlog(!self.dataplane.borrow().is_ready());
            }
            Output::Resolve(lookup) => self.names.ask(lookup),
            Output::Record(record) => self.records.write(record),
            Output::Log(line) => log(&line),
        }
    }

    /// Hands a message, or the end of a connection, to the transport; what the gateway has to know
    /// of it.
    fn emit(&self, output: Output) -> Option<Input<'static>> {
        let transport = self.transport.get()?;
        match output {
            Output::Send { flow, bytes } => match transport.send(&flow, bytes) {
                Ok(None) => None,
                Ok(Some(flow)) => Some(Input::Connected { flow }),
                Err(_) => Some(Input::SendFailed { flow, branch: None }),
            },
            Output::Close(connection) => {
                transport.close(connection);
                None
            }
            Output::Media(_) | Output::Resolve(_) | Output::Record(_) | Output::Log(_) => None,
        }
    }

    fn operate(&self, command: OperatorCommand) {
        self.step(|gateway, now| gateway.receive(now, Input::Operator(command)));
    }

    fn report(&self, report: Report) {
        let input = match report {
            Report::Event(event) => Input::Media(event),
            Report::Rejected { command, reason } => Input::MediaRejected { command, reason },
        };
        self.step(|gateway, now| gateway.receive(now, input));
    }

    fn standing_calls(&self) -> usize {
        self.gateway.borrow().sizes().calls
    }
}

impl Sink for Process {
    fn take(&self, input: Input<'_>) {
        self.step(|gateway, now| gateway.receive(now, input));
    }
}

/// What hostile text may do to a terminal ends here.
fn log(line: &LogLine) {
    let text: String = line
        .text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    match line.level {
        LogLevel::Warn => tracing::warn!("{text}"),
        LogLevel::Info => tracing::info!("{text}"),
        LogLevel::Debug => tracing::debug!("{text}"),
    }
}

/// Calendar time in milliseconds; 0 on a machine that believes to be before 1970.
fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
