//! Many open calls on one worker, and packets that visit them in random order.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use strait_dataplane::frame::Frame;
use strait_dataplane::limits::{BURST, FRAME_BYTES_MAX};
use strait_dataplane::port::memory::{FarEnd, Link, MemoryPort};
use strait_dataplane::port::{FrameIndex, Port};
use strait_dataplane::worker::Worker;
use strait_shared::command::{Command, CommandId, NextHop};
use strait_shared::geometry::{Geometry, LocalAddress, WorkerIndex};
use strait_shared::region::{ControlEnd, Region};
use strait_shared::slot::{
    AdjacencyIndex, EgressPort, Forwarding, Generation, LatchPolicy, Policer, SlotIndex,
};
use strait_shared::time::Instant;

use crate::rig::{NEAR, build, geometry, rtp};
use crate::timed;

/// Frames put into the rings before the clock starts.
pub const BATCH: usize = 256;
const RING_FRAMES: usize = 256;
const FIRST_PORT: u16 = 1024;
/// Calls on one pair of addresses: all ports from the first on, two a call.
const CALLS_PER_ADDRESS: usize = (65_536 - FIRST_PORT as usize) / 2;
/// 20 ms of G.711 with its RTP header: 214 octets in an untagged IPv4 frame.
const PAYLOAD_BYTES: usize = 172;
const VLAN: u16 = 7;
/// No stream of the bench is held back, but every packet is held against it.
const POLICER: Policer = Policer {
    packets_per_second: 1_000_000_000,
    bytes_per_second: 4_000_000_000,
    burst_ms: 4_000,
};

#[global_allocator]
static COUNTING: Counting = Counting;
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

/// Which IP versions the two sides speak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Path {
    V4ToV4,
    V4ToV6,
}

/// One direction of one call: the same frame over and over, with the next sequence number.
struct Flow {
    nic: usize,
    frame: Vec<u8>,
    sequence: u16,
}

/// A worker with its calls, and a copying loop beside it.
pub struct Scene {
    worker: Worker,
    far: [FarEnd; 2],
    copy_ports: [MemoryPort; 2],
    copy_far: [FarEnd; 2],
    copy_frames: Vec<Frame>,
    flows: Vec<Flow>,
    random: u64,
    bytes_per_call: usize,
    space: Box<[u8; FRAME_BYTES_MAX]>,
}

impl Scene {
    /// Opens `calls` calls and has both directions of each latch.
    pub fn new(calls: usize, path: Path) -> Self {
        let before = ALLOCATED.load(Ordering::Relaxed);
        let region = Region::create(spread(calls, path)).expect("memory for the region");
        region.populate().expect("memory for the region");
        let links = [(); 2].map(|()| Link::create(1, RING_FRAMES).expect("memory for frames"));
        let copies = [(); 2].map(|()| Link::create(1, RING_FRAMES).expect("memory for frames"));
        let port = |link: &Link| Box::new(link.port(0, "bench", NEAR)) as Box<dyn Port>;
        let end = region.worker(WorkerIndex(0)).expect("the only one");
        let ports = links.iter().map(port).collect();
        let mut worker = Worker::new(end, region.table(), region.geometry(), ports, Instant::now);
        let bytes = region.bytes() + ALLOCATED.load(Ordering::Relaxed) - before;
        let mut control = region.control().expect("the only one");
        open_calls(&mut control, &mut worker, region.geometry(), calls);
        let mut scene = Self {
            worker,
            far: [0, 1].map(|nic: usize| links[nic].far_end(0)),
            copy_ports: [0, 1].map(|nic: usize| copies[nic].port(0, "copy", NEAR)),
            copy_far: [0, 1].map(|nic: usize| copies[nic].far_end(0)),
            copy_frames: std::iter::repeat_with(Frame::new).take(BURST).collect(),
            flows: flows(region.geometry(), calls),
            random: 0x2545_f491_4f6c_dd1d,
            bytes_per_call: bytes / calls,
            space: Box::new([0; FRAME_BYTES_MAX]),
        };
        for flow in 0..scene.flows.len() {
            send(&mut scene.flows[flow], &mut scene.far);
            scene.worker.breathe();
            drain(&mut scene.far, &mut scene.space);
        }
        while control.events[0].pop().expect("a sound ring").is_some() {}
        scene
    }

    /// Relays a batch; the time the worker took.
    pub fn relay(&mut self) -> Duration {
        for _ in 0..BATCH {
            let flow = self.pick();
            send(&mut self.flows[flow], &mut self.far);
        }
        let worker = &mut self.worker;
        let spent = timed(|| while worker.breathe() {});
        drain(&mut self.far, &mut self.space);
        spent
    }

    /// Copies a batch in and out again; the time that took.
    pub fn copy(&mut self) -> Duration {
        for _ in 0..BATCH {
            let flow = self.pick();
            send(&mut self.flows[flow], &mut self.copy_far);
        }
        let (ports, frames) = (&mut self.copy_ports, &mut self.copy_frames);
        let spent = timed(|| while copy_burst(ports, frames) {});
        drain(&mut self.copy_far, &mut self.space);
        spent
    }

    /// Everything that was sent must have come through.
    pub fn check(&self) {
        let tally = self.worker.tally();
        assert_eq!(
            (tally.received, tally.all_dropped()),
            (tally.sent, 0),
            "{tally:?}"
        );
    }

    /// Memory of the region and the worker, for each call.
    pub fn bytes_per_call(&self) -> usize {
        self.bytes_per_call
    }

    fn pick(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % self.flows.len() as u64) as usize
    }
}

fn copy_burst(ports: &mut [MemoryPort; 2], frames: &mut [Frame]) -> bool {
    const ALL: [FrameIndex; BURST] = {
        let mut all = [0; BURST];
        let mut index = 0;
        while index < BURST {
            all[index] = index as FrameIndex;
            index += 1;
        }
        all
    };
    let mut moved = 0;
    for (from, to) in [(0, 1), (1, 0)] {
        let filled = ports[from].rx_burst(Instant::ZERO, frames);
        moved += ports[to].tx_burst(Instant::ZERO, frames, &ALL[..filled]);
    }
    moved > 0
}

/// Sends a flow's next packet; its checksum is left as it is, which the relay must not mind.
fn send(flow: &mut Flow, far: &mut [FarEnd; 2]) {
    flow.sequence = flow.sequence.wrapping_add(1);
    let at = flow.frame.len() - PAYLOAD_BYTES + 2;
    flow.frame[at..at + 2].copy_from_slice(&flow.sequence.to_be_bytes());
    assert!(far[flow.nic].send(&flow.frame), "the ring holds a batch");
}

fn drain(far: &mut [FarEnd; 2], space: &mut [u8; FRAME_BYTES_MAX]) {
    for end in far {
        while end.receive(space).is_some() {}
    }
}

/// Addresses enough for the calls: NIC 0 untagged on one side, NIC 1 tagged on the other.
fn spread(calls: usize, path: Path) -> Geometry {
    let pairs = calls.div_ceil(CALLS_PER_ADDRESS);
    let address = |pair: usize, side: u8| {
        let on_pair = (calls - pair * CALLS_PER_ADDRESS).min(CALLS_PER_ADDRESS);
        let ip = match (side, path) {
            (0, _) => format!("192.0.2.{}", pair + 1),
            (_, Path::V4ToV4) => format!("10.0.0.{}", pair + 1),
            (_, Path::V4ToV6) => format!("2001:db8::{}", pair + 1),
        };
        LocalAddress {
            ip: ip.parse().expect("an address"),
            vlan: (side == 1).then_some(VLAN),
            first_port: FIRST_PORT,
            last_port: FIRST_PORT + (on_pair * 2 - 1) as u16,
            egress_port: EgressPort(side),
        }
    };
    let addresses = (0..pairs).flat_map(|pair| [address(pair, 0), address(pair, 1)]);
    geometry(addresses.collect(), 1, 0)
}

/// A call's two streams, RTP and RTCP each: (slot, its peer, its remote).
fn slots(geometry: &Geometry, call: usize) -> [(SlotIndex, SlotIndex, SocketAddr); 4] {
    let (pair, number) = (call / CALLS_PER_ADDRESS, call % CALLS_PER_ADDRESS);
    let remote_port = 10_000 + (call % 50_000) as u16;
    let side = |side: usize, offset: u16| {
        let local = geometry.addresses()[pair * 2 + side];
        let port = FIRST_PORT + number as u16 * 2 + offset;
        let slot = geometry
            .slot_at(SocketAddr::new(local.ip, port))
            .expect("in range");
        let remote = match (side, local.ip.is_ipv4()) {
            (0, _) => "198.51.100.9",
            (_, true) => "10.0.1.9",
            (_, false) => "2001:db8:1::9",
        };
        (
            slot,
            SocketAddr::new(remote.parse().expect("an address"), remote_port + offset),
        )
    };
    let [near, near_rtcp] = [side(0, 0), side(0, 1)];
    let [far, far_rtcp] = [side(1, 0), side(1, 1)];
    [
        (near.0, far.0, near.1),
        (far.0, near.0, far.1),
        (near_rtcp.0, far_rtcp.0, near_rtcp.1),
        (far_rtcp.0, near_rtcp.0, far_rtcp.1),
    ]
}

fn open_calls(control: &mut ControlEnd, worker: &mut Worker, geometry: &Geometry, calls: usize) {
    let mut command = |command: Command| {
        while control.commands[0]
            .push(&command.encode(CommandId(1)))
            .is_err()
        {
            worker.breathe();
        }
    };
    for (index, address) in geometry.addresses().iter().enumerate() {
        let next_hop = Some(NextHop {
            egress_port: address.egress_port,
            mac: [2; 6],
        });
        command(Command::Adjacency {
            index: AdjacencyIndex(index as u16),
            next_hop,
        });
    }
    for call in 0..calls {
        for (number, (slot, peer, remote)) in slots(geometry, call).into_iter().enumerate() {
            let forwarding = Forwarding {
                peer: Some(peer),
                accept: true,
                policy: LatchPolicy::Restricted,
                signalled: Some(remote),
                send_before_latch: true,
                rtcp: number >= 2,
                dscp: 46,
                vlan: (number % 2 == 1).then_some(VLAN),
                policer: Some(POLICER),
                silence_timeout_ms: 60_000,
                clock_hz: 8_000,
                ..Forwarding::default()
            };
            command(Command::Open {
                slot,
                generation: Generation(1),
                forwarding,
            });
        }
    }
    while worker.breathe() {}
}

fn flows(geometry: &Geometry, calls: usize) -> Vec<Flow> {
    let mut flows = Vec::with_capacity(calls * 2);
    for call in 0..calls {
        for (side, (slot, _, remote)) in slots(geometry, call).into_iter().take(2).enumerate() {
            let local = geometry.local(slot).expect("not a spare");
            let vlan = (side == 1).then_some(VLAN);
            let payload = rtp(call as u32, 0, 0, PAYLOAD_BYTES);
            let frame = build(vlan, remote, local, &payload);
            flows.push(Flow {
                nic: side,
                frame,
                sequence: 0,
            });
        }
    }
    flows
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::V4ToV4 => "v4-v4",
            Self::V4ToV6 => "v4-v6",
        })
    }
}

/// The system's allocator with a count of the bytes that are out.
struct Counting;

// SAFETY: the system's allocator does the work; counting touches no memory of its.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}
