//! Our reading of SIP beside that of an independent parser, rsip, over every message in the
//! repository and the torture messages. Each disagreement is explained in docs/TORTURE.md, and
//! this test knows the explanations: one that is new, or gone, fails it.

#![allow(clippy::unwrap_used)]

#[path = "torture_live/page.rs"]
mod page;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::catch_unwind;
use std::path::PathBuf;

use rsip::prelude::*;
use strait_control::sip::{HeaderName, Message, StartLine};

/// What is compared, each where both read it.
type Reading = BTreeMap<&'static str, String>;

const FOLDS: &str = "rsip reads neither folds nor blanks before a colon (RFC 3261 §7.3.1)";
const SIX: &str = "rsip splits host and port at the first colon, also in an IPv6 reference";
const METHOD: &str = "rsip knows a list of methods; any token is one (RFC 3261 §7.1)";
const LENGTH: &str = "rsip does not hold Content-Length against the body (RFC 3261 §18.3)";
const LAZY: &str = "rsip does not look into this header until it is asked for";

/// Every message that is read differently, and why.
const EXPLAINED: &[(&str, &str)] = &[
    ("calls/ipv6-to-ipv4 0", SIX),
    ("calls/malformed 2", LAZY),
    (
        "calls/malformed 3",
        "rsip reads any scheme; nobody routes this one, hence 416",
    ),
    ("message/compact", FOLDS),
    ("message/notify", SIX),
    (
        "rfc4475/badinv01",
        "rsip takes any parameters for a Via's; RFC 4475 asks for 400",
    ),
    ("rfc4475/clerr", LENGTH),
    (
        "rfc4475/dblreq",
        "rsip knows compact names in small letters alone (RFC 3261 §7.3.1)",
    ),
    ("rfc4475/esc01", FOLDS),
    ("rfc4475/esc02", METHOD),
    (
        "rfc4475/intmeth",
        "rsip reads less in a user part than RFC 3261 §25.1 has",
    ),
    ("rfc4475/longreq", FOLDS),
    (
        "rfc4475/ltgtruri",
        "rsip takes brackets for parts of a Request-URI; RFC 4475 asks for 400",
    ),
    ("rfc4475/mcl01", LENGTH),
    (
        "rfc4475/mismatch01",
        "rsip does not compare the methods; RFC 4475 asks for 400",
    ),
    (
        "rfc4475/multi01",
        "rsip takes the first of several; RFC 4475 asks for 400",
    ),
    ("rfc4475/ncl", LENGTH),
    (
        "rfc4475/novelsc",
        "rsip reads any scheme; nobody routes this one, hence 416",
    ),
    (
        "rfc4475/quotbal",
        "rsip finds the tag without the open quote; RFC 4475 asks for 400",
    ),
    ("rfc4475/regbadct", LAZY),
    (
        "rfc4475/semiuri",
        "rsip ends a user part at its semicolon (RFC 3261 §25.1 has it inside)",
    ),
    (
        "rfc4475/unksm2",
        "rsip reads every URI as host and port, one of scheme isbn too",
    ),
    ("rfc4475/wsinv", FOLDS),
    ("rfc5118/description", SIX),
    ("rfc5118/many-vias", SIX),
    ("rfc5118/mapped", SIX),
    ("rfc5118/mapped-contact", SIX),
    ("rfc5118/port-inside", SIX),
    ("rfc5118/port-outside", SIX),
    ("rfc5118/received-bare", SIX),
    ("rfc5118/received-brackets", SIX),
    ("rfc5118/reference", SIX),
    ("rfc5118/two-colons", SIX),
    ("rfc5118/two-families", SIX),
];

#[test]
fn every_disagreement_with_rsip_is_explained() {
    let Some(corpus) = corpus() else {
        return;
    };
    let mut table = "| message | about | ours | rsip | why |\n|---|---|---|---|---|\n".to_owned();
    let (mut unexplained, mut seen) = (Vec::new(), Vec::new());
    for (name, bytes) in &corpus {
        for (what, ours, theirs) in differences(&ours(bytes), &theirs(bytes)) {
            let row = format!("| {name} | {what} | {ours} | {theirs} |");
            match EXPLAINED.iter().find(|(explained, _)| explained == name) {
                Some((_, why)) => writeln!(table, "{row} {why} |").unwrap(),
                None => unexplained.push(row),
            }
            seen.push(name.as_str());
        }
    }
    assert!(
        unexplained.is_empty(),
        "unexplained:\n{}",
        unexplained.join("\n")
    );
    let gone = EXPLAINED.iter().find(|(name, _)| !seen.contains(name));
    assert_eq!(gone, None, "there is no such disagreement");
    page::check("differential", &table);
    println!("{} messages, {} read differently", corpus.len(), seen.len());
}

fn differences(
    ours: &Result<Reading, String>,
    theirs: &Result<Reading, String>,
) -> Vec<(String, String, String)> {
    let (ours, theirs) = match (ours, theirs) {
        (Err(_), Err(_)) => return Vec::new(),
        (Ok(_), Err(how)) => return vec![("all".into(), "read".into(), how.clone())],
        (Err(error), Ok(_)) => return vec![("all".into(), error.clone(), "read".into())],
        (Ok(ours), Ok(theirs)) => (ours, theirs),
    };
    let none = "nothing".to_owned();
    let names: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let all = names.into_iter().map(|name| {
        let of = |reading: &Reading| reading.get(name).unwrap_or(&none).clone();
        ((*name).to_owned(), of(ours), of(theirs))
    });
    all.filter(|(_, ours, theirs)| ours != theirs).collect()
}

fn ours(bytes: &[u8]) -> Result<Reading, String> {
    let message = Message::parse(bytes).map_err(|error| error.to_string())?;
    message.check().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut reading = Reading::new();
    match message.start_line() {
        StartLine::Request { method, uri, .. } => {
            reading.insert("method", text(method.as_bytes()));
            reading.insert("request-uri", text(&uri));
        }
        StartLine::Response { status, .. } => {
            reading.insert("status", status.to_string());
        }
    }
    let cseq = message.cseq().unwrap();
    reading.insert(
        "cseq",
        format!("{} {}", cseq.number, text(cseq.method.as_bytes())),
    );
    reading.insert("call-id", text(&message.call_id().unwrap()));
    for (name, key) in [(HeaderName::From, "from tag"), (HeaderName::To, "to tag")] {
        let tag = message.address(name).unwrap().tag();
        tag.map(|tag| reading.insert(key, text(&tag)));
    }
    let (_, via) = message.vias().next().unwrap().unwrap();
    via.branch()
        .map(|branch| reading.insert("branch", text(&branch)));
    reading.insert("via host", text(&via.sent_by.host.text));
    reading.insert("headers", message.headers().len().to_string());
    reading.insert("body", message.body().len().to_string());
    Ok(reading)
}

fn theirs(bytes: &[u8]) -> Result<Reading, String> {
    let read = catch_unwind(|| read_by_rsip(bytes));
    read.unwrap_or_else(|_| Err("panics".to_owned()))
}

fn read_by_rsip(bytes: &[u8]) -> Result<Reading, String> {
    let fault = |_: rsip::Error| "refused".to_owned();
    let message = rsip::SipMessage::try_from(bytes).map_err(fault)?;
    let mut reading = Reading::new();
    match &message {
        rsip::SipMessage::Request(request) => {
            reading.insert("method", request.method.to_string());
            reading.insert("request-uri", request.uri.to_string());
        }
        rsip::SipMessage::Response(response) => {
            reading.insert("status", response.status_code.code().to_string());
        }
    }
    let cseq = message
        .cseq_header()
        .and_then(|cseq| cseq.typed())
        .map_err(fault)?;
    reading.insert("cseq", format!("{} {}", cseq.seq, cseq.method));
    let call_id = message.call_id_header().map_err(fault)?;
    reading.insert("call-id", call_id.value().to_owned());
    let from = message
        .from_header()
        .and_then(|from| from.tag())
        .map_err(fault)?;
    from.map(|tag| reading.insert("from tag", tag.to_string()));
    let to = message.to_header().and_then(|to| to.tag()).map_err(fault)?;
    to.map(|tag| reading.insert("to tag", tag.to_string()));
    let via = message
        .via_header()
        .and_then(|via| via.typed())
        .map_err(fault)?;
    via.branch()
        .map(|branch| reading.insert("branch", branch.value().to_owned()));
    reading.insert("via host", via.uri.host_with_port.host.to_string());
    reading.insert("headers", message.headers().iter().count().to_string());
    reading.insert("body", message.body().len().to_string());
    Ok(reading)
}

/// Every message, named by its folder and file; `None` where the torture messages are missing.
fn corpus() -> Option<Vec<(String, Vec<u8>)>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let data = std::env::var_os("STRAIT_TESTDATA")
        .map_or(root.join("../../shared/testdata"), PathBuf::from);
    if !data.join("rfc4475").is_dir() {
        println!("skipped: no torture messages in {}", data.display());
        return None;
    }
    let tests = root.join("../tests");
    let mut all = Vec::new();
    for folder in [
        tests.join("fuzz/corpus/message"),
        tests.join("golden/rfc5118"),
        tests.join("golden/calls"),
        data.join("rfc4475"),
        data.join("pcap"),
    ] {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let stem = path.file_stem().unwrap().to_string_lossy();
            let name = format!("{}/{stem}", folder.file_name().unwrap().to_string_lossy());
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("call") => all.extend(numbered(&name, played(&bytes))),
                Some("pcap") => all.extend(numbered(&name, captured(&bytes))),
                _ => all.push((name, bytes)),
            }
        }
    }
    all.sort();
    Some(all)
}

fn numbered(name: &str, messages: Vec<Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    let messages = messages.into_iter().enumerate();
    messages
        .map(|(number, bytes)| (format!("{name} {number}"), bytes))
        .collect()
}

/// The messages of a golden call that hold nothing to be filled in, lengths apart.
fn played(bytes: &[u8]) -> Vec<Vec<u8>> {
    let text = std::str::from_utf8(bytes).unwrap();
    let messages = text.split("\n\n").filter_map(|block| {
        let lines = block.lines().filter_map(|line| line.strip_prefix("  |"));
        let lines: Vec<&str> = lines
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        let is_message = lines.first().is_some_and(|first| first.contains("SIP/2.0"));
        (is_message && !block.contains('{')).then(|| lines.join("\r\n") + "\r\n")
    });
    let whole = |text: String| {
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let length = format!("Content-Length: {}", body.len());
        match text.contains("\r\n\r\n") {
            true => text.replace("Content-Length: auto", &length).into_bytes(),
            false => (text + "\r\n")
                .replace("Content-Length: auto", &length)
                .into_bytes(),
        }
    };
    messages.map(whole).collect()
}

/// The SIP messages of a capture: Ethernet, IPv4, UDP from or to port 5060.
fn captured(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &bytes[24..];
    let mut messages = Vec::new();
    while rest.len() >= 16 {
        let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let (packet, after) = rest[16..].split_at(len);
        rest = after;
        let ip = &packet[14.min(len)..];
        if packet.get(12..14) != Some(&[8, 0]) || ip.get(9) != Some(&17) {
            continue;
        }
        let udp = &ip[usize::from(ip[0] & 15) * 4..];
        let is_sip = udp[..4]
            .chunks(2)
            .any(|port| port == 5060_u16.to_be_bytes());
        let length = usize::from(u16::from_be_bytes([udp[4], udp[5]]));
        let whole = udp.get(8..length).filter(|payload| payload.len() > 4);
        messages.extend(whole.filter(|_| is_sip).map(<[u8]>::to_vec));
    }
    messages
}
