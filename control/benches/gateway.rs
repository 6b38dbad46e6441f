//! What the gateway costs: whole calls with their media opened and closed, and registrations, on
//! one core. Time and heap allocations of the gateway alone; whoever writes the messages of the
//! other sides is not counted.
//!
//! Virtual time runs a millisecond a call, so that transactions linger and timers fire as they do
//! at a thousand calls a second.

#[path = "gateway/messages.rs"]
mod messages;
#[path = "gateway/meter.rs"]
mod meter;

use std::sync::Arc;
use std::time::Duration;

use strait_control::gateway::io::{Flow, ListenerIndex, RealmIndex, Transport};
use strait_control::gateway::{Gateway, WallClock};
use strait_shared::time::Instant;

use self::meter::{Meter, allocator};

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
    bench.meter.forget();
    for number in WARM_UP..WARM_UP + CALLS {
        bench.call(number);
    }
    bench.meter.report("calls, INVITE to BYE", CALLS);
    memory();
    let mut bench = Bench::new();
    for cseq in 1..=2 {
        for number in 0..REGISTRATIONS {
            bench.register(number, cseq);
        }
        bench.meter.report(
            if cseq == 1 {
                "registrations"
            } else {
                "refreshes"
            },
            REGISTRATIONS,
        );
        bench.meter.forget();
    }
}

/// What calls hold once they are set up and the transactions that did it are over.
fn memory() {
    let mut bench = Bench::new();
    let before = allocator::held();
    for number in 0..STANDING {
        bench.meter.pass(Duration::from_millis(1));
        bench.set_up(number);
    }
    bench.meter.pass(Duration::from_secs(40));
    bench.meter.forget();
    let held = allocator::held() - before;
    println!("\n{} bytes a standing call", held / STANDING as i64);
}

struct Bench {
    meter: Meter,
}

impl Bench {
    fn new() -> Self {
        let config = messages::CONFIG.parse();
        let config = Arc::new(config.expect("the configuration is valid"));
        let clock = WallClock { unix_ns_at_zero: 0 };
        let gateway = Gateway::new(config, [7; 32], clock).expect("the ports fit");
        Self {
            meter: Meter::new(gateway, Instant::ZERO),
        }
    }

    fn call(&mut self, number: u64) {
        self.meter.pass(Duration::from_millis(1));
        let target = self.set_up(number);
        self.meter.receive(
            "5 BYE",
            phone(number),
            &messages::within("BYE", &target, number, 2),
        );
        let bye = self.meter.sent_to(RealmIndex(1)).1;
        self.meter.receive(
            "6 200",
            softswitch(),
            &messages::response(&bye, "200 OK", false),
        );
        self.meter.report_closed();
    }

    /// From INVITE to ACK; what the callee is reached by.
    fn set_up(&mut self, number: u64) -> String {
        self.meter
            .receive("1 INVITE", phone(number), &messages::invite(number));
        let invite = self.meter.sent_to(RealmIndex(1)).1;
        self.meter.receive(
            "2 180",
            softswitch(),
            &messages::response(&invite, "180 Ringing", false),
        );
        self.meter.receive(
            "3 200",
            softswitch(),
            &messages::response(&invite, "200 OK", true),
        );
        let ok = self.meter.sent_to(RealmIndex(0)).1;
        let contact = messages::line(&ok, "Contact: ").expect("a 200 has a Contact");
        let target = contact.trim_start_matches('<').trim_end_matches('>');
        self.meter.receive(
            "4 ACK",
            phone(number),
            &messages::within("ACK", target, number, 1),
        );
        target.to_owned()
    }

    fn register(&mut self, number: u64, cseq: u32) {
        self.meter.pass(Duration::from_micros(250));
        self.meter.receive(
            "1 REGISTER",
            phone(number),
            &messages::register(number, cseq),
        );
        let asked = self.meter.sent_to(RealmIndex(1)).1;
        self.meter.receive(
            "2 200",
            softswitch(),
            &messages::response(&asked, "200 OK", false),
        );
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
