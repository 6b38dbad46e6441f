//! What a packet costs on the `dpdk` port, relayed and merely passed on, over ring devices.
//!
//! `cargo bench --manifest-path dataplane/dpdk/Cargo.toml`. Beside it, on the same machine:
//! `dpdk-testpmd --no-shconf --no-huge -m 128 --no-pci -l 0,1 --vdev net_ring0 --
//! --forward-mode=macswap --burst=64 --tx-first --stats-period 1`. 214-byte frames in random order
//! over the calls, in bursts of 64; source check, policer, statistics, DSCP, checksum on. The best
//! decile and the median burst are shown.

#[allow(dead_code, reason = "others use more of it")]
#[path = "../../benches/scene/load.rs"]
mod load;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use strait_dataplane::frame::{Buffer, Frame};
use strait_dataplane::limits::BURST;
use strait_dataplane::port::{Capabilities, FrameIndex, Port};
use strait_dataplane::wire::MacAddress;
use strait_dataplane::worker::Worker;
use strait_dataplane_dpdk::DpdkPort;
use strait_dataplane_dpdk::bare::Bare;
use strait_shared::geometry::{Geometry, LocalAddress, Sizes, WorkerIndex};
use strait_shared::region::{ControlEnd, Region};
use strait_shared::slot::{EgressPort, Forwarding, SlotIndex};
use strait_shared::time::Instant;

use load::{ALL, Order, PAYLOAD_BYTES, forwarding, per_packet};

const BURSTS: usize = 20_000;
const CALLS: [usize; 3] = [1, 1_000, 30_000];
const OPTIONS: &str = "--no-shconf --no-telemetry --no-pci --no-huge -m 128 --log-level *:4";
const FIRST_PORT: u16 = 1_024;
const OURS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(10, 0, 0, 1)];
const THEIRS: [Ipv4Addr; 2] = [Ipv4Addr::new(198, 51, 100, 9), Ipv4Addr::new(10, 0, 1, 9)];
const THEIR_PORT: u16 = 5_004;
fn main() {
    // `cargo test --benches` passes this argument, to see that it starts.
    let quick = std::env::args().any(|argument| argument == "--test");
    let bursts = if quick { 10 } else { BURSTS };
    let most = CALLS[CALLS.len() - 1];
    let devices = ["net_ring0", "net_ring1"];
    let mut bare = Bare::open(&devices, (0, 1), OPTIONS, &geometry(most)).expect("DPDK starts");
    let ports: Vec<Shared> = bare.ports.drain(..).map(Shared::new).collect();
    println!("ns a packet      passing on      relaying   (best decile, median)");
    let mut relay = Relay::new(&ports, most);
    for calls in CALLS {
        let (mut passing, mut relaying) = (Vec::new(), Vec::new());
        for _ in 0..bursts {
            relay.arrive(calls);
            passing.push(relay.pass());
            relay.arrive(calls);
            relaying.push(relay.relay());
        }
        let (passing, relaying) = (per_packet(passing, BURST), per_packet(relaying, BURST));
        let [best, median] = passing;
        let [relayed, relayed_median] = relaying;
        println!("{calls:>8}    {best:>6.1} {median:>6.1}    {relayed:>6.1} {relayed_median:>6.1}");
    }
    relay.check();
}

/// A port that the bench and the worker take turns with.
#[derive(Clone)]
struct Shared {
    port: Arc<Mutex<DpdkPort>>,
    mac: MacAddress,
    capabilities: Capabilities,
}

impl Shared {
    fn new(port: DpdkPort) -> Self {
        let (mac, capabilities) = (port.mac(), port.capabilities());
        Self {
            port: Arc::new(Mutex::new(port)),
            mac,
            capabilities,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, DpdkPort> {
        self.port.lock().expect("nobody panics with it")
    }
}

impl Port for Shared {
    fn name(&self) -> &str {
        "ring"
    }

    fn mac(&self) -> MacAddress {
        self.mac
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn rx_burst(&mut self, now: Instant, frames: &mut [Frame]) -> usize {
        self.lock().rx_burst(now, frames)
    }

    fn tx_burst(&mut self, now: Instant, frames: &mut [Frame], chosen: &[FrameIndex]) -> usize {
        self.lock().tx_burst(now, frames, chosen)
    }

    fn lend(&mut self, count: usize) -> Option<Vec<Buffer>> {
        self.lock().lend(count)
    }
}

struct Relay {
    worker: Worker,
    _control: ControlEnd,
    ports: Vec<Shared>,
    /// Frames of the bench's own, in the ports' memory too.
    frames: Vec<Frame>,
    packets: Vec<Vec<u8>>,
    order: Order,
}

impl Relay {
    /// Opens the calls; packets go from the first port to the second.
    fn new(ports: &[Shared], calls: usize) -> Self {
        let region = Region::create(geometry(calls)).expect("memory for the region");
        region.populate().expect("memory for the region");
        let end = region.worker(WorkerIndex(0)).expect("the only one");
        let boxed = ports
            .iter()
            .map(|port| Box::new(port.clone()) as Box<dyn Port>);
        let clock = Instant::now;
        let (table, geometry) = (region.table(), region.geometry());
        let mut worker = Worker::new(end, table, geometry, boxed.collect(), clock);
        let mut control = region.control().expect("the only one");
        let slots = (0..calls).flat_map(|call| forwardings(geometry, call));
        load::open(&mut control, &mut worker, geometry, slots);
        let lent = ports[0].lock().lend(BURST).expect("buffers");
        Self {
            worker,
            _control: control,
            ports: ports.to_vec(),
            frames: lent.into_iter().map(Frame::of).collect(),
            packets: (0..calls)
                .map(|call| packet(FIRST_PORT + call as u16))
                .collect(),
            order: Order::new(),
        }
    }

    /// A burst of packets waits at the first port, and nothing at the second.
    fn arrive(&mut self, calls: usize) {
        for _ in 0..2 {
            // What the relay has sent is not for us: the port takes it out and drops it.
            assert_eq!(self.ports[1].rx_burst(Instant::ZERO, &mut self.frames), 0);
        }
        for frame in &mut self.frames {
            assert!(frame.fill(&self.packets[self.order.next(calls)]));
        }
        let sent = self.ports[0].tx_burst(Instant::ZERO, &mut self.frames, &ALL);
        assert_eq!(sent, BURST);
    }

    fn relay(&mut self) -> Duration {
        let start = std::time::Instant::now();
        self.worker.breathe();
        start.elapsed()
    }

    /// What the ports do alone.
    fn pass(&mut self) -> Duration {
        let start = std::time::Instant::now();
        let received = self.ports[0].rx_burst(Instant::ZERO, &mut self.frames);
        let sent = self.ports[1].tx_burst(Instant::ZERO, &mut self.frames, &ALL[..received]);
        let spent = start.elapsed();
        assert_eq!(sent, BURST);
        // They are as they arrived, so the second port would take them for its own traffic.
        spent
    }

    /// Everything that arrived was sent.
    fn check(&self) {
        load::check(&self.worker);
    }
}

fn geometry(calls: usize) -> Geometry {
    let address = |side: usize| LocalAddress {
        ip: OURS[side].into(),
        vlan: None,
        first_port: FIRST_PORT,
        last_port: FIRST_PORT + calls as u16 * 2 - 1,
        egress_port: EgressPort(side as u8),
    };
    Geometry::new(Sizes {
        workers: 1,
        addresses: vec![address(0), address(1)],
        fork_slots: 0,
        ring_capacity: 4_096,
        adjacencies: 2,
    })
    .expect("a geometry")
}

/// What a call's two slots are opened with.
fn forwardings(geometry: &Geometry, call: usize) -> [(SlotIndex, Forwarding); 2] {
    let slots = OURS.map(|ours| {
        let local = (ours, FIRST_PORT + call as u16).into();
        geometry.slot_at(local).expect("in range")
    });
    [0, 1].map(|side: usize| {
        let remote = (THEIRS[side], THEIR_PORT).into();
        (slots[side], forwarding(slots[1 - side], remote))
    })
}

/// 20 ms of G.711 to one of our ports, without a UDP checksum.
fn packet(port: u16) -> Vec<u8> {
    let udp_bytes = (8 + PAYLOAD_BYTES) as u16;
    let mut ip = [0_u8; 20];
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&(20 + udp_bytes).to_be_bytes());
    ip[8..10].copy_from_slice(&[64, 17]);
    ip[12..16].copy_from_slice(&THEIRS[0].octets());
    ip[16..20].copy_from_slice(&OURS[0].octets());
    let words = ip
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    ip[10..12].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    let mut frame = vec![2; 12];
    frame.extend([0x08, 0x00]);
    frame.extend(ip);
    frame.extend(THEIR_PORT.to_be_bytes());
    frame.extend(port.to_be_bytes());
    frame.extend(udp_bytes.to_be_bytes());
    frame.extend([0, 0, 0x80, 0]);
    frame.resize(34 + usize::from(udp_bytes), 0);
    frame
}
