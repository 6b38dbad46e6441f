//! What hosts said to each other, as a figure of arrows: read from a capture by tshark.
//!
//! One step a line, `alice > one IPv6 INVITE`; repetitions and provisional answers, which no figure
//! shows, are left out, and questions to the DNS with their answers are one step.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

/// A host's name in the figure, and its addresses.
#[derive(Clone, Copy)]
pub struct Actor {
    /// What the figure calls it.
    pub name: &'static str,
    /// Its addresses.
    pub addresses: [&'static str; 2],
}

/// One arrow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Who sent it.
    pub from: &'static str,
    /// To whom.
    pub to: &'static str,
    /// 4 or 6: the version of the packet it came in.
    pub version: u8,
    /// `INVITE`, `200 INVITE`, `DNS`.
    pub what: String,
    /// What follows the blank line.
    pub body: Vec<u8>,
    /// All of it, in hexadecimal digits: what is the same was sent again.
    payload: String,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step {
            from,
            to,
            version,
            what,
            ..
        } = self;
        write!(f, "{from} > {to} IPv{version} {what}")
    }
}

/// What `actors` said to each other by SIP, and asked the DNS, in order.
///
/// # Panics
/// When tshark cannot read the capture.
pub fn steps(file: &Path, actors: &[Actor]) -> Vec<Step> {
    const FIELDS: [&str; 9] = [
        "ip.src",
        "ip.dst",
        "ipv6.src",
        "ipv6.dst",
        "sip.Method",
        "sip.Status-Code",
        "sip.CSeq.method",
        "dns.flags.response",
        "udp.payload",
    ];
    let mut tshark = Command::new("tshark");
    tshark
        .arg("-r")
        .arg(file)
        .args(["-Y", "sip || dns", "-T", "fields"]);
    // The first of what stands there more than once: an ICMP error quotes another packet.
    tshark.args(["-E", "occurrence=f"]);
    for field in FIELDS {
        tshark.args(["-e", field]);
    }
    let output = tshark.output().expect("tshark is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark: {errors}");
    let mut steps: Vec<Step> = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let Some(step) = step(&fields, actors) else {
            continue;
        };
        let asks_on = |last: &Step| {
            let same = [last.from, last.to].contains(&step.from);
            last.what == "DNS" && step.what == "DNS" && same
        };
        let repeated = step.what != "DNS" && steps.contains(&step);
        if !repeated && !steps.last().is_some_and(asks_on) {
            steps.push(step);
        }
    }
    steps
}

fn step(fields: &[&str], actors: &[Actor]) -> Option<Step> {
    let [
        v4_from,
        v4_to,
        v6_from,
        v6_to,
        method,
        status,
        of,
        dns,
        payload,
    ] = fields[..]
    else {
        return None;
    };
    let (version, from, to) = match v6_from.is_empty() {
        true => (4, v4_from, v4_to),
        false => (6, v6_from, v6_to),
    };
    let named = |text: &str| {
        let ip: IpAddr = text.parse().ok()?;
        let at = |actor: &&Actor| actor.addresses.iter().any(|known| known.parse() == Ok(ip));
        actors.iter().find(at).map(|actor| actor.name)
    };
    let what = match (method, status) {
        ("", "") if !dns.is_empty() => "DNS".to_owned(),
        ("", status) if status.starts_with('1') => return None,
        ("", status) => format!("{status} {of}"),
        (method, _) => method.to_owned(),
    };
    Some(Step {
        from: named(from)?,
        to: named(to)?,
        version,
        what,
        body: body(payload),
        payload: payload.to_owned(),
    })
}

fn body(payload: &str) -> Vec<u8> {
    let digits = payload.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Vec<u8> = digits.filter_map(byte).collect();
    let blank = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    blank.map_or(Vec::new(), |at| bytes[at + 4..].to_vec())
}

/// Asserts that what was said is the figure's arrows, one a line.
///
/// # Panics
/// When it is not; says what was said.
pub fn assert_figure(steps: &[Step], figure: &str) {
    let said: Vec<String> = steps.iter().map(Step::to_string).collect();
    let wanted: Vec<&str> = figure
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    assert!(
        said == wanted,
        "said:\n{}\nthe figure:\n{}",
        said.join("\n"),
        wanted.join("\n")
    );
}
