//! A CreateConnection as call agents send them, and what relaying it takes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use divan::black_box;
use strait_control::mgcp::{self, edits};
use strait_control::sdp::Description;
use strait_control::sip::Splices;

/// With requested events and a session description.
pub const CREATE: &[u8] = b"CRCX 1205 aaln/1@[10.0.0.7] MGCP 1.0\r\n\
    K: 1200-1204\r\n\
    N: ca@ca1.example.net:5678\r\n\
    C: A3C47F21456789F0\r\n\
    L: p:20, a:PCMU;PCMA, e:on\r\n\
    M: sendrecv\r\n\
    X: 0123456789AD\r\n\
    R: L/hu(N), L/hf(N)\r\n\
    S: L/rg\r\n\
    \r\n\
    v=0\r\n\
    o=- 25678 753849 IN IP4 10.0.0.1\r\n\
    s=-\r\n\
    c=IN IP4 10.0.0.1\r\n\
    t=0 0\r\n\
    m=audio 3456 RTP/AVP 0 8 101\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=ptime:20\r\n";

const RELAY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Reads the message and its description, changes endpoint, entity, addresses and port, renders.
pub fn relay(changes: &mut Splices, out: &mut Vec<u8>) {
    changes.clear();
    out.clear();
    for message in mgcp::messages(black_box(CREATE)).flatten() {
        if let Some(command) = message.command() {
            edits::domain(changes, &command.endpoint.domain, RELAY);
        }
        if let Some(entity) = message.notified_entity() {
            edits::entity(changes, &entity, SocketAddr::new(RELAY, 2727));
        }
        for span in message.descriptions() {
            let read = Description::parse_at(message.bytes(), *span);
            let description = read.expect("it is well formed");
            if let Some(connection) = description.connection {
                changes.replace_fmt(connection.address, format_args!("{RELAY}"));
            }
            if let Some(origin) = description.origin {
                changes.replace_fmt(origin.address, format_args!("{RELAY}"));
            }
            for media in description.media() {
                changes.replace(media.port_span, "40000");
            }
        }
        message.render(changes, out);
    }
    black_box(&out);
}
