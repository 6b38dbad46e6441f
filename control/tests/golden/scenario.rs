//! The format of a golden call.
//!
//! ```text
//! # What the scenario shows.
//! access with keepalive: { method: crlf, interval: 25s }     a line for a realm's configuration
//! gateways                                                    controlled ones are configured
//! mgc = core udp 10.0.0.1:2944 at {gateway-1}                 somebody who turns to that port
//! alice = access udp 203.0.113.7:40001                       somebody in a realm
//!
//! alice >                                                     alice sends
//!   | OPTIONS sip:bob@192.0.2.1 SIP/2.0
//!   |
//! wait 5s                                                     time passes
//!
//! core-1 <                                                    what came out: a message …
//!   | OPTIONS sip:bob@10.0.0.1 SIP/2.0
//! = open 192.0.2.1:{port-1} …                                 … or something else
//! ```
//!
//! Lines of messages end in CRLF on the wire; `Content-Length: auto` is filled in. Names in braces
//! stand for values the gateway made up: they are bound where they first come out.

use std::net::SocketAddr;
use std::time::Duration;

use strait_control::gateway::io::{RealmIndex, Transport};

/// A scenario, what came out of it left aside.
pub struct Scenario {
    pub lines: Vec<Line>,
}

/// A line, or a message with its lines.
pub enum Line {
    /// A comment or an empty line: kept as it is.
    Other(String),
    /// A further line of a realm's configuration.
    Config {
        realm: String,
        yaml: String,
        text: String,
    },
    /// The configuration is the one with controlled gateways.
    Gateways,
    /// Somebody, and the port of ours that he turns to, where that is not the first.
    Party {
        name: String,
        realm: RealmIndex,
        transport: Transport,
        at: SocketAddr,
        port: Option<String>,
        text: String,
    },
    /// Somebody sends.
    Send { name: String, message: Vec<String> },
    /// Time passes.
    Wait { time: Duration, text: String },
}

impl Scenario {
    pub fn read(text: &str) -> Self {
        let mut lines: Vec<Line> = Vec::new();
        let mut kept = false;
        for line in text.lines() {
            if let Some(content) = line.strip_prefix("  |") {
                if let (true, Some(Line::Send { message, .. })) = (kept, lines.last_mut()) {
                    message.push(content.strip_prefix(' ').unwrap_or(content).to_owned());
                }
                continue;
            }
            kept = line.ends_with(" >");
            if line.ends_with(" <") || (line.starts_with("= ") || line == "=") {
                continue;
            }
            lines.push(read_line(line));
        }
        // What came out is set apart by empty lines, which are written with it.
        let mut compact: Vec<Line> = Vec::new();
        for line in lines {
            let empty = |line: &Line| matches!(line, Line::Other(text) if text.is_empty());
            let after_action =
                matches!(compact.last(), Some(Line::Send { .. } | Line::Wait { .. }));
            if !(empty(&line) && (after_action || compact.last().is_some_and(empty))) {
                compact.push(line);
            }
        }
        Self { lines: compact }
    }
}

fn read_line(line: &str) -> Line {
    let text = line.to_owned();
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        [name, ">"] => Line::Send {
            name: name.to_owned(),
            message: Vec::new(),
        },
        ["wait", time] => Line::Wait {
            time: duration(time),
            text,
        },
        [realm, "with", ..] => {
            let yaml = line
                .split_once(" with ")
                .expect("it says with")
                .1
                .to_owned();
            Line::Config {
                realm: realm.to_owned(),
                yaml,
                text,
            }
        }
        ["gateways"] => Line::Gateways,
        [name, "=", realm, transport, at, ref rest @ ..] => Line::Party {
            port: rest.last().map(|port| (*port).to_owned()),
            name: name.to_owned(),
            realm: RealmIndex(u16::from(realm == "core")),
            transport: if transport == "tcp" {
                Transport::Tcp
            } else {
                Transport::Udp
            },
            at: at.parse().unwrap(),
            text,
        },
        _ => {
            assert!(
                line.is_empty() || line.starts_with('#'),
                "not understood: {line}"
            );
            Line::Other(text)
        }
    }
}

fn duration(text: &str) -> Duration {
    match text.strip_suffix("ms") {
        Some(ms) => Duration::from_millis(ms.parse().unwrap()),
        None => Duration::from_secs(text.strip_suffix('s').unwrap().parse().unwrap()),
    }
}
