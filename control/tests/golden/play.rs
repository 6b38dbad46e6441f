//! Plays a scenario and writes it down again with what came out.

use std::collections::HashMap;
use std::fmt::Write;

use strait_config::Config;
use strait_control::gateway::io::{Flow, ListenerIndex, Output, RealmIndex};
use strait_control::gateway::record::CallRecord;
use strait_shared::command::Command;
use strait_shared::geometry::Geometry;
use strait_shared::slot::{Forwarding, SlotIndex};

use crate::scenario::{Line, Scenario};
use crate::world::{CONFIG, GATEWAYS, Outcome, Party, World, wire};

pub fn play(scenario: &Scenario) -> String {
    let config = configuration(scenario);
    let mut stage = Stage {
        config: config.parse().unwrap(),
        geometry: strait_config::geometry(&config.parse().unwrap()).unwrap(),
        world: World::with(&config),
        parties: Vec::new(),
        names: Names::default(),
        text: String::new(),
    };
    for line in &scenario.lines {
        stage.play(line);
    }
    stage.text
}

/// The usual configuration with what the scenario adds to its realms.
fn configuration(scenario: &Scenario) -> String {
    let gateways = scenario
        .lines
        .iter()
        .any(|line| matches!(line, Line::Gateways));
    let mut config = if gateways { GATEWAYS } else { CONFIG }.to_owned();
    for line in &scenario.lines {
        if let Line::Config { realm, yaml, .. } = line {
            let head = format!("  - name: {realm}\n");
            config = config.replace(&head, &format!("{head}    {yaml}\n"));
        }
    }
    config
}

struct Stage {
    world: World,
    config: Config,
    geometry: Geometry,
    parties: Vec<(String, Party)>,
    names: Names,
    text: String,
}

impl Stage {
    fn play(&mut self, line: &Line) {
        match line {
            Line::Gateways => self.line("gateways"),
            Line::Other(text) | Line::Config { text, .. } => self.line(text),
            Line::Party {
                name,
                realm,
                transport,
                at,
                port,
                text,
            } => {
                let mut party = self.world.party(*realm, *transport, &at.to_string());
                if let Some(port) = port {
                    party.flow.listener = self.listener(*realm, port);
                }
                self.parties.push((name.clone(), party));
                self.line(text);
            }
            Line::Send { name, message } => {
                self.line(&format!("{name} >"));
                message.iter().for_each(|line| self.margin(line));
                let party = self.parties.iter().find(|(other, _)| other == name);
                let party = party.unwrap_or_else(|| panic!("nobody is called {name}")).1;
                let text = self.names.fill_in(&message.join("\n")) + "\n";
                let outcome = self.world.send_bytes(party, wire(&text).as_bytes());
                self.came_out(&outcome);
            }
            Line::Wait { time, text } => {
                self.line(text);
                let outcome = self.world.wait(*time);
                self.came_out(&outcome);
            }
        }
    }

    /// The listener on a port of ours in a realm.
    fn listener(&self, realm: RealmIndex, port: &str) -> ListenerIndex {
        let port: u16 = self.names.fill_in(port).parse().unwrap();
        let mut listeners = self.config.realm(realm).listeners();
        let place = listeners.position(|(_, address)| address.port() == port);
        ListenerIndex(place.expect("a port of ours") as u16)
    }

    fn came_out(&mut self, outcome: &Outcome) {
        self.line("");
        for output in &outcome.in_order {
            match output {
                Output::Send { flow, bytes } => self.message(*flow, bytes),
                Output::Media(command) => self.command(command),
                Output::Record(record) => self.record(record),
                Output::Log(line) => self.line(&format!("= log {}", line.text)),
                Output::Resolve(lookup) => self.line(&format!("= resolve {}", lookup.host)),
                Output::Close(connection) => self.line(&format!("= close {}", connection.0)),
            }
        }
        if !outcome.in_order.is_empty() {
            self.line("");
        }
    }

    fn message(&mut self, flow: Flow, bytes: &[u8]) {
        let at = |party: &Party| (party.flow.realm, party.flow.remote) == (flow.realm, flow.remote);
        let by = |party: &Party| at(party) && party.flow.listener == flow.listener;
        let exact = self.parties.iter().find(|(_, party)| by(party));
        let found = exact.or_else(|| self.parties.iter().find(|(_, party)| at(party)));
        let name = found.map_or_else(|| flow.remote.to_string(), |(name, _)| name.clone());
        self.line(&format!("{name} <"));
        let text = self.names.put_in(std::str::from_utf8(bytes).unwrap());
        let text = text.strip_suffix("\r\n").unwrap_or(&text);
        text.split("\r\n").for_each(|line| self.margin(line));
    }

    fn command(&mut self, command: &Command) {
        let local = |slot: SlotIndex| match self.geometry.local(slot) {
            Some(local) => local.to_string(),
            None => "a spare slot".to_owned(),
        };
        let text = match command {
            Command::Open {
                slot, forwarding, ..
            } => {
                format!("= open {}{}", local(*slot), told(forwarding, &local))
            }
            Command::Update {
                slot,
                forwarding,
                rearm,
                ..
            } => {
                let again = if *rearm { " latch-again" } else { "" };
                format!(
                    "= update {}{again}{}",
                    local(*slot),
                    told(forwarding, &local)
                )
            }
            Command::Close { slot, .. } => format!("= close {}", local(*slot)),
            Command::Adjacency { .. } => "= adjacency".to_owned(),
        };
        let text = self.names.put_in(&text);
        self.line(&text);
    }

    fn record(&mut self, record: &CallRecord) {
        let serde_json::Value::Object(fields) = serde_json::to_value(record).unwrap() else {
            panic!("a record is an object");
        };
        self.line("= record");
        for (name, value) in fields {
            match value {
                serde_json::Value::Array(streams) => streams.iter().for_each(|stream| {
                    let text = self.names.put_in(&format!("stream {stream}"));
                    self.margin(&text);
                }),
                other => {
                    let text = self.names.put_in(&format!("{name} {other}"));
                    self.margin(&text);
                }
            }
        }
    }

    fn line(&mut self, text: &str) {
        // One empty line parts; two would be one too many.
        if !(text.is_empty() && (self.text.is_empty() || self.text.ends_with("\n\n"))) {
            writeln!(self.text, "{text}").unwrap();
        }
    }

    fn margin(&mut self, line: &str) {
        let line = format!("  | {line}");
        writeln!(self.text, "{}", line.trim_end()).unwrap();
    }
}

/// What a slot is told, as far as it matters to a call.
fn told(forwarding: &Forwarding, local: &impl Fn(SlotIndex) -> String) -> String {
    let mut text = String::new();
    if let Some(peer) = forwarding.peer {
        write!(text, " out {}", local(peer)).unwrap();
    }
    if let Some(signalled) = forwarding.signalled {
        write!(text, " party {signalled}").unwrap();
    }
    if let Some(source) = forwarding.signalling_source {
        write!(text, " heard {source}").unwrap();
    }
    if forwarding.silence_timeout_ms > 0 {
        write!(
            text,
            " silent after {}s",
            forwarding.silence_timeout_ms / 1000
        )
        .unwrap();
    }
    text.push_str(if forwarding.accept {
        " gate open"
    } else {
        " gate shut"
    });
    text
}

/// Values the gateway made up, by the names that stand for them.
#[derive(Default)]
struct Names {
    by_value: HashMap<String, String>,
    by_name: HashMap<String, String>,
    counts: HashMap<&'static str, usize>,
}

impl Names {
    /// Values in place of names.
    #[track_caller]
    fn fill_in(&self, text: &str) -> String {
        let mut parts = text.split('{');
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            // Other protocols have braces of their own.
            match part.split_once('}').filter(|(name, _)| is_name(name)) {
                Some((name, rest)) => {
                    let value = self.by_name.get(name);
                    out.push_str(value.unwrap_or_else(|| panic!("{{{name}}} has not come out")));
                    out.push_str(rest);
                }
                None => {
                    out.push('{');
                    out.push_str(part);
                }
            }
        }
        out
    }

    /// Names in place of values, new ones where they are seen for the first time.
    fn put_in(&mut self, text: &str) -> String {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(word) {
            let end = rest[start..]
                .find(|c| !word(c))
                .map_or(rest.len(), |end| start + end);
            out.push_str(&rest[..start]);
            match kind(&rest[start..end], &out) {
                Some(kind) => out.push_str(&self.name(kind, &rest[start..end])),
                None => out.push_str(&rest[start..end]),
            }
            rest = &rest[end..];
        }
        out + rest
    }

    fn name(&mut self, kind: &'static str, value: &str) -> String {
        if let Some(name) = self.by_value.get(value) {
            return format!("{{{name}}}");
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let name = format!("{kind}-{count}");
        self.by_value.insert(value.to_owned(), name.clone());
        self.by_name.insert(name.clone(), value.to_owned());
        format!("{{{name}}}")
    }
}

/// Whether it is how [`Names::put_in`] writes a name.
fn is_name(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let word = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let parts = text.rsplit_once('-');
    parts.is_some_and(|(kind, count)| word(kind) && number(count))
}

/// What kind of made-up value a word is, by how it looks and what stands before it.
fn kind(word: &str, before: &str) -> Option<&'static str> {
    let hex = |word: &str| {
        word.bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let port = || {
        word.parse()
            .is_ok_and(|p: u16| matches!(p, 20000..=20999 | 30000..=30999))
    };
    match word.len() {
        _ if word.starts_with("z9hG4bK-") => Some("branch"),
        13 if before.ends_with("strait=") => Some("token"),
        16 if before.ends_with("tag=") && hex(word) => Some("tag"),
        16 if before.ends_with("Call-ID: ") && hex(word) => Some("call-id"),
        32 if hex(word) => Some("call-id"),
        5 if port() => Some("port"),
        5 if word
            .parse()
            .is_ok_and(|p: u16| (31_000..=31_999).contains(&p)) =>
        {
            Some("gateway")
        }
        _ => None,
    }
}
