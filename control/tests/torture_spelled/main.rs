//! Messages spelled to slip an address past the rewriting, and descriptions that aim media where
//! it must not go: each refused or rewritten, as the tables of docs/TORTURE.md say.

#![allow(clippy::unwrap_used)]

mod bodies;
mod headers;
mod media;
#[path = "../torture_live/page.rs"]
mod page;
mod random;
#[path = "../gateway/world.rs"]
#[allow(dead_code, reason = "shared with the tests of the gateway")]
mod world;

use strait_control::sip::escape;
use world::{Outcome, World, wire};

/// Addresses of the phone's side that a message tells of; the softswitch may read none.
pub const SECRETS: [&str; 7] = [
    "192.168.1.5",
    "203.0.113.7",
    "172.16.9.9",
    "192.0.2.1",
    "2001:db8:a::5",
    "192.168.001.005",
    "2001:db8:a:0:0:0:0:5",
];

/// What the phone sends: its headers between the fixed ones, and its body.
pub fn invite(headers: &str, body: &str) -> String {
    format!(
        "INVITE sip:bob@example.org SIP/2.0\nVia: SIP/2.0/UDP 192.168.1.5;branch=z9hG4bK1\n\
         Max-Forwards: 70\nFrom: <sip:alice@example.org>;tag=1\nTo: <sip:bob@example.org>\n\
         Call-ID: 1\nCSeq: 1 INVITE\n{headers}Content-Length: auto\n\n{body}"
    )
}

/// What reaches the softswitch, or the answer the phone gets instead.
pub fn passed(text: &str) -> Result<String, String> {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let sent = if text.contains("\r\n\r\n") {
        text.to_owned()
    } else {
        wire(text)
    };
    let outcome: Outcome = world.send_bytes(phone, sent.as_bytes());
    if let [passed] = outcome.to(softswitch)[..] {
        return Ok(passed.to_owned());
    }
    let answer = outcome.last(phone);
    Err(world::start(answer)["SIP/2.0 ".len()..].to_owned())
}

/// The secrets readable in a text: as it stands, its escapes undone once and twice, its folds
/// taken out.
pub fn leaks(text: &str) -> Vec<&'static str> {
    let unescape = |text: &str| {
        let mut out = Vec::new();
        escape::unescape(text.as_bytes(), &mut out);
        String::from_utf8_lossy(&out).to_lowercase()
    };
    let once = unescape(text);
    let twice = unescape(&once);
    let unfolded = text.replace("\r\n", "");
    let readings = [text.to_lowercase(), once, twice, unfolded];
    let found = SECRETS.iter().filter(|secret| {
        let mut found = readings.iter().flat_map(|reading| {
            reading
                .match_indices(**secret)
                .map(|(at, _)| reading[at + secret.len()..].chars().next())
        });
        found.any(|next| !next.is_some_and(|next| next.is_ascii_digit()))
    });
    found.copied().collect()
}

/// Text as it stands in a table.
pub fn code(text: &str) -> String {
    format!("`` {} ``", text.replace('|', "\\|").replace('\t', "⇥"))
}
