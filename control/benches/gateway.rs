//! What the gateway costs: whole calls with their media opened and closed, and registrations, on
//! one core. Time and heap allocations of the gateway alone; whoever writes the messages of the
//! other sides is not counted.
//!
//! Virtual time runs a millisecond a call, so that transactions linger and timers fire as they do
//! at a thousand calls a second.

#[path = "gateway/allocator.rs"]
mod allocator;
#[path = "gateway/messages.rs"]
mod messages;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use strait_control::gateway::io::{Flow, Input, ListenerIndex, Output, RealmIndex, Transport};
use strait_control::gateway::{Gateway, WallClock};
use strait_shared::command::{Command, Event};
use strait_shared::slot::Counters;
use strait_shared::time::Instant;

/// Calls before anything is measured: transactions of 32 seconds have begun to end.
const WARM_UP: u64 = 40_000;

/// Calls measured.
const CALLS: u64 = 40_000;

/// Calls that stand while memory is measured.
const STANDING: u64 = 20_000;

/// Registrations measured, and as many refreshes of them.
const REGISTRATIONS: u64 = 50_000;

fn main() {
    let mut bench = Bench::new();
    for number in 0..WARM_UP {
        bench.call(number);
    }
    bench.costs.clear();
    for number in WARM_UP..WARM_UP + CALLS {
        bench.call(number);
    }
    bench.report("calls, INVITE to BYE", CALLS);
    memory();
    let mut bench = Bench::new();
    for cseq in 1..=2 {
        for number in 0..REGISTRATIONS {
            bench.register(number, cseq);
        }
        bench.report(
            if cseq == 1 {
                "registrations"
            } else {
                "refreshes"
            },
            REGISTRATIONS,
        );
        bench.costs.clear();
    }
}

/// What calls hold once they are set up and the transactions that did it are over.
fn memory() {
    let mut bench = Bench::new();
    let before = allocator::held();
    for number in 0..STANDING {
        bench.pass(Duration::from_millis(1));
        bench.set_up(number);
    }
    bench.pass(Duration::from_secs(40));
    (bench.sent, bench.closed) = (Vec::new(), Vec::new());
    let held = allocator::held() - before;
    println!("\n{} bytes a standing call", held / STANDING as i64);
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

impl Bench {
    fn new() -> Self {
        let config = Arc::new(
            messages::CONFIG
                .parse()
                .expect("the configuration is valid"),
        );
        let clock = WallClock { unix_ns_at_zero: 0 };
        Self {
            gateway: Gateway::new(config, [7; 32], clock).expect("the ports fit"),
            now: Instant::ZERO,
            costs: BTreeMap::new(),
            sent: Vec::new(),
            closed: Vec::new(),
        }
    }

    fn call(&mut self, number: u64) {
        self.pass(Duration::from_millis(1));
        let target = self.set_up(number);
        self.receive(
            "5 BYE",
            phone(number),
            &messages::within("BYE", &target, number, 2),
        );
        let bye = self.sent_to(RealmIndex(1));
        self.receive(
            "6 200",
            softswitch(),
            &messages::response(&bye, "200 OK", false),
        );
        self.report_closed();
    }

    /// From INVITE to ACK; what the callee is reached by.
    fn set_up(&mut self, number: u64) -> String {
        self.receive("1 INVITE", phone(number), &messages::invite(number));
        let invite = self.sent_to(RealmIndex(1));
        self.receive(
            "2 180",
            softswitch(),
            &messages::response(&invite, "180 Ringing", false),
        );
        self.receive(
            "3 200",
            softswitch(),
            &messages::response(&invite, "200 OK", true),
        );
        let ok = self.sent_to(RealmIndex(0));
        let contact = messages::line(&ok, "Contact: ").expect("a 200 has a Contact");
        let target = contact.trim_start_matches('<').trim_end_matches('>');
        self.receive(
            "4 ACK",
            phone(number),
            &messages::within("ACK", target, number, 1),
        );
        target.to_owned()
    }

    fn register(&mut self, number: u64, cseq: u32) {
        self.pass(Duration::from_micros(250));
        self.receive(
            "1 REGISTER",
            phone(number),
            &messages::register(number, cseq),
        );
        let asked = self.sent_to(RealmIndex(1));
        self.receive(
            "2 200",
            softswitch(),
            &messages::response(&asked, "200 OK", false),
        );
        self.sent.clear();
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

    fn receive(&mut self, kind: &'static str, flow: Flow, bytes: &[u8]) {
        self.sent.clear();
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
            let event = Event::Closed {
                slot,
                generation,
                counters: Counters::default(),
            };
            let now = self.now;
            self.spend("7 slot closed", |gateway| {
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

    fn sent_to(&self, realm: RealmIndex) -> String {
        let (_, bytes) = self
            .sent
            .iter()
            .rfind(|(flow, _)| flow.realm == realm)
            .expect("something was sent there");
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
        println!(
            "{:.1} µs each, {:.0} a second",
            seconds * 1e6 / count as f64,
            count as f64 / seconds
        );
        println!("left at the end: {:?}", self.gateway.sizes());
    }
}

/// Phones behind many NATs.
fn phone(number: u64) -> Flow {
    let [.., a, b, c] = (number as u32 % 200_000).to_be_bytes();
    flow(RealmIndex(0), ([203, a, b, c], 40_000).into())
}

fn softswitch() -> Flow {
    flow(RealmIndex(1), ([10, 0, 0, 1], 5060).into())
}

fn flow(realm: RealmIndex, remote: std::net::SocketAddr) -> Flow {
    let (listener, transport) = (ListenerIndex(0), Transport::Udp);
    Flow {
        realm,
        listener,
        transport,
        remote,
        connection: None,
    }
}
