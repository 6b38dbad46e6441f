//! Many open calls on one worker, and packets that visit them in random order.

pub mod counters;
pub mod load;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use strait_dataplane::frame::Frame;
use strait_dataplane::limits::{BURST, FRAME_BYTES_MAX};
use strait_dataplane::port::Port;
use strait_dataplane::port::memory::{FarEnd, Link, MemoryPort};
use strait_dataplane::worker::Worker;
use strait_shared::geometry::{Geometry, LocalAddress, WorkerIndex};
use strait_shared::region::Region;
use strait_shared::slot::{EgressPort, Forwarding, SlotIndex};
use strait_shared::time::Instant;

use self::load::{ALL, Order, PAYLOAD_BYTES, forwarding};
use crate::rig::{NEAR, build, geometry, rtp};

/// Frames put into the rings before the clock starts.
pub const BATCH: usize = 256;
const RING_FRAMES: usize = 256;
const FIRST_PORT: u16 = 1024;
/// Calls on one pair of addresses: all ports from the first on, two a call.
const CALLS_PER_ADDRESS: usize = (65_536 - FIRST_PORT as usize) / 2;
const VLAN: u16 = 7;
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
    order: Order,
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
        let slots = (0..calls).flat_map(|call| forwardings(region.geometry(), call));
        load::open(&mut control, &mut worker, region.geometry(), slots);
        let mut scene = Self {
            worker,
            far: [0, 1].map(|nic: usize| links[nic].far_end(0)),
            copy_ports: [0, 1].map(|nic: usize| copies[nic].port(0, "copy", NEAR)),
            copy_far: [0, 1].map(|nic: usize| copies[nic].far_end(0)),
            copy_frames: std::iter::repeat_with(Frame::new).take(BURST).collect(),
            flows: flows(region.geometry(), calls),
            order: Order::new(),
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

    /// Has a batch relayed, which is measured as told.
    pub fn relay<T>(&mut self, measured: impl FnOnce(&mut dyn FnMut()) -> T) -> T {
        for _ in 0..BATCH {
            let flow = self.pick();
            send(&mut self.flows[flow], &mut self.far);
        }
        let worker = &mut self.worker;
        let measure = measured(&mut || while worker.breathe() {});
        drain(&mut self.far, &mut self.space);
        measure
    }

    /// Copies a batch in and out again, which is measured as told.
    pub fn copy<T>(&mut self, measured: impl FnOnce(&mut dyn FnMut()) -> T) -> T {
        for _ in 0..BATCH {
            let flow = self.pick();
            send(&mut self.flows[flow], &mut self.copy_far);
        }
        let (ports, frames) = (&mut self.copy_ports, &mut self.copy_frames);
        let measure = measured(&mut || while copy_burst(ports, frames) {});
        drain(&mut self.copy_far, &mut self.space);
        measure
    }

    /// Everything that was sent must have come through.
    pub fn check(&self) {
        load::check(&self.worker);
    }

    /// Memory of the region and the worker, for each call.
    pub fn bytes_per_call(&self) -> usize {
        self.bytes_per_call
    }

    fn pick(&mut self) -> usize {
        self.order.next(self.flows.len())
    }
}

fn copy_burst(ports: &mut [MemoryPort; 2], frames: &mut [Frame]) -> bool {
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

/// What a call's slots are opened with.
fn forwardings(geometry: &Geometry, call: usize) -> impl Iterator<Item = (SlotIndex, Forwarding)> {
    let slots = slots(geometry, call).into_iter().enumerate();
    slots.map(|(number, (slot, peer, remote))| {
        let forwarding = Forwarding {
            rtcp: number >= 2,
            vlan: (number % 2 == 1).then_some(VLAN),
            ..forwarding(peer, remote)
        };
        (slot, forwarding)
    })
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
