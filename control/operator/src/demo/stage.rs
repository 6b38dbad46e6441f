//! The people around Strait and the networks they sit in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Serialize;
use strait_parties::cast::Member;
use strait_parties::net::link::Profile;
use strait_parties::net::nat::{Behaviour, Nat};
use strait_parties::phone::{Answer, Answering, Config, Phone};
use strait_parties::rtp::voice::Voices;
use strait_parties::softswitch::{self, Softswitch};
use strait_parties::world::{HostId, INTERNET, World};
use strait_shared::time::Instant;

use super::place::{DOMAIN, PHONE_PORTS, Place};

/// Ring time before an answer; a cancelled call gives up before it.
pub const ANSWER_AFTER: Duration = Duration::from_millis(1200);

/// One of the three people.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// Behind a symmetric NAT with random ports.
    Alice,
    /// Behind a port-restricted cone NAT.
    Bob,
    /// In the core network, beside the softswitch.
    Carol,
}

/// The world around Strait.
pub struct Stage {
    pub world: World<Member>,
    softswitch: HostId,
    people: [HostId; 3],
}

impl Who {
    pub const ALL: [Self; 3] = [Self::Alice, Self::Bob, Self::Carol];

    /// The name, which is also the user part of the address-of-record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
            Self::Carol => "carol",
        }
    }

    /// Where this person is, in words.
    pub fn whereabouts(self) -> &'static str {
        match self {
            Self::Alice => "behind a symmetric NAT with random ports",
            Self::Bob => "behind a port-restricted cone NAT",
            Self::Carol => "in the core network",
        }
    }
}

impl Stage {
    /// Everyone in place, nobody registered. Each phone can be in `calls` calls.
    pub fn new(now: Instant, place: &Place, voices: &Voices, calls: u16, seed: u64) -> Self {
        let mut world = World::new(now, seed).open();
        let names = Who::ALL.map(Who::name);
        let address = place.softswitch();
        let settings = softswitch::Config::new(address, DOMAIN, names);
        let softswitch = Member::Softswitch(Box::new(Softswitch::new(settings, seed)));
        let softswitch = world.add(softswitch, [address.ip()], INTERNET, Profile::default());

        let symmetric = Nat::new(Behaviour::symmetric(), place.nat(1), seed ^ 1);
        let restricted = Nat::new(Behaviour::restricted_cone(), place.nat(2), seed ^ 2);
        let symmetric = world.behind(symmetric, INTERNET);
        let restricted = world.behind(restricted, INTERNET);
        let access = place.access();
        let seats = [
            (
                Who::Alice,
                (Ipv4Addr::new(192, 168, 1, 10), place.port()).into(),
                symmetric,
                access,
                8,
            ),
            (
                Who::Bob,
                (Ipv4Addr::new(10, 0, 0, 7), place.port()).into(),
                restricted,
                access,
                15,
            ),
            (Who::Carol, place.core_phone(), INTERNET, address, 0),
        ];
        let people = seats.map(|(who, own, segment, proxy, delay_ms)| {
            let mut settings = Config::new(who.name(), DOMAIN, own, proxy, voices.clone());
            settings.first_media_port = place.first_phone_port();
            settings.media_port_pairs = calls.min(PHONE_PORTS / 2);
            settings.rtcp_interval = Duration::from_secs(2);
            settings.answering = Answering {
                ring_after: Duration::from_millis(150),
                early_media: false,
                answer: Answer::After(ANSWER_AFTER),
            };
            let phone = Phone::new(settings, seed ^ (delay_ms << 32));
            let delay = Profile::delayed(Duration::from_millis(delay_ms));
            world.add(Member::Phone(Box::new(phone)), [own.ip()], segment, delay)
        });
        Self {
            world,
            softswitch,
            people,
        }
    }

    /// Addresses that must be listened on before anything is sent from them: those of everyone who
    /// is not behind a NAT.
    pub fn listening(&self) -> Vec<SocketAddr> {
        let carol = self.phone(Who::Carol).config();
        let media = (0..carol.media_port_pairs * 2)
            .map(|offset| SocketAddr::new(carol.media, carol.first_media_port + offset));
        let softswitch = self
            .world
            .party(self.softswitch)
            .softswitch()
            .config()
            .address;
        media.chain([carol.signalling, softswitch]).collect()
    }

    pub fn phone(&self, who: Who) -> &Phone {
        self.world.party(self.host(who)).phone()
    }

    /// Does something with someone's phone now.
    pub fn act<T>(&mut self, who: Who, action: impl FnOnce(&mut Phone, Instant) -> T) -> T {
        let host = self.host(who);
        self.world
            .act(host, |member, now| action(member.phone_mut(), now))
    }

    /// How many people are registered and know it.
    pub fn registered(&self) -> usize {
        Who::ALL
            .iter()
            .filter(|who| self.phone(**who).registered_until().is_some())
            .count()
    }

    /// Someone's own address, as written in their messages.
    pub fn own_address(&self, who: Who) -> IpAddr {
        self.phone(who).config().signalling.ip()
    }

    fn host(&self, who: Who) -> HostId {
        self.people[who as usize]
    }
}
