//! A worker between frames from anybody and a region that anybody writes.

use strait_shared::command::{CommandId, Event, NextHop};
use strait_shared::fuzz::{Bytes, Liar};
use strait_shared::geometry::{Geometry, LocalAddress, Sizes, WorkerIndex};
use strait_shared::region::{ControlEnd, Region};
use strait_shared::slot::{AdjacencyIndex, EgressPort, SlotIndex};
use strait_shared::time::Instant;

use super::frames::{self, Built};
use super::orders;
use crate::frame::Frame;
use crate::limits::{BURST, COMMANDS_PER_BREATH};
use crate::relay::{Egress, Owner, Relay};
use crate::wire::MacAddress;

/// Records in either ring.
const RING_CAPACITY: u32 = 8;
/// More events than one breath puts on the ring.
const EVENTS_MAX: usize = 2 * RING_CAPACITY as usize;

/// Gives a worker what `data` says: commands, well made and damaged; frames, well made and not;
/// words written into its region; its death and a successor; time.
///
/// # Panics
/// When a promise is broken: every frame is dropped or sent, once; what is sent can be read, its
/// checksum right where it came with a right one; where no slot is open nothing is sent; a breath
/// ends; and as long as nobody lies, every command is answered and no ring is broken.
pub fn worker(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let mut bench = Bench::new();
    while !bytes.is_empty() {
        bench.step(&mut bytes);
        bench.check();
    }
}

struct Bench {
    region: Region,
    liar: Liar,
    control: ControlEnd,
    relay: Relay,
    owner: Option<Owner>,
    frames: Vec<Frame>,
    now: Instant,
    lied: bool,
    commands: u64,
}

impl Bench {
    fn new() -> Self {
        let region = Region::create(geometry()).expect("memory for a small region");
        let next_hop = Some(NextHop {
            egress_port: EgressPort(0),
            mac: [2, 0, 0, 0, 0, 2],
        });
        for index in (0..region.geometry().adjacencies()).map(AdjacencyIndex) {
            let set = region.adjacencies().set(index, next_hop);
            set.expect("an adjacency of the geometry");
        }
        let now = Instant::from_millis(10_000);
        Self {
            liar: Liar::new(&region),
            control: region.control().expect("a fresh region"),
            relay: relay(&region),
            owner: owner(&region, now),
            frames: std::iter::repeat_with(Frame::new).take(BURST).collect(),
            region,
            now,
            lied: false,
            commands: 0,
        }
    }

    fn step(&mut self, bytes: &mut Bytes) {
        match bytes.byte() % 8 {
            0 | 1 => self.command(bytes),
            2 | 3 => self.burst(bytes),
            4 => self.breathe(),
            5 => {
                let ms = u64::from(bytes.u16());
                self.now += std::time::Duration::from_millis(ms);
                self.breathe();
            }
            6 => self.succeed(),
            _ => {
                self.lied = true;
                self.liar.lie(bytes, true);
            }
        }
    }

    /// Control gives a command, which may be damaged on its way.
    fn command(&mut self, bytes: &mut Bytes) {
        self.commands += 1;
        let mut record = orders::command(bytes).encode(CommandId(self.commands));
        if bytes.byte().is_multiple_of(8) {
            let word = bytes.below(record.len());
            record[word] = bytes.u64();
        }
        match self.control.commands[0].push(&record) {
            Ok(()) => {}
            Err(_) => self.breathe(),
        }
    }

    /// Frames arrive, and those that depart are sent.
    fn burst(&mut self, bytes: &mut Bytes) {
        let count = 1 + bytes.below(BURST);
        let mut built = [Built::Raw; BURST];
        let mut filled = 0;
        while filled < count && !bytes.is_empty() {
            built[filled] = frames::fill(&mut self.frames[filled], bytes);
            filled += 1;
        }
        let open = self.open_slots();
        self.relay.process(&mut self.frames[..filled], self.now);
        let departing = self.relay.departing(EgressPort(0));
        assert!(open > 0 || departing.is_empty(), "media without signalling");
        let mut seen = [false; BURST];
        for &index in departing {
            let index = usize::from(index);
            assert!(!std::mem::replace(&mut seen[index], true), "sent twice");
            frames::check(self.frames[index].bytes(), built[index]);
        }
        let sent = departing.len();
        self.relay.departed(EgressPort(0), sent, &self.frames);
    }

    /// The worker's turn; control takes what it reports.
    fn breathe(&mut self) {
        if let Some(owner) = &mut self.owner {
            let turn = owner.work(self.relay.notices(), self.now);
            assert!(turn.commands <= COMMANDS_PER_BREATH);
            assert!(self.lied || owner.broken().is_none());
        }
        for _ in 0..EVENTS_MAX {
            match self.control.events[0].pop() {
                Ok(Some(record)) => assert!(self.lied || Event::decode(&record).is_ok()),
                Ok(None) => break,
                Err(error) => {
                    assert!(self.lied, "{error}");
                    break;
                }
            }
        }
    }

    /// The worker dies; the next one takes over, unless a ring is beyond belief.
    fn succeed(&mut self) {
        self.owner = None;
        self.owner = owner(&self.region, self.now);
        self.relay = relay(&self.region);
        assert!(self.lied || self.owner.is_some());
    }

    fn check(&self) {
        let tally = self.relay.tally();
        assert_eq!(tally.received, tally.sent + tally.all_dropped());
        if let Some(owner) = &self.owner {
            assert!(owner.open_slots() <= self.region.geometry().slots() as usize);
            assert!(self.lied || owner.open_slots() == self.open_slots());
        }
    }

    fn open_slots(&self) -> usize {
        let table = self.region.table();
        let slots = (0..table.len()).filter_map(|slot| table.slot(SlotIndex(slot)));
        let views = slots.filter_map(|slot| slot.view());
        views.filter(|view| view.is_open()).count()
    }
}

fn owner(region: &Region, now: Instant) -> Option<Owner> {
    let end = region.worker(WorkerIndex(0)).ok()?;
    Some(Owner::new(end, now).0)
}

fn relay(region: &Region) -> Relay {
    let egress = Egress {
        mac: MacAddress::default(),
        frame_bytes_max: 1_518,
    };
    Relay::new(
        region.table(),
        region.adjacencies(),
        region.geometry(),
        &[egress],
    )
}

/// Four ports of each family, two spare slots.
fn geometry() -> Geometry {
    let local = |ip: &str| LocalAddress {
        ip: ip.parse().expect("a literal"),
        vlan: None,
        first_port: frames::FIRST_PORT,
        last_port: frames::FIRST_PORT + 3,
        egress_port: EgressPort(0),
    };
    let sizes = Sizes {
        workers: 1,
        addresses: vec![local(frames::OWN_V4), local(frames::OWN_V6)],
        fork_slots: 2,
        ring_capacity: RING_CAPACITY,
        adjacencies: 2,
    };
    Geometry::new(sizes).expect("sizes that fit")
}
