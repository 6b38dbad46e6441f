//! Parties that answer anything with anything, a dataplane that reports anything, and time: what
//! they do is somebody else's choice. After every step nothing has broken, nothing has leaked and
//! no more is held than was asked for; in the end nothing is left.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use strait_config::Config;
use strait_control::gateway::io::{
    CallNumber, ConnectionId, Flow, Hop, Input, Lookup, LookupError, OperatorCommand, Transport,
};
use strait_control::sip::{Frame, Framer};
use strait_shared::command::{Command, Event, RejectReason};
use strait_shared::fuzz::Bytes;
use strait_shared::slot::{Counters, Generation, SlotIndex};

use crate::choices::Choices;
use crate::texts::REGISTER;
use crate::utterances::{answer, beginning, damaged, follow_up, spoken};
use crate::world::secrets::{Secrets, is_hearsay};
use crate::world::{ACCESS, CONFIG, Journal, Outcome, Party, Sent, World, find, start};

/// Sends that are still to be reacted to, and commands to be refused.
const POOL: usize = 48;

/// Things that happen in one run of the fuzzer's.
const STEPS: usize = 200;

/// Things of one kind that one input may have the gateway hold: early dialogs of an INVITE that
/// forks each have a dialog, a session and timers.
const HELD_PER_INPUT: usize = 24;

/// Messages that one input may lead to, and for everything there is.
const SENT_PER_INPUT: usize = 16;

/// What a request needs so that a party here can answer it.
const READ: [&str; 5] = ["Via", "From", "To", "Call-ID", "CSeq"];

/// A world and what has happened in it.
pub struct Anybody<C> {
    pub world: World,
    pub choices: C,
    serving: bool,
    pool: Vec<Sent>,
    commands: VecDeque<Command>,
    streams: Vec<Stream>,
    count: u32,
    inputs: usize,
    records: usize,
    /// Calls of the processes before.
    calls: u64,
    /// Whether no call was lost with its journal.
    accountable: bool,
}

/// A TCP connection's bytes.
struct Stream {
    party: Party,
    framer: Framer,
}

/// The usual configuration, read once.
pub fn usual() -> Arc<Config> {
    static USUAL: OnceLock<Arc<Config>> = OnceLock::new();
    let config = USUAL.get_or_init(|| Arc::new(CONFIG.parse().expect("a valid configuration")));
    config.clone()
}

/// The body of the fuzz target: whatever `data` chooses.
pub fn sequence(data: &[u8]) {
    let mut anybody = Anybody::new(Bytes::new(data));
    for _ in 0..STEPS {
        if anybody.choices.is_over() {
            break;
        }
        anybody.step();
    }
    anybody.end();
}

/// The same, with the phones' realm a SIP server for its own address and a domain.
fn serving() -> Arc<Config> {
    let serve = "forward_to: [core-1, core-2]\n    serve:\n      domains: [ example.net ]\n      \
                 steering: { judge: arrival, mismatch: altc }\n      \
                 towards: [ { domain: example.com, mismatch: redirect } ]";
    let text = CONFIG.replace("forward_to: [core-1, core-2]", serve);
    Arc::new(text.parse().expect("a valid configuration"))
}

impl<C: Choices> Anybody<C> {
    pub fn new(choices: C) -> Self {
        Self::at(usual(), false, choices)
    }

    /// With a gateway that is a SIP server, and a user who has registered three phones there.
    pub fn at_a_server(choices: C) -> Self {
        let mut anybody = Self::at(serving(), true, choices);
        for (port, line) in [(40_000, "1"), (40_001, "2"), (40_002, "3")] {
            let phone = anybody.world.phone(&format!("203.0.113.7:{port}"));
            let text = REGISTER.replace("reg1", &format!("reg1{line}"));
            let text = text.replace("reg-1", &format!("reg-1{line}"));
            anybody.send(phone, &text.replace(";ob>", &format!(";ob;line={line}>")));
        }
        anybody
    }

    fn at(config: Arc<Config>, serving: bool, choices: C) -> Self {
        Self {
            serving,
            world: World::of(config),
            choices,
            pool: Vec::new(),
            commands: VecDeque::new(),
            streams: Vec::new(),
            count: 0,
            inputs: 0,
            records: 0,
            calls: 0,
            accountable: true,
        }
    }

    /// Something happens.
    pub fn step(&mut self) {
        match self.choices.below(16) {
            0 => self.begin(),
            1 => {
                let ms = self.choices.pick(&[1, 100, 600, 5_000, 40_000]);
                self.pass(Duration::from_millis(ms));
            }
            2 => self.media(),
            3 => self.fail(),
            4 => self.reject(),
            5 => self.speak_freely(),
            6 => self.stream(),
            7 => self.crash(),
            _ if self.pool.is_empty() => self.begin(),
            _ => self.react(),
        }
        self.check();
    }

    fn take(&mut self, outcome: Outcome) {
        self.records += outcome.records.len();
        self.pool.extend(outcome.sent);
        self.commands.extend(outcome.commands);
        let excess = self.pool.len().saturating_sub(POOL);
        self.pool.drain(..excess);
        let excess = self.commands.len().saturating_sub(POOL);
        self.commands.drain(..excess);
        for connection in outcome.closed {
            self.streams
                .retain(|stream| stream.party.flow.connection != Some(connection));
        }
    }

    /// The DNS knows, lies, fails, or says nothing.
    fn resolve(&mut self, lookups: Vec<Lookup>) {
        for lookup in lookups {
            let hop = |address: &str| Hop {
                transport: Transport::Udp,
                address: address.parse().expect("an address"),
            };
            let answer = match self.choices.below(6) {
                0 => Ok(vec![hop("203.0.113.77:5060"), hop("[2001:db8:77::1]:5060")]),
                1 => Ok(vec![hop("[2001:db8:77::1]:5060")]),
                2 => Ok(vec![hop("192.0.2.1:5060"), hop("203.0.113.78:5070")]),
                3 => Err(LookupError::NoSuchDomain),
                4 => Err(LookupError::Failed),
                _ => continue,
            };
            let id = lookup.id;
            self.input(Input::Resolved { id, answer });
        }
    }

    fn input(&mut self, input: Input) {
        self.inputs += 1;
        let held = self.world.gateway.sizes();
        let held = held.calls + held.dialogs + held.registrations + held.exchanges;
        let outcome = self.world.input(input);
        let sent = outcome.sent.len();
        assert!(
            sent <= SENT_PER_INPUT * (1 + held),
            "{sent} messages at once"
        );
        self.resolve(outcome.lookups.clone());
        self.take(outcome);
    }

    fn pass(&mut self, time: Duration) {
        let outcome = self.world.wait(time);
        self.take(outcome);
    }

    fn phone(&mut self) -> Party {
        let port = 40_000 + self.choices.below(3) as u16;
        let transport = match self.choices.once_in(4) {
            true => Transport::Tcp,
            false => Transport::Udp,
        };
        let remote = match transport == Transport::Udp && self.choices.once_in(8) {
            true => format!("[2001:db8:a::7]:{port}"),
            false => format!("203.0.113.7:{port}"),
        };
        self.world.party(ACCESS, transport, &remote)
    }

    fn anyone(&mut self) -> Party {
        match self.choices.once_in(4) {
            true => self.world.softswitch(1 + self.choices.below(2) as u8),
            false => self.phone(),
        }
    }

    /// Somebody begins something.
    fn begin(&mut self) {
        self.count += 1;
        let from = self.anyone();
        let from_core = from.flow.realm != ACCESS;
        let mut text = beginning(&mut self.choices, self.count, from_core);
        if self.serving {
            // To whoever has registered, or to another domain.
            let callee = self.choices.pick(&[
                "alice@192.0.2.1",
                "alice@192.0.2.1",
                "alice@example.net",
                "bob@example.org",
                "bob@example.com",
            ]);
            text = text.replace("sip:bob@192.0.2.1", &format!("sip:{callee}"));
        }
        self.send(from, &text);
    }

    /// Whoever got a message does something about it.
    fn react(&mut self) {
        let place = self.choices.below(self.pool.len());
        let sent = self.pool[place].clone();
        let party = Party { flow: sent.flow };
        self.count += 1;
        if start(&sent.text).starts_with("SIP/2.0") {
            let text = follow_up(&mut self.choices, self.count, &sent.text);
            text.into_iter().for_each(|text| self.send(party, &text));
        } else if READ.iter().all(|name| find(&sent.text, name).is_some()) {
            let text = answer(&mut self.choices, party, &sent.text);
            self.send(party, &text);
        }
    }

    /// What is said from now on keeps no more than these secrets.
    fn distrust(&mut self, secrets: Secrets) {
        if self.world.secrets != Secrets::None {
            self.world.secrets = secrets;
        }
    }

    /// Sends a message, which may be damaged on its way or come twice.
    fn send(&mut self, from: Party, text: &str) {
        let mut message = spoken(from, text);
        if self.choices.once_in(12) {
            message = damaged(&mut self.choices, &message);
            self.distrust(Secrets::Known);
        }
        for _ in 0..1 + usize::from(self.choices.once_in(6)) {
            self.deliver(from, &message);
        }
    }

    /// A message arrives, unless it tells what its sender cannot know.
    fn deliver(&mut self, from: Party, bytes: &[u8]) {
        let flow = from.flow;
        if !is_hearsay(flow.realm, flow.remote.ip(), bytes) {
            self.input(Input::Message { flow, bytes });
        }
    }

    /// Somebody sends bytes of his own.
    fn speak_freely(&mut self) {
        let from = self.anyone();
        let length = self.choices.below(0x200);
        let bytes = self.choices.bytes(length);
        self.distrust(Secrets::Known);
        self.deliver(from, &bytes);
    }

    /// Bytes come on a connection: a message in pieces, or anything.
    fn stream(&mut self) {
        let port = 40_000 + self.choices.below(2) as u16;
        let remote = format!("203.0.113.7:{port}");
        let party = self.world.party(ACCESS, Transport::Tcp, &remote);
        let known = self
            .streams
            .iter()
            .position(|stream| stream.party.flow == party.flow);
        let place = known.unwrap_or_else(|| {
            self.streams.push(Stream {
                party,
                framer: Framer::new(),
            });
            self.streams.len() - 1
        });
        if known.is_none() {
            self.input(Input::Connected { flow: party.flow });
        }
        let length = self.choices.below(0x80);
        let own = self.choices.bytes(length);
        self.count += 1;
        let bytes = match self.choices.once_in(2) {
            true => own,
            false => spoken(party, &beginning(&mut self.choices, self.count, false)),
        };
        self.distrust(Secrets::Known);
        let Some(stream) = self.streams.get_mut(place) else {
            return;
        };
        stream.framer.push(&bytes);
        let mut messages = Vec::new();
        let broken = loop {
            match stream.framer.next() {
                Ok(Some(Frame::Message(message))) => messages.push(message.to_vec()),
                Ok(Some(Frame::Ping | Frame::Pong)) => messages.push(Vec::new()),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        for message in messages {
            match message.is_empty() {
                true => self.input(Input::KeepAlive { flow: party.flow }),
                false => self.deliver(party, &message),
            }
        }
        if broken {
            self.hang_up(party.flow.connection);
        }
    }

    fn hang_up(&mut self, connection: Option<ConnectionId>) {
        self.streams
            .retain(|stream| stream.party.flow.connection != connection);
        if let Some(connection) = connection {
            self.input(Input::Disconnected { connection });
        }
    }

    /// Something outside goes wrong, or the operator has a wish.
    fn fail(&mut self) {
        let party = self.anyone();
        match self.choices.below(6) {
            0 => self.hang_up(party.flow.connection),
            1 => {
                let Some(sent) = self.pool.last() else { return };
                let branch = find(&sent.text, "Via").and_then(|via| via.split("branch=").nth(1));
                let branch = branch.map(|branch| branch.split(';').next().unwrap_or("").into());
                let flow: Flow = sent.flow;
                self.input(Input::SendFailed { flow, branch });
            }
            2 => {
                let backlog = self.choices.once_in(2);
                self.world.gateway.set_media_backlog(backlog);
            }
            3 => self.input(Input::KeepAlive { flow: party.flow }),
            4 => self.input(Input::Connected { flow: party.flow }),
            _ => {
                let number = CallNumber(self.choices.below(8) as u64);
                self.input(Input::Operator(OperatorCommand::EndCall(number)));
            }
        }
    }

    /// The dataplane reports: about an open slot, or about any.
    fn media(&mut self) {
        let open = self.world.open.clone();
        let (slot, generation) = match open.is_empty() || self.choices.once_in(4) {
            true => {
                let slot = SlotIndex(self.choices.below(5_000) as u32);
                (slot, Generation(self.choices.below(4) as u32))
            }
            false => self.choices.pick(&open),
        };
        let source = ([203, 0, 113, 7], 4_000).into();
        let event = match self.choices.below(7) {
            0 => Event::Heard { slot, generation },
            1 => Event::Latched {
                slot,
                generation,
                source,
            },
            2 => Event::Refused {
                slot,
                generation,
                source,
                count: 7,
            },
            3 if !open.contains(&(slot, generation)) => Event::Closed {
                slot,
                generation,
                counters: Counters::default(),
            },
            4 => Event::Late { slot, generation },
            _ => Event::Silent { slot, generation },
        };
        self.input(Input::Media(event));
    }

    /// A command that was given lately comes back: the slot it opened is not open then.
    fn reject(&mut self) {
        if self.commands.is_empty() {
            return;
        }
        let place = self.choices.below(self.commands.len());
        let Some(command) = self.commands.remove(place) else {
            return;
        };
        let reason = self.choices.pick(&[
            RejectReason::Malformed,
            RejectReason::Occupied,
            RejectReason::Stale,
            RejectReason::Family,
        ]);
        self.inputs += 1;
        let outcome = self.world.refuse(&command, reason);
        self.take(outcome);
    }

    /// Control is killed; its successor finds the journal, which may have been damaged.
    fn crash(&mut self) {
        let mut journal: Journal = self.world.journal.clone();
        if self.choices.once_in(4) {
            journal = self.world.journal_before.clone();
            self.accountable = false;
        }
        if self.choices.once_in(4) && !journal.is_empty() {
            let place = self.choices.below(journal.len());
            let entry = journal.values_mut().nth(place);
            let damage = |entry: &mut Vec<u8>| *entry = damaged(&mut self.choices, entry);
            entry.into_iter().for_each(damage);
            self.distrust(Secrets::None);
            self.accountable = false;
        }
        self.calls += self.world.gateway.counters().calls;
        let (_, outcome) = self.world.crash(journal);
        self.streams.clear();
        // Nobody knows any more what the numbers of the dead process's commands stood for.
        self.commands.clear();
        self.take(outcome);
    }

    /// No more is held than was asked for.
    fn check(&self) {
        let sizes = self.world.gateway.sizes();
        let allowed = HELD_PER_INPUT * (1 + self.inputs);
        let held = [
            sizes.calls,
            sizes.dialogs,
            sizes.registrations,
            sizes.exchanges,
            sizes.tokens,
            sizes.sessions,
            sizes.server_transactions,
            sizes.client_transactions,
            sizes.timers,
            self.world.open.len(),
        ];
        assert!(held.iter().all(|held| *held <= allowed), "{sizes:?}");
    }

    /// Time runs out. Returns how many calls were begun.
    pub fn end(mut self) -> u64 {
        self.pass(Duration::from_secs(4_000));
        self.input(Input::Operator(OperatorCommand::EndAllCalls));
        self.pass(Duration::from_secs(8_000));
        let sizes = self.world.gateway.sizes();
        let left = [
            sizes.calls,
            sizes.dialogs,
            sizes.registrations,
            sizes.exchanges,
            sizes.exchange_bytes,
            sizes.tokens,
            sizes.sessions,
            sizes.server_transactions,
            sizes.client_transactions,
            sizes.timers,
        ];
        assert_eq!(left, [0; 10], "something is left: {sizes:?}");
        assert!(self.world.open.is_empty(), "media is left open");
        let calls = self.calls + self.world.gateway.counters().calls;
        if self.accountable {
            assert_eq!(calls, self.records as u64, "one record a call");
        }
        calls
    }
}
