//! One side of all calls: sends what is due, and judges what it hears.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use crate::measure::{Heard, Sent, Turn, Window, nanoseconds};
use crate::script::{PACKET_BYTES_MAX, Part};
use crate::wire::{Endpoint, Wire};

/// Packets sent before what has arrived is looked at.
const BURST: usize = 64;
/// Longest wait for something to arrive while nothing is due.
const WAIT_MAX: Duration = Duration::from_millis(5);
/// Packets of one flow whose due times are remembered.
const REMEMBERED: usize = 256;
/// Packets of a side under way at once where no clock sets the pace.
const IN_FLIGHT: u64 = 512;
/// Packets that have not come after so long will not: the pace goes on without them.
const GIVE_UP: Duration = Duration::from_millis(20);
/// How long the last packets may take to arrive.
const LAST_PACKETS: Duration = Duration::from_millis(500);

/// What is due next: when, which flow, which of its packets.
type Schedule = BinaryHeap<Reverse<(Duration, usize, u64)>>;

/// How fast a recording is played.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pace {
    /// So many times as fast as it was recorded.
    Times(f64),
    /// As fast as packets come back.
    Flat,
}

/// When the packets of one flow were due, for whoever hears them.
pub struct Flight {
    due_ns: Box<[AtomicU64]>,
}

/// A flow on the side that sends it.
pub struct Outgoing {
    /// What is sent.
    pub part: Part,
    /// From which of the side's addresses.
    pub from: Endpoint,
    /// Strait's address on this side.
    pub to: SocketAddr,
    /// How much later than the first flow this one begins.
    pub phase: Duration,
    /// How many times too fast it is, where it floods.
    pub flood: Option<f64>,
    /// Shared with the side that hears it.
    pub flight: Arc<Flight>,
}

/// What a side is told while it runs.
pub enum Order {
    /// A call's flows are about to come, by the address in the middle that they come from. Each
    /// side is told before the other begins.
    Expect(Vec<(SocketAddr, Incoming)>),
    /// A call's flows begin now.
    Begin {
        /// The call's number.
        call: u64,
        /// What this side sends.
        outgoing: Vec<Outgoing>,
    },
    /// A call's flows end; what is under way is still heard.
    End(u64),
}

/// What a side is told, and whom it expects to hear by that.
struct Orders {
    told: Receiver<Order>,
    /// Those that are to be carried out.
    left: Vec<Order>,
    incoming: HashMap<SocketAddr, Incoming>,
}

impl Orders {
    /// Takes in what was told; whether anything was.
    fn listen(&mut self) -> bool {
        let mut any = false;
        while let Ok(order) = self.told.try_recv() {
            any = true;
            match order {
                Order::Expect(incoming) => self.incoming.extend(incoming),
                order => self.left.push(order),
            }
        }
        any
    }
}

/// A flow that is being sent.
struct Playing {
    call: u64,
    flow: Outgoing,
    /// Since the side began.
    begun: Duration,
}

/// A flow on the side that hears it.
pub struct Incoming {
    /// What is heard.
    pub part: Part,
    /// Shared with the side that sends it.
    pub flight: Arc<Flight>,
    /// Whether it is counted apart.
    pub is_flood: bool,
    window: Window,
}

/// Both sides see how far the other is.
#[derive(Default)]
pub struct Progress {
    /// Packets sent so far.
    pub sent: AtomicU64,
    /// Packets heard so far, by the other side.
    pub heard: AtomicU64,
}

/// One side of all calls.
pub struct Side {
    wire: Box<dyn Wire>,
    orders: Orders,
    playing: HashMap<usize, Playing>,
    begun: usize,
    /// Of what this side sends, and of what it hears.
    progress: (Arc<Progress>, Arc<Progress>),
    sent: Sent,
    heard: Heard,
}

/// A side that has ended, with its wire for the next trial.
pub struct Ended {
    /// What became of it.
    pub outcome: Outcome,
    /// The way to Strait.
    pub wire: Box<dyn Wire>,
}

/// What became of one side.
pub struct Outcome {
    /// Of the direction that begins here.
    pub sent: Sent,
    /// Of the direction that ends here.
    pub heard: Heard,
    /// Packets lost in this side's own receive queues.
    pub overflowed: u64,
    /// Packets with wrong headers or checksums.
    pub malformed: u64,
}

impl Flight {
    /// A flow of which nothing is under way.
    pub fn new() -> Arc<Self> {
        let due_ns = std::iter::repeat_with(AtomicU64::default)
            .take(REMEMBERED)
            .collect();
        Arc::new(Self { due_ns })
    }

    fn of(&self, number: u64) -> &AtomicU64 {
        &self.due_ns[(number % REMEMBERED as u64) as usize]
    }
}

impl Incoming {
    /// A flow nothing has been heard of.
    pub fn new(part: Part, flight: Arc<Flight>, is_flood: bool) -> Self {
        Self {
            part,
            flight,
            is_flood,
            window: Window::default(),
        }
    }
}

impl Side {
    /// A side without flows: they come as orders.
    pub fn new(
        wire: Box<dyn Wire>,
        orders: Receiver<Order>,
        progress: (Arc<Progress>, Arc<Progress>),
    ) -> Self {
        let orders = Orders {
            told: orders,
            left: Vec::new(),
            incoming: HashMap::new(),
        };
        Self {
            wire,
            orders,
            playing: HashMap::new(),
            begun: 0,
            progress,
            sent: Sent::default(),
            heard: Heard::default(),
        }
    }

    /// Plays from `start` for `length` unless told to `stop`, then listens for the last packets.
    pub fn run(
        mut self,
        start: Instant,
        length: Duration,
        pace: Pace,
        stop: &dyn Fn() -> bool,
    ) -> Ended {
        let before = (self.wire.overflowed(), self.wire.malformed());
        std::thread::sleep(start.saturating_duration_since(Instant::now()));
        match pace {
            Pace::Times(speed) => self.play(start, length, speed, stop),
            Pace::Flat => self.race(start, length, stop),
        }
        self.listen_on(start);
        let outcome = Outcome {
            overflowed: self.wire.overflowed().saturating_sub(before.0),
            malformed: self.wire.malformed() - before.1,
            sent: self.sent,
            heard: self.heard,
        };
        Ended {
            outcome,
            wire: self.wire,
        }
    }

    /// Every packet at its time, whatever becomes of it.
    fn play(&mut self, start: Instant, length: Duration, speed: f64, stop: &dyn Fn() -> bool) {
        let mut schedule: Schedule = BinaryHeap::new();
        while start.elapsed() < length && !stop() {
            for index in self.obey(start.elapsed()) {
                schedule.extend(self.next(index, 0, speed).map(Reverse));
            }
            let now = start.elapsed();
            let mut burst = 0;
            while let Some(&Reverse((due, index, number))) = schedule.peek()
                && due <= now
                && due < length
                && burst < BURST
            {
                schedule.pop();
                if self.send(index, number, due, now) {
                    schedule.extend(self.next(index, number + 1, speed).map(Reverse));
                    burst += 1;
                }
            }
            self.flush();
            let heard = self.receive(start);
            if burst == 0 && heard == 0 {
                let first = schedule.peek().map_or(length, |Reverse((due, ..))| *due);
                let next = first.saturating_sub(start.elapsed());
                self.wire.wait(next.min(WAIT_MAX));
            }
        }
    }

    /// When a flow's packet is due, as the schedule has it.
    fn next(&self, index: usize, number: u64, speed: f64) -> Option<(Duration, usize, u64)> {
        let playing = self.playing.get(&index)?;
        let flow = &playing.flow;
        let speed = speed * flow.flood.unwrap_or(1.0);
        let due = playing.begun + flow.phase + flow.part.due(number).div_f64(speed);
        Some((due, index, number))
    }

    /// Every flow in turn, as many packets under way as fit.
    fn race(&mut self, start: Instant, length: Duration, stop: &dyn Fn() -> bool) {
        let mut numbers = vec![0; self.obey(Duration::ZERO).len()];
        let (mut turn, mut given_up) = (0, 0);
        let mut moved = start.elapsed();
        while start.elapsed() < length && !stop() && !numbers.is_empty() {
            let now = start.elapsed();
            let sent = self.progress.0.sent.load(Ordering::Relaxed);
            let arrived = self.progress.0.heard.load(Ordering::Relaxed);
            let under_way = sent.saturating_sub(arrived + given_up);
            let room = IN_FLIGHT.saturating_sub(under_way).min(BURST as u64);
            for _ in 0..room {
                self.send(turn, numbers[turn], now, now);
                numbers[turn] += 1;
                turn = (turn + 1) % numbers.len();
            }
            self.flush();
            let heard = self.receive(start);
            if room > 0 || heard > 0 {
                moved = now;
            } else if now.saturating_sub(moved) > GIVE_UP {
                given_up += under_way;
            }
        }
    }

    /// Does as it is told; the flows that have begun.
    fn obey(&mut self, now: Duration) -> Vec<usize> {
        let mut begun = Vec::new();
        self.orders.listen();
        for order in std::mem::take(&mut self.orders.left) {
            match order {
                Order::Begin { call, outgoing } => {
                    for flow in outgoing {
                        self.playing.insert(
                            self.begun,
                            Playing {
                                call,
                                flow,
                                begun: now,
                            },
                        );
                        begun.push(self.begun);
                        self.begun += 1;
                    }
                }
                Order::End(call) => self.playing.retain(|_, playing| playing.call != call),
                Order::Expect(incoming) => self.orders.incoming.extend(incoming),
            }
        }
        begun
    }

    /// Queues a packet, unless its flow has ended.
    fn send(&mut self, index: usize, number: u64, due: Duration, now: Duration) -> bool {
        let Some(Playing { flow, .. }) = self.playing.get(&index) else {
            return false;
        };
        let mut space = [0; PACKET_BYTES_MAX];
        let length = flow.part.render(number, &mut space);
        flow.flight
            .of(number)
            .store(nanoseconds(due), Ordering::Relaxed);
        self.wire.send(flow.from, flow.to, &space[..length]);
        if flow.flood.is_some() {
            self.sent.flooded += 1;
            return true;
        }
        self.sent.offered += 1;
        let lateness = nanoseconds(now.saturating_sub(due));
        self.sent.lateness.saturating_record(lateness);
        true
    }

    fn flush(&mut self) {
        self.sent.refused += self.wire.flush();
        self.progress
            .0
            .sent
            .store(self.sent.offered, Ordering::Relaxed);
    }

    /// Judges what has arrived; how many packets that was.
    fn receive(&mut self, start: Instant) -> u64 {
        let (wire, orders, heard) = (&mut self.wire, &mut self.orders, &mut self.heard);
        let mut packets = 0;
        wire.receive(&mut |source, bytes| {
            packets += 1;
            judge(orders, heard, start.elapsed(), source, bytes);
        });
        self.progress.1.heard.fetch_add(packets, Ordering::Relaxed);
        packets
    }

    /// Listens until the other side has nothing under way any more.
    fn listen_on(&mut self, start: Instant) {
        let mut last = Instant::now();
        while last.elapsed() < LAST_PACKETS {
            if self.receive(start) > 0 {
                last = Instant::now();
            } else {
                self.wire.wait(WAIT_MAX);
            }
        }
    }
}

fn judge(orders: &mut Orders, heard: &mut Heard, now: Duration, source: SocketAddr, bytes: &[u8]) {
    let flow = orders.incoming.get_mut(&source);
    let Some((flow, number, sound)) = flow.and_then(|flow| {
        let (number, sound) = flow.part.recognise(bytes, flow.window.expected())?;
        Some((flow, number, sound))
    }) else {
        // Its call may have begun at the other side since this one looked.
        match orders.listen() {
            true => judge(orders, heard, now, source, bytes),
            false => heard.strange += 1,
        }
        return;
    };
    if !sound {
        heard.corrupted += 1;
        return;
    }
    let turn = flow.window.note(number);
    if turn == Turn::Again {
        heard.duplicated += 1;
        return;
    }
    if flow.is_flood {
        heard.flooded += 1;
        return;
    }
    heard.reordered += u64::from(turn == Turn::Late);
    let due = Duration::from_nanos(flow.flight.of(number).load(Ordering::Relaxed));
    heard.deliver(now, now.saturating_sub(due), bytes.len());
}
