//! From a configuration to the end of the process.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use strait_config::Config;
use strait_shared::notify::Notifier;
use strait_shared::slot::SlotIndex;
use strait_shared::time::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::LocalSet;
use tokio::time::sleep;

use super::limits::{DRAIN_INTERVAL, FAREWELL};
use super::names::Names;
use super::{Failure, Process, descriptors, users};
use crate::admin::{Operated, Socket};
use crate::gateway::io::{Lookup, OperatorCommand};
use crate::gateway::journal::Before;
use crate::gateway::{Gateway, WallClock};
use crate::journal::Journal;
use crate::link::limits::ATTACH_LIMIT;
use crate::link::{Dataplane, DataplaneError};
use crate::records::Records;
use crate::transport::bind::{Bound, bind};
use crate::transport::{Sink, Transport};

/// The name of the dataplane's socket in the runtime directory.
pub(super) const REGION_SOCKET: &str = "region.sock";

/// How the process ends where nothing failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It was told to stop, and no call is left.
    Stopped,
    /// It made way for a successor: calls go on, and everything they need is written.
    MadeWay,
}

/// Runs Strait's signalling until it is told to stop, or to make way.
///
/// Everything that can fail is done before anything is received: addresses are taken, the region
/// is attached, the records are opened.
pub fn run(config: Config) -> Result<Ending, Failure> {
    descriptors::raise_limit(&config);
    let bound = bind(&config)?;
    let records = Records::open(&config.records.file)?;
    let directory = config.runtime_directory();
    let socket = Socket::bind(&directory)?;
    let geometry =
        strait_config::geometry(&config).expect("a configuration that was loaded has a geometry");
    let journal = config.journal_file();
    let journal = journal.map(|path| Journal::open(&path, records.syncing()));
    let journal = journal.transpose()?;
    let dataplane = Dataplane::succeed(&directory.join(REGION_SOCKET), &geometry, ATTACH_LIMIT)?;
    serve(config, bound, records, socket, dataplane, journal)
}

/// The same with everything at hand.
pub fn serve(
    config: Config,
    bound: Vec<Bound>,
    records: Records,
    socket: Socket,
    mut dataplane: Dataplane,
    journal: Option<(Journal, Before)>,
) -> Result<Ending, Failure> {
    let failed = |what| move |error| Failure::System(what, error);
    let seed = seed().map_err(failed("cannot read random numbers"))?;
    let config = Arc::new(config);
    let (journal, before) = journal.unzip();
    let gateway = successor(&config, seed, before, &mut dataplane)?;
    let tables = users::open(&config)?;
    let (names, questions) = Names::new(&config, seed);
    let process = Process::new(config, gateway, dataplane, names, records, journal);
    let process = Rc::new(process);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("cannot start the runtime"))?;
    runtime.block_on(LocalSet::new().run_until(live(process, bound, socket, questions, tables)))
}

/// A gateway that goes on where the process before was stopped; media that no call knows any more
/// is closed.
fn successor(
    config: &Arc<Config>,
    seed: [u8; 32],
    before: Option<Before>,
    dataplane: &mut Dataplane,
) -> Result<Gateway, Failure> {
    let (now, clock) = (Instant::now(), wall_clock());
    let gateway = match before {
        None => Gateway::new(config.clone(), seed, clock),
        Some(before) => {
            let slots = |slot: SlotIndex| dataplane.link().slot_state(slot);
            let made = Gateway::restore(config.clone(), seed, clock, now, before, &slots);
            made.map(|(gateway, _)| gateway)
        }
    };
    let mut gateway = gateway.expect("a configuration that was loaded has a geometry");
    let closed = dataplane
        .close_unknown(&|slot, generation| gateway.has_open(slot, generation))
        .map_err(DataplaneError::Link)?;
    let slots = |slot: SlotIndex| dataplane.link().slot_state(slot);
    gateway.inherit(now, &closed, &slots);
    Ok(gateway)
}

async fn live(
    process: Rc<Process>,
    bound: Vec<Bound>,
    socket: Socket,
    questions: UnboundedReceiver<Lookup>,
    tables: users::Tables,
) -> Result<Ending, Failure> {
    let failed = |what| move |error| Failure::System(what, error);
    let notifier = Notifier::from_env().map_err(failed("cannot reach the supervisor"))?;
    let mut signals = Signals::new().map_err(failed("cannot receive signals"))?;
    let sink: Rc<dyn Sink> = process.clone();
    let transport = Transport::start(&process.config, bound, sink);
    let transport = transport.map_err(failed("cannot receive on the signalling addresses"))?;
    // Nothing has come in yet: the tasks that receive have not run.
    let _ = process.transport.set(transport);
    // What going on where the process before was stopped has led to.
    process.step(|_, _| {});
    tokio::task::spawn_local(process.clone().keep_time());
    tokio::task::spawn_local(process.clone().keep_journal());
    tokio::task::spawn_local(process.clone().let_go());
    tokio::task::spawn_local(process.clone().ask_names(questions));
    for (realm, users, watch) in tables {
        process.know_users(realm, users);
        tokio::task::spawn_local(process.clone().keep_users(realm, watch));
    }
    tokio::task::spawn_local(process.clone().take_reports());
    tokio::task::spawn_local(process.clone().watch_dataplane());
    let operated: Rc<dyn Operated> = process.clone();
    let path = socket.path().display().to_string();
    tokio::task::spawn_local(async move { crate::admin::serve(&socket, operated).await });
    tracing::info!(instance = %process.config.instance, operator = %path, "signalling is up");
    tell(notifier.ready());
    let ending = process.until_asked_to_end(&mut signals).await;
    tell(notifier.stopping());
    match ending {
        Ending::Stopped => process.stop(&mut signals, &notifier).await,
        Ending::MadeWay => tracing::info!("making way for a successor"),
    }
    // Not left to their drop: tasks and sockets hold the process, and it them.
    process.write_journal();
    process.journal.iter().for_each(Journal::close);
    process.records.close();
    Ok(ending)
}

/// What may be asked of the process from outside.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    make_way: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            make_way: signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits for a request to stop.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Process {
    async fn until_asked_to_end(&self, signals: &mut Signals) -> Ending {
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => return Ending::Stopped,
                _ = signals.interrupt.recv() => return Ending::Stopped,
                _ = signals.make_way.recv() => return Ending::MadeWay,
                _ = signals.hang_up.recv() => self.records.reopen(),
            }
        }
    }

    /// Lets the calls end, for as long as configured or until asked again; then ends them.
    async fn stop(&self, signals: &mut Signals, notifier: &Notifier) {
        let calls = self.standing_calls();
        tracing::info!(calls, "stopping: waiting for the calls that stand");
        tell(notifier.status(&format!("draining, {calls} calls stand")));
        self.operate(OperatorCommand::Drain);
        tokio::select! {
            () = self.ended() => {}
            () = sleep(self.config.drain_timeout) => {}
            () = signals.stop() => {}
        }
        let calls = self.standing_calls();
        if calls > 0 {
            tracing::warn!(calls, "ending the calls that still stand");
            self.operate(OperatorCommand::EndAllCalls);
        }
        tokio::select! {
            () = self.ended() => {}
            () = sleep(FAREWELL) => {}
            () = signals.stop() => {}
        }
        tracing::info!("stopped");
    }

    /// Waits until no call stands and nobody owes us an answer.
    async fn ended(&self) {
        loop {
            let sizes = self.gateway.borrow().sizes();
            if sizes.calls == 0 && sizes.exchanges == 0 {
                return;
            }
            sleep(DRAIN_INTERVAL).await;
        }
    }
}

/// The supervisor may have died; that is not our business.
fn tell(told: std::io::Result<()>) {
    if let Err(error) = told {
        tracing::debug!(%error, "the supervisor was not told");
    }
}

fn seed() -> std::io::Result<[u8; 32]> {
    use std::io::Read;
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(seed)
}

fn wall_clock() -> WallClock {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let unix_ns = i128::try_from(since.as_nanos()).unwrap_or(i128::MAX);
    WallClock {
        unix_ns_at_zero: unix_ns - i128::from(Instant::now().as_nanos()),
    }
}
