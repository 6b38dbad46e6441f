//! A world built from its plan: who is where, behind what.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use strait_parties::net::link::Profile;
use strait_parties::net::nat::{Behaviour, Nat};
use strait_parties::phone::{Config, Phone};
use strait_parties::rtp::voice::{Voice, Voices};
use strait_parties::softswitch::{self, Softswitch};
use strait_parties::world::{HostId, INTERNET, SegmentId, World};
use strait_shared::time::Instant;

use crate::canary::Canary;
use crate::checks::{Checks, SharedChecks};
use crate::configuration::{self, DOMAIN, PRIVATE};
use crate::controlled::Controlled;
use crate::intruder::Intruder;
use crate::people::Person;
use crate::plan::{Fault, Home, Latch, Plan};
use crate::strait::Strait;
use crate::stranger::Stranger;

/// When worlds begin.
const BEGIN: Instant = Instant::from_millis(1_000);
/// Voices there are; users beyond share them.
const VOICES: usize = 12;

/// A world and its people.
pub struct Stage {
    /// What it was built from.
    pub plan: Plan,
    /// The world.
    pub world: World<Person>,
    /// The checkers.
    pub checks: SharedChecks,
    /// Strait.
    pub strait: HostId,
    /// The phones, by number.
    pub phones: Vec<Place>,
    /// The softswitches.
    pub softswitches: Vec<HostId>,
    /// The stranger, where there is one.
    pub stranger: Option<HostId>,
    /// The hostile softswitch, where there is one.
    pub rogue: Option<HostId>,
    /// Its customers' phones.
    pub customers: Vec<HostId>,
    /// Gateways and their controllers.
    pub controlled: Controlled,
    /// Everything the driver draws.
    pub random: fastrand::Rng,
    /// The same for what people do beside calling.
    pub asides: fastrand::Rng,
    /// The same for those who deal with a hostile softswitch.
    pub deals: fastrand::Rng,
    /// The same for those who send others elsewhere, or move.
    pub turns: fastrand::Rng,
}

/// A phone and what lies before it.
pub struct Place {
    /// The phone.
    pub host: HostId,
    /// Its own addresses.
    pub addresses: [IpAddr; 2],
    /// Its user.
    pub user: String,
    /// How often it was new.
    pub lives: u16,
    /// The NAT that is nearest to it.
    pub segment: Option<SegmentId>,
    /// The NAT whose external address Strait sees, with its number.
    pub outer: Option<(SegmentId, usize)>,
}

impl Stage {
    /// The world of a plan.
    pub fn new(plan: Plan, canary: Option<Canary>) -> Self {
        let seed = plan.seed;
        let mut random = fastrand::Rng::with_seed(seed ^ 0x0005_7a6e);
        let checks = Checks::new(plan.latch == Latch::Symmetric);
        let mut world = World::new(BEGIN, random.u64(..));
        let strait = Strait::new(&plan, checks.clone(), canary);
        let addresses = strait.addresses();
        let strait = Person::Strait(Box::new(strait));
        let strait = world.add(strait, addresses, INTERNET, Profile::default());
        let mut stage = Self {
            plan,
            world,
            checks,
            strait,
            phones: Vec::new(),
            softswitches: Vec::new(),
            stranger: None,
            rogue: None,
            customers: Vec::new(),
            controlled: Controlled::default(),
            random,
            asides: fastrand::Rng::with_seed(seed ^ 0x000a_51de),
            deals: fastrand::Rng::with_seed(seed ^ 0x00de_a150),
            turns: fastrand::Rng::with_seed(seed ^ 0x0007_0245),
        };
        stage.add_softswitches();
        for number in 0..stage.plan.homes.len() {
            stage.add_phone(number);
        }
        if stage.plan.has(Fault::Hostility) {
            stage.add_stranger();
        }
        if stage.plan.has(Fault::Treachery) {
            stage.add_rogue();
        }
        stage.add_controlled();
        stage
    }

    /// Strait.
    pub fn strait(&self) -> &Strait {
        self.world.party(self.strait).strait()
    }

    /// A phone.
    pub fn phone(&self, number: usize) -> &Phone {
        self.world.party(self.phones[number].host).tapped().phone()
    }

    /// Whether a phone has power.
    pub fn is_on(&self, number: usize) -> bool {
        self.world.party(self.phones[number].host).tapped().is_on()
    }

    /// Somebody uses a phone.
    pub fn use_phone<T>(
        &mut self,
        number: usize,
        action: impl FnOnce(&mut Phone, Instant) -> T,
    ) -> T {
        let host = self.phones[number].host;
        self.world
            .act(host, |person, now| person.tapped_mut().act(now, action))
    }

    /// A phone as it comes out of its box. In each of its `lives` it uses other ports: what was
    /// meant for it before may still arrive.
    pub fn fresh_phone(&mut self, number: usize, lives: u16) -> Phone {
        let user = self.plan.user(number);
        let (own, proxy) = self.where_is(number);
        let mut config = Config::new(&user, DOMAIN, own, proxy, voices());
        config.expiry = Duration::from_secs(120);
        config.first_media_port = 40_000 + 2_000 * lives;
        config.media_port_pairs = 1_000;
        config.rtcp_mux = self.plan.rtcp_mux && self.random.bool();
        config.rtcp_interval = Duration::from_secs(2);
        config.tcp = self.plan.tcp.contains(&number);
        config.reliable = self.random.bool();
        config.updates = self.random.bool();
        if self.plan.sessions {
            let asides = &mut self.asides;
            let wanted = Duration::from_secs(asides.u64(90..180));
            config.session = asides.bool().then_some(wanted);
            config.minimum_session = Duration::from_secs(asides.u64(90..120));
        }
        Phone::new(config, self.random.u64(..))
    }

    /// A phone's own address and where it sends its requests.
    fn where_is(&self, number: usize) -> (SocketAddr, SocketAddr) {
        let port = match self.plan.tcp.contains(&number) {
            true => configuration::TCP_PORT,
            false => 5060,
        };
        let strait = |address: &str| SocketAddr::new(ip(address), port);
        let own: IpAddr = match &self.plan.homes[number] {
            Home::Public => configuration::public(number),
            Home::Public6 => ip(&format!("2001:db8:a::{}", 100 + number)),
            Home::Nat(_) | Home::DoubleNat(..) => PRIVATE,
            Home::Core => configuration::in_core(number, self.plan.core_ipv6),
        };
        let proxy = match (&self.plan.homes[number], own) {
            (Home::Core, _) => configuration::softswitches(&self.plan)[0],
            (_, IpAddr::V4(_)) => strait(configuration::ACCESS),
            (_, IpAddr::V6(_)) => strait(configuration::ACCESS6),
        };
        (SocketAddr::new(own, 5060), proxy)
    }

    fn add_softswitches(&mut self) {
        for address in configuration::softswitches(&self.plan) {
            let users: Vec<String> = (0..self.plan.users).map(|n| self.plan.user(n)).collect();
            let users = users.iter().map(String::as_str);
            let mut config = softswitch::Config::new(address, DOMAIN, users);
            config.challenge_calls = self.plan.challenge_calls;
            config.forking = self.plan.forking;
            let softswitch = Softswitch::new(config, self.random.u64(..));
            let access = Profile::delayed(Duration::from_millis(1));
            let person = Person::softswitch(softswitch);
            let host = self.world.add(person, [address.ip()], INTERNET, access);
            self.softswitches.push(host);
        }
    }

    fn add_phone(&mut self, number: usize) {
        let (own, _) = self.where_is(number);
        let (segment, outer) = match self.plan.homes[number].clone() {
            Home::Nat(behaviour) => {
                let segment = self.add_nat(behaviour, number, INTERNET);
                (Some(segment), Some((segment, number)))
            }
            Home::DoubleNat(inner, carrier) => {
                let carrier = self.add_nat(carrier, number, INTERNET);
                let external = std::net::Ipv4Addr::new(100, 64, 0, 10 + number as u8);
                let nat = Nat::new(inner, external, self.random.u64(..));
                (
                    Some(self.world.behind(nat, carrier)),
                    Some((carrier, number)),
                )
            }
            Home::Public | Home::Public6 | Home::Core => (None, None),
        };
        let reached: IpAddr = match outer {
            Some(_) => configuration::external(number).into(),
            None => own.ip(),
        };
        let user = self.plan.user(number);
        self.checks.borrow_mut().media.reach(&user, reached);
        let phone = self.fresh_phone(number, 0);
        let wire = self.plan.tcp.contains(&number).then(|| self.random.u64(..));
        let phone = Person::phone(phone, self.checks.clone(), wire);
        let access = match self.plan.homes[number] {
            Home::Core => Profile::delayed(Duration::from_millis(1)),
            _ => self.access(number),
        };
        let place = segment.unwrap_or(INTERNET);
        let second = configuration::second(own.ip());
        if segment.is_none() {
            self.checks.borrow_mut().media.reach(&user, second);
        }
        let host = self.world.add(phone, [own.ip(), second], place, access);
        self.phones.push(Place {
            host,
            addresses: [own.ip(), second],
            user,
            lives: 1,
            segment,
            outer,
        });
    }

    /// What a phone's access link does; one phone has the narrow one.
    fn access(&self, number: usize) -> Profile {
        let narrow = self.plan.has(Fault::Mtu) && number == 0;
        Profile {
            mtu: if narrow { 576 } else { 1500 },
            ..self.plan.access
        }
    }

    fn add_nat(&mut self, behaviour: Behaviour, number: usize, outer: SegmentId) -> SegmentId {
        let external = configuration::external(number);
        let nat = Nat::new(behaviour, external, self.random.u64(..));
        self.world.behind(nat, outer)
    }

    fn add_stranger(&mut self) {
        let own = SocketAddr::new(ip("203.0.113.66"), 5060);
        let signalling = SocketAddr::new(ip(configuration::ACCESS), 5060);
        // Whom it calls may answer, and speaks to it then.
        self.checks.borrow_mut().media.reach("mallory", own.ip());
        let (ports, users) = (self.plan.last_port, self.plan.users);
        let elsewhere = ip("203.0.113.67");
        let own6 = SocketAddr::new(ip("2001:db8:a::66"), 5060);
        self.checks.borrow_mut().media.reach("mallory", own6.ip());
        let intruder = Intruder::new(
            [own, own6],
            [elsewhere, ip("2001:db8:a::67")],
            ports,
            users,
            self.checks.clone(),
            self.asides.u64(..),
        );
        let stranger = Stranger::new(
            (own, elsewhere),
            signalling,
            ports,
            users,
            self.checks.clone(),
            intruder,
            self.random.u64(..),
        );
        let person = Person::Stranger(Box::new(stranger));
        let access = Profile::delayed(Duration::from_millis(5));
        let addresses = [own.ip(), own6.ip()];
        self.stranger = Some(self.world.add(person, addresses, INTERNET, access));
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// How everyone sounds, the same in every world.
pub(crate) fn voices() -> Voices {
    static VOICE_LIST: OnceLock<Voices> = OnceLock::new();
    let make = || {
        let voice = |number: usize| {
            let pitch_hz = 120.0 + 23.0 * number as f64;
            let name = format!("u{number}");
            let voice = Voice::synthesised(&name, pitch_hz, 2);
            (name, voice)
        };
        Arc::new((0..VOICES).map(voice).collect())
    };
    VOICE_LIST.get_or_init(make).clone()
}
