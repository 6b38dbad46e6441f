//! A dataplane in one thread and virtual time: real relay, rings and table, memory ports.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use etherparse::{
    IpHeaders, IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header, NetHeaders, PacketBuilder,
    PacketHeaders,
};
use strait_dataplane::limits::FRAME_BYTES_MAX;
use strait_dataplane::port::Port;
use strait_dataplane::port::memory::{FarEnd, Link};
use strait_dataplane::wire::MacAddress;
use strait_dataplane::worker::Worker;
use strait_shared::command::{Command, CommandId, Event, NextHop};
use strait_shared::geometry::{Geometry, LocalAddress, Sizes, WorkerIndex};
use strait_shared::region::{ControlEnd, Region};
use strait_shared::slot::{
    AdjacencyIndex, Counters, EgressPort, Forwarding, Generation, SlotIndex,
};
use strait_shared::time::Instant;

pub const NEAR: MacAddress = MacAddress([2, 0, 0, 0, 0, 0xaa]);
pub const FAR: MacAddress = MacAddress([2, 0, 0, 0, 0, 0xbb]);
/// The adjacency of address `n` leads to this MAC address with `n` as its last octet.
pub const HOP: [u8; 6] = [2, 0, 0, 0, 1, 0];

thread_local! {
    static NOW: Cell<Instant> = const { Cell::new(Instant::from_millis(1_000)) };
}

/// The clock of every rig on this thread.
pub fn now() -> Instant {
    NOW.get()
}

pub fn advance(by: Duration) {
    NOW.set(NOW.get() + by);
}

/// One local address: IP, VLAN, ports, NIC.
pub fn local(
    ip: &str,
    vlan: Option<u16>,
    ports: std::ops::RangeInclusive<u16>,
    nic: u8,
) -> LocalAddress {
    LocalAddress {
        ip: ip.parse().unwrap(),
        vlan,
        first_port: *ports.start(),
        last_port: *ports.end(),
        egress_port: EgressPort(nic),
    }
}

pub fn geometry(addresses: Vec<LocalAddress>, workers: u16, fork_slots: u32) -> Geometry {
    let adjacencies = addresses.len() as u16;
    let sizes = Sizes {
        workers,
        addresses,
        fork_slots,
        ring_capacity: 1024,
        adjacencies,
    };
    Geometry::new(sizes).unwrap()
}

/// The worker, what it is plugged into, and control's end.
pub struct Rig {
    pub region: Region,
    pub worker: Worker,
    pub control: ControlEnd,
    pub far: Vec<FarEnd>,
    next_id: u64,
}

impl Rig {
    /// One worker over as many memory NICs as the addresses name, all next hops resolved.
    pub fn new(addresses: Vec<LocalAddress>, fork_slots: u32) -> Self {
        let nics = addresses.iter().map(|a| a.egress_port.0).max().unwrap_or(0) + 1;
        let region = Region::heap(geometry(addresses, 1, fork_slots));
        let links: Vec<Link> = (0..nics).map(|_| Link::create(1, 256).unwrap()).collect();
        let far = links.iter().map(|link| link.far_end(0)).collect();
        let port = |link: &Link| Box::new(link.port(0, "memory", NEAR)) as Box<dyn Port>;
        let ports = links.iter().map(port).collect();
        let worker = worker(&region, 0, ports);
        let mut rig = Self::over(region, worker, far);
        rig.resolve();
        rig
    }

    /// Resolves every next hop: address `n` has adjacency `n`.
    pub fn resolve(&mut self) {
        for index in 0..self.region.geometry().addresses().len() {
            let mut mac = HOP;
            mac[5] = index as u8;
            let egress_port = self.region.geometry().addresses()[index].egress_port;
            let next_hop = Some(NextHop { egress_port, mac });
            self.command(Command::Adjacency {
                index: AdjacencyIndex(index as u16),
                next_hop,
            });
        }
        self.breathe();
    }

    /// A rig around a worker that is there already.
    pub fn over(region: Region, worker: Worker, far: Vec<FarEnd>) -> Self {
        let control = region.control().unwrap();
        Self {
            region,
            worker,
            control,
            far,
            next_id: 1,
        }
    }

    /// The slot of a local address and port.
    pub fn slot(&self, local: &str) -> SlotIndex {
        self.region
            .geometry()
            .slot_at(local.parse().unwrap())
            .unwrap()
    }

    pub fn command(&mut self, command: Command) -> CommandId {
        let id = CommandId(self.next_id);
        self.next_id += 1;
        self.control.commands[0].push(&command.encode(id)).unwrap();
        id
    }

    /// Opens a slot in generation 1 and has it take effect.
    pub fn open(&mut self, slot: SlotIndex, forwarding: Forwarding) {
        self.command(Command::Open {
            slot,
            generation: Generation(1),
            forwarding,
        });
        self.breathe();
    }

    pub fn update(&mut self, slot: SlotIndex, forwarding: Forwarding, rearm: bool) {
        self.command(Command::Update {
            slot,
            generation: Generation(1),
            forwarding,
            rearm,
        });
        self.breathe();
    }

    /// Closes a slot and returns its counters.
    pub fn close(&mut self, slot: SlotIndex) -> Counters {
        self.command(Command::Close {
            slot,
            generation: Generation(1),
        });
        self.breathe();
        let closed = self.events().into_iter().find_map(|event| match event {
            Event::Closed {
                slot: closed,
                counters,
                ..
            } if closed == slot => Some(counters),
            _ => None,
        });
        closed.expect("a closed event")
    }

    pub fn breathe(&mut self) {
        self.worker.breathe();
    }

    /// Breathes until nothing is left to do.
    pub fn settle(&mut self) {
        while self.worker.breathe() {}
    }

    /// Lets time pass in small steps, breathing.
    pub fn pass(&mut self, span: Duration) {
        let end = now() + span;
        while now() < end {
            advance(Duration::from_millis(50));
            self.breathe();
        }
    }

    pub fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(record) = self.control.events[0].pop().unwrap() {
            events.push(Event::decode(&record).unwrap().1);
        }
        events
    }

    /// Sends one frame into a NIC and breathes.
    pub fn send(&mut self, nic: usize, frame: &[u8]) {
        assert!(self.far[nic].send(frame));
        self.breathe();
    }

    /// The frames that came out of a NIC.
    pub fn received(&mut self, nic: usize) -> Vec<Vec<u8>> {
        let mut space = [0; FRAME_BYTES_MAX];
        let next = || {
            self.far[nic]
                .receive(&mut space)
                .map(|length| space[..length].to_vec())
        };
        std::iter::from_fn(next).collect()
    }

    /// The one datagram that came out of a NIC.
    pub fn datagram(&mut self, nic: usize) -> Option<Datagram> {
        let frames = self.received(nic);
        assert!(frames.len() <= 1, "{} frames", frames.len());
        frames.first().map(|frame| Datagram::read(frame))
    }

    pub fn counters(&self, slot: SlotIndex) -> Counters {
        self.region.table().snapshot(slot).unwrap().counters
    }
}

/// A worker of a region.
pub fn worker(region: &Region, number: u16, ports: Vec<Box<dyn Port>>) -> Worker {
    let end = region.worker(WorkerIndex(number)).unwrap();
    Worker::new(end, region.table(), region.geometry(), ports, now)
}

/// What a test looks at in a frame, read by an independent parser that verifies checksums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    pub to_mac: [u8; 6],
    pub from_mac: [u8; 6],
    pub vlan: Option<u16>,
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub dscp: u8,
    pub ttl: u8,
    pub checksum: u16,
    /// What the checksum of these headers and this payload is.
    pub right_checksum: u16,
    pub payload: Vec<u8>,
}

impl Datagram {
    /// Reads a frame whose checksum is right, or left out over IPv4.
    pub fn read(frame: &[u8]) -> Self {
        let datagram = Self::read_unverified(frame);
        if datagram.checksum != 0 {
            assert_eq!(datagram.checksum, datagram.right_checksum, "checksum");
        }
        datagram
    }

    /// Reads a frame whatever its UDP checksum says.
    pub fn read_unverified(frame: &[u8]) -> Self {
        let packet = PacketHeaders::from_ethernet_slice(frame).unwrap();
        let link = packet.link.clone().unwrap().ethernet2().unwrap();
        let vlan = packet.vlan().map(|tag| match tag {
            etherparse::VlanHeader::Single(tag) => tag.vlan_id.value(),
            etherparse::VlanHeader::Double(_) => panic!("two tags"),
        });
        let udp = packet.transport.unwrap().udp().unwrap();
        let payload = packet.payload.slice().to_vec();
        let (from, to, dscp, ttl, expected) = match packet.net.unwrap() {
            NetHeaders::Ipv4(ip, _) => {
                assert_eq!(ip.header_checksum, ip.calc_header_checksum());
                let expected = udp.calc_checksum_ipv4(&ip, &payload).unwrap();
                let (from, to) = (IpAddr::from(ip.source), IpAddr::from(ip.destination));
                (from, to, ip.dscp.value(), ip.time_to_live, expected)
            }
            NetHeaders::Ipv6(ip, _) => {
                assert_ne!(udp.checksum, 0);
                let expected = udp.calc_checksum_ipv6(&ip, &payload).unwrap();
                let (from, to) = (IpAddr::from(ip.source), IpAddr::from(ip.destination));
                (from, to, ip.traffic_class >> 2, ip.hop_limit, expected)
            }
            NetHeaders::Arp(_) => panic!("ARP"),
        };
        Self {
            to_mac: link.destination,
            from_mac: link.source,
            vlan,
            from: SocketAddr::new(from, udp.source_port),
            to: SocketAddr::new(to, udp.destination_port),
            dscp,
            ttl,
            checksum: udp.checksum,
            right_checksum: expected,
            payload,
        }
    }
}

/// A frame with right checksums, built by an independent library.
pub fn frame(vlan: Option<u16>, from: &str, to: &str, payload: &[u8]) -> Vec<u8> {
    build(vlan, from.parse().unwrap(), to.parse().unwrap(), payload)
}

pub fn build(vlan: Option<u16>, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let ip = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let header = Ipv4Header::new(0, 17, IpNumber::UDP, from.octets(), to.octets());
            IpHeaders::Ipv4(header.unwrap(), Default::default())
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let header = Ipv6Header {
                traffic_class: 0,
                flow_label: Ipv6FlowLabel::ZERO,
                payload_length: 0,
                next_header: IpNumber::UDP,
                hop_limit: 17,
                source: from.octets(),
                destination: to.octets(),
            };
            IpHeaders::Ipv6(header, Default::default())
        }
        _ => panic!("two IP versions"),
    };
    let link = PacketBuilder::ethernet2(FAR.0, NEAR.0);
    let mut out = Vec::new();
    match vlan {
        Some(vlan) => {
            let tagged = link.single_vlan(vlan.try_into().unwrap()).ip(ip);
            tagged
                .udp(from.port(), to.port())
                .write(&mut out, payload)
                .unwrap();
        }
        None => {
            let plain = link.ip(ip).udp(from.port(), to.port());
            plain.write(&mut out, payload).unwrap();
        }
    }
    out
}

/// An RTP packet of payload type 8.
pub fn rtp(ssrc: u32, sequence: u16, timestamp: u32, length: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.resize(length.max(12), 0xd5);
    packet
}

/// An RTCP receiver report without blocks.
pub fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet
}

/// Leaves the UDP checksum of a frame out (IPv4 without options, untagged).
pub fn without_checksum(mut frame: Vec<u8>) -> Vec<u8> {
    frame[40..42].copy_from_slice(&[0, 0]);
    frame
}

pub fn addr(text: &str) -> Option<SocketAddr> {
    Some(text.parse().unwrap())
}
