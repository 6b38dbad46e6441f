//! Where media may not be aimed.

use std::fmt::Write;

use crate::{code, invite, page, passed};

/// What media may be aimed at, or says that nothing is to be sent: connection and port.
const FINE: &[(&str, &str, u16)] = &[
    ("a host", "IP4 192.168.1.5", 4000),
    ("a host by name", "IP4 phone.example.org", 4000),
    ("hold", "IP4 0.0.0.0", 4000),
    ("hold, IPv6", "IP6 ::", 4000),
    ("loopback, leading zeros", "IP4 127.000.000.001", 4000),
    ("loopback as one number", "IP4 2130706433", 4000),
];

/// What it may not.
const REFUSED: &[(&str, &str, u16)] = &[
    ("loopback", "IP4 127.0.0.1", 4000),
    ("loopback, another", "IP4 127.9.9.9", 4000),
    ("loopback, IPv6", "IP6 ::1", 4000),
    ("loopback, mapped", "IP6 ::ffff:127.0.0.1", 4000),
    ("any mapped address", "IP6 ::ffff:192.168.1.5", 4000),
    ("a group", "IP4 224.2.1.1/127", 4000),
    ("a group, IPv6", "IP6 ff15::101", 4000),
    ("broadcast", "IP4 255.255.255.255", 4000),
    ("this network", "IP4 0.1.2.3", 4000),
    ("reserved", "IP4 240.0.0.1", 4000),
    ("link-local, IPv6", "IP6 fe80::1", 4000),
    ("a well-known port", "IP4 192.168.1.5", 53),
    ("our signalling", "IP4 192.0.2.1", 5060),
    ("our signalling over there", "IP4 198.51.100.1", 5060),
    ("our media ports", "IP4 192.0.2.1", 20010),
    ("our media ports over there", "IP4 198.51.100.1", 30010),
    ("another service of ours", "IP4 192.0.2.1", 8080),
    ("the same, IPv6", "IP6 2001:db8:a::1", 8080),
    ("a softswitch's signalling", "IP4 10.0.0.1", 5060),
    ("another realm's softswitch", "IP4 10.0.0.1", 4000),
];

fn description(connection: &str, port: u16, more: &str) -> String {
    format!(
        "v=0\no=- 1 1 IN IP4 192.168.1.5\ns=-\nc=IN {connection}\nt=0 0\n\
         m=audio {port} RTP/AVP 8\n{more}"
    )
}

fn offered(description: &str) -> String {
    let headers = "Contact: <sip:a@192.168.1.5>\nContent-Type: application/sdp\n";
    passed(&invite(headers, description)).map_or_else(|answer| answer, |_| "relayed".to_owned())
}

#[test]
fn media_is_aimed_at_parties_alone() {
    let mut table = "| aimed at | media | as RTCP's |\n|---|---|---|\n".to_owned();
    let all = FINE.iter().map(|aimed| (aimed, true));
    let all = all.chain(REFUSED.iter().map(|aimed| (aimed, false)));
    for ((what, connection, port), fine) in all {
        let media = offered(&description(connection, *port, ""));
        let attribute = format!("a=rtcp:{port} IN {connection}\n");
        let rtcp = offered(&description("IP4 192.168.1.5", 4000, &attribute));
        let expected = if fine {
            "relayed"
        } else {
            "488 Not Acceptable Here"
        };
        assert_eq!((&*media, &*rtcp), (expected, expected), "{what}");
        let aimed = code(&format!("{connection} {port}"));
        writeln!(table, "| {what}: {aimed} | {media} | {rtcp} |").unwrap();
    }
    page::check("media", &table);
}
