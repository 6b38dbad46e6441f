//! Runs the fuzz targets' bodies over their committed corpora, and over every prefix and every
//! single-byte change of each entry.

#![allow(clippy::unwrap_used)]

#[path = "corpus/replay.rs"]
mod replay;

use strait_control::{digest, h248, link, mgcp, sdp, sip};

use replay::and_its_neighbours as replay;

#[test]
fn messages() {
    replay("message", sip::fuzz::message);
}

#[test]
fn framing() {
    replay("framing", sip::fuzz::framing);
}

#[test]
fn descriptions() {
    replay("sdp", sdp::fuzz::description);
}

#[test]
fn uris() {
    replay("uri", sip::fuzz::uri);
}

#[test]
fn links() {
    replay("link", link::fuzz::link);
}

#[test]
fn authorizations() {
    replay("authorization", digest::fuzz::authorization);
}

#[test]
fn mgcp_datagrams() {
    replay("mgcp", mgcp::fuzz::datagram);
}

#[test]
fn h248_in_text() {
    replay("h248_text", h248::fuzz::text);
}

#[test]
fn h248_in_binary() {
    replay("h248_binary", h248::fuzz::binary);
}

#[test]
fn h248_in_packets() {
    replay("h248_tpkt", h248::fuzz::tpkt);
}
