//! Calls by SIP at a rate, with media between the parties while they stand.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use indicatif::ProgressBar;
use strait_shared::attach::fetch;
use strait_shared::time::Instant;

use crate::Failure;
use crate::arguments::Calls;
use crate::scene::{Scripts, party, scripts};
use crate::side::{Order, Outcome, Pace, Side};
use crate::signalling::{Callee, Caller, Figures, Happening, Kind};
use crate::stage::Stage;
use crate::through::Counted;
use crate::trial::{begin, channels, endpoints, sides};
use crate::wire::{Endpoint, Wire};

/// Packets under way when a call ends have so long to arrive before BYE shuts the gates.
const LAST_PACKETS: Duration = Duration::from_millis(100);
/// How long the last calls may take beyond their time: a lost BYE is repeated.
const STRAGGLERS: Duration = Duration::from_secs(10);
/// What is waited for when nothing happens.
const IDLE: Duration = Duration::from_micros(500);
/// A softswitch that Strait has asked in vain before is used again once its answer has come.
const BELIEVED: Duration = Duration::from_millis(100);
const START_WITHIN: Duration = Duration::from_secs(30);
const FETCH_WITHIN: Duration = Duration::from_secs(1);

/// What became of a run of calls.
pub struct Run {
    /// Signalling.
    pub figures: Figures,
    /// Media, near and far.
    pub sides: [Outcome; 2],
    /// How long calls were placed and stood.
    pub lasted: Duration,
    /// The processor time of Strait, where it is ours: signalling and media.
    pub processor_time: Option<Duration>,
    /// What the dataplane counted, where its region can be seen.
    pub counted: Counted,
    /// The most calls that stood at once.
    pub most: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Reinvite(u64),
    Quiet(u64),
    HangUp(u64),
}

/// Everything of a run.
struct Driver<'a> {
    arguments: &'a Calls,
    caller: Caller,
    callee: Callee,
    scripts: Vec<Scripts>,
    /// By side, the addresses of every endpoint.
    addresses: [Vec<SocketAddr>; 2],
    orders: [Sender<Order>; 2],
    due: BinaryHeap<Reverse<(Instant, Due)>>,
    standing: usize,
    most: usize,
}

/// Places calls and waits until all are over.
pub fn run(arguments: &Calls, bar: &ProgressBar, stop: &AtomicBool) -> Result<Run, Failure> {
    let stage = Stage::set(arguments)?;
    let sockets = 2 * arguments.sockets.max(1);
    let wire = |side: usize, address| -> Result<Box<dyn Wire>, Failure> {
        let (station, interface) = stage.party(side);
        let mut wire = party(arguments.ways.wire, station, interface, address, sockets)?;
        let mut media = stage.media[side].iter();
        media.try_for_each(|media| wire.reach(*media))?;
        Ok(wire)
    };
    let (near, far) = (wire(0, stage.near)?, wire(1, stage.softswitch.ip())?);
    let addresses = [&near, &far].map(|wire| wire.addresses().to_vec());
    let (orders, heard) = channels();
    let mut driver = Driver::new(arguments, &stage, addresses, orders)?;
    driver.wait_for_strait(&stage)?;
    // A Strait of somebody else's may not let us look.
    let attached = fetch(&stage.region, None, FETCH_WITHIN).ok();
    let region = attached.as_ref().map(|attached| &attached.region);
    let counted = || region.map(Counted::by).unwrap_or_default();
    let before = (stage.processor_time(), counted());
    let start = std::time::Instant::now();
    let sides = driver.drive_with(sides([near, far], heard), start, bar, stop);
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::Interrupted);
    }
    let spent = stage.processor_time().zip(before.0);
    Ok(Run {
        lasted: start.elapsed(),
        counted: counted().since(&before.1),
        processor_time: spent.map(|(now, then)| now - then),
        figures: driver.caller.figures,
        most: driver.most,
        sides,
    })
}

impl<'a> Driver<'a> {
    fn new(
        arguments: &'a Calls,
        stage: &Stage,
        addresses: [Vec<SocketAddr>; 2],
        orders: [Sender<Order>; 2],
    ) -> Result<Self, Failure> {
        let bound = |address: SocketAddr| {
            let address = address.ip();
            move |cause| Failure::Sockets { address, cause }
        };
        let own = SocketAddr::new(stage.near, 0);
        let [(near, _), (far, _)] = [0, 1].map(|side| stage.party(side));
        let caller = near.within(|| Caller::bind(own, stage.strait, arguments.ring));
        let callee = far.within(|| Callee::bind(stage.softswitch, arguments.ring));
        Ok(Self {
            arguments,
            caller: caller.map_err(bound(own))?,
            callee: callee.map_err(bound(stage.softswitch))?,
            scripts: scripts(&arguments.capture)?,
            addresses,
            orders,
            due: BinaryHeap::new(),
            standing: 0,
            most: 0,
        })
    }

    /// Runs both sides' media for as long as calls are placed and stand.
    fn drive_with(
        &mut self,
        [near, far]: [Side; 2],
        start: std::time::Instant,
        bar: &ProgressBar,
        stop: &AtomicBool,
    ) -> [Outcome; 2] {
        let finished = AtomicBool::new(false);
        let most = self.longest();
        std::thread::scope(|scope| {
            let over = || finished.load(Ordering::Relaxed);
            let near = scope.spawn(move || near.run(start, most, Pace::Times(1.0), &over));
            let far = scope.spawn(move || far.run(start, most, Pace::Times(1.0), &over));
            self.drive(bar, stop);
            finished.store(true, Ordering::Relaxed);
            [near, far].map(|side| {
                let ended = side.join();
                let ended = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                ended.outcome
            })
        })
    }

    fn longest(&self) -> Duration {
        self.arguments.seconds + self.arguments.hold + self.arguments.ring + STRAGGLERS
    }

    /// Strait asks its softswitch whether it lives, and sends it nothing before it has answered.
    fn wait_for_strait(&mut self, stage: &Stage) -> Result<(), Failure> {
        let deadline = Instant::now() + START_WITHIN;
        while Instant::now() < deadline {
            let nobody = self.addresses_of(1, 0);
            let media = |_| nobody;
            if self.callee.answered_probe(Instant::now(), &media) {
                std::thread::sleep(BELIEVED);
                return Ok(());
            }
            std::thread::sleep(IDLE);
        }
        Err(Failure::Deaf(stage.strait))
    }

    fn drive(&mut self, bar: &ProgressBar, stop: &AtomicBool) {
        let start = Instant::now();
        let interval = Duration::from_secs_f64(1.0 / self.arguments.rate);
        let number = |since: Duration| (since.as_secs_f64() / interval.as_secs_f64()) as u64;
        let all = number(self.arguments.seconds);
        let mut placed = 0;
        let last = self.longest();
        while !stop.load(Ordering::Relaxed) {
            let now = Instant::now();
            let since = now.since(start);
            while placed < all && placed <= number(since) {
                let kind = self.arguments.mix.kind(placed);
                let own = self.addresses_of(0, placed);
                self.caller.place(now, placed, kind, own);
                placed += 1;
            }
            let worked = self.work(now);
            bar.set_position(since.min(self.arguments.seconds).as_millis() as u64);
            if placed == all && self.caller.figures.ended() >= all || since > last {
                return;
            }
            if worked == 0 {
                std::thread::sleep(IDLE);
            }
        }
    }

    fn work(&mut self, now: Instant) -> usize {
        while let Some(&Reverse((at, due))) = self.due.peek()
            && at <= now
        {
            self.due.pop();
            self.act(now, due);
        }
        let far = &self.addresses[1];
        let media = |call| endpoints(far, call as usize).map(|Endpoint(number)| far[number]);
        let worked = self.callee.work(now, &media) + self.caller.work(now);
        for happening in self.caller.happenings() {
            match happening {
                Happening::Established(call, near) => self.established(now, call, near),
                Happening::Ended(call) => {
                    self.callee.forget(call);
                    for orders in &self.orders {
                        // A side that has ended needs no telling.
                        let _ = orders.send(Order::End(call));
                    }
                    self.standing = self.standing.saturating_sub(1);
                }
            }
        }
        worked
    }

    fn established(&mut self, now: Instant, call: u64, near: [SocketAddr; 2]) {
        self.standing += 1;
        self.most = self.most.max(self.standing);
        let end = now + self.arguments.hold;
        self.due.push(Reverse((end, Due::Quiet(call))));
        self.due
            .push(Reverse((end + LAST_PACKETS, Due::HangUp(call))));
        if self.arguments.mix.kind(call) == Kind::Reinvite {
            self.due.push(Reverse((
                now + self.arguments.hold / 2,
                Due::Reinvite(call),
            )));
        }
        if let Some(far) = self.callee.strait(call) {
            let scripts = &self.scripts[call as usize % self.scripts.len()];
            let endpoints =
                [0, 1].map(|side: usize| endpoints(&self.addresses[side], call as usize));
            let at_once = |_: &_| Duration::ZERO;
            begin(
                call as usize,
                scripts,
                [near, far],
                endpoints,
                (None, at_once),
                &self.orders,
            );
        }
    }

    fn act(&mut self, now: Instant, due: Due) {
        match due {
            Due::Reinvite(call) => self.caller.reinvite(now, call),
            Due::Quiet(call) => {
                for orders in &self.orders {
                    let _ = orders.send(Order::End(call));
                }
            }
            Due::HangUp(call) if call % 2 == 0 => self.caller.hang_up(now, call),
            Due::HangUp(call) => self.callee.hang_up(now, call),
        }
    }

    fn addresses_of(&self, side: usize, call: u64) -> [SocketAddr; 2] {
        let addresses = &self.addresses[side];
        endpoints(addresses, call as usize).map(|Endpoint(number)| addresses[number])
    }
}
