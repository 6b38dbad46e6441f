//! One trial: so many calls for so long, and what became of their packets.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::Failure;
use crate::scene::{Scene, Scripts};
use crate::script::{Part, Script};
use crate::side::{Flight, Incoming, Outcome, Outgoing, Pace, Progress, Side};
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
}

/// The flows of both sides.
#[derive(Default)]
struct Flows {
    outgoing: [Vec<Outgoing>; 2],
    incoming: [HashMap<SocketAddr, Incoming>; 2],
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
        let flows = open(scene, load, &wires)?;
        for wire in &mut wires {
            // Latecomers of an earlier trial.
            wire.receive(&mut |_, _| {});
        }
        let before = (scene.through.counted(), scene.through.processor_time());
        let Flows { outgoing, incoming } = flows;
        let progress = [(); 2].map(|()| Arc::new(Progress::default()));
        let start = Instant::now() + LEAD;
        let [near_wire, far_wire] = wires;
        let [near_out, far_out] = outgoing;
        let [near_in, far_in] = incoming;
        let [ahead, back] = progress;
        let near = Side::new(near_wire, near_out, near_in, (ahead.clone(), back.clone()));
        let far = Side::new(far_wire, far_out, far_in, (back, ahead));
        let Load { pace, length, .. } = load;
        let (sides, lasted) = std::thread::scope(|scope| {
            let stopped = || stop.load(Ordering::Relaxed);
            let near = scope.spawn(move || near.run(start, length, pace, &stopped));
            let far = scope.spawn(move || far.run(start, length, pace, &stopped));
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
        })
    }
}

/// Opens every call's slots, and says what each side sends and hears.
fn open(scene: &mut Scene, load: Load, wires: &[Box<dyn Wire>; 2]) -> Result<Flows, Failure> {
    let mut flows = Flows::default();
    for call in 0..load.calls {
        let endpoints = [0, 1].map(|side| endpoints(&*wires[side], call));
        let address = |side: usize, Endpoint(number)| wires[side].addresses()[number];
        let party = [0, 1].map(|side| endpoints[side].map(|endpoint| address(side, endpoint)));
        let local = scene.through.open(call, party)?;
        let scripts = &scene.scripts[call % scene.scripts.len()];
        flows.add(call, load, scripts, local, endpoints);
    }
    scene.through.settle()?;
    Ok(flows)
}

/// A call's RTP and RTCP addresses on one side: the first half carry RTP.
fn endpoints(wire: &dyn Wire, call: usize) -> [Endpoint; 2] {
    let half = wire.addresses().len() / 2;
    [Endpoint(call % half), Endpoint(half + call % half)]
}

impl Flows {
    fn add(
        &mut self,
        call: usize,
        load: Load,
        scripts: &Scripts,
        local: Legs,
        endpoints: [[Endpoint; 2]; 2],
    ) {
        for side in [0, 1] {
            for component in [0, 1] {
                let script = &scripts[side][component];
                let number = (call * 4 + side * 2 + component) as u32;
                let part = Part::new(script.clone(), FIRST_SSRC + number, number as u16);
                let flight = Flight::new();
                self.outgoing[side].push(Outgoing {
                    part: part.clone(),
                    from: endpoints[side][component],
                    to: local[side][component],
                    phase: phase(script, call, load),
                    flight: flight.clone(),
                });
                let heard_from = local[1 - side][component];
                self.incoming[1 - side].insert(heard_from, Incoming::new(part, flight));
            }
        }
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
