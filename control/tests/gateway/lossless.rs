//! Bytes nobody has a reason to touch leave as they came.

use crate::calls::{ANSWER, INVITE, response};
use crate::world::{World, header, start, wire};

/// Odd but legal: folds, compact names, blanks, commas in quotes, unknown headers, bare line feeds
/// kept apart from what is edited.
const ODD: &str = "\
MESSAGE tel:+15551234;phone-context=example.org SIP/2.0
v:  SIP / 2.0 / UDP\t192.168.1.5 ;branch=z9hG4bKodd ;rport
max-FORWARDS :  0068
f: \"Quoted, \\\"Name\\\" <x>\"
 <sip:alice@example.org;x=y> ; tag = a1
TO :\ttel:+15551234
i: odd-1
cseq: 0007\tMESSAGE
X-Folded: one
\ttwo
  three
subject:
Unknown-Header-That-Is-Long:   v1 ,v2;  p = \"a;b\"
k: a,b , c
c: text/plain ; charset=utf-8
l: 005

hello";

#[test]
fn oddities_survive() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let sent = wire(ODD);
    let passed = world
        .send_bytes(phone, sent.as_bytes())
        .only(softswitch)
        .to_owned();
    let lines = |text: &str, changed: &[&str]| -> Vec<String> {
        let lines = text.split("\r\n").map(str::to_owned);
        lines
            .filter(|line| !changed.iter().any(|name| line.starts_with(name)))
            .collect()
    };
    let changed = ["v:", "Via:", "max-FORWARDS"];
    assert_eq!(lines(&passed, &changed), lines(&sent, &changed));
    assert!(passed.contains("\r\nmax-FORWARDS :  67\r\n"), "{passed}");
}

#[test]
fn a_description_in_a_body_of_several_parts_is_edited_alone() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let (head, offer) = INVITE.split_once("\n\n").unwrap();
    let head = head.replace("application/sdp", "multipart/mixed;boundary=\"b-1\"");
    let isup = "--b-1\nContent-Type: application/isup;version=x\nContent-Disposition: signal\n\n\
                \u{1}\u{2}\u{3} isup\n";
    let body = format!("{isup}--b-1\nContent-Type: application/sdp\n\n{offer}\n--b-1--\n");
    let sent = format!("{head}\n\n{body}");
    let passed = world.send(phone, &sent).only(softswitch).to_owned();
    let (_, passed_body) = passed.split_once("\r\n\r\n").unwrap();
    assert!(passed_body.starts_with(&isup.replace('\n', "\r\n")));
    assert!(passed_body.contains("c=IN IP4 198.51.100.1\r\n"));
    assert!(passed_body.ends_with("\r\n--b-1--\r\n"));
    assert_eq!(
        header(&passed, "Content-Length"),
        passed_body.len().to_string()
    );
    assert_eq!(world.open.len(), 4);
}

#[test]
fn headers_that_name_parties_are_said_in_the_other_sides_terms() {
    let mut world = World::new();
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let headers = "\
P-Asserted-Identity: \"A\" <sip:alice@192.168.1.5>, <tel:+1555>
P-Preferred-Identity: sip:alice@192.168.1.5
Remote-Party-ID: \"A, B\" <sip:alice@192.168.1.5:5062>;party=calling;privacy=off
Diversion: <sip:x@192.0.2.1>;reason=unconditional
History-Info: <sip:y@example.org>;index=1, <sip:z@192.168.1.5>;index=1.1
Referred-By: <sip:q@192.168.1.5>;cid=\"1@192.168.1.5\"
Reply-To: <sip:alice@192.168.1.5>
Call-Info: <http://192.168.1.5/photo.jpg>;purpose=icon
Alert-Info: <http://192.168.77.1/ring>
In-Reply-To: a@192.168.1.5, plain
Warning: 399 192.168.1.5 \"x\"
Organization: at 192.168.1.5 and 203.0.113.7 and 1.2.3.4
User-Agent: Phone 10.14.1.2
X-Gateway: 172.16.9.9, 100.64.0.1, fd00::1
Event: dialog;call-id=\"7@192.168.1.5\"
X-Escaped: sip%3Ax%40192.168.1.5%3Bp
";
    let message = INVITE.replace("Content-Type", &format!("{headers}Content-Type"));
    let passed = world.send(phone, &message).only(softswitch).to_owned();
    for (name, value) in [
        (
            "P-Asserted-Identity",
            "\"A\" <sip:alice@198.51.100.1>, <tel:+1555>",
        ),
        ("P-Preferred-Identity", "sip:alice@198.51.100.1"),
        (
            "Remote-Party-ID",
            "\"A, B\" <sip:alice@198.51.100.1>;party=calling;privacy=off",
        ),
        ("Diversion", "<sip:x@10.0.0.1>;reason=unconditional"),
        (
            "History-Info",
            "<sip:y@example.org>;index=1, <sip:z@198.51.100.1>;index=1.1",
        ),
        ("Referred-By", "<sip:q@198.51.100.1>;cid=\"1@198.51.100.1\""),
        ("Reply-To", "<sip:alice@198.51.100.1>"),
        ("Call-Info", "<http://198.51.100.1/photo.jpg>;purpose=icon"),
        ("Alert-Info", "<http://198.51.100.1/ring>"),
        ("Warning", "399 198.51.100.1 \"x\""),
        (
            "Organization",
            "at 198.51.100.1 and 198.51.100.1 and 1.2.3.4",
        ),
        ("User-Agent", "Phone 10.14.1.2"),
        ("X-Gateway", "198.51.100.1, 198.51.100.1, 198.51.100.1"),
        ("Event", "dialog;call-id=\"7@198.51.100.1\""),
        ("X-Escaped", "sip%3Ax%40198.51.100.1%3Bp"),
    ] {
        assert_eq!(header(&passed, name), value);
    }
    let (hashed, plain) = header(&passed, "In-Reply-To").split_once(", ").unwrap();
    assert_eq!((hashed.len(), plain), (32, "plain"));
}

#[test]
fn parties_may_call_themselves_something_else_later() {
    let mut world = World::new();
    let phone = world.phone("203.0.113.7:40001");
    let softswitch = world.softswitch(1);
    let (invite, ok) = crate::calls::answered(&mut world, phone);
    let update = crate::calls::within(&ok, "UPDATE", 2, "u", "192.168.1.5").replace(
        "\"Alice\" <sip:alice@192.0.2.1>",
        "\"Room\" <sip:room7@192.0.2.1>",
    );
    let passed = world.send(phone, &update);
    let passed = passed.only(softswitch);
    assert_eq!(
        header(passed, "From"),
        "\"Room\" <sip:room7@10.0.0.1>;tag=a1"
    );
    assert_eq!(header(passed, "Call-ID"), header(&invite, "Call-ID"));
}

#[test]
fn hosts_and_call_ids_stay_where_the_realm_may_know_them() {
    let open = crate::world::CONFIG.replace(
        "- name: core\n",
        "- name: core\n    hide: { from_to_hosts: false, call_id: false }\n",
    );
    let mut world = World::with(&open);
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let message = INVITE
        .replace("alice@192.0.2.1", "alice@home.example")
        .replace("@192.168.1.5\n", "@home\n");
    let passed = world.send(phone, &message).only(softswitch).to_owned();
    assert_eq!(
        header(&passed, "From"),
        "\"Alice\" <sip:alice@home.example>;tag=a1"
    );
    assert_eq!(header(&passed, "Call-ID"), "call-1@home");
}

#[test]
fn domains_stand_for_hidden_hosts_where_they_are_configured() {
    let named = crate::world::CONFIG
        .replace(
            "- name: access\n",
            "- name: access\n    domain: phones.example\n",
        )
        .replacen("probe: null", "probe: null, domain: sip.example", 1);
    let mut world = World::with(&named);
    let (phone, softswitch) = (world.phone("203.0.113.7:40001"), world.softswitch(1));
    let message = INVITE.replace(
        "From: \"Alice\" <sip:alice@192.0.2.1>",
        "From: <sip:alice@192.168.1.5>",
    );
    let passed = world.send(phone, &message).only(softswitch).to_owned();
    assert_eq!(start(&passed), "INVITE sip:bob@sip.example SIP/2.0");
    assert_eq!(header(&passed, "From"), "<sip:alice@phones.example>;tag=a1");
    assert_eq!(header(&passed, "To"), "<sip:bob@sip.example>");
    let ok = world.send(softswitch, &response(&passed, "200 OK", "b1", ANSWER));
    assert_eq!(
        header(ok.only(phone), "From"),
        "<sip:alice@192.168.1.5>;tag=a1"
    );
}
