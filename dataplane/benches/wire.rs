//! What a relayed packet costs by each port, on the same veth pairs between network namespaces.
//!
//! One worker relays calls between two interfaces; a generator and a sink, AF_XDP both, put the
//! frames on the wire and take them off. First at a fixed rate, then as fast as it goes. CPU
//! time is the worker's thread alone: what the kernel does when a frame arrives on a veth happens
//! in the sender's time, for every port alike. Needs root, and two cores to itself.
//!
//! `cargo bench -p strait-dataplane --bench wire`
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

#[path = "../tests/rig/mod.rs"]
mod rig;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/af_xdp/stage.rs"]
mod stage;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Wall};

use strait_dataplane::frame::Frame;
use strait_dataplane::limits::BURST;
use strait_dataplane::next_hops::NextHops;
use strait_dataplane::port::Port;
use strait_dataplane::port::af_xdp::{AfXdpPort, Mode};
use strait_dataplane::port::udp::{Sockets, UdpPort};
use strait_dataplane::worker::{IdlePolicy, Worker, pin};
use strait_shared::command::{Command, CommandId, NextHop};
use strait_shared::geometry::WorkerIndex;
use strait_shared::region::{ControlEnd, Region};
use strait_shared::slot::{AdjacencyIndex, EgressPort, Forwarding, Generation, LatchPolicy};
use strait_shared::time::Instant;

use rig::{build, local, rtp};
use stage::{Hosts, geometry, memories, only_port, open, open_in, possible, within};

const FLOWS: u16 = 1_000;
const FIRST_PORT: u16 = 20_000;
const FIXED_RATE: f64 = 20_000.0;
const SPAN: Duration = Duration::from_secs(4);

/// How media gets in and out of the worker.
#[derive(Clone, Copy)]
enum Kind {
    Udp,
    Xdp(Mode),
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Xdp(mode) => mode.name(),
        }
    }
}

fn main() {
    // `cargo test --benches` passes this argument, to see that they start.
    if std::env::args().any(|argument| argument == "--test") || !possible() {
        return;
    }
    let kinds = [Kind::Udp, Kind::Xdp(Mode::Generic), Kind::Xdp(Mode::Native)];
    let mut base = None;
    println!("{FLOWS} flows of 214-octet frames, one worker, ratios to udp in brackets");
    println!(
        "{:10} {:>28} {:>36} {:>20}",
        "port", "CPU s/Mpkt at 20 kpps", "delivered pps, no pacing", "CPU s/Mpkt there"
    );
    for kind in kinds {
        let mut bench = Bench::new(kind);
        bench.run(Duration::from_secs(1), Some(FIXED_RATE));
        let paced = bench.run(SPAN, Some(FIXED_RATE));
        let flat_out = bench.run(SPAN, None);
        let figures = [paced.cost(), flat_out.rate(), flat_out.cost()];
        let base = *base.get_or_insert(figures);
        let cell = |at: usize| format!("{:.3} [{:.2}]", figures[at], figures[at] / base[at]);
        let loss = 100.0 * (1.0 - paced.delivered as f64 / paced.sent as f64);
        println!(
            "{:10} {:>18} ({loss:.2} % lost) {:>36} {:>20}",
            kind.name(),
            cell(0),
            cell(1),
            cell(2)
        );
    }
}

/// What came of one run.
struct Outcome {
    sent: u64,
    delivered: u64,
    elapsed: Duration,
    cpu: Duration,
}

impl Outcome {
    /// CPU seconds of the worker for a million packets delivered.
    fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.delivered.max(1) as f64
    }

    fn rate(&self) -> f64 {
        self.delivered as f64 / self.elapsed.as_secs_f64()
    }
}

/// A worker that relays, and what is at both ends of it.
struct Bench {
    generator: Generator,
    sink: Sink,
    worker: Running,
    _hosts: Hosts,
}

impl Bench {
    fn new(kind: Kind) -> Self {
        let hosts = Hosts::new(1);
        let last_port = FIRST_PORT + 2 * FLOWS - 1;
        let ports = FIRST_PORT..=last_port;
        let region = Region::heap(geometry(
            vec![
                local("192.0.2.1", None, ports.clone(), 0),
                local("10.0.0.1", None, ports.clone(), 1),
            ],
            1,
        ));
        let worker = Running::start(kind, &hosts, &region);
        open_slots(&region);
        let far = |host, address| {
            let geometry = geometry(vec![local(address, None, ports.clone(), 0)], 1);
            only_port(open(host, "eth0", Some(Mode::Native), &geometry, 0).unwrap())
        };
        Self {
            generator: Generator::new(far(&hosts.phones, "192.0.2.9"), mac(&hosts)),
            sink: Sink::start(far(&hosts.core, "10.0.0.9")),
            worker,
            _hosts: hosts,
        }
    }

    /// Sends for `span`, at `rate` packets a second or as fast as it goes.
    fn run(&mut self, span: Duration, rate: Option<f64>) -> Outcome {
        let (delivered, cpu) = (self.sink.count(), self.worker.cpu());
        let start = Wall::now();
        let sent = self.generator.send(span, rate);
        let elapsed = start.elapsed();
        std::thread::sleep(Duration::from_millis(200));
        Outcome {
            sent,
            delivered: self.sink.count() - delivered,
            elapsed,
            cpu: self.worker.cpu() - cpu,
        }
    }
}

/// A worker's thread.
struct Running {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    schedstat: String,
    next_hops: Option<NextHops>,
}

impl Running {
    fn start(kind: Kind, hosts: &Hosts, region: &Region) -> Self {
        let mut followed = Vec::new();
        let mut ports: Vec<Box<dyn Port>> = Vec::new();
        let mut memories = memories(&hosts.strait, region.geometry(), &["access", "core"]);
        for (number, interface) in (0..).zip(["access", "core"]) {
            let nic = EgressPort(number);
            ports.push(match kind {
                Kind::Udp => within(&hosts.strait, || {
                    let sockets = Sockets::bind(region.geometry(), nic).unwrap();
                    let port = UdpPort::new(interface, Arc::new(sockets), WorkerIndex(0));
                    Box::new(port.unwrap())
                }),
                Kind::Xdp(mode) => {
                    let geometry = region.geometry();
                    let (host, mode) = (&hosts.strait, Some(mode));
                    let nic = open_in(&mut memories, host, interface, mode, geometry, number);
                    let nic = nic.unwrap();
                    followed.push((EgressPort(number), nic.interface()));
                    Box::new(only_port(nic))
                }
            });
        }
        let follow = || NextHops::follow(region, &followed).unwrap();
        let next_hops = (!followed.is_empty()).then(|| within(&hosts.strait, follow));
        for (index, port) in ports.iter().enumerate() {
            let hop = port.capabilities().next_hop.map(|mac| NextHop {
                egress_port: EgressPort(index as u8),
                mac: mac.0,
            });
            let set = region.adjacencies().set(AdjacencyIndex(index as u16), hop);
            set.unwrap();
        }
        let end = region.worker(WorkerIndex(0)).unwrap();
        let (table, geometry) = (region.table(), region.geometry());
        let mut worker = Worker::new(end, table, geometry, ports, Instant::now);
        if let Some(next_hops) = &next_hops {
            worker.follow(next_hops.inbox(0));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, (tell, told)) = (stop.clone(), std::sync::mpsc::channel());
        let thread = std::thread::spawn(move || {
            let _ = pin(1);
            tell.send(rustix::thread::gettid()).unwrap();
            worker.run(IdlePolicy::Adaptive, &|| stopped.load(Ordering::Relaxed));
        });
        let tid = told.recv().unwrap().as_raw_nonzero();
        Self {
            stop,
            thread: Some(thread),
            schedstat: format!("/proc/self/task/{tid}/schedstat"),
            next_hops,
        }
    }

    /// The time the thread has been on a core.
    fn cpu(&self) -> Duration {
        let text = std::fs::read_to_string(&self.schedstat).unwrap();
        let ns = text.split_whitespace().next().unwrap();
        Duration::from_nanos(ns.parse().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
        if let Some(next_hops) = self.next_hops.take() {
            next_hops.stop();
        }
    }
}

/// Opens a stream for every flow: the phone's port is the local one's number.
fn open_slots(region: &Region) {
    let ControlEnd {
        mut commands,
        statistics,
        ..
    } = region.control().unwrap();
    let geometry = region.geometry();
    let slot = |ip: &str, port: u16| {
        geometry.slot_at((ip.parse::<std::net::IpAddr>().unwrap(), port).into())
    };
    let mut id = 0;
    for flow in 0..FLOWS {
        let port = FIRST_PORT + 2 * flow;
        let near = slot("192.0.2.1", port).unwrap();
        let far = slot("10.0.0.1", port).unwrap();
        for (slot, peer, to) in [(near, far, "192.0.2.9"), (far, near, "10.0.0.9")] {
            let forwarding = Forwarding {
                peer: Some(peer),
                accept: true,
                policy: LatchPolicy::Signalled,
                signalled: Some((to.parse::<std::net::IpAddr>().unwrap(), port).into()),
                send_before_latch: true,
                clock_hz: 8_000,
                ..Forwarding::default()
            };
            id += 1;
            let generation = Generation(1);
            let open = Command::Open {
                slot,
                generation,
                forwarding,
            };
            while commands[0].push(&open.encode(CommandId(id))).is_err() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    while statistics[0].applied() < CommandId(id) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Puts frames of all flows in turn on the wire.
struct Generator {
    port: AfXdpPort,
    frames: Vec<Frame>,
    templates: Vec<Vec<u8>>,
    flow: u16,
}

impl Generator {
    fn new(port: AfXdpPort, to: [u8; 6]) -> Self {
        let _ = pin(0);
        Self {
            port,
            frames: std::iter::repeat_with(Frame::new).take(BURST).collect(),
            templates: (0..FLOWS).map(|flow| frame(flow, to)).collect(),
            flow: 0,
        }
    }

    fn send(&mut self, span: Duration, rate: Option<f64>) -> u64 {
        let chosen: Vec<u8> = (0..BURST as u8).collect();
        let start = Wall::now();
        let mut sent = 0;
        while start.elapsed() < span {
            let due = rate.map_or(f64::MAX, |rate| start.elapsed().as_secs_f64() * rate);
            let count = (due - sent as f64).min(BURST as f64) as usize;
            if count == 0 {
                std::thread::sleep(Duration::from_micros(200));
                continue;
            }
            for place in &mut self.frames[..count] {
                place.fill(&self.templates[usize::from(self.flow)]);
                self.flow = (self.flow + 1) % FLOWS;
            }
            sent += self
                .port
                .tx_burst(Instant::now(), &mut self.frames, &chosen[..count])
                as u64;
        }
        sent
    }
}

/// The hardware address that the generator sends to.
fn mac(hosts: &Hosts) -> [u8; 6] {
    let mut cat = hosts.strait.command("cat");
    let output = cat.arg("/sys/class/net/access/address").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let octets = text
        .trim()
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16).unwrap());
    octets.collect::<Vec<u8>>().try_into().unwrap()
}

fn frame(flow: u16, to: [u8; 6]) -> Vec<u8> {
    let port = FIRST_PORT + 2 * flow;
    let at = |ip: &str| (ip.parse::<std::net::IpAddr>().unwrap(), port).into();
    let payload = rtp(u32::from(flow), 1, 160, 172);
    let mut frame = build(None, at("192.0.2.9"), at("192.0.2.1"), &payload);
    frame[..6].copy_from_slice(&to);
    frame
}

/// Takes frames off the wire and counts them.
struct Sink {
    delivered: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sink {
    fn start(mut port: AfXdpPort) -> Self {
        let (delivered, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (counter, stopped) = (delivered.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let _ = pin(0);
            let mut frames: Vec<Frame> = std::iter::repeat_with(Frame::new).take(BURST).collect();
            while !stopped.load(Ordering::Relaxed) {
                let count = port.rx_burst(Instant::now(), &mut frames);
                counter.fetch_add(count as u64, Ordering::Relaxed);
                if count == 0 {
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        });
        Self {
            delivered,
            stop,
            thread: Some(thread),
        }
    }

    fn count(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
