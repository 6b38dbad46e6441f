//! What strangers and broken networks send must not stop a party: every datagram of a call is
//! damaged at random and delivered, and afterwards everything still works.

#![allow(clippy::unwrap_used, reason = "all of it is test")]

mod stage;

use std::net::SocketAddr;
use std::time::Duration;

use stage::Stage;
use strait_parties::cast::Member;
use strait_parties::net::link::Profile;
use strait_parties::party::{Datagram, Party};
use strait_parties::phone::{Config, Hold, Offer, Phone, State};
use strait_parties::rtp::packet::Packet;
use strait_parties::rtp::{capture, rtcp};
use strait_parties::sip::description::Description;
use strait_parties::sip::message::Message;
use strait_parties::softswitch::{self, Softswitch};
use strait_parties::world::{INTERNET, World};
use strait_shared::time::Instant;

/// A member whose mail is read.
struct Tapped {
    member: Member,
    received: Vec<Vec<u8>>,
}

impl Party for Tapped {
    fn receive(&mut self, now: Instant, datagram: &Datagram) {
        self.received.push(datagram.payload.clone());
        self.member.receive(now, datagram);
    }

    fn timeout(&mut self, now: Instant) {
        self.member.timeout(now);
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.member.next_timeout()
    }

    fn poll_transmit(&mut self) -> Option<Datagram> {
        self.member.poll_transmit()
    }
}

/// Real datagrams of every kind: all that anyone receives in a call with hold and transfer, but
/// media only now and then.
fn samples() -> Vec<Vec<u8>> {
    let mut world = World::new(Instant::ZERO, 1);
    let proxy: SocketAddr = "203.0.113.10:5060".parse().unwrap();
    let mut add = |member, ip| {
        let tapped = Tapped {
            member,
            received: Vec::new(),
        };
        world.add(tapped, [ip], INTERNET, Profile::default())
    };
    let config = softswitch::Config::new(proxy, stage::DOMAIN, stage::USERS);
    let softswitch = add(
        Member::Softswitch(Box::new(Softswitch::new(config, 1))),
        proxy.ip(),
    );
    let phones = [
        ("alice", "198.51.100.1"),
        ("bob", "198.51.100.2"),
        ("carol", "198.51.100.3"),
    ];
    let phones = phones.map(|(user, ip)| {
        let own = SocketAddr::new(ip.parse().unwrap(), 5060);
        let config = Config::new(user, stage::DOMAIN, own, proxy, stage::voices());
        add(
            Member::Phone(Box::new(Phone::new(config, u64::from(own.port())))),
            own.ip(),
        )
    });
    let run = |world: &mut World<Tapped>, seconds| {
        world.run_until(world.now() + Duration::from_secs(seconds));
    };
    for phone in phones {
        world.act(phone, |tapped, now| tapped.member.phone_mut().register(now));
    }
    run(&mut world, 1);
    let alice = phones[0];
    let call = world.act(alice, |t, now| {
        t.member.phone_mut().call(now, "bob", Offer::Late)
    });
    run(&mut world, 3);
    world.act(alice, |t, now| {
        t.member.phone_mut().hold(now, call, Hold::SendOnly)
    });
    run(&mut world, 1);
    world.act(alice, |t, now| {
        t.member.phone_mut().transfer(now, call, "carol")
    });
    run(&mut world, 8);
    let everyone = phones.into_iter().chain([softswitch]);
    let received = everyone.flat_map(|host| world.party(host).received.iter().enumerate());
    received
        .filter(|(n, bytes)| Packet::parse(bytes).is_none() || n % 50 == 0)
        .map(|(_, bytes)| bytes.clone())
        .collect()
}

fn damage(random: &mut fastrand::Rng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.usize(1..6) {
        if bytes.is_empty() {
            break;
        }
        let at = random.usize(..bytes.len());
        match random.u8(..6) {
            0 => bytes[at] = random.u8(..),
            1 => bytes.truncate(at),
            2 => {
                bytes.remove(at);
            }
            3 => bytes.insert(at, *random.choice(b"\r\n;,:<>\"=@[]% \0").unwrap_or(&0)),
            4 => bytes[at] = bytes[at].wrapping_add(1),
            _ => {
                let end = random.usize(at..bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = random.usize(..bytes.len());
                bytes.splice(to..to, copy);
            }
        }
    }
    bytes
}

#[test]
fn damaged_datagrams_harm_nobody() {
    let samples = samples();
    assert!(samples.len() > 60, "{} samples", samples.len());
    let mut stage = Stage::new(2);
    let (alice, bob) = (
        stage.phone("alice", "198.51.100.1"),
        stage.phone("bob", "198.51.100.2"),
    );
    stage.register(&[alice, bob]);
    stage.call(alice, "bob");
    stage.run(3);
    let signalling = stage.phone_of(bob).config().signalling;
    let media = stage.last_call(bob).stream().local();
    let mut random = fastrand::Rng::with_seed(3);
    for round in 0..5_000 {
        let payload = damage(&mut random, &samples[round % samples.len()]);
        let source = "203.0.113.66:6666".parse().unwrap();
        for (host, destination) in [
            (bob, signalling),
            (bob, media),
            (stage.softswitch, stage.proxy),
        ] {
            let datagram = Datagram {
                source,
                destination,
                payload: payload.clone(),
            };
            stage
                .world
                .act(host, |member, now| member.receive(now, &datagram));
        }
        if round % 200 == 0 {
            stage.run(1);
        }
    }
    // Some of it was near enough to real to matter to that call; the next one must be fine.
    stage.run(60);
    stage.register(&[alice, bob]);
    stage.call(alice, "bob");
    stage.run(5);
    stage.assert_state(alice, State::Established);
}

#[test]
fn readers_never_panic() {
    let samples = samples();
    let mut random = fastrand::Rng::with_seed(4);
    let mut readable = 0u32;
    for round in 0..10_000 {
        let bytes = damage(&mut random, &samples[round % samples.len()]);
        readable += u32::from(Message::parse(&bytes).is_ok());
        readable += u32::from(Description::parse(&bytes).is_ok());
        readable += u32::from(Packet::parse(&bytes).is_some());
        readable += u32::from(rtcp::parse(&bytes).is_some());
        readable += u32::from(capture::streams(&bytes[..]).is_ok());
    }
    assert!(
        readable > 500,
        "{readable}: the damage is so great that it tests nothing"
    );
}
