//! A terminal of both IP versions, and what it sends and hears, one message at a time.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each file of tests uses a part of it, and all of it is test"
)]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use strait_parties::party::{Datagram, Party};
use strait_parties::phone::{Config, Dual, Event, Phone, Registering};
use strait_parties::sip::message::Message;
use strait_shared::time::Instant;

pub const SERVER_V6: &str = "[2001:db8::100]:5060";
pub const SERVER_V4: &str = "192.0.2.100:5060";
pub const OWN_V6: &str = "[2001:db8::1]:5060";
pub const OWN_V4: &str = "192.0.2.1:5060";
pub const NOW: Instant = Instant::from_millis(1_000);

pub fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn ip(text: &str) -> IpAddr {
    at(text).ip()
}

/// A terminal that calls over IPv6 and speaks IPv4 too.
pub fn terminal(set_up: impl FnOnce(&mut Config, &mut Dual)) -> Phone {
    let voices = Arc::default();
    let (own, server) = (at(OWN_V6), at(SERVER_V6));
    let mut config = Config::new("alice", "example.net", own, server, voices);
    let mut dual = Dual {
        signalling: at(OWN_V4),
        proxy: at(SERVER_V4),
        media: ip(OWN_V4),
        registering: Registering::Each,
        alternatives: false,
    };
    set_up(&mut config, &mut dual);
    config.dual = Some(dual);
    Phone::new(config, 5)
}

/// What a phone has sent, read.
pub fn sent(phone: &mut Phone) -> Vec<(Datagram, Message)> {
    std::iter::from_fn(|| phone.poll_transmit())
        .filter_map(|datagram| Some((datagram.clone(), Message::parse(&datagram.payload).ok()?)))
        .collect()
}

pub fn one(phone: &mut Phone) -> (Datagram, Message) {
    let mut all = sent(phone);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// Answers what a phone has sent, from where it was sent to.
pub fn respond(phone: &mut Phone, to: &(Datagram, Message), response: &Message) {
    let datagram = Datagram {
        source: to.0.destination,
        destination: to.0.source,
        payload: response.to_bytes(),
    };
    phone.receive(NOW, &datagram);
}

pub fn events(phone: &mut Phone) -> Vec<Event> {
    std::iter::from_fn(|| phone.poll_event()).collect()
}

pub fn connection(message: &Message) -> String {
    let body = String::from_utf8(message.body.clone()).unwrap();
    body.lines()
        .find(|line| line.starts_with("c="))
        .unwrap()
        .to_owned()
}
