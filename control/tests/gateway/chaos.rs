//! Parties that answer anything with anything: nothing breaks, nothing leaks, and in the end
//! nothing is left.

use std::time::Duration;

use strait_control::gateway::io::{Input, Transport};
use strait_shared::command::Event;

use crate::calls::{ANSWER, INVITE, response};
use crate::registrations::REGISTER;
use crate::world::{ACCESS, CORE, Outcome, Party, Sent, World, between, find, start};

/// Runs, each with a seed of its own, unless `STRAIT_CHAOS_RUNS` says otherwise.
const RUNS: u64 = 100;

/// Things that happen in one run.
const STEPS: usize = 80;

/// Sends that are still to be reacted to.
const POOL: usize = 48;

/// What a request needs so that a party of the tests can answer it.
const READ: [&str; 5] = ["Via", "From", "To", "Call-ID", "CSeq"];

struct Chaos {
    world: World,
    random: u64,
    pool: Vec<Sent>,
    count: u32,
    calls: u64,
    records: usize,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        Self {
            world: World::new(),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            pool: Vec::new(),
            count: 0,
            calls: 0,
            records: 0,
        }
    }

    /// xorshift64*: plenty for choosing.
    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    fn step(&mut self) {
        match self.below(11) {
            10 => self.fail(),
            0 => self.begin(),
            1 => {
                let ms = [1, 100, 600, 5_000, 40_000][self.below(5)];
                let outcome = self.world.wait(Duration::from_millis(ms));
                self.take(outcome);
            }
            2 => self.silence(),
            _ if self.pool.is_empty() => self.begin(),
            _ => self.react(),
        }
    }

    fn take(&mut self, outcome: Outcome) {
        self.records += outcome.records.len();
        self.pool.extend(outcome.sent);
        let excess = self.pool.len().saturating_sub(POOL);
        self.pool.drain(..excess);
    }

    fn phone(&mut self) -> Party {
        let port = 40_000 + self.below(3) as u16;
        let transport = if self.below(4) == 0 {
            Transport::Tcp
        } else {
            Transport::Udp
        };
        self.world
            .party(ACCESS, transport, &format!("203.0.113.7:{port}"))
    }

    /// Somebody begins something.
    fn begin(&mut self) {
        self.count += 1;
        let number = self.count;
        let from_core = self.below(4) == 0;
        let mut text = match self.below(6) {
            0 => REGISTER.to_owned(),
            1 => INVITE.split("Content-Type").next().unwrap().to_owned() + "Content-Length: 0\n\n",
            2 => REGISTER.replace(
                "REGISTER",
                self.pick(&["SUBSCRIBE", "REFER", "MESSAGE", "FOO"]),
            ),
            _ => INVITE.to_owned(),
        };
        for mark in ["reg1", "inv1"] {
            text = text.replace(mark, &format!("{mark}x{number}"));
        }
        text = text
            .replace("-1@", &format!("-{number}@"))
            .replace("=a1", &format!("=a{number}"));
        let from = if from_core {
            text = text
                .replace("192.0.2.1", "198.51.100.1")
                .replace("192.168.1.5", "10.0.0.9");
            text = text.replace("alice@", "x@").replace("bob@", "alice@");
            let number = 1 + self.below(2) as u8;
            self.world.softswitch(number)
        } else {
            self.phone()
        };
        self.send(from, &text);
    }

    /// Whoever got a message does something about it.
    fn react(&mut self) {
        let place = self.below(self.pool.len());
        let sent = self.pool[place].clone();
        let party = Party { flow: sent.flow };
        if start(&sent.text).starts_with("SIP/2.0") {
            let text = self.follow_up(&sent.text);
            text.into_iter().for_each(|text| self.send(party, &text));
        } else if READ.iter().all(|name| find(&sent.text, name).is_some()) {
            let text = self.answer(party, &sent.text);
            self.send(party, &text);
        }
    }

    fn answer(&mut self, party: Party, request: &str) -> String {
        let status = self.pick(&[
            "100 Trying",
            "180 Ringing",
            "183 Session Progress",
            "200 OK",
            "200 OK",
            "200 OK",
            "199 Early Dialog Terminated",
            "302 Moved Temporarily",
            "401 Unauthorized",
            "481 Call Does Not Exist",
            "486 Busy Here",
            "487 Request Terminated",
            "488 Not Acceptable Here",
            "491 Request Pending",
            "503 Service Unavailable",
        ]);
        let tag = self.pick(&["b1", "b2", "b3", "b4"]);
        let body = if self.below(2) == 0 { "" } else { ANSWER };
        let text = response(request, status, tag, body);
        if party.flow.realm == CORE {
            return text;
        }
        text.replace("10.0.0.50", "192.168.1.5")
            .replace("10.0.0.1", "192.168.1.5")
    }

    /// A request that a response calls for, or does not.
    fn follow_up(&mut self, response: &str) -> Option<String> {
        self.count += 1;
        let contact = find(response, "Contact").unwrap_or("<sip:nobody@192.0.2.1>");
        let target = if contact.contains('<') {
            between(contact, "<", ">")
        } else {
            "sip:x@y.z"
        };
        let (from, to) = (find(response, "From")?, find(response, "To")?);
        let (from, to) = if self.below(8) == 0 {
            (to, from)
        } else {
            (from, to)
        };
        let (call_id, cseq) = (find(response, "Call-ID")?, find(response, "CSeq")?);
        let number: u32 = cseq.split(' ').next()?.parse().ok()?;
        let method = self.pick(&[
            "ACK",
            "ACK",
            "ACK",
            "BYE",
            "INVITE",
            "UPDATE",
            "PRACK",
            "INFO",
            "CANCEL",
            "NOTIFY",
            "REFER",
            "OPTIONS",
            "SUBSCRIBE",
        ]);
        let via = find(response, "Via")?;
        let (via, number) = match method {
            "CANCEL" | "ACK" if self.below(2) == 0 => (via.to_owned(), number),
            "ACK" => (
                format!("SIP/2.0/UDP 192.168.1.5;branch=z9hG4bKc{}", self.count),
                number,
            ),
            _ => {
                let later = number + self.below(3) as u32;
                (
                    format!("SIP/2.0/UDP 192.168.1.5;branch=z9hG4bKc{}", self.count),
                    later,
                )
            }
        };
        let body = if self.below(3) == 0 { ANSWER } else { "" };
        let body = body.replace("10.0.0.50", "192.168.1.5");
        let content = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\n"
        };
        let text = format!(
            "{method} {target} SIP/2.0\nVia: {via}\nMax-Forwards: 70\nFrom: {from}\nTo: {to}\n\
             Call-ID: {call_id}\nCSeq: {number} {method}\nContact: <sip:alice@192.168.1.5>\n\
             Event: x\nSubscription-State: terminated\nRefer-To: <sip:c@192.0.2.1?Replaces=1>\n\
             {content}Content-Length: auto\n\n{body}"
        );
        Some(text)
    }

    fn send(&mut self, from: Party, text: &str) {
        let mut text = text.to_owned();
        if from.flow.realm == CORE {
            text = text
                .replace("192.168.1.5", "10.0.0.50")
                .replace("192.0.2.1", "198.51.100.1");
        }
        if self.below(12) == 0 {
            text = self.damaged(&text);
        }
        for _ in 0..1 + usize::from(self.below(6) == 0) {
            let outcome = self.world.send(from, &text);
            self.take(outcome);
        }
        self.calls = self.world.gateway.counters().calls;
    }

    /// The same with a few letters of it gone wrong. What then no longer says that an address is
    /// the sender's must not have it written elsewhere.
    fn damaged(&mut self, text: &str) -> String {
        let mut bytes = text.replace(" (192.168.1.5)", "").into_bytes();
        for _ in 0..1 + self.below(3) {
            let at = self.below(bytes.len());
            match self.below(3) {
                0 => bytes[at] = b"<>;:=,@\" \nx"[self.below(11)],
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b";<\",?"[self.below(5)]),
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Something outside goes wrong.
    fn fail(&mut self) {
        let party = self.phone();
        let outcome = match (self.below(3), party.flow.connection, self.pool.last()) {
            (0, Some(connection), _) => self.world.input(Input::Disconnected { connection }),
            (1, _, Some(sent)) => {
                let branch = find(&sent.text, "Via").and_then(|via| via.split("branch=").nth(1));
                let branch = branch.map(|branch| branch.split(';').next().unwrap().into());
                let flow = sent.flow;
                self.world.input(Input::SendFailed { flow, branch })
            }
            (2, ..) => {
                let backlog = self.below(2) == 0;
                self.world.gateway.set_media_backlog(backlog);
                Outcome::default()
            }
            _ => return,
        };
        self.take(outcome);
    }

    /// Some of the media falls silent, or is heard again.
    fn silence(&mut self) {
        if self.world.open.is_empty() {
            return;
        }
        let place = self.below(self.world.open.len());
        let (slot, generation) = self.world.open[place];
        let event = match self.below(4) {
            0 => Event::Heard { slot, generation },
            _ => Event::Silent { slot, generation },
        };
        let outcome = self.world.input(Input::Media(event));
        self.take(outcome);
    }

    fn end(mut self) -> (u64, usize) {
        for _ in 0..3 {
            let outcome = self.world.wait(Duration::from_secs(4_000));
            self.take(outcome);
        }
        let outcome = self.world.input(Input::Operator(
            strait_control::gateway::io::OperatorCommand::EndAllCalls,
        ));
        self.take(outcome);
        let outcome = self.world.wait(Duration::from_secs(8_000));
        self.take(outcome);
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
        (self.calls, self.records)
    }
}

#[test]
fn whatever_happens_nothing_leaks_and_nothing_is_left() {
    let asked = std::env::var("STRAIT_CHAOS_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok());
    let runs = asked.unwrap_or(RUNS);
    let mut calls = 0;
    for seed in 1..=runs {
        let mut chaos = Chaos::new(seed);
        for _ in 0..STEPS {
            chaos.step();
        }
        let (begun, records) = chaos.end();
        assert_eq!(begun, records as u64, "one record a call, seed {seed}");
        calls += begun;
    }
    assert!(calls > runs, "calls were made: {calls}");
}
