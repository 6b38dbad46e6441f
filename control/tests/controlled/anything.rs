//! Gateways and controllers that say anything: nothing breaks, nothing leaks, nothing is left.

use std::time::Duration;

use strait_control::gateway::io::{
    Flow, Input, ListenerIndex, OperatorCommand, RealmIndex, Transport,
};
use strait_shared::command::Event;
use strait_shared::fuzz::Bytes;

use crate::choices::Choices;
use crate::world::secrets::Secrets;
use crate::world::{ACCESS, CORE, GATEWAYS, Journal, Outcome, Party, World};

/// Things that happen in one run.
pub const STEPS: usize = 100;

/// Messages that wait for somebody to react.
const POOL: usize = 16;

/// What one input may have made at most.
const HELD_PER_INPUT: usize = 64;

/// Gateways as they are heard, and as they call themselves.
const GATES: [(&str, &str); 3] = [
    ("203.0.113.7:40001", "[192.168.1.5]:2944"),
    ("203.0.113.7:40002", "<gw.example.net>"),
    ("203.0.113.8:40001", "[192.168.1.5]:2944"),
];

/// A gateway between people who say anything.
pub struct Anything<C> {
    pub choices: C,
    world: World,
    pool: Vec<(Party, String)>,
    inputs: usize,
    calls: u64,
    records: u64,
    accountable: bool,
}

impl<C: Choices> Anything<C> {
    pub fn new(choices: C) -> Self {
        Self {
            choices,
            world: World::with(GATEWAYS),
            pool: Vec::new(),
            inputs: 0,
            calls: 0,
            records: 0,
            accountable: true,
        }
    }

    /// Something happens.
    pub fn step(&mut self) {
        match self.choices.below(16) {
            0 | 1 => self.register(),
            2..=5 => self.command(),
            6 => {
                let ms = self.choices.pick(&[1, 600, 5_000, 25_000, 100_000]);
                let outcome = self.world.wait(Duration::from_millis(ms));
                self.take(outcome);
            }
            7 => self.media(),
            8 => self.damage(),
            9 if self.choices.once_in(3) => self.crash(),
            9 if self.choices.once_in(3) => {
                let all = Input::Operator(OperatorCommand::EndAllCalls);
                let outcome = self.world.input(all);
                self.take(outcome);
            }
            10 => self.repeat(),
            _ => self.react(),
        }
        let sizes = self.world.gateway.sizes();
        let held = [
            sizes.calls,
            sizes.legs,
            sizes.sessions,
            sizes.passages,
            sizes.timers,
        ];
        let allowed = HELD_PER_INPUT * (1 + self.inputs);
        assert!(held.iter().all(|held| *held <= allowed), "{sizes:?}");
    }

    fn take(&mut self, outcome: Outcome) {
        self.records += outcome.records.len() as u64;
        for sent in outcome.sent {
            let place = if self.pool.len() < POOL {
                self.pool.len()
            } else {
                self.choices.below(POOL)
            };
            self.pool.truncate(POOL);
            self.pool
                .insert(place, (Party { flow: sent.flow }, sent.text));
        }
    }

    fn say(&mut self, from: Party, text: &str) {
        self.inputs += 1;
        let outcome = self.world.send_bytes(from, text.as_bytes());
        self.take(outcome);
    }

    fn gateway(&mut self) -> (Party, &'static str) {
        let (at, name) = self.choices.pick(&GATES);
        (party(ACCESS, 0, at), name)
    }

    fn controller(&mut self) -> (Party, &'static str) {
        let port = self.choices.below(4) as u16;
        let (at, name) = self.choices.pick(&[
            ("10.0.0.1:2944", "[10.0.0.1]:2944"),
            ("10.0.0.2:2944", "<mgc.example.org>"),
            ("10.0.0.9:2944", "[10.0.0.9]:2944"),
        ]);
        (party(CORE, port, at), name)
    }

    fn register(&mut self) {
        let (from, name) = self.gateway();
        let method = self.choices.pick(&[
            "Restart",
            "Restart",
            "Disconnected",
            "Failover",
            "Handoff",
            "Forced",
            "Graceful",
        ]);
        let number = 1 + self.choices.below(6);
        let what = self.choices.pick(&["ROOT", "ROOT", "ROOT", "t1", "*"]);
        self.say(
            from,
            &format!(
                "MEGACO/1 {name} Transaction={number}{{Context=-{{ServiceChange={what}{{Services{{\
                 Method={method},ServiceChangeAddress=2944}}}}}}}}"
            ),
        );
    }

    fn command(&mut self) {
        let (from, name) = self.controller();
        let number = 1 + self.choices.below(40);
        let context = self.choices.pick(&["$", "1", "2", "*", "-"]);
        let commands = 1 + self.choices.below(3);
        let commands: Vec<String> = (0..commands).map(|_| self.one_command()).collect();
        let commands = commands.join(",");
        self.say(
            from,
            &format!("MEGACO/1 {name} Transaction={number}{{Context={context}{{{commands}}}}}"),
        );
    }

    fn one_command(&mut self) -> String {
        let kind = self.choices.pick(&[
            "Add",
            "Add",
            "Modify",
            "Modify",
            "Move",
            "Subtract",
            "W-Subtract",
            "AuditValue",
            "O-Modify",
        ]);
        let name = self.choices.pick(&["$", "t1", "t2", "t3", "*", "t/*"]);
        if self.choices.once_in(4) {
            return format!("{kind}={name}");
        }
        let mode = self
            .choices
            .pick(&["SendReceive", "ReceiveOnly", "Inactive", "LoopBack"]);
        let stream = 1 + self.choices.below(2);
        let mut parts = vec![format!("LocalControl{{Mode={mode}}}")];
        if self.choices.once_in(2) {
            parts.push("Local{v=0\r\nc=IN IP4 $\r\nm=audio $ RTP/AVP 0\r\n}".to_owned());
        }
        if self.choices.once_in(2) {
            let description = self.description("10.0.0.");
            parts.push(format!("Remote{{{description}}}"));
        }
        let parts = parts.join(",");
        format!("{kind}={name}{{Media{{Stream={stream}{{{parts}}}}}}}")
    }

    fn description(&mut self, network: &str) -> String {
        let mut text = String::new();
        for _ in 0..=self.choices.below(2) {
            let host = 5 + self.choices.below(3);
            let port = self.choices.pick(&[4000, 4000, 4002, 0, 9]);
            text += &format!("v=0\r\nc=IN IP4 {network}{host}\r\nm=audio {port} RTP/AVP 0\r\n");
        }
        text
    }

    /// Somebody answers what it was sent, or says that it works.
    fn react(&mut self) {
        if self.pool.is_empty() {
            return self.register();
        }
        let place = self.choices.below(self.pool.len());
        let (party, text) = self.pool[place].clone();
        let number = text.split("Transaction=").nth(1);
        let number = number
            .and_then(|rest| rest.split(['{', ' ']).next())
            .map(str::trim);
        let Some(number) = number.map(str::to_owned) else {
            return;
        };
        let gateway = party.flow.realm.0 == 0;
        let name = if gateway {
            let at = party.flow.remote.to_string();
            GATES
                .iter()
                .find(|(own, _)| *own == at)
                .map_or("<nobody.example>", |gate| gate.1)
        } else {
            "[10.0.0.1]:2944"
        };
        let acknowledge = self.choices.pick(&["", "", "ImmAckRequired,"]);
        let body = match self.choices.below(6) {
            0 => return self.say(party, &format!("MEGACO/1 {name} Pending={number}{{}}")),
            1 => "Error=500{\"no\"}".to_owned(),
            _ if gateway => self.carried_out(),
            2 => "Context=-{ServiceChange=ROOT{Services{MgcIdToTry=[10.0.0.2]:2944}}}".to_owned(),
            _ => "Context=-{ServiceChange=ROOT{Services{ServiceChangeAddress=2944}}}".to_owned(),
        };
        self.say(
            party,
            &format!("MEGACO/1 {name} Reply={number}{{{acknowledge}{body}}}"),
        );
    }

    fn carried_out(&mut self) -> String {
        let context = self.choices.pick(&["1", "2", "-"]);
        let mut commands = Vec::new();
        for _ in 0..=self.choices.below(3) {
            let kind = self
                .choices
                .pick(&["Add", "Add", "Modify", "Move", "Subtract"]);
            let name = self.choices.pick(&["t1", "t2", "t3", "*"]);
            let description = self.description("192.168.1.");
            commands.push(match self.choices.below(4) {
                0 => format!("{kind}={name}"),
                1 => format!("{kind}={name}{{Error=430{{\"?\"}}}}"),
                _ => format!("{kind}={name}{{Media{{Stream=1{{Local{{{description}}}}}}}}}"),
            });
        }
        format!("Context={context}{{{}}}", commands.join(","))
    }

    /// Somebody says again what was said, or acknowledges it.
    fn repeat(&mut self) {
        let (from, name) = match self.choices.below(2) {
            0 => self.gateway(),
            _ => self.controller(),
        };
        let number = 1 + self.choices.below(40);
        let text = match self.choices.below(2) {
            0 => format!(
                "MEGACO/1 {name} TransactionResponseAck{{{number}-{}}}",
                number + 3
            ),
            _ => format!("MEGACO/1 {name} Error=400{{\"what?\"}}"),
        };
        self.say(from, &text);
    }

    /// Octets of a message are others: it may name anything now.
    fn damage(&mut self) {
        let Some((party, text)) = self.pool.last().cloned() else {
            return;
        };
        self.world.secrets = Secrets::None;
        let mut bytes = text.into_bytes();
        for _ in 0..=self.choices.below(4) {
            let place = self.choices.below(bytes.len());
            bytes[place] = self.choices.below(256) as u8;
        }
        self.inputs += 1;
        let outcome = self.world.send_bytes(party, &bytes);
        self.take(outcome);
    }

    fn media(&mut self) {
        if self.world.open.is_empty() {
            return;
        }
        let place = self.choices.below(self.world.open.len());
        let (slot, generation) = self.world.open[place];
        let source = "203.0.113.7:5004".parse().unwrap();
        let event = match self.choices.below(4) {
            0 => Event::Silent { slot, generation },
            1 => Event::Heard { slot, generation },
            _ => Event::Latched {
                slot,
                generation,
                source,
            },
        };
        let outcome = self.world.input(Input::Media(event));
        self.take(outcome);
    }

    fn crash(&mut self) {
        let mut journal: Journal = self.world.journal.clone();
        if self.choices.once_in(4) {
            journal = self.world.journal_before.clone();
            self.accountable = false;
        }
        self.calls += self.world.gateway.counters().calls;
        let (restored, outcome) = self.world.crash(journal);
        assert!(restored.skipped == 0 || !self.accountable, "{restored:?}");
        self.take(outcome);
    }

    /// Time runs out. Returns how many calls were begun.
    pub fn end(mut self) -> u64 {
        let outcome = self
            .world
            .input(Input::Operator(OperatorCommand::EndAllCalls));
        self.take(outcome);
        let outcome = self.world.wait(Duration::from_secs(8_000));
        self.take(outcome);
        let sizes = self.world.gateway.sizes();
        let left = [
            sizes.calls,
            sizes.legs,
            sizes.gateways,
            sizes.passages,
            sizes.sessions,
            sizes.timers,
        ];
        assert_eq!(left, [0; 6], "something is left: {sizes:?}");
        assert!(self.world.open.is_empty(), "media is left open");
        let calls = self.calls + self.world.gateway.counters().calls;
        if self.accountable {
            assert_eq!(calls, self.records, "one record a call");
        }
        calls
    }
}

/// The body of the fuzz target `controlled`: whatever `data` chooses.
pub fn sequence(data: &[u8]) {
    let mut anything = Anything::new(Bytes::new(data));
    for _ in 0..STEPS {
        if anything.choices.is_over() {
            break;
        }
        anything.step();
    }
    anything.end();
}

fn party(realm: RealmIndex, listener: u16, remote: &str) -> Party {
    let flow = Flow {
        realm,
        listener: ListenerIndex(listener),
        transport: Transport::Udp,
        remote: remote.parse().expect("an address"),
        connection: None,
    };
    Party { flow }
}
