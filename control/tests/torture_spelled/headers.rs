//! Headers.

use std::fmt::Write;

use crate::{code, invite, leaks, page, passed};

const CONTACT: &str = "Contact: <sip:alice@192.168.1.5>, <sip:alice@[2001:db8:a::5]>\n";

/// What is tried, and the header lines that try it. Those that replace the Contact hold one.
const TRIED: &[(&str, &str)] = &[
    ("plain", "Contact: <sip:alice@192.168.1.5:5060>\n"),
    ("compact name", "m: <sip:alice@192.168.1.5>\n"),
    ("compact name in capitals", "M: <sip:alice@192.168.1.5>\n"),
    ("name in mixed case", "cOnTaCt: <sip:alice@192.168.1.5>\n"),
    (
        "blank before the colon",
        "Contact \t: <sip:alice@192.168.1.5>\n",
    ),
    (
        "folded after the colon",
        "Contact:\n <sip:alice@192.168.1.5>\n",
    ),
    (
        "folded before a parameter",
        "Contact: <sip:alice@192.168.1.5>\n\t;expires=60\n",
    ),
    (
        "folded within the URI",
        "Contact: <sip:alice@192.168.\n 1.5>\n",
    ),
    ("no brackets", "Contact: sip:alice@192.168.1.5\n"),
    ("scheme in capitals", "Contact: <SIP:alice@192.168.1.5>\n"),
    (
        "two on a line",
        "Contact: <sip:a@192.168.1.5>, <sip:b@172.16.9.9>\n",
    ),
    (
        "two lines",
        "Contact: <sip:a@192.168.1.5>\nm: <sip:b@172.16.9.9>\n",
    ),
    (
        "in the display name",
        "Contact: \"at 192.168.1.5\" <sip:a@172.16.9.9>\n",
    ),
    (
        "a bracket in quotes",
        "Contact: \"<sip:x@h>\" <sip:a@192.168.1.5>\n",
    ),
    (
        "a quote in quotes",
        "Contact: \"a \\\" <sip:x@h>\" <sip:a@192.168.1.5>\n",
    ),
    ("a comma in the user", "Contact: <sip:a,b@192.168.1.5>\n"),
    (
        "an escaped @ in the user",
        "Contact: <sip:a%40192.168.1.5@172.16.9.9>\n",
    ),
    (
        "in the user alone",
        "Contact: <sip:192.168.1.5@example.org>\n",
    ),
    ("with leading zeros", "Contact: <sip:a@192.168.001.005>\n"),
    ("escaped in the host", "Contact: <sip:a@192%2E168.1.5>\n"),
    ("maddr", "Contact: <sip:a@example.org;maddr=192.168.1.5>\n"),
    (
        "an unknown URI parameter",
        "Contact: <sip:a@example.org;x=192.168.1.5>\n",
    ),
    (
        "a header parameter",
        "Contact: <sip:a@example.org>;received=\"sip:192.168.1.5\"\n",
    ),
    (
        "a header of the URI",
        "Contact: <sip:a@192.168.1.5?Route=%3Csip:192.168.1.5%3E>\n",
    ),
    (
        "the same, escaped wholly",
        "Contact: <sip:a@h?Route=%3C192%2E168%2E1%2E5%3E>\n",
    ),
    (
        "the same, escaped twice",
        "Contact: <sip:a@h?Route=%253C192%252E168%252E1%252E5>\n",
    ),
    ("IPv6", "Contact: <sip:a@[2001:db8:a::5]>\n"),
    (
        "IPv6 written out",
        "Contact: <sip:a@[2001:0DB8:000A:0:0:0:0:5]>\n",
    ),
    (
        "tel with a context",
        "Contact: <tel:1;phone-context=192.168.1.5>\n",
    ),
    (
        "a scheme nobody knows",
        "Contact: <soap.beep://192.168.1.5:1>\n",
    ),
    ("nothing but parameters", "Contact: ;x=192.168.1.5\n"),
    (
        "Via in compact form",
        "v: SIP/2.0/UDP 192.168.1.5;branch=z9hG4bK2\n",
    ),
    (
        "three Vias on a line",
        "Via: SIP/2.0/UDP 192.168.1.5, SIP / 2.0 / TCP 172.16.9.9\n",
    ),
    (
        "a comment",
        "Via: SIP/2.0/UDP h;branch=x (at 192.168.1.5)\n",
    ),
    (
        "Record-Route",
        "Record-Route: <sip:192.168.1.5;lr>, <sip:172.16.9.9;lr>\n",
    ),
    ("Route", "Route: <sip:192.168.1.5;lr>\n"),
    (
        "Refer-To in compact form",
        "r: <sip:c@192.168.1.5?Replaces=1%40192.168.1.5>\n",
    ),
    (
        "Referred-By in compact form",
        "b: sip:c@192.168.1.5;cid=\"x@192.168.1.5\"\n",
    ),
    (
        "asserted, two on a line",
        "P-Asserted-Identity: sip:a@192.168.1.5, <sip:b@172.16.9.9>\n",
    ),
    (
        "asserted, leading zeros",
        "P-Asserted-Identity: <sip:a@192.168.001.005>\n",
    ),
    (
        "asserted, escaped in the user",
        "P-Asserted-Identity: <sip:x%40192%2E168%2E1%2E5@h>\n",
    ),
    (
        "asserted, no URI at all",
        "P-Asserted-Identity: 192.168.1.5\n",
    ),
    (
        "Path",
        "Path: <sip:192.168.1.5;lr>,<sip:[2001:db8:a::5];lr>\n",
    ),
    ("Warning", "Warning: 399 192.168.1.5 \"192.168.1.5\"\n"),
    (
        "Call-Info",
        "Call-Info: <http://192.168.1.5/a>;purpose=icon\n",
    ),
    (
        "Subject in compact form",
        "s: call 192.168.1.5 or 203.0.113.7\n",
    ),
    (
        "Subject, folded",
        "Subject: call\n 192.168.1.5\n\t172.16.9.9\n",
    ),
    ("Subject, escaped", "Subject: call 192%2E168%2E1%2E5\n"),
    (
        "Subject, escaped in lower case",
        "Subject: %31%39%32%2e168%2e1%2e5\n",
    ),
    ("Subject, leading zeros", "Subject: call 192.168.001.005\n"),
    ("an unknown header", "X-Real-IP: 192.168.1.5\n"),
    ("an unknown header, no blank", "X:192.168.1.5\n"),
    ("an unknown letter", "z: 192.168.1.5\n"),
    ("for a name", "192.168.1.5: 5060\n"),
    ("for a name, escaped", "192%2e168.1.5: 5060\n"),
    ("glued to a word", "X-Id: abc192.168.1.5def\n"),
    ("in a host name", "X-Host: host-192.168.1.5.example.com\n"),
    ("IPv6 escaped", "X-Six: %5B2001%3Adb8%3Aa%3A%3A5%5D\n"),
    (
        "IPv6 written out, unknown",
        "X-Six: 2001:0DB8:000A:0000:0000:0000:0000:0005\n",
    ),
    ("IPv4 in IPv6", "X-Six: ::ffff:192.168.1.5\n"),
    ("IPv4 in IPv6, in hex", "X-Six: ::ffff:c0a8:105\n"),
    ("IPv4 behind NAT64", "X-Six: 64:ff9b::192.168.1.5\n"),
    ("In-Reply-To", "In-Reply-To: 1@192.168.1.5, 2@172.16.9.9\n"),
    ("a name that is no token", "X Real IP: 192.168.1.5\n"),
    ("a line without colon", "192.168.1.5\n"),
];

#[test]
fn no_spelling_of_a_header_brings_an_address_across() {
    let mut table =
        "| tried | sent | what the softswitch reads, or the answer |\n|---|---|---|\n".to_owned();
    let mut leaking = Vec::new();
    for (what, lines) in TRIED {
        let own_contact = lines.to_lowercase().replace(['\t', ' '], "");
        let has_contact = own_contact.starts_with("contact:") || own_contact.starts_with("m:");
        let contact = if has_contact { "" } else { CONTACT };
        let plain = passed(&invite(CONTACT, "")).unwrap();
        let outcome = match passed(&invite(&format!("{contact}{lines}"), "")) {
            Err(answer) => answer,
            Ok(text) => {
                let found = leaks(&text);
                if !found.is_empty() {
                    leaking.push(format!("{what}: {found:?} in\n{text}"));
                }
                added(&text, &plain, has_contact)
            }
        };
        let sent = lines.trim_end().replace('\n', "⏎");
        writeln!(table, "| {what} | {} | {} |", code(&sent), code(&outcome)).unwrap();
    }
    assert!(leaking.is_empty(), "{}", leaking.join("\n"));
    page::check("headers", &table);
}

/// The lines that `plain` does not have, tokens put in a word.
fn added(text: &str, plain: &str, contact: bool) -> String {
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let (known, _) = plain.split_once("\r\n\r\n").unwrap();
    let known: Vec<String> = known.split("\r\n").map(without_token).collect();
    let lines = head.split("\r\n").map(without_token);
    let new = lines.filter(|line| {
        let via = line.starts_with("Via: SIP/2.0/UDP 198.51.100.1:5060;branch=");
        !via && (contact && line.starts_with("Contact") || !known.contains(line))
    });
    let new: Vec<String> = new.collect();
    if new.is_empty() {
        "nothing".to_owned()
    } else {
        new.join("⏎")
    }
}

fn without_token(line: &str) -> String {
    let mut parts = line.split(";strait=");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, rest| {
        text + ";strait=…" + &rest[13.min(rest.len())..]
    })
}
