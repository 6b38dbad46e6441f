//! Media gateways that controllers command by H.248, both through Strait: two controllers in the
//! core, of which the second takes over what the first leaves, and gateways behind NATs, two of
//! which may share one.
//!
//! * `gateway`: one of them; `contexts`: what it has in them, and its media
//! * `controller`: who commands them · `exchange`: transactions, as both do them

mod contexts;
mod controller;
mod exchange;
mod gateway;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use strait_parties::net::link::Profile;
use strait_parties::net::nat::{Behaviour, Dependence, Nat, Ports};
use strait_parties::world::{HostId, INTERNET, SegmentId};
use strait_shared::time::Instant;

use crate::configuration;
use crate::drive::Tale;
use crate::people::Person;
use crate::plan::{Latch, Plan};
use crate::stage::Stage;

pub use self::controller::Controller;
pub use self::gateway::MediaGateway;

/// Strait's first port towards controllers, and the last.
pub const FIRST_PORT: u16 = 3000;
/// The last one.
pub const LAST_PORT: u16 = 3031;
/// The port of H.248 in text.
const PORT: u16 = 2944;
/// Worlds that have gateways: one of so many.
const ONE_IN: u8 = 3;

/// Who is there of them.
#[derive(Default)]
pub struct Controlled {
    gateways: Vec<HostId>,
    nats: Vec<SegmentId>,
    controllers: Vec<HostId>,
}

/// How many gateways the world of a seed has.
pub fn gateways(seed: u64) -> usize {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x006a_7e00);
    match random.u8(..ONE_IN) {
        0 => random.usize(2..=4),
        _ => 0,
    }
}

/// The controllers, in the order they are tried.
pub fn controllers() -> [SocketAddr; 2] {
    [21, 22].map(|last| SocketAddr::new(IpAddr::from([10, 0, 0, last]), PORT))
}

/// What of the configuration is about gateways: in their realm, in the controllers', and at the
/// end.
pub fn configuration(plan: &Plan) -> [String; 3] {
    if plan.gateways == 0 {
        return Default::default();
    }
    let keepalive = if plan.seed.is_multiple_of(2) {
        "20s"
    } else {
        "null"
    };
    let near = format!(
        "    gateway_control: {{ addresses: [{{ protocol: h248, address: {}, port: {PORT} }}], \
         controllers: [mgc-1, mgc-2], keepalive: {keepalive} }}\n",
        configuration::ACCESS
    );
    let far = format!(
        "    gateway_control: {{ addresses: [{{ protocol: h248, address: {}, \
         ports: {FIRST_PORT}-{LAST_PORT} }}] }}\n",
        configuration::CORE
    );
    let [first, second] = controllers();
    let all = format!(
        "controllers:\n  - {{ name: mgc-1, realm: core, protocol: h248, address: \"{first}\", \
         retry_after: 20s }}\n  - {{ name: mgc-2, realm: core, protocol: h248, \
         address: \"{second}\", retry_after: 20s }}\n"
    );
    [near, far, all]
}

impl Stage {
    /// Adds the gateways and their controllers, where the plan has any.
    pub(crate) fn add_controlled(&mut self) {
        if self.plan.gateways == 0 {
            return;
        }
        let mut random = fastrand::Rng::with_seed(self.plan.seed ^ 0x00c0_4701);
        for own in controllers() {
            let interval = Duration::from_millis(random.u64(500..4_000));
            let controller = Controller::new(own, interval, random.u64(..));
            let person = Person::Controller(Box::new(controller));
            let near = Profile::delayed(Duration::from_millis(1));
            let host = self.world.add(person, [own.ip()], INTERNET, near);
            self.controlled.controllers.push(host);
        }
        // The first two live in one house.
        let shares = random.bool();
        for number in 0..self.plan.gateways {
            let shared = self.controlled.nats.first().copied();
            let shared = shared.filter(|_| shares && number == 1);
            self.add_gateway(number, shared, &mut random);
        }
    }

    fn add_gateway(&mut self, number: usize, nat: Option<SegmentId>, random: &mut fastrand::Rng) {
        let last = number as u8;
        let public = self.plan.latch == Latch::Signalled;
        let place = match (public, nat) {
            (true, _) => INTERNET,
            (false, Some(nat)) => nat,
            (false, None) => {
                let external = [203, 0, 113, 40 + last].into();
                let nat = Nat::new(behaviour(random), external, random.u64(..));
                let segment = self.world.behind(nat, INTERNET);
                self.controlled.nats.push(segment);
                segment
            }
        };
        let own = match public {
            true => IpAddr::from([203, 0, 113, 40 + last]),
            false => IpAddr::from([192, 168, 1, 30 + last]),
        };
        let own = SocketAddr::new(own, PORT);
        let strait = configuration::ACCESS.parse().expect("an address");
        let strait = SocketAddr::new(strait, PORT);
        let name = format!("g{number}");
        let called = match random.u8(..3) {
            0 => format!("gw{number}/access"),
            1 => format!("<gw{number}.example.org>"),
            _ => format!("[{}]:{PORT}", own.ip()),
        };
        let shared = u8::from(nat.is_some());
        let reached = IpAddr::from([203, 0, 113, 40 + last - shared]);
        self.checks.borrow_mut().media.reach(&name, reached);
        let (now, checks) = (self.world.now(), self.checks.clone());
        let ends = [own, strait];
        let gateway = MediaGateway::new(ends, &name, called, now, checks, random.u64(..));
        let person = Person::Gateway(Box::new(gateway));
        let host = self.world.add(person, [own.ip()], place, self.plan.access);
        self.controlled.gateways.push(host);
    }

    /// Controllers begin to connect lines.
    pub(crate) fn start_controllers(&mut self) {
        self.with_controllers(Controller::start);
    }

    /// Controllers let go of what they have connected.
    pub(crate) fn stop_controllers(&mut self) {
        self.with_controllers(Controller::stop);
    }

    /// A controller says and hears nothing for a while.
    pub(crate) fn fail_controller(&mut self, which: usize, time: Duration) {
        if let Some(host) = self.controlled.controllers.get(which).copied() {
            self.world.act(host, |person, now| {
                if let Person::Controller(controller) = person {
                    controller.fail(now, time);
                }
            });
        }
    }

    /// The NAT before one of the gateways forgets its mappings.
    pub(crate) fn rebind_gateway(&mut self, number: usize) {
        let nats = &self.controlled.nats;
        if let Some(nat) = nats.get(number % nats.len().max(1)).copied() {
            let nat = self.world.nat_mut(nat);
            nat.into_iter().for_each(Nat::rebind);
        }
    }

    /// One of the gateways loses power and is switched on again.
    pub(crate) fn restart_gateway(&mut self, number: usize) {
        let gateways = &self.controlled.gateways;
        if let Some(host) = gateways.get(number % gateways.len().max(1)).copied() {
            self.with_gateway(host, MediaGateway::restart);
        }
    }

    /// All gateways go out of service.
    pub(crate) fn gateways_leave(&mut self) {
        for host in self.controlled.gateways.clone() {
            self.with_gateway(host, MediaGateway::leave);
        }
    }

    /// What came of it all.
    pub(crate) fn tell_of_gateways(&self, tale: &mut Tale) {
        for host in &self.controlled.gateways {
            if let Person::Gateway(gateway) = self.world.party(*host) {
                tale.heard_by_gateways += gateway.heard();
            }
        }
        for host in &self.controlled.controllers {
            if let Person::Controller(controller) = self.world.party(*host) {
                tale.connected += controller.connected;
                tale.taken_over += controller.taken_over;
            }
        }
    }

    fn with_gateway(&mut self, host: HostId, act: impl FnOnce(&mut MediaGateway, Instant)) {
        self.world.act(host, |person, now| {
            if let Person::Gateway(gateway) = person {
                act(gateway, now);
            }
        });
    }

    fn with_controllers(&mut self, act: impl Fn(&mut Controller, Instant)) {
        for host in self.controlled.controllers.clone() {
            self.world.act(host, |person, now| {
                if let Person::Controller(controller) = person {
                    act(controller, now);
                }
            });
        }
    }
}

/// A NAT that keeps a gateway's binding while it says something now and then.
fn behaviour(random: &mut fastrand::Rng) -> Behaviour {
    let any = [
        Dependence::EndpointIndependent,
        Dependence::AddressDependent,
        Dependence::AddressAndPortDependent,
    ];
    Behaviour {
        mapping: any[random.usize(..3)],
        filtering: any[random.usize(..3)],
        ports: Ports::Random,
        hairpin: false,
        idle: Duration::from_secs(random.u64(30..=180)),
        inbound_refreshes: random.bool(),
    }
}
