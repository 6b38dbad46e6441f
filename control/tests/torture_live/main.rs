//! The torture messages of RFC 4475 and RFC 5118, sent to a running strait-control. What becomes
//! of each is judged, and held against the tables of docs/TORTURE.md.

#![allow(clippy::unwrap_used)]

mod exchange;
mod live;
mod page;
mod rfc4475;
mod rfc5118;
#[path = "../link/worker.rs"]
#[allow(dead_code, reason = "shared with the tests of the link")]
mod worker;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use exchange::{Over, Seen, repeat};
use live::Live;
use strait_control::sip::Message;

/// What is asked of somebody who forwards messages.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    /// To pass it on.
    Forward,
    /// To answer with one of these.
    Refuse(&'static [u16]),
    /// Either of both.
    Either(&'static [u16]),
    /// To do nothing.
    Silence,
    /// To pass the first of two on and to answer the second with this.
    ForwardFirst(u16),
}

impl Asked {
    fn is_met(self, seen: &Seen) -> bool {
        let forwarded = !seen.forwarded.is_empty() && seen.answers.is_empty();
        let refused = |with: &[u16]| {
            seen.forwarded.is_empty() && seen.status().is_some_and(|status| with.contains(&status))
        };
        match self {
            Asked::Forward => forwarded,
            Asked::Refuse(with) => refused(with),
            Asked::Either(with) => forwarded || refused(with),
            Asked::ForwardFirst(then) => seen.forwarded.len() == 1 && seen.status() == Some(then),
            Asked::Silence => seen.forwarded.is_empty() && seen.answers.is_empty(),
        }
    }
}

/// One Strait for each transport: the same request by another path is the same transaction.
struct Pair {
    udp: Live,
    tcp: Live,
}

impl Pair {
    fn start(number: u8) -> Self {
        Self {
            udp: Live::start(number),
            tcp: Live::start(number + 1),
        }
    }
}

const HEAD: &str = "| message | § | asked for | over UDP | over TCP |\n|---|---|---|---|---|\n";

#[test]
fn every_message_of_rfc_4475_gets_what_it_asks_for() {
    let Some(folder) = torture_folder() else {
        return;
    };
    let mut live = Pair::start(1);
    let mut restarts = 0;
    let mut unmet = Vec::new();
    let mut table = HEAD.to_owned();
    let (name, asked, words) = rfc4475::EXTRA;
    for (name, section, asked, words) in rfc4475::CASES
        .into_iter()
        .chain([(name, "–", asked, words)])
    {
        let bytes = std::fs::read(folder.join(name).with_extension("dat")).unwrap();
        if rfc4475::REUSED.contains(&name) {
            live = Pair::start(7 + 2 * restarts);
            restarts += 1;
        }
        let udp = live.udp.send(&bytes, Over::Udp, live.udp.access);
        if !asked.is_met(&udp) {
            unmet.push(format!("{name} over UDP, {asked:?}: {udp}"));
        }
        let (bytes, asked) = over_tcp(name, &bytes, asked);
        let tcp = live.tcp.send(&bytes, Over::Tcp, live.tcp.access);
        if !asked.is_met(&tcp) {
            unmet.push(format!("{name} over TCP, {asked:?}: {tcp}"));
        }
        writeln!(table, "| {name} | {section} | {words} | {udp} | {tcp} |").unwrap();
    }
    assert!(unmet.is_empty(), "{unmet:#?}");
    page::check("rfc4475", &table);
}

#[test]
fn every_response_of_rfc_4475_is_read_as_it_asks_for() {
    let Some(folder) = torture_folder() else {
        return;
    };
    let mut live = Pair::start(3);
    let mut table = "| response | § | asked for | unasked, UDP | unasked, TCP | as an answer |\n\
                     |---|---|---|---|---|---|\n"
        .to_owned();
    for (name, section, expected, words) in rfc4475::ANSWERS {
        let bytes = std::fs::read(folder.join(name).with_extension("dat")).unwrap();
        let udp = live.udp.send(&bytes, Over::Udp, live.udp.access);
        let tcp = live.tcp.send(&bytes, Over::Tcp, live.tcp.access);
        for seen in [&udp, &tcp] {
            assert!(Asked::Silence.is_met(seen), "{name}: {seen}");
        }
        let got = live.udp.answer(|request| as_answer(name, &bytes, request));
        let finals: Vec<_> = got
            .iter()
            .filter(|line| !line.starts_with("SIP/2.0 1"))
            .collect();
        let passed = finals.first().map(|line| line.as_str());
        assert!(finals.len() <= 1, "{name}: {finals:?}");
        let as_expected = match (passed, expected) {
            (Some(passed), Some(start)) => passed.starts_with(start),
            (passed, expected) => passed == expected,
        };
        assert!(as_expected, "{name}: {got:?}");
        let answer = passed.map_or("not passed on", |_| "passed on, its reason unchanged");
        writeln!(
            table,
            "| {name} | {section} | {words} | {udp} | {tcp} | {answer} |"
        )
        .unwrap();
    }
    page::check("responses", &table);
}

#[test]
fn every_case_of_rfc_5118_gets_what_it_asks_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/rfc5118");
    let mut live = Pair::start(5);
    let mut table = HEAD.to_owned();
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, rfc5118::CASES.len(), "every file is sent");
    for (name, section, asked, words) in rfc5118::CASES {
        let bytes = std::fs::read(folder.join(name).with_extension("sip")).unwrap();
        let udp = live.udp.send(&bytes, Over::Udp, live.udp.access6);
        let tcp = live.tcp.send(&bytes, Over::Tcp, live.tcp.access6);
        for seen in [&udp, &tcp] {
            assert!(asked.is_met(seen), "{name}, {asked:?}: {seen}");
        }
        writeln!(table, "| {name} | {section} | {words} | {udp} | {tcp} |").unwrap();
    }
    page::check("rfc5118", &table);
}

/// A message as a stream may carry it, and what is asked for there: a body that is shorter than
/// it says is not at its end, so the rest is sent after it.
fn over_tcp(name: &str, bytes: &[u8], asked: Asked) -> (Vec<u8>, Asked) {
    match name {
        "clerr" => {}
        // The second request lacks the Contact an INVITE must have, and says too little of its
        // body: what is left is no message.
        "dblreq" => return (bytes.to_vec(), Asked::ForwardFirst(400)),
        _ => return (bytes.to_vec(), asked),
    }
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let missing = 9_999 - (bytes.len() - head);
    let rest = "a=x:1\r\n".repeat(missing / 7 + 1);
    (
        [bytes, &rest.as_bytes()[..missing]].concat(),
        Asked::Forward,
    )
}

/// A torture response made the answer to `request`: what says whose answer it is comes from the
/// request, but for the header the response is about.
fn as_answer(name: &str, bytes: &[u8], request: &Message) -> Vec<u8> {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let mut out = lines.next().unwrap().to_vec();
    let mut repeated = Vec::new();
    repeat(request, &mut repeated);
    let kept: &[&str] = match name {
        "scalarlg" => &["CSeq"],
        "bcast" => &["Via"],
        _ => &[],
    };
    for line in repeated.split_inclusive(|byte| *byte == b'\n') {
        if !kept.iter().any(|name| line.starts_with(name.as_bytes())) {
            out.extend_from_slice(line);
        }
    }
    for line in lines {
        let is_kept = kept.iter().any(|name| line.starts_with(name.as_bytes()));
        if is_kept || line.starts_with(b"Retry-After") || line.starts_with(b"Warning") {
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    out
}

/// The messages lie outside the repository: `STRAIT_TESTDATA`, or beside it.
fn torture_folder() -> Option<PathBuf> {
    let root = std::env::var_os("STRAIT_TESTDATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/testdata"));
    let folder = root.join("rfc4475");
    if !folder.is_dir() {
        println!("skipped: no torture messages in {}", folder.display());
        return None;
    }
    Some(folder)
}
