//! Three hosts: Strait in the middle, phones on one side, softswitches on the other.
//!
//! ```text
//!  phones 192.0.2.9   ── access  192.0.2.1    strait    10.0.0.1 core ── softswitch 10.0.0.9
//!         2001:db8::9            2001:db8::1
//! ```

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use strait_dataplane::frame::Frame;
use strait_dataplane::limits::BURST;
use strait_dataplane::next_hops::NextHops;
use strait_dataplane::port::Port;
use strait_dataplane::port::af_xdp::{AfXdpPort, Memories, Mode, Nic, OpenError};
use strait_dataplane::worker::Worker;
use strait_shared::command::NextHop;
use strait_shared::geometry::{Geometry, LocalAddress, Sizes, WorkerIndex};
use strait_shared::region::Region;
use strait_shared::slot::{AdjacencyIndex, EgressPort, Forwarding, LatchPolicy, SlotIndex};
use strait_tests::namespace::{Namespace, World};
use strait_tests::requirements;

use crate::rig::{self, Datagram, Rig, addr, local, now};

pub const PHONE: &str = "192.0.2.9:4000";
pub const PHONE6: &str = "[2001:db8::9]:4000";
pub const SWITCH: &str = "10.0.0.9:6000";
pub const LOCAL: &str = "192.0.2.1:20000";
pub const LOCAL6: &str = "[2001:db8::1]:20000";
pub const CORE: &str = "10.0.0.1:30000";

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Whether these tests can run here; says why when not.
pub fn possible() -> bool {
    if !requirements::has_af_xdp() {
        println!("skipped: this kernel has no AF_XDP");
        return false;
    }
    requirements::met(&["ip", "ethtool", "ping"])
}

/// Runs `work` in a namespace; sockets made there belong to it wherever they are used.
pub fn within<T: Send>(namespace: &Namespace, work: impl FnOnce() -> T + Send) -> T {
    let path = Path::new("/run/netns").join(namespace.name());
    let file = File::open(path).unwrap();
    std::thread::scope(|scope| {
        let entered = scope.spawn(|| {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            work()
        });
        entered.join().unwrap()
    })
}

/// The three hosts and their wires, with queues enough for `workers` on each interface.
pub struct Hosts {
    pub strait: Namespace,
    pub phones: Namespace,
    pub core: Namespace,
}

impl Hosts {
    pub fn new(queues: u16) -> Self {
        let world = World::new();
        let hosts = Self {
            strait: world.host("strait"),
            phones: world.host("phones"),
            core: world.host("core"),
        };
        hosts.wire("access", &hosts.phones, queues);
        hosts.wire("core", &hosts.core, queues);
        for (host, interface, address) in [
            (&hosts.strait, "access", "192.0.2.1/24"),
            (&hosts.strait, "access", "2001:db8::1/64"),
            (&hosts.strait, "core", "10.0.0.1/24"),
            (&hosts.phones, "eth0", "192.0.2.9/24"),
            (&hosts.phones, "eth0", "192.0.2.8/24"),
            (&hosts.phones, "eth0", "2001:db8::9/64"),
            (&hosts.core, "eth0", "10.0.0.9/24"),
        ] {
            host.address(interface, address);
        }
        hosts
    }

    fn wire(&self, interface: &str, peer: &Namespace, queues: u16) {
        let sizes = format!("numrxqueues {queues} numtxqueues {queues}");
        self.strait.ip(&format!(
            "link add {interface} {sizes} type veth peer name eth0 netns {} {sizes}",
            peer.name()
        ));
        // A checksum left to hardware that is not there would stay undone.
        for (host, interface) in [(&self.strait, interface), (peer, "eth0")] {
            host.feature(interface, "tx", "off");
            host.feature(interface, "rxvlan", "off");
            host.feature(interface, "txvlan", "off");
            if queues > 1 {
                let mut ethtool = host.command("ethtool");
                let counts = queues.to_string();
                ethtool.args(["-L", interface, "rx", &counts, "tx", &counts]);
                assert!(ethtool.status().unwrap().success(), "queues of {interface}");
            }
            host.ip(&format!("link set {interface} up"));
        }
    }
}

/// The addresses of the middle host, `vlan` for those towards the phones.
pub fn addresses(vlan: Option<u16>) -> Vec<LocalAddress> {
    vec![
        local("192.0.2.1", vlan, 20_000..=20_009, 0),
        local("2001:db8::1", vlan, 20_000..=20_009, 0),
        local("10.0.0.1", None, 30_000..=30_009, 1),
    ]
}

/// A geometry with room for neighbours.
pub fn geometry(addresses: Vec<LocalAddress>, workers: u16) -> Geometry {
    Geometry::new(Sizes {
        workers,
        adjacencies: addresses.len() as u16 + 16,
        addresses,
        fork_slots: 0,
        ring_capacity: 64,
    })
    .unwrap()
}

/// Opens an interface of a host for `addresses` of NIC `number`.
pub fn open(
    host: &Namespace,
    interface: &str,
    mode: Option<Mode>,
    geometry: &Geometry,
    number: u8,
) -> Result<Nic, OpenError> {
    let mut memories = memories(host, geometry, &[interface]);
    open_in(&mut memories, host, interface, mode, geometry, number)
}

/// The same in a memory that other NICs share.
pub fn open_in(
    memories: &mut Memories,
    host: &Namespace,
    interface: &str,
    mode: Option<Mode>,
    geometry: &Geometry,
    number: u8,
) -> Result<Nic, OpenError> {
    let number = EgressPort(number);
    within(host, || {
        Nic::open(interface, interface, mode, geometry, number, memories)
    })
}

/// Memory for the frames of these interfaces of a host.
pub fn memories(host: &Namespace, geometry: &Geometry, interfaces: &[&str]) -> Memories {
    let interfaces = interfaces.iter().copied();
    within(host, || Memories::new(geometry.workers(), interfaces)).unwrap()
}

/// A worker between two AF_XDP NICs, next hops followed, and a far end at each.
pub struct Stage {
    pub rig: Rig,
    pub phones: FarEnd,
    pub core: FarEnd,
    pub hosts: Hosts,
    next_hops: Option<NextHops>,
}

impl Stage {
    pub fn new(mode: Mode) -> Self {
        Self::with(mode, None)
    }

    /// The same with the phones on a VLAN.
    pub fn with(mode: Mode, vlan: Option<u16>) -> Self {
        let hosts = Hosts::new(1);
        let region = Region::heap(geometry(addresses(vlan), 1));
        let (strait, geometry) = (&hosts.strait, region.geometry());
        let mut memories = memories(strait, geometry, &["access", "core"]);
        let nics = ["access", "core"].into_iter().zip(0..);
        let nics: Vec<Nic> = nics
            .map(|(name, number)| {
                open_in(&mut memories, strait, name, Some(mode), geometry, number).unwrap()
            })
            .collect();
        let followed: Vec<(EgressPort, u32)> = (0..)
            .map(EgressPort)
            .zip(nics.iter().map(Nic::interface))
            .collect();
        let next_hops = within(&hosts.strait, || NextHops::follow(&region, &followed)).unwrap();
        for (index, address) in region.geometry().addresses().iter().enumerate() {
            let hop = NextHop {
                egress_port: address.egress_port,
                mac: NextHop::BY_REMOTE,
            };
            let set = region
                .adjacencies()
                .set(AdjacencyIndex(index as u16), Some(hop));
            set.unwrap();
        }
        let ports = nics
            .into_iter()
            .map(|nic| Box::new(only_port(nic)) as Box<dyn Port>);
        let end = region.worker(WorkerIndex(0)).unwrap();
        let mut worker = Worker::new(end, region.table(), region.geometry(), ports.collect(), now);
        worker.follow(next_hops.inbox(0));
        let phones = [
            local("192.0.2.8", vlan, 4_000..=4_009, 0),
            local("192.0.2.9", vlan, 4_000..=4_009, 0),
            local("2001:db8::9", vlan, 4_000..=4_009, 0),
        ];
        Self {
            rig: Rig::over(region, worker, Vec::new()),
            phones: FarEnd::new(&hosts.phones, mode, phones.to_vec()),
            core: FarEnd::new(
                &hosts.core,
                mode,
                vec![local("10.0.0.9", None, 6_000..=6_009, 0)],
            ),
            hosts,
            next_hops: Some(next_hops),
        }
    }

    /// Opens a stream between a phone and the softswitch.
    pub fn stream(&mut self, phone: &str, vlan: Option<u16>) -> (SlotIndex, SlotIndex) {
        let at = if phone.starts_with('[') {
            LOCAL6
        } else {
            LOCAL
        };
        let (near, far) = (self.rig.slot(at), self.rig.slot(CORE));
        let forwarding = |peer, to: &str, vlan| Forwarding {
            peer: Some(peer),
            accept: true,
            policy: LatchPolicy::Signalled,
            signalled: addr(to),
            send_before_latch: true,
            vlan,
            ..Forwarding::default()
        };
        self.rig.open(near, forwarding(far, phone, vlan));
        self.rig.open(far, forwarding(near, SWITCH, None));
        (near, far)
    }

    /// Breathes until `done`; whether that came.
    pub fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = std::time::Instant::now() + PATIENCE;
        while std::time::Instant::now() < end {
            self.rig.breathe();
            if done(self) {
                return true;
            }
        }
        false
    }

    /// The next datagram that reaches the softswitch.
    pub fn at_core(&mut self) -> Option<Datagram> {
        self.at(|stage| &mut stage.core)
    }

    /// The next datagram that reaches the phones.
    pub fn at_phones(&mut self) -> Option<Datagram> {
        self.at(|stage| &mut stage.phones)
    }

    fn at(&mut self, end: fn(&mut Self) -> &mut FarEnd) -> Option<Datagram> {
        let mut got = None;
        self.until(|stage| {
            got = end(stage).receive();
            got.is_some()
        });
        got
    }

    /// Waits until a hardware address is in the table of next hops, so that frames go there
    /// directly.
    pub fn wait_for_next_hop(&mut self, mac: [u8; 6]) {
        let known = |stage: &mut Self| {
            let geometry = stage.rig.region.geometry();
            let places = geometry.addresses().len() as u16..geometry.adjacencies();
            let table = stage.rig.region.adjacencies();
            let mut hops = places.filter_map(|index| table.get(AdjacencyIndex(index)));
            hops.any(|hop| hop.mac == mac)
        };
        assert!(self.until(known), "no next hop {mac:02x?} was brought in");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(next_hops) = self.next_hops.take() {
            next_hops.stop();
        }
    }
}

/// The one port of a NIC of one worker.
pub fn only_port(nic: Nic) -> AfXdpPort {
    let mut ports = nic.into_ports().unwrap();
    assert_eq!(ports.len(), 1);
    ports.remove(0)
}

/// The other end of a wire: any frame in, datagrams for its own addresses out.
pub struct FarEnd {
    port: AfXdpPort,
    frames: Vec<Frame>,
    waiting: Vec<Vec<u8>>,
}

impl FarEnd {
    pub fn new(host: &Namespace, mode: Mode, addresses: Vec<LocalAddress>) -> Self {
        let geometry = geometry(addresses, 1);
        let nic = open(host, "eth0", Some(mode), &geometry, 0).unwrap();
        Self {
            port: only_port(nic),
            frames: std::iter::repeat_with(Frame::new).take(BURST).collect(),
            waiting: Vec::new(),
        }
    }

    /// The hardware address.
    pub fn mac(&self) -> [u8; 6] {
        self.port.mac().0
    }

    /// Puts a frame on the wire; whether the interface took it.
    pub fn send(&mut self, frame: &[u8]) -> bool {
        assert!(self.frames[0].fill(frame));
        self.port.tx_burst(now(), &mut self.frames, &[0]) == 1
    }

    /// The next frame that came, as it is.
    pub fn receive_frame(&mut self) -> Option<Vec<u8>> {
        if self.waiting.is_empty() {
            let count = self.port.rx_burst(now(), &mut self.frames);
            let came = self.frames[..count]
                .iter()
                .map(|frame| frame.bytes().to_vec());
            self.waiting.extend(came);
        }
        (!self.waiting.is_empty()).then(|| self.waiting.remove(0))
    }

    /// The next datagram that came.
    pub fn receive(&mut self) -> Option<Datagram> {
        self.receive_frame().map(|frame| Datagram::read(&frame))
    }
}

/// A datagram as a phone puts it on the wire.
pub fn from_phone(vlan: Option<u16>, phone: &str, sequence: u16) -> Vec<u8> {
    let to = if phone.starts_with('[') {
        LOCAL6
    } else {
        LOCAL
    };
    rig::frame(vlan, phone, to, &rig::rtp(7, sequence, 160, 172))
}

/// A datagram as the softswitch puts it on the wire.
pub fn from_core(sequence: u16) -> Vec<u8> {
    rig::frame(None, SWITCH, CORE, &rig::rtp(8, sequence, 160, 172))
}

/// What `ip -details link` says of an interface.
pub fn link(host: &Namespace, interface: &str) -> io::Result<String> {
    let output = host
        .command("ip")
        .args(["-details", "link", "show", interface])
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
