//! What the SIP server costs on one core: registrations with and without a password, what a million
//! of them hold, how long a restart with them takes, and calls between them.
//!
//! Time and heap of the gateway alone, and of the journal where that is said; whoever writes the
//! terminals' messages is not counted.

#[path = "serve/messages.rs"]
mod messages;
#[path = "gateway/meter.rs"]
mod meter;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use strait_config::Config;
use strait_control::gateway::io::{Flow, Input, ListenerIndex, RealmIndex, Transport};
use strait_control::gateway::journal::{Before, Change, EntryKey};
use strait_control::gateway::{Gateway, WallClock};
use strait_control::journal::Journal;
use strait_control::users::Users;
use strait_shared::slot::SlotIndex;
use strait_shared::time::Instant;

use self::meter::{Meter, allocator};

/// The realm that serves.
const HOME: RealmIndex = RealmIndex(0);

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
        bench.meter.pass(Duration::from_secs(40));
        let changes = bench.journal();
        keep(&mut journal, changes);
        bench.meter.report(title, TERMINALS);
        bench.meter.forget();
    }
    let sizes = bench.meter.gateway.sizes();
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
    let now = bench.meter.now;
    let known = Input::Users { realm: HOME, users };
    bench.meter.gateway.receive(now, known);
    for number in 0..GUARDED {
        let challenge = bench.register(number, 1, "");
        let credentials = messages::credentials(&challenge, number);
        let answer = bench.register(number, 2, &credentials);
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
    }
    bench
        .meter
        .report("registrations with a password, REGISTERs", GUARDED * 2);
}

fn calls(title: &str, serve: &str) {
    let mut bench = Bench::new(serve);
    for number in 0..10_000 {
        bench.register(number, 1, "");
    }
    for number in 0..WARM_UP {
        bench.call(number);
    }
    bench.meter.forget();
    for number in WARM_UP..WARM_UP + CALLS {
        bench.call(number);
    }
    bench.meter.report(title, CALLS);
}

struct Bench {
    meter: Meter,
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
            meter: Meter::new(made.expect("the ports fit").0, now),
        }
    }

    /// The answer to a REGISTER.
    fn register(&mut self, number: u64, cseq: u32, credentials: &str) -> String {
        self.meter.pass(Duration::from_micros(50));
        let register = messages::register(number, cseq, credentials);
        self.receive("1 REGISTER", number, &register);
        self.sent_last()
    }

    /// From INVITE to BYE between two terminals that are registered.
    fn call(&mut self, number: u64) {
        self.meter.pass(Duration::from_millis(1));
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
        self.meter.report_closed();
        self.meter.gateway.journal(self.meter.now);
    }

    fn journal(&mut self) -> Vec<Change> {
        let now = self.meter.now;
        let mut changes = Vec::new();
        self.meter
            .spend("8 journal", |gateway| changes = gateway.journal(now));
        changes
    }

    fn receive(&mut self, kind: &'static str, from: u64, bytes: &[u8]) {
        let flow = Flow {
            realm: HOME,
            listener: ListenerIndex(0),
            transport: Transport::Udp,
            remote: messages::address(from),
            connection: None,
        };
        self.meter.receive(kind, flow, bytes);
    }

    fn sent_last(&self) -> String {
        self.meter.sent_to(HOME).1
    }
}
