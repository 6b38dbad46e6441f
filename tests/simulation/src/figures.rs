//! Many worlds, one after the other on each of a few threads, and what they came to together.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::checks::Checker;
use crate::plan::{Fault, Plan};
use crate::run::{Failure, Outcome, run};

/// What many worlds came to.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Worlds that went to their end.
    pub worlds: u64,
    /// Calls placed.
    pub calls: u64,
    /// Calls Strait took on.
    pub begun: u64,
    /// Sides of calls that agreed with the other.
    pub established: u64,
    /// Later offers agreed on.
    pub renegotiated: u64,
    /// Transfers that got through.
    pub transferred: u64,
    /// Texts, INFOs and notifications that arrived.
    pub told: u64,
    /// What was asked or said beside calls and got a final answer.
    pub answered: u64,
    /// Session timers agreed on, or agreed on again.
    pub refreshed: u64,
    /// Calls that were sent on, each time.
    pub sent_on: u64,
    /// Calls that controllers of gateways connected.
    pub connected: u64,
    /// Gateways that heard the other party of such a call.
    pub heard_by_gateways: u64,
    /// Gateways that came to a controller from another one, or back.
    pub taken_over: u64,
    /// Media that moved.
    pub moved: u64,
    /// SIP messages Strait took.
    pub messages: u64,
    /// Media packets Strait took.
    pub packets: u64,
    /// Media packets it relayed.
    pub relayed: u64,
    /// Commands to the dataplane.
    pub commands: u64,
    /// How often commands were found waiting.
    pub waits: u64,
    /// Calls that a successor of control went on with.
    pub survived: u64,
    /// Virtual time.
    pub passed: Duration,
    /// The longest time anyone went unheard without excuse.
    pub unheard: Duration,
    /// How often each checker looked.
    pub looks: BTreeMap<Checker, u64>,
    /// In how many worlds each fault was on.
    pub faults: BTreeMap<Fault, u64>,
}

/// Runs worlds from seed `first` on, planned by `plan`, on `threads` threads, for as long as
/// `more` says so of the figures so far.
pub fn run_many(
    first: u64,
    plan: impl Fn(u64) -> Plan + Sync,
    threads: usize,
    more: impl Fn(&Figures) -> bool + Sync,
) -> Result<Figures, Box<Failure>> {
    let next = AtomicU64::new(first);
    run_all(threads, |figures| {
        let seed = || next.fetch_add(1, Ordering::Relaxed);
        more(figures).then(|| plan(seed()))
    })
}

/// Runs these worlds on `threads` threads.
pub fn run_plans(plans: Vec<Plan>, threads: usize) -> Result<Figures, Box<Failure>> {
    let plans = Mutex::new(plans);
    run_all(threads, |_| plans.lock().expect("nobody panics here").pop())
}

/// Runs the worlds that `next` gives, knowing what a thread's have come to so far, until it gives
/// none.
fn run_all(
    threads: usize,
    next: impl Fn(&Figures) -> Option<Plan> + Sync,
) -> Result<Figures, Box<Failure>> {
    let worker = || -> Result<Figures, Box<Failure>> {
        let mut figures = Figures::default();
        while let Some(plan) = next(&figures) {
            let outcome = run(plan.clone(), None)?;
            figures.add(&plan, &outcome);
        }
        Ok(figures)
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let mut all = Figures::default();
        for thread in running {
            all.merge(&thread.join().expect("a run catches its panics")?);
        }
        Ok(all)
    })
}

impl Figures {
    fn add(&mut self, plan: &Plan, outcome: &Outcome) {
        let Outcome { tale, counters, .. } = outcome;
        for fault in &plan.faults {
            *self.faults.entry(*fault).or_default() += 1;
        }
        self.merge(&Self {
            worlds: 1,
            calls: tale.placed,
            begun: outcome.calls,
            established: tale.established,
            renegotiated: tale.renegotiated,
            transferred: tale.transferred,
            told: tale.told,
            answered: tale.answered,
            refreshed: tale.refreshed,
            sent_on: tale.sent_on,
            connected: tale.connected,
            heard_by_gateways: tale.heard_by_gateways,
            taken_over: tale.taken_over,
            moved: tale.moved,
            messages: counters.messages,
            packets: counters.packets,
            relayed: counters.relayed,
            commands: counters.commands,
            waits: counters.waits,
            survived: counters.survived,
            passed: outcome.passed,
            unheard: outcome.unheard,
            looks: outcome.looks.clone(),
            faults: BTreeMap::new(),
        });
    }

    fn merge(&mut self, other: &Self) {
        self.worlds += other.worlds;
        self.calls += other.calls;
        self.begun += other.begun;
        self.established += other.established;
        self.renegotiated += other.renegotiated;
        self.transferred += other.transferred;
        self.told += other.told;
        self.answered += other.answered;
        self.refreshed += other.refreshed;
        self.sent_on += other.sent_on;
        self.connected += other.connected;
        self.heard_by_gateways += other.heard_by_gateways;
        self.taken_over += other.taken_over;
        self.moved += other.moved;
        self.messages += other.messages;
        self.packets += other.packets;
        self.relayed += other.relayed;
        self.commands += other.commands;
        self.waits += other.waits;
        self.survived += other.survived;
        self.passed += other.passed;
        self.unheard = self.unheard.max(other.unheard);
        for (checker, looks) in &other.looks {
            *self.looks.entry(*checker).or_default() += looks;
        }
        for (fault, worlds) in &other.faults {
            *self.faults.entry(*fault).or_default() += worlds;
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = self.passed.as_secs_f64() / 3_600.0;
        writeln!(f, "{} worlds, {hours:.1} h of virtual time", self.worlds)?;
        writeln!(
            f,
            "{} calls placed, {} begun in Strait, {} sides agreed, {} renegotiated, {} transferred",
            self.calls, self.begun, self.established, self.renegotiated, self.transferred
        )?;
        writeln!(
            f,
            "{} messages, {} media packets, {} relayed, {} commands, found waiting {} times",
            self.messages, self.packets, self.relayed, self.commands, self.waits
        )?;
        writeln!(
            f,
            "{} told beside media, {} answered beside calls, {} session timers agreed on",
            self.told, self.answered, self.refreshed
        )?;
        writeln!(
            f,
            "{} calls sent on, media moved {} times",
            self.sent_on, self.moved
        )?;
        writeln!(
            f,
            "{} calls between gateways connected, {} times heard, {} gateways taken over",
            self.connected, self.heard_by_gateways, self.taken_over
        )?;
        writeln!(f, "{} calls gone on with by a successor", self.survived)?;
        writeln!(f, "longest unheard without excuse: {:?}", self.unheard)?;
        writeln!(f, "looks: {:?}", self.looks)?;
        write!(f, "worlds by fault: {:?}", self.faults)
    }
}
