//! A gateway between two networks, and a check on everything it sends: neither side may read an
//! address of the other.

#[path = "secrets.rs"]
pub mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use strait_config::Config;
use strait_control::gateway::io::{
    ConnectionId, Flow, Input, ListenerIndex, LogLine, Lookup, Output, RealmIndex, Transport,
};
use strait_control::gateway::journal::{Before, EntryKey, Restored};
use strait_control::gateway::record::CallRecord;
use strait_control::gateway::{Gateway, WallClock};
use strait_control::media::SlotState;
use strait_shared::command::{Command, Event, RejectReason};
use strait_shared::slot::{Counters, Generation, SlotIndex};
use strait_shared::time::Instant;

use self::secrets::Secrets;

pub const ACCESS: RealmIndex = RealmIndex(0);
pub const CORE: RealmIndex = RealmIndex(1);

/// Phones in 203.0.113.0/24 (their NATs) and 192.168.0.0/16, us at 192.0.2.1 and 2001:db8:a::1;
/// on the other side softswitches in 10.0.0.0/8 and 2001:db8:c::/48, us at 198.51.100.1.
pub const CONFIG: &str = r#"
realms:
  - name: access
    nat: true
    signalling:
      - { transport: udp, address: 192.0.2.1, port: 5060 }
      - { transport: tcp, address: 192.0.2.1, port: 5060 }
      - { transport: udp, address: "2001:db8:a::1", port: 5060 }
    media:
      - { address: 192.0.2.1, ports: 20000-20999 }
      - { address: "2001:db8:a::1", ports: 20000-20999 }
    forward_to: [core-1, core-2]
  - name: core
    signalling:
      - { transport: udp, address: 198.51.100.1, port: 5060 }
      - { transport: tcp, address: 198.51.100.1, port: 5060 }
      - { transport: udp, address: "2001:db8:c::1", port: 5060 }
    media:
      - { address: 198.51.100.1, ports: 30000-30999 }
      - { address: "2001:db8:c::1", ports: 30000-30999 }
softswitches:
  - { name: core-1, realm: core, address: "10.0.0.1:5060", probe: null }
  - { name: core-2, realm: core, address: "10.0.0.2:5060", probe: null }
"#;

/// Controlled gateways instead of phones, and two controllers; the addresses are the same.
pub const GATEWAYS: &str = r#"
realms:
  - name: access
    nat: true
    media: [ { address: 192.0.2.1, ports: 20000-20999 } ]
    gateway_control:
      addresses:
        - { protocol: h248, address: 192.0.2.1, port: 2944 }
        - { protocol: h248, transport: tcp, address: 192.0.2.1, port: 2944 }
      controllers: [ mgc-1, mgc-2 ]
      keepalive: 20s
  - name: core
    media: [ { address: 198.51.100.1, ports: 30000-30999 } ]
    gateway_control:
      addresses:
        - { protocol: h248, address: 198.51.100.1, ports: 31000-31003 }
controllers:
  - { name: mgc-1, realm: core, protocol: h248, address: "10.0.0.1:2944" }
  - { name: mgc-2, realm: core, protocol: h248, address: "10.0.0.2:2944" }
"#;

/// Somebody who sends and receives.
#[derive(Clone, Copy, Debug)]
pub struct Party {
    pub flow: Flow,
}

/// A message as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub flow: Flow,
    pub text: String,
}

/// Everything that came out since it was last asked.
#[derive(Debug, Default)]
pub struct Outcome {
    pub sent: Vec<Sent>,
    pub commands: Vec<Command>,
    pub records: Vec<CallRecord>,
    pub logs: Vec<LogLine>,
    pub closed: Vec<ConnectionId>,
    pub lookups: Vec<Lookup>,
    pub in_order: Vec<Output>,
}

pub struct World {
    pub gateway: Gateway,
    pub now: Instant,
    /// What must not be read in what is sent.
    pub secrets: Secrets,
    /// Slots that media may pass.
    pub open: Vec<(SlotIndex, Generation)>,
    /// Those of them that let media in.
    pub gates: BTreeSet<SlotIndex>,
    /// The last use of each slot that was ever open.
    uses: BTreeMap<SlotIndex, Generation>,
    closing: Vec<(SlotIndex, Generation)>,
    config: Arc<Config>,
    clock: WallClock,
    /// The calendar of whoever wrote the journal.
    written_by: WallClock,
    lives: u8,
    /// What the gateway has had kept; and the same before the last input.
    pub journal: Journal,
    pub journal_before: Journal,
}

pub type Journal = BTreeMap<EntryKey, Vec<u8>>;

impl World {
    pub fn new() -> Self {
        Self::with(CONFIG)
    }

    pub fn with(config: &str) -> Self {
        let config: Config = config.parse().unwrap_or_else(|report| panic!("{report:?}"));
        Self::of(Arc::new(config))
    }

    pub fn of(config: Arc<Config>) -> Self {
        // 2024-01-02T03:04:05Z
        let clock = WallClock {
            unix_ns_at_zero: 1_704_164_645_000_000_000,
        };
        let now = Instant::from_millis(1_000);
        let none = |_: SlotIndex| None;
        let before = Before::default();
        let made = Gateway::restore(config.clone(), [42; 32], clock, now, before, &none);
        Self {
            gateway: made.unwrap().0,
            now,
            secrets: Secrets::All,
            open: Vec::new(),
            gates: BTreeSet::new(),
            uses: BTreeMap::new(),
            closing: Vec::new(),
            config,
            clock,
            written_by: clock,
            lives: 0,
            journal: Journal::new(),
            journal_before: Journal::new(),
        }
    }

    /// Control is killed, and a successor takes up what `journal` holds; the dataplane lives on.
    /// Slots that the successor does not know are closed.
    pub fn crash(&mut self, journal: Journal) -> (Restored, Outcome) {
        self.lives += 1;
        let before = Before {
            entries: journal.clone().into_iter().collect(),
            alive_unix_ms: Some(self.unix_ms(self.written_by)),
        };
        self.written_by = self.clock;
        let (open, gates, uses) = (self.open.clone(), self.gates.clone(), self.uses.clone());
        let slots = |slot: SlotIndex| {
            let generation = uses.get(&slot).copied().unwrap_or_default();
            Some(SlotState {
                open: open.contains(&(slot, generation)),
                accepts: gates.contains(&slot),
                generation,
                ..SlotState::default()
            })
        };
        let seed = [42 + self.lives; 32];
        let config = self.config.clone();
        let made = Gateway::restore(config, seed, self.clock, self.now, before, &slots);
        let (gateway, restored) = made.unwrap();
        (self.gateway, self.journal) = (gateway, journal);
        let gateway = &mut self.gateway;
        let known = |(slot, generation): &(_, _)| gateway.has_open(*slot, *generation);
        let unknown = self.open.extract_if(.., |open| !known(open));
        let closed: Vec<SlotIndex> = unknown.map(|(slot, _)| slot).collect();
        gateway.inherit(self.now, &closed, &slots);
        let outcome = self.drain();
        (restored, outcome)
    }

    /// Somebody sets the calendar: the next control sees it.
    pub fn set_calendar_back(&mut self, by: Duration) {
        self.clock.unix_ns_at_zero -= by.as_nanos() as i128;
    }

    fn unix_ms(&self, clock: WallClock) -> u64 {
        let unix_ns = clock.unix_ns_at_zero + i128::from(self.now.as_nanos());
        u64::try_from(unix_ns / 1_000_000).expect("after 1970")
    }

    /// The same, with the region lost as well.
    pub fn crash_all(&mut self) -> (Restored, Outcome) {
        (self.open, self.uses) = Default::default();
        self.crash(self.journal.clone())
    }

    /// Somebody in a realm, on the first listener of that transport and family.
    pub fn party(&self, realm: RealmIndex, transport: Transport, remote: &str) -> Party {
        let remote: SocketAddr = remote.parse().unwrap();
        let listener = match (transport, remote) {
            (Transport::Udp, SocketAddr::V4(_)) => ListenerIndex(0),
            (Transport::Tcp, _) => ListenerIndex(1),
            (Transport::Udp, SocketAddr::V6(_)) => ListenerIndex(2),
        };
        let connection =
            (transport == Transport::Tcp).then(|| ConnectionId(u64::from(remote.port())));
        Party {
            flow: Flow {
                realm,
                listener,
                transport,
                remote,
                connection,
            },
        }
    }

    pub fn phone(&self, remote: &str) -> Party {
        self.party(ACCESS, Transport::Udp, remote)
    }

    pub fn softswitch(&self, number: u8) -> Party {
        self.party(CORE, Transport::Udp, &format!("10.0.0.{number}:5060"))
    }

    /// A party sends a message, its lines separated by `\n`.
    pub fn send(&mut self, from: Party, text: &str) -> Outcome {
        self.send_bytes(from, wire(text).as_bytes())
    }

    pub fn send_bytes(&mut self, from: Party, bytes: &[u8]) -> Outcome {
        self.input(Input::Message {
            flow: from.flow,
            bytes,
        })
    }

    pub fn input(&mut self, input: Input) -> Outcome {
        self.journal_before = self.journal.clone();
        self.gateway.receive(self.now, input);
        self.drain()
    }

    /// Lets time pass, waking the gateway when it wants to be woken.
    pub fn wait(&mut self, time: Duration) -> Outcome {
        let end = self.now + time;
        let mut outcome = Outcome::default();
        while let Some(due) = self.gateway.next_timeout().filter(|due| *due <= end) {
            assert!(
                due >= self.now || self.now.since(due) < Duration::from_secs(2),
                "stuck"
            );
            self.now = self.now.max(due);
            self.gateway.timeout(self.now);
            outcome.extend(self.drain());
        }
        self.now = end;
        outcome
    }

    fn drain(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        let mut said = false;
        while let Some(output) = self.gateway.poll_output() {
            match &output {
                Output::Send { flow, bytes } => {
                    said |= bytes.windows(8).any(|piece| piece == b"m=audio ");
                    secrets::check(flow.realm, bytes, self.secrets);
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    outcome.sent.push(Sent { flow: *flow, text });
                }
                Output::Media(command) => {
                    // Whoever is told may send at once: what it may pass is open by then.
                    let opens = matches!(command, Command::Open { .. });
                    assert!(!(said && opens), "{command:?} behind what speaks of it");
                    outcome.commands.push(*command);
                    self.apply(*command);
                }
                Output::Record(record) => outcome.records.push((**record).clone()),
                Output::Log(line) => outcome.logs.push(line.clone()),
                Output::Close(connection) => outcome.closed.push(*connection),
                Output::Resolve(lookup) => outcome.lookups.push(lookup.clone()),
            }
            outcome.in_order.push(output);
        }
        for change in self.gateway.journal(self.now) {
            match change.value {
                Some(value) => self.journal.insert(change.key, value),
                None => self.journal.remove(&change.key),
            };
        }
        outcome.extend(self.report_closed());
        outcome
    }

    /// Plays the dataplane: slots open, and report when they close.
    fn apply(&mut self, command: Command) {
        match command {
            Command::Open {
                slot, forwarding, ..
            }
            | Command::Update {
                slot, forwarding, ..
            } => {
                self.gates.remove(&slot);
                self.gates.extend(forwarding.accept.then_some(slot));
            }
            Command::Close { slot, .. } => {
                self.gates.remove(&slot);
            }
            Command::Adjacency { .. } => {}
        }
        match command {
            Command::Open {
                slot, generation, ..
            } => {
                self.open.push((slot, generation));
                self.uses.insert(slot, generation);
            }
            Command::Close { slot, generation } => {
                let place = self
                    .open
                    .iter()
                    .position(|open| *open == (slot, generation));
                self.open
                    .remove(place.expect("only what is open is closed"));
                self.closing.push((slot, generation));
            }
            Command::Update { .. } | Command::Adjacency { .. } => {}
        }
    }

    /// The dataplane says that it did not apply a command: nothing is open then, as it sees it.
    pub fn refuse(&mut self, command: &Command, reason: RejectReason) -> Outcome {
        let gone = match *command {
            Command::Open {
                slot, generation, ..
            } => Some((slot, generation)),
            Command::Update {
                slot, generation, ..
            } if reason == RejectReason::Stale => Some((slot, generation)),
            _ => None,
        };
        self.open.retain(|open| Some(*open) != gone);
        // A close that was damaged on its way has closed nothing.
        if let (Command::Close { slot, generation }, RejectReason::Malformed) = (*command, reason)
            && !self.open.contains(&(slot, generation))
        {
            self.open.push((slot, generation));
        }
        let command = *command;
        self.input(Input::MediaRejected { command, reason })
    }

    fn report_closed(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        for (slot, generation) in std::mem::take(&mut self.closing) {
            let counters = Counters {
                packets: 50,
                bytes: 8_600,
                ..Counters::default()
            };
            let event = Event::Closed {
                slot,
                generation,
                counters,
            };
            outcome.extend(self.input(Input::Media(event)));
        }
        outcome
    }
}

impl Outcome {
    pub fn extend(&mut self, more: Outcome) {
        self.sent.extend(more.sent);
        self.commands.extend(more.commands);
        self.records.extend(more.records);
        self.logs.extend(more.logs);
        self.closed.extend(more.closed);
        self.lookups.extend(more.lookups);
        self.in_order.extend(more.in_order);
    }

    /// What was sent to a party.
    pub fn to(&self, party: Party) -> Vec<&str> {
        let to = |sent: &&Sent| {
            (sent.flow.realm, sent.flow.remote) == (party.flow.realm, party.flow.remote)
        };
        self.sent
            .iter()
            .filter(to)
            .map(|sent| sent.text.as_str())
            .collect()
    }

    /// The one message that was sent to a party.
    #[track_caller]
    pub fn only(&self, party: Party) -> &str {
        let all = self.to(party);
        assert_eq!(
            all.len(),
            1,
            "one message to {:?}: {self:#?}",
            party.flow.remote
        );
        all[0]
    }

    /// The last message that was sent to a party.
    #[track_caller]
    pub fn last(&self, party: Party) -> &str {
        self.to(party)
            .last()
            .unwrap_or_else(|| panic!("nothing to {party:?}: {self:#?}"))
    }
}

/// A message as it travels: CRLF, Content-Length filled in where it says `auto`.
pub fn wire(text: &str) -> String {
    let text = text.trim_start_matches('\n');
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let head = head.replace('\n', "\r\n");
    let body = if body == "\n" {
        String::new()
    } else {
        body.replace('\n', "\r\n")
    };
    let length = format!("Content-Length: {}", body.len());
    format!(
        "{}\r\n\r\n{body}",
        head.replace("Content-Length: auto", &length)
    )
}

/// The value of a header in a message that was sent; the first of its name.
#[track_caller]
pub fn header<'a>(message: &'a str, name: &str) -> &'a str {
    find(message, name).unwrap_or_else(|| panic!("no {name} in:\n{message}"))
}

pub fn find<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let head = message.split("\r\n\r\n").next()?;
    head.split("\r\n").skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The first line.
pub fn start(message: &str) -> &str {
    message.split("\r\n").next().unwrap_or_default()
}

/// What stands between two marks.
#[track_caller]
pub fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before:?} in {text}"))
        .1;
    rest.split(after).next().unwrap_or(rest)
}
