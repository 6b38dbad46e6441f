//! One trial: so many calls for so long, and what became of their packets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::Failure;
use crate::scene::{Scene, Scripts};
use crate::script::{Part, Script};
use crate::side::{Flight, Incoming, Order, Outcome, Outgoing, Pace, Progress, Side};
use crate::station::Station;
use crate::through::{Counted, Legs};
use crate::wire::{Endpoint, Wire};

/// Everything is in place this long before the first packet.
const LEAD: Duration = Duration::from_millis(50);
/// How often the dataplane's events are taken and the bar moves.
const TICK: Duration = Duration::from_millis(50);
/// Where the first call's sources begin.
const FIRST_SSRC: u32 = 0x1000_0000;

/// How much, how fast, how long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Calls at once.
    pub calls: usize,
    /// How fast recordings are played.
    pub pace: Pace,
    /// How long.
    pub length: Duration,
    /// Further calls that flood.
    pub flood: Flood,
}

/// Calls that play faster than the others, and are counted apart.
#[derive(Clone, Copy, Default, Debug)]
pub struct Flood {
    /// How many.
    pub calls: usize,
    /// How many times as fast as the others.
    pub times: f64,
}

impl Load {
    /// Calls, without any that flood.
    pub fn new(calls: usize, pace: Pace, length: Duration) -> Self {
        Self {
            calls,
            pace,
            length,
            flood: Flood::default(),
        }
    }
}

/// What became of a trial.
pub struct Trial {
    /// What was asked.
    pub load: Load,
    /// How long packets were sent.
    pub lasted: Duration,
    /// The near and the far side.
    pub sides: [Outcome; 2],
    /// What was counted in the middle.
    pub counted: Counted,
    /// The processor time of what stands in the middle, where the process is ours.
    pub processor_time: Option<Duration>,
    /// What the kernel spent on frames that arrived in the middle, where that is kept apart.
    pub kernel_time: Option<Duration>,
}

impl Trial {
    /// Opens the calls, plays them and closes them again.
    pub fn run(
        scene: &mut Scene,
        load: Load,
        bar: &ProgressBar,
        stop: &AtomicBool,
    ) -> Result<Self, Failure> {
        let mut wires = scene.wires.take().expect("one trial at a time");
        let (orders, heard) = channels();
        open(scene, load, &mut wires, &orders)?;
        for wire in &mut wires {
            drain(&mut **wire);
        }
        let kernel_time = |scene: &Scene| scene.hosts.as_ref()?.kernel_time();
        let before = (scene.through.counted(), scene.through.processor_time());
        let kernel_before = kernel_time(scene);
        let stations = [0, 1].map(|side| scene.station(side));
        let start = Instant::now() + LEAD;
        let [near, far] = sides(wires, heard);
        let Load { pace, length, .. } = load;
        let (sides, lasted) = std::thread::scope(|scope| {
            let stopped = || stop.load(Ordering::Relaxed);
            let begin = |side: Side, station: Station| {
                scope.spawn(move || {
                    // Where it must not, it runs wherever it may.
                    let _ = station.enter();
                    side.run(start, length, pace, &stopped)
                })
            };
            let [near_station, far_station] = stations;
            let (near, far) = (begin(near, near_station), begin(far, far_station));
            let mut failed = None;
            while !(near.is_finished() && far.is_finished()) {
                std::thread::sleep(TICK);
                bar.set_position(start.elapsed().min(length).as_millis() as u64);
                if let Err(failure) = scene.through.listen() {
                    stop.store(true, Ordering::Relaxed);
                    failed.get_or_insert(failure);
                }
            }
            let sides = [near, far].map(|side| {
                side.join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            match failed {
                Some(failure) => Err(failure),
                None => Ok((sides, start.elapsed().min(length))),
            }
        })?;
        let spent = scene.through.processor_time();
        let spent = spent.zip(before.1).map(|(now, then)| now - then);
        let by_kernel = kernel_time(scene).zip(kernel_before);
        let by_kernel = by_kernel.map(|(now, then)| now.saturating_sub(then));
        let [near, far] = sides;
        scene.wires = Some([near.wire, far.wire]);
        scene.through.close()?;
        let counted = scene.through.counted().since(&before.0);
        let sides = [near.outcome, far.outcome];
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::Interrupted);
        }
        Ok(Self {
            load,
            lasted,
            sides,
            counted,
            processor_time: spent,
            kernel_time: by_kernel,
        })
    }
}

/// Takes what is left of an earlier trial.
fn drain(wire: &mut dyn Wire) {
    let mut any = true;
    while any {
        any = false;
        wire.receive(&mut |_, _| any = true);
    }
}

/// A way to tell each side what to do, and the sides' ends of it.
pub fn channels() -> ([Sender<Order>; 2], [Receiver<Order>; 2]) {
    let [near, far] = [(); 2].map(|()| channel());
    ([near.0, far.0], [near.1, far.1])
}

/// Both sides, each with its wire and what it is told.
pub fn sides(wires: [Box<dyn Wire>; 2], orders: [Receiver<Order>; 2]) -> [Side; 2] {
    let [ahead, back] = [(); 2].map(|()| Arc::new(Progress::default()));
    let [near_wire, far_wire] = wires;
    let [near_orders, far_orders] = orders;
    [
        Side::new(near_wire, near_orders, (ahead.clone(), back.clone())),
        Side::new(far_wire, far_orders, (back, ahead)),
    ]
}

/// Opens every call in the middle, and tells both sides what to send and hear.
fn open(
    scene: &mut Scene,
    load: Load,
    wires: &mut [Box<dyn Wire>; 2],
    orders: &[Sender<Order>; 2],
) -> Result<(), Failure> {
    for call in 0..load.calls + load.flood.calls {
        let endpoints = [0, 1].map(|side| endpoints(wires[side].addresses(), call));
        let address = |side: usize, Endpoint(number)| wires[side].addresses()[number];
        let party = [0, 1].map(|side| endpoints[side].map(|endpoint| address(side, endpoint)));
        let local = scene.through.open(call, party)?;
        for (wire, own) in wires.iter_mut().zip(local) {
            for address in own {
                wire.reach(address.ip())?;
            }
        }
        let scripts = &scene.scripts[call % scene.scripts.len()];
        let flood = (call >= load.calls).then_some(load.flood.times);
        begin(
            call,
            scripts,
            local,
            endpoints,
            (flood, |script| phase(script, call, load)),
            orders,
        );
    }
    scene.through.settle()
}

/// A call's RTP and RTCP addresses on one side: the first half carry RTP.
pub fn endpoints(addresses: &[SocketAddr], call: usize) -> [Endpoint; 2] {
    let half = addresses.len() / 2;
    [Endpoint(call % half), Endpoint(half + call % half)]
}

/// Tells both sides to begin a call whose media goes through `local`: when its flows begin, and
/// how many times too fast they are where it floods.
pub fn begin(
    call: usize,
    scripts: &Scripts,
    local: Legs,
    endpoints: [[Endpoint; 2]; 2],
    (flood, phase): (Option<f64>, impl Fn(&Script) -> Duration),
    orders: &[Sender<Order>; 2],
) {
    let mut outgoing = [Vec::new(), Vec::new()];
    let mut incoming = [Vec::new(), Vec::new()];
    for side in [0, 1] {
        for component in [0, 1] {
            let script = &scripts[side][component];
            let number = (call * 4 + side * 2 + component) as u32;
            let ssrc = FIRST_SSRC.wrapping_add(number);
            let part = Part::new(script.clone(), ssrc, number as u16);
            let flight = Flight::new();
            outgoing[side].push(Outgoing {
                part: part.clone(),
                from: endpoints[side][component],
                to: local[side][component],
                phase: phase(script),
                flood,
                flight: flight.clone(),
            });
            let heard_from = local[1 - side][component];
            incoming[1 - side].push((heard_from, Incoming::new(part, flight, flood.is_some())));
        }
    }
    // A side that has ended hears nothing, and the trial is over.
    for (orders, incoming) in orders.iter().zip(incoming) {
        let _ = orders.send(Order::Expect(incoming));
    }
    let call = call as u64;
    for (orders, outgoing) in orders.iter().zip(outgoing) {
        let _ = orders.send(Order::Begin { call, outgoing });
    }
}

/// Calls begin one after the other within a packet's time, so that load is even.
fn phase(script: &Script, call: usize, load: Load) -> Duration {
    let Pace::Times(speed) = load.pace else {
        return Duration::ZERO;
    };
    let between = Duration::from_secs_f64(1.0 / script.packets_per_second());
    between.mul_f64(call as f64 / load.calls as f64 / speed)
}
