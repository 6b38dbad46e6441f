//! What holds for every description whatsoever: the body of the fuzz target, which the tests run
//! over the committed corpus. It panics where a property is broken.

use std::net::{IpAddr, Ipv4Addr};

use super::{Connection, Description};
use crate::sip::{Span, Splices};

const RELAY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A description: its lines make up all of it, and once every address and port is replaced as a
/// relay does, no other is left.
pub fn description(bytes: &[u8]) {
    let Ok(received) = Description::parse(bytes) else {
        return;
    };
    let end = received.lines().fold(0, |end, line| {
        assert_eq!(line.whole.start(), end);
        assert!(line.whole.contains(line.value.span()));
        line.whole.end()
    });
    assert_eq!(end, bytes.len());
    for pair in received.media().windows(2) {
        assert_eq!(pair[0].section.end(), pair[1].section.start());
    }
    let relayed = relay(&received);
    let Ok(relayed) = Description::parse(&relayed) else {
        assert!(relayed.len() > crate::sip::limits::MAX_MESSAGE_BYTES);
        return;
    };
    assert_eq!(relayed.media().len(), received.media().len());
    assert_eq!(relayed.alternatives().count(), 0);
    for (media, before) in relayed.media().iter().zip(received.media()) {
        assert_eq!(media.port, 9);
        assert_eq!(
            media.connection.and_then(|connection| connection.ip),
            Some(RELAY)
        );
        assert_eq!(relayed.direction_of(media), received.direction_of(before));
        let rtcp = media.rtcp.map(|rtcp| rtcp.port);
        assert_eq!(rtcp, before.rtcp.map(|_| 10));
    }
}

/// The description as a relay at [`RELAY`] passes it on.
fn relay(description: &Description) -> Vec<u8> {
    let mut edits = Splices::new();
    let address = |edits: &mut Splices, connection: Connection| {
        edits.replace(connection.family, "IP4");
        edits.replace_fmt(connection.address, format_args!("{RELAY}"));
    };
    if let Some(connection) = description.connection {
        address(&mut edits, connection);
    }
    for media in description.media() {
        edits.replace(media.port_span, "9");
        match media.connection {
            Some(connection) => address(&mut edits, connection),
            None => description.insert_connection(&mut edits, media, RELAY),
        }
        if let Some(rtcp) = media.rtcp {
            edits.replace(rtcp.port_span, "10");
            if let Some(connection) = rtcp.connection {
                address(&mut edits, connection);
            }
        }
    }
    for line in description.alternatives() {
        edits.remove(line.whole);
    }
    let all = description.span();
    let mut out = Vec::new();
    edits.apply(&description.text(Span::new(0, all.end())), &mut out);
    out
}
