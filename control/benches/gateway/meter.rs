//! What each kind of input costs a gateway: time and heap allocations, in virtual time.

#[path = "allocator.rs"]
pub mod allocator;

use std::collections::BTreeMap;
use std::time::Duration;

use strait_control::gateway::Gateway;
use strait_control::gateway::io::{Flow, Input, Output, RealmIndex};
use strait_shared::command::{Command, Event};
use strait_shared::slot::Counters;
use strait_shared::time::Instant;

/// What was spent on one kind of input.
#[derive(Clone, Copy, Default)]
struct Cost {
    count: u64,
    time: Duration,
    allocations: u64,
}

/// A gateway, and what its inputs have cost.
pub struct Meter {
    pub gateway: Gateway,
    pub now: Instant,
    costs: BTreeMap<&'static str, Cost>,
    sent: Vec<(Flow, Vec<u8>)>,
    commands: Vec<Command>,
}

impl Meter {
    pub fn new(gateway: Gateway, now: Instant) -> Self {
        Self {
            gateway,
            now,
            costs: BTreeMap::new(),
            sent: Vec::new(),
            commands: Vec::new(),
        }
    }

    /// Time goes by.
    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        while (self.gateway.next_timeout()).is_some_and(|due| due <= self.now) {
            let now = self.now;
            self.spend("9 timers", |gateway| gateway.timeout(now));
        }
    }

    /// A message comes.
    pub fn receive(&mut self, kind: &'static str, flow: Flow, bytes: &[u8]) {
        self.sent.clear();
        let now = self.now;
        self.spend(kind, |gateway| {
            gateway.receive(now, Input::Message { flow, bytes });
        });
    }

    /// Plays the dataplane: what was to close reports.
    pub fn report_closed(&mut self) {
        for command in std::mem::take(&mut self.commands) {
            let Command::Close { slot, generation } = command else {
                continue;
            };
            let event = Event::Closed {
                slot,
                generation,
                counters: Counters::default(),
            };
            let now = self.now;
            self.spend("8 slot closed", |gateway| {
                gateway.receive(now, Input::Media(event));
            });
        }
    }

    /// The gateway does something, and what comes of it.
    pub fn spend(&mut self, kind: &'static str, work: impl FnOnce(&mut Gateway)) {
        let mut outputs = Vec::with_capacity(16);
        let allocations = allocator::count();
        let began = std::time::Instant::now();
        work(&mut self.gateway);
        while let Some(output) = self.gateway.poll_output() {
            outputs.push(output);
        }
        let time = began.elapsed();
        let cost = self.costs.entry(kind).or_default();
        cost.allocations += allocator::count() - allocations;
        cost.count += 1;
        cost.time += time;
        for output in outputs {
            match output {
                Output::Send { flow, bytes } => self.sent.push((flow, bytes)),
                Output::Media(command) => self.commands.push(command),
                Output::Resolve(_) | Output::Record(_) | Output::Log(_) | Output::Close(_) => {}
            }
        }
    }

    /// What was sent to a realm last, and where.
    pub fn sent_to(&self, realm: RealmIndex) -> (Flow, String) {
        let mut sent = self.sent.iter();
        let found = sent.rfind(|(flow, _)| flow.realm == realm);
        let (flow, bytes) = found.expect("something was sent there");
        let text = String::from_utf8(bytes.clone());
        (*flow, text.expect("the bench speaks ASCII"))
    }

    /// Nothing was spent, sent or commanded so far.
    pub fn forget(&mut self) {
        self.costs.clear();
        (self.sent, self.commands) = (Vec::new(), Vec::new());
    }

    /// Prints what was spent on `count` of something.
    pub fn report(&self, title: &str, count: u64) {
        println!("\n{title}: {count}");
        println!(
            "{:<16}{:>10}{:>12}{:>14}",
            "input", "count", "µs each", "allocations"
        );
        let mut total = Duration::ZERO;
        for (kind, cost) in &self.costs {
            let each = cost.time.as_secs_f64() * 1e6 / cost.count as f64;
            let allocations = cost.allocations as f64 / cost.count as f64;
            println!(
                "{kind:<16}{:>10}{each:>12.2}{allocations:>14.1}",
                cost.count
            );
            total += cost.time;
        }
        let seconds = total.as_secs_f64();
        let each = seconds * 1e6 / count as f64;
        println!("{each:.1} µs each, {:.0} a second", count as f64 / seconds);
    }
}
