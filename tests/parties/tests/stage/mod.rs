//! A world with a softswitch, a reflector and named phones, as every scenario here needs it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each scenario uses a part of the stage, and all of it is test"
)]

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use strait_parties::cast::Member;
use strait_parties::net::link::Profile;
use strait_parties::net::reflector::Reflector;
use strait_parties::phone::{Call, CallHandle, Config, Event, Offer, Phone, State};
use strait_parties::rtp::heard::Heard;
use strait_parties::rtp::voice::{Voice, Voices};
use strait_parties::softswitch::{self, Reach, Softswitch};
use strait_parties::world::{HostId, INTERNET, SegmentId, World};
use strait_shared::time::Instant;

pub const DOMAIN: &str = "example.org";
pub const USERS: [&str; 3] = ["alice", "bob", "carol"];

pub struct Stage {
    pub world: World<Member>,
    pub softswitch: HostId,
    pub proxy: SocketAddr,
    pub reflector: SocketAddr,
    pub voices: Voices,
}

pub fn voices() -> Voices {
    let pitches = [170.0, 230.0, 310.0];
    let voice =
        |(user, pitch): (&&str, f64)| ((*user).to_owned(), Voice::synthesised(user, pitch, 5));
    Arc::new(
        USERS
            .iter()
            .zip(pitches)
            .map(voice)
            .collect::<BTreeMap<_, _>>(),
    )
}

pub fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

impl Stage {
    pub fn new(seed: u64) -> Self {
        Self::with(seed, "203.0.113.10:5060", |_| {})
    }

    pub fn with(seed: u64, proxy: &str, set_up: impl FnOnce(&mut softswitch::Config)) -> Self {
        let proxy: SocketAddr = proxy.parse().unwrap();
        let reflector: SocketAddr = "203.0.113.20:3478".parse().unwrap();
        let mut world = World::new(Instant::from_millis(1000), seed);
        let mut config = softswitch::Config::new(proxy, DOMAIN, USERS);
        config.reach = Reach::Source;
        set_up(&mut config);
        let member = Member::Softswitch(Box::new(Softswitch::new(config, seed)));
        let softswitch = world.add(member, [proxy.ip()], INTERNET, Profile::default());
        let server = Member::Reflector(Reflector::default());
        world.add(server, [reflector.ip()], INTERNET, Profile::default());
        Self {
            world,
            softswitch,
            proxy,
            reflector,
            voices: voices(),
        }
    }

    pub fn phone(&mut self, user: &str, at: &str) -> HostId {
        self.phone_with(
            user,
            at,
            INTERNET,
            Profile::delayed(Duration::from_millis(10)),
            |_| {},
        )
    }

    pub fn phone_with(
        &mut self,
        user: &str,
        at: &str,
        segment: SegmentId,
        access: Profile,
        set_up: impl FnOnce(&mut Config),
    ) -> HostId {
        let ip: IpAddr = at.parse().unwrap();
        let own = SocketAddr::new(ip, 5060);
        let mut config = Config::new(user, DOMAIN, own, self.proxy, self.voices.clone());
        set_up(&mut config);
        let seed = (user.bytes().chain(at.bytes()))
            .fold(7u64, |seed, byte| seed.wrapping_mul(31) + u64::from(byte));
        let phone = Member::Phone(Box::new(Phone::new(config, seed)));
        self.world.add(phone, [ip], segment, access)
    }

    pub fn register(&mut self, phones: &[HostId]) {
        for phone in phones {
            self.world
                .act(*phone, |member, now| member.phone_mut().register(now));
        }
        self.run(2);
        for phone in phones {
            let registered = self.phone_of(*phone).registered_until();
            assert!(registered.is_some(), "{:?}", self.events(*phone));
        }
    }

    pub fn run(&mut self, for_seconds: u64) {
        self.world
            .run_until(self.world.now() + seconds(for_seconds));
    }

    pub fn call(&mut self, from: HostId, to: &str) -> CallHandle {
        self.call_offering(from, to, Offer::Early)
    }

    pub fn call_offering(&mut self, from: HostId, to: &str, offer: Offer) -> CallHandle {
        self.world
            .act(from, |member, now| member.phone_mut().call(now, to, offer))
    }

    pub fn act(&mut self, host: HostId, action: impl FnOnce(&mut Phone, Instant)) {
        self.world
            .act(host, |member, now| action(member.phone_mut(), now));
    }

    pub fn events(&mut self, phone: HostId) -> Vec<Event> {
        self.world.act(phone, |member, _| {
            std::iter::from_fn(|| member.phone_mut().poll_event()).collect()
        })
    }

    pub fn phone_of(&self, phone: HostId) -> &Phone {
        self.world.party(phone).phone()
    }

    pub fn last_call(&self, phone: HostId) -> &Call {
        self.phone_of(phone)
            .calls()
            .last()
            .expect("the phone has a call")
    }

    pub fn heard(&self, phone: HostId) -> Heard {
        self.last_call(phone).stream().heard()
    }

    /// Both hear each other's voice, unaltered, to within `slack` packets of what was sent.
    pub fn assert_both_heard(&self, one: HostId, other: HostId, slack: u64) {
        for (ear, mouth) in [(one, other), (other, one)] {
            let heard = self.heard(ear);
            let sent = u64::from(self.last_call(mouth).stream().sent().packets);
            assert!(heard.is_clean(), "{heard:?}");
            assert!(
                sent > 50 && heard.received + slack >= sent,
                "{sent} sent, {heard:?}"
            );
            assert!(heard.received <= sent, "{sent} sent, {heard:?}");
        }
    }

    pub fn assert_state(&self, phone: HostId, state: State) {
        assert_eq!(self.last_call(phone).state(), state);
    }
}
