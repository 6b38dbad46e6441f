//! What the SIP server costs on one core: registrations with and without a password, what a million
//! of them hold, how long a restart with them takes, and calls between them.
//!
//! Time and heap of the gateway alone, and of the journal where that is said; whoever writes the
//! terminals' messages is not counted.

#[path = "gateway/allocator.rs"]
mod allocator;
#[path = "serve/messages.rs"]
mod messages;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use strait_config::Config;
use strait_control::gateway::io::{Flow, Input, ListenerIndex, Output, RealmIndex, Transport};
use strait_control::gateway::journal::{Before, Change, EntryKey};
use strait_control::gateway::{Gateway, WallClock};
use strait_control::journal::Journal;
use strait_control::users::Users;
use strait_shared::command::{Command, Event};
use strait_shared::slot::{Counters, SlotIndex};
use strait_shared::time::Instant;

/// Terminals that register.
const TERMINALS: u64 = 1_000_000;

/// Terminals that register with a password.
const GUARDED: u64 = 50_000;

/// Calls before anything is measured, and calls measured.
const WARM_UP: u64 = 40_000;
const CALLS: u64 = 40_000;

const CLOCK: WallClock = WallClock {
    unix_ns_at_zero: 1_700_000_000_000_000_000,
};

fn main() {
    let registered = plain();
    restart(registered);
    guarded();
    for (title, serve) in [
        ("calls, media direct", "steering: { media: direct }"),
        ("calls, media relayed", "steering: { media: relayed }"),
    ] {
        calls(title, serve);
    }
}

/// A million terminals register, each twice; what the journal holds of it.
fn plain() -> BTreeMap<EntryKey, Vec<u8>> {
    let mut bench = Bench::new("");
    let mut journal = BTreeMap::new();
    for (cseq, title) in [(1, "registrations"), (2, "refreshes")] {
        for number in 0..TERMINALS {
            bench.register(number, cseq, "");
            if number % 1_000 == 0 {
                let changes = bench.journal();
                keep(&mut journal, changes);
            }
        }
        bench.pass(Duration::from_secs(40));
        let changes = bench.journal();
        keep(&mut journal, changes);
        bench.report(title, TERMINALS);
        bench.costs.clear();
    }
    let sizes = bench.gateway.sizes();
    assert_eq!(sizes.registrations as u64, TERMINALS);
    journal
}

/// Plays the journal.
fn keep(journal: &mut BTreeMap<EntryKey, Vec<u8>>, changes: Vec<Change>) {
    for change in changes {
        match change.value {
            Some(value) => journal.insert(change.key, value),
            None => journal.remove(&change.key),
        };
    }
}

/// A successor takes up what the journal holds: from memory, and from its file.
fn restart(registered: BTreeMap<EntryKey, Vec<u8>>) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal");
    let (journal, _) = Journal::open(&path, || {}).expect("a journal");
    let changes = registered.into_iter().map(|(key, value)| Change {
        key,
        value: Some(value),
    });
    journal.write(changes.collect());
    journal.close();
    drop(journal);
    let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
    let began = std::time::Instant::now();
    let (journal, before) = Journal::open(&path, || {}).expect("a journal");
    let read = began.elapsed();
    let config = config("");
    let none = |_: SlotIndex| None;
    let entries: usize = before
        .entries
        .iter()
        .map(|(_, value)| value.capacity())
        .sum();
    let entry = std::mem::size_of::<(EntryKey, Vec<u8>)>();
    let entries = entries + before.entries.capacity() * entry;
    let held = allocator::held() - entries as i64;
    let (now, began) = (Instant::from_millis(100_000), std::time::Instant::now());
    let (gateway, restored) =
        Gateway::restore(config, [9; 32], CLOCK, now, before, &none).expect("the ports fit");
    let taken_up = began.elapsed();
    let held = (allocator::held() - held) / TERMINALS as i64;
    assert_eq!(restored.registrations as u64, TERMINALS);
    println!(
        "\nrestart with {TERMINALS} registrations: {:.1} s to read {} MB of journal, {:.1} s to \
         take them up; {held} bytes each",
        read.as_secs_f64(),
        bytes >> 20,
        taken_up.as_secs_f64()
    );
    drop(gateway);
    journal.close();
}

/// Terminals register with a password: a challenge, and its answer.
fn guarded() {
    let mut bench = Bench::new("users: users.yaml\n      digest: [ sha-256 ]");
    let mut text = String::new();
    for number in 0..GUARDED {
        let password = messages::PASSWORD;
        writeln!(
            text,
            "- {{ user: u{number}, domain: example.net, password: {password} }}"
        )
        .expect("it fits");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("users.yaml");
    std::fs::write(&path, text).expect("a file");
    let users = Arc::new(Users::load(&path).expect("users"));
    let realm = RealmIndex(0);
    bench
        .gateway
        .receive(bench.now, Input::Users { realm, users });
    for number in 0..GUARDED {
        let challenge = bench.register(number, 1, "");
        let credentials = messages::credentials(&challenge, number);
        let answer = bench.register(number, 2, &credentials);
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    }
    bench.report("registrations with a password, REGISTERs", GUARDED * 2);
}

fn calls(title: &str, serve: &str) {
    let mut bench = Bench::new(serve);
    for number in 0..10_000 {
        bench.register(number, 1, "");
    }
    for number in 0..WARM_UP {
        bench.call(number);
    }
    bench.costs.clear();
    for number in WARM_UP..WARM_UP + CALLS {
        bench.call(number);
    }
    bench.report(title, CALLS);
}

/// What was spent on one kind of input.
#[derive(Clone, Copy, Default)]
struct Cost {
    count: u64,
    time: Duration,
    allocations: u64,
}

struct Bench {
    gateway: Gateway,
    now: Instant,
    costs: BTreeMap<&'static str, Cost>,
    sent: Vec<(Flow, Vec<u8>)>,
    closed: Vec<Command>,
}

fn config(serve: &str) -> Arc<Config> {
    let text = messages::CONFIG.replace("SERVE", serve);
    Arc::new(text.parse().expect("the configuration is valid"))
}

impl Bench {
    fn new(serve: &str) -> Self {
        let none = |_: SlotIndex| None;
        let now = Instant::from_millis(1_000);
        let before = Before::default();
        let made = Gateway::restore(config(serve), [7; 32], CLOCK, now, before, &none);
        Self {
            gateway: made.expect("the ports fit").0,
            now,
            costs: BTreeMap::new(),
            sent: Vec::new(),
            closed: Vec::new(),
        }
    }

    /// The answer to a REGISTER.
    fn register(&mut self, number: u64, cseq: u32, credentials: &str) -> String {
        self.pass(Duration::from_micros(50));
        let register = messages::register(number, cseq, credentials);
        self.receive("1 REGISTER", number, &register);
        self.sent_last()
    }

    /// From INVITE to BYE between two terminals that are registered.
    fn call(&mut self, number: u64) {
        self.pass(Duration::from_millis(1));
        let (caller, callee) = (number % 5_000, 5_000 + number % 5_000);
        let invite = messages::invite(caller, callee, number);
        self.receive("2 INVITE", caller, &invite);
        let invite = self.sent_last();
        let ringing = messages::response(&invite, "180 Ringing", callee, false);
        self.receive("3 180", callee, &ringing);
        let ok = messages::response(&invite, "200 OK", callee, true);
        self.receive("4 200", callee, &ok);
        let ok = self.sent_last();
        let contact = messages::line(&ok, "Contact: ").expect("a 200 has a Contact");
        let target = contact.trim_start_matches('<').trim_end_matches('>');
        let ack = messages::within("ACK", target, caller, callee, number);
        self.receive("5 ACK", caller, &ack);
        let bye = messages::within("BYE", target, caller, callee, number);
        self.receive("6 BYE", caller, &bye);
        let bye = self.sent_last();
        self.receive(
            "7 200",
            callee,
            &messages::response(&bye, "200 OK", callee, false),
        );
        self.report_closed();
        self.gateway.journal(self.now);
    }

    fn journal(&mut self) -> Vec<Change> {
        let now = self.now;
        let mut changes = Vec::new();
        self.spend("8 journal", |gateway| changes = gateway.journal(now));
        changes
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        while self
            .gateway
            .next_timeout()
            .is_some_and(|due| due <= self.now)
        {
            let now = self.now;
            self.spend("9 timers", |gateway| gateway.timeout(now));
        }
    }

    fn receive(&mut self, kind: &'static str, from: u64, bytes: &[u8]) {
        self.sent.clear();
        let flow = Flow {
            realm: RealmIndex(0),
            listener: ListenerIndex(0),
            transport: Transport::Udp,
            remote: messages::address(from),
            connection: None,
        };
        let now = self.now;
        self.spend(kind, |gateway| {
            gateway.receive(now, Input::Message { flow, bytes })
        });
    }

    /// Plays the dataplane: what was to close reports.
    fn report_closed(&mut self) {
        for command in std::mem::take(&mut self.closed) {
            let Command::Close { slot, generation } = command else {
                continue;
            };
            let counters = Counters::default();
            let event = Event::Closed {
                slot,
                generation,
                counters,
            };
            let now = self.now;
            self.spend("8 slot closed", |gateway| {
                gateway.receive(now, Input::Media(event))
            });
        }
    }

    fn spend(&mut self, kind: &'static str, work: impl FnOnce(&mut Gateway)) {
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
                Output::Media(command) => self.closed.push(command),
                Output::Resolve(_) | Output::Record(_) | Output::Log(_) | Output::Close(_) => {}
            }
        }
    }

    fn sent_last(&self) -> String {
        let (_, bytes) = self.sent.last().expect("something was sent");
        String::from_utf8(bytes.clone()).expect("the bench speaks ASCII")
    }

    fn report(&self, title: &str, count: u64) {
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
