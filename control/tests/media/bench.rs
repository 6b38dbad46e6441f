//! A media plane with two parties on the wire: what the tests of the media layer stand on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use strait_config::{Config, RealmIndex};
use strait_control::media::limits::CLOSE_TIMEOUT;
use strait_control::media::{BySide, Family, KeptSession, MediaError, MediaPlane, Notice};
use strait_control::media::{SessionId, Side, SideSetup, SlotState};
use strait_control::sdp::Description;
use strait_control::sip::Splices;
use strait_shared::command::{Command, Event};
use strait_shared::geometry::Geometry;
use strait_shared::slot::{Counters, Forwarding, Generation, SlotIndex};
use strait_shared::time::Instant;

pub const ACCESS: RealmIndex = RealmIndex(0);
pub const CORE: RealmIndex = RealmIndex(1);

/// Phones behind NATs on one side, a softswitch on the other; both families on both.
pub const CONFIG: &str = r#"
realms:
  - name: access
    nat: true
    signalling:
      - { transport: udp, address: 192.0.2.1, port: 5060 }
      - { transport: udp, address: "2001:db8::1", port: 5060 }
    media:
      - { address: 192.0.2.1, ports: 20000-20039 }
      - { address: "2001:db8::1", ports: 20000-20039 }
    dscp: 34
    police: { packets_per_second: 200, bytes_per_second: 64000, burst_ms: 200 }
    media_timeout: 60s
    port_quarantine: 5s
    forward_to: [core-1]
  - name: core
    signalling:
      - { transport: udp, address: 10.0.0.254, port: 5060 }
      - { transport: udp, address: "2001:db8:c::254", port: 5060 }
    media:
      - { address: 10.0.0.254, ports: 30000-30039 }
      - { address: "2001:db8:c::254", ports: 30000-30039 }
    media_timeout: 60s
    port_quarantine: 5s
softswitches:
  - { name: core-1, realm: core, address: "10.0.0.1:5060" }
dataplane: { fork_slots: 16, workers: [ { core: null }, { core: null } ] }
"#;

/// What the dataplane would have in a slot.
#[derive(Clone, Copy, Debug)]
pub struct OpenSlot {
    pub generation: Generation,
    pub forwarding: Forwarding,
    /// How many updates asked for a new latch.
    pub rearmed: usize,
}

/// The media plane, and a dataplane that does as it is told and nothing else.
pub struct Bench {
    pub plane: MediaPlane,
    pub geometry: Geometry,
    pub now: Instant,
    pub slots: BTreeMap<SlotIndex, OpenSlot>,
    /// The generation of each slot's last use.
    used: BTreeMap<SlotIndex, Generation>,
    /// Slots closed whose reports are still under way.
    pub unreported: Vec<(SlotIndex, Generation)>,
    /// When each use was closed.
    closed: BTreeMap<(SlotIndex, Generation), Instant>,
    /// What was closed once more.
    pub closed_again: Vec<(SlotIndex, Generation)>,
    /// Slots that turned out not to be open, until they are opened again.
    pub never_opened: BTreeSet<SlotIndex>,
    pub notices: Vec<Notice>,
    /// How many commands have come.
    pub commands: usize,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(CONFIG)
    }

    pub fn with(config: &str) -> Self {
        let config: Config = config.parse().expect("a valid configuration");
        let geometry = strait_config::geometry(&config).expect("a valid geometry");
        Self {
            plane: MediaPlane::new(&config, &geometry, [7; 32]),
            geometry,
            now: Instant::from_millis(1_000),
            slots: BTreeMap::new(),
            used: BTreeMap::new(),
            unreported: Vec::new(),
            closed: BTreeMap::new(),
            closed_again: Vec::new(),
            never_opened: BTreeSet::new(),
            notices: Vec::new(),
            commands: 0,
        }
    }

    /// The table is lost, and with it every use of a slot.
    pub fn lose_table(&mut self) {
        (self.slots, self.used) = Default::default();
        self.closed.clear();
    }

    /// Whatever is open is closed, and nobody hears of it.
    pub fn end_uses(&mut self) {
        self.slots.clear();
    }

    /// Another control goes on with what is kept of a session whose media are gone; what it gives
    /// to do.
    pub fn succeed(&mut self, kept: &KeptSession) -> Vec<Command> {
        let config: Config = CONFIG.parse().expect("a valid configuration");
        self.plane = MediaPlane::new(&config, &self.geometry, [8; 32]);
        let (slots, used) = (&self.slots, &self.used);
        let slots = |slot: SlotIndex| {
            Some(SlotState {
                open: slots.contains_key(&slot),
                generation: used.get(&slot).copied().unwrap_or_default(),
                ..SlotState::default()
            })
        };
        let realm = |number: u16| Some(RealmIndex(number));
        let adopted = self.plane.adopt(self.now, kept, &realm, &slots, false);
        adopted.expect("it fits").expect_err("its media are gone");
        self.plane.go_on_from(&slots);
        let commands: Vec<Command> = std::iter::from_fn(|| self.plane.poll_command()).collect();
        commands.iter().for_each(|command| self.apply(*command));
        commands
    }

    /// A session from a phone to the softswitch, both on IPv4.
    pub fn begin(&mut self) -> SessionId {
        self.begin_between((ACCESS, Family::V4), (CORE, Family::V4))
    }

    pub fn begin_between(
        &mut self,
        caller: (RealmIndex, Family),
        callee: (RealmIndex, Family),
    ) -> SessionId {
        let setup = |(realm, family)| SideSetup { realm, family };
        self.plane.begin(BySide {
            caller: setup(caller),
            callee: setup(callee),
        })
    }

    pub fn offer(&mut self, id: SessionId, by: Side, sdp: &str) -> Result<String, MediaError> {
        let description = Description::parse(sdp.as_bytes()).expect("a description");
        let mut edits = Splices::new();
        let result = self
            .plane
            .offer(self.now, id, by, &description, source(by), &mut edits);
        self.settle();
        result.map(|_| applied(&edits, sdp))
    }

    pub fn answer(&mut self, id: SessionId, by: Side, sdp: &str) -> Result<String, MediaError> {
        let description = Description::parse(sdp.as_bytes()).expect("a description");
        let mut edits = Splices::new();
        let result = self
            .plane
            .answer(self.now, id, by, &description, source(by), &mut edits);
        self.settle();
        result.map(|_| applied(&edits, sdp))
    }

    pub fn rollback(&mut self, id: SessionId) {
        self.plane.rollback(self.now, id);
        self.settle();
    }

    pub fn fork(&mut self, id: SessionId) -> Result<SessionId, MediaError> {
        let fork = self.plane.fork(id);
        self.settle();
        fork
    }

    pub fn confirm(&mut self, id: SessionId) -> Result<(), MediaError> {
        let result = self.plane.confirm(self.now, id);
        self.settle();
        result
    }

    pub fn close(&mut self, id: SessionId) {
        self.plane.close(self.now, id);
        self.settle();
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now += std::time::Duration::from_secs(seconds);
        self.plane.timeout(self.now);
        self.settle();
    }

    /// The dataplane reports what it closed.
    pub fn report_closed(&mut self) {
        for (slot, generation) in std::mem::take(&mut self.unreported) {
            let counters = Counters {
                packets: u64::from(slot.0),
                ..Counters::default()
            };
            self.event(&Event::Closed {
                slot,
                generation,
                counters,
            });
        }
    }

    pub fn event(&mut self, event: &Event) {
        self.plane.event(self.now, event);
        self.settle();
    }

    /// The open slot behind one of our addresses.
    pub fn at(&self, local: &str) -> OpenSlot {
        self.slots[&self.slot_at(local)]
    }

    pub fn slot_at(&self, local: &str) -> SlotIndex {
        self.geometry
            .slot_at(local.parse().expect("an address"))
            .expect("one of ours")
    }

    /// Carries the commands out, and checks that each slot's follow the rules.
    fn settle(&mut self) {
        while let Some(command) = self.plane.poll_command() {
            self.commands += 1;
            self.apply(command);
        }
        while let Some(notice) = self.plane.poll_notice() {
            self.notices.push(notice);
        }
    }

    fn apply(&mut self, command: Command) {
        match command {
            Command::Open {
                slot,
                generation,
                forwarding,
            } => {
                self.check_family(slot, &forwarding);
                self.never_opened.remove(&slot);
                let before = self.used.insert(slot, generation);
                assert!(
                    before < Some(generation),
                    "{slot:?} opened under an old generation"
                );
                let open = OpenSlot {
                    generation,
                    forwarding,
                    rearmed: 0,
                };
                let twice = self.slots.insert(slot, open);
                assert!(twice.is_none(), "{slot:?} opened twice");
            }
            Command::Update {
                slot,
                generation,
                forwarding,
                rearm,
            } => {
                self.check_links_of(slot, &forwarding);
                self.check_family(slot, &forwarding);
                let open = self
                    .slots
                    .get_mut(&slot)
                    .expect("only open slots are updated");
                assert_eq!(open.generation, generation, "{slot:?}");
                assert!(
                    open.forwarding != forwarding || rearm,
                    "an update that changes nothing"
                );
                open.forwarding = forwarding;
                open.rearmed += usize::from(rearm);
            }
            Command::Close { slot, generation } => {
                if self
                    .closed
                    .get(&(slot, generation))
                    .is_some_and(|at| *at + CLOSE_TIMEOUT <= self.now)
                {
                    // Its report is overdue.
                    self.closed_again.push((slot, generation));
                    return;
                }
                self.closed.insert((slot, generation), self.now);
                let open = self
                    .slots
                    .remove(&slot)
                    .expect("only open slots are closed");
                assert_eq!(open.generation, generation, "{slot:?}");
                self.unreported.push((slot, generation));
            }
            Command::Adjacency { .. } => panic!("control resolves no next hops here"),
        }
    }

    /// Once the dataplane has reported and quarantine is over, everything is free again.
    pub fn check_all_given_back(&mut self) {
        assert_eq!(self.slots.len(), 0, "slots left open");
        self.report_closed();
        assert_eq!(self.plane.sessions(), 0, "sessions left");
        for realm in [ACCESS, CORE] {
            let usage = self.plane.port_usage(self.now, realm);
            assert_eq!(usage.free + usage.quarantined, usage.total, "pairs lost");
        }
        assert_eq!(self.plane.next_timeout(), None);
    }

    /// Every port and every spare slot is free.
    pub fn check_everything_free(&self) {
        for realm in [ACCESS, CORE] {
            let usage = self.plane.port_usage(self.now, realm);
            assert_eq!(usage.free, usage.total);
        }
        assert_eq!(
            self.plane.free_spares(self.now),
            self.geometry.fork_slots() as usize / 2
        );
    }

    /// What must hold between any two operations.
    pub fn check_links(&self) {
        for (slot, open) in &self.slots {
            self.check_links_of(*slot, &open.forwarding);
            let peer = open.forwarding.peer;
            if let Some(peer) = peer.filter(|peer| !self.never_opened.contains(peer)) {
                let back = self.slots[&peer].forwarding.peer;
                assert_eq!(back, Some(*slot), "peers point at each other");
            }
        }
    }

    /// What a slot points at is open, and the same worker's.
    /// A worker would not take an address of a family that the slot cannot send to.
    fn check_family(&self, slot: SlotIndex, forwarding: &Forwarding) {
        let port = forwarding.port_of.unwrap_or(slot);
        let local = self.geometry.local(port).expect("a slot with a port");
        let signalled = forwarding.signalled.unwrap_or(local);
        assert_eq!(signalled.is_ipv4(), local.is_ipv4(), "{slot:?}");
    }

    fn check_links_of(&self, slot: SlotIndex, forwarding: &Forwarding) {
        for (name, link) in [
            ("peer", forwarding.peer),
            ("next sibling", forwarding.next_sibling),
            ("port of", forwarding.port_of),
        ] {
            let Some(link) = link.filter(|link| !self.never_opened.contains(link)) else {
                continue;
            };
            let is_open = self.slots.contains_key(&link);
            assert!(is_open, "{name} of {slot:?} is not open");
            let owner = self.geometry.owner(slot);
            assert_eq!(self.geometry.owner(link), owner, "{name} of {slot:?}");
        }
    }
}

/// Where the parties' signalling comes from: the phone's NAT, and the softswitch.
pub fn source(side: Side) -> IpAddr {
    match side {
        Side::Caller => "198.51.100.7".parse().expect("an address"),
        Side::Callee => "10.0.0.1".parse().expect("an address"),
    }
}

fn applied(edits: &Splices, sdp: &str) -> String {
    let mut out = Vec::new();
    edits.apply(sdp.as_bytes(), &mut out);
    String::from_utf8(out).expect("text in, text out")
}

/// `sdp` with our ports shown by name.
pub fn named(sdp: &str) -> String {
    let ports = sdp.lines().filter_map(|line| line.strip_prefix("m="));
    let ports: Vec<u16> = ports
        .map(|line| line.split(' ').nth(1).expect("a port"))
        .map(|port| port.parse().expect("a port"))
        .collect();
    let mut named = sdp.to_owned();
    for (line, port) in ports.iter().enumerate().filter(|(_, port)| **port != 0) {
        named = named.replace(&port.to_string(), &format!("RTP{line}"));
        named = named.replace(&(port + 1).to_string(), &format!("RTCP{line}"));
    }
    named
}

/// Our address and port for one `m=` line of what was relayed, as the party reads them.
pub fn told(sdp: &str, line: usize) -> String {
    let mut session = None;
    let mut lines = Vec::new();
    for text in sdp.lines() {
        if let Some(media) = text.strip_prefix("m=") {
            let port = media.split(' ').nth(1).expect("a port");
            lines.push((port.to_owned(), None));
        } else if let Some(connection) = text.strip_prefix("c=IN ") {
            let ip = connection.split(' ').nth(1).expect("an address").to_owned();
            match lines.last_mut() {
                Some((_, own)) => *own = Some(ip),
                None => session = Some(ip),
            }
        }
    }
    let (port, own) = &lines[line];
    let ip = own.clone().or(session).expect("an address");
    if ip.contains(':') {
        format!("[{ip}]:{port}")
    } else {
        format!("{ip}:{port}")
    }
}

/// What a phone behind a NAT says, with these media lines.
pub fn phone(media: &str) -> String {
    format!("v=0\no=alice 1 1 IN IP4 192.168.1.20\ns=-\nc=IN IP4 192.168.1.20\nt=0 0\n{media}")
}

/// What the softswitch says, with these media lines.
pub fn switch(media: &str) -> String {
    format!("v=0\no=sw 7 7 IN IP4 10.0.0.1\ns=-\nc=IN IP4 10.0.0.1\nt=0 0\n{media}")
}

/// A confirmed call with one audio stream: the bench, the session, and our address towards the
/// caller and the callee.
pub fn talking() -> (Bench, SessionId, String, String) {
    let mut bench = Bench::new();
    let call = bench.begin();
    let offer = bench
        .offer(call, Side::Caller, &phone("m=audio 4000 RTP/AVP 8\n"))
        .unwrap();
    let answer = bench
        .answer(call, Side::Callee, &switch("m=audio 16000 RTP/AVP 8\n"))
        .unwrap();
    bench.confirm(call).unwrap();
    let (to_caller, to_callee) = (told(&answer, 0), told(&offer, 0));
    (bench, call, to_caller, to_callee)
}

/// The RTCP address beside an RTP one of ours.
pub fn rtcp(local: &str) -> String {
    let (ip, port) = local.rsplit_once(':').unwrap();
    format!("{ip}:{}", port.parse::<u16>().unwrap() + 1)
}
