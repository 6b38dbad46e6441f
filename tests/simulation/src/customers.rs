//! Whoever has the hostile softswitch for a server: their telephones, and how they use them.

use std::time::Duration;

use std::net::SocketAddr;
use strait_parties::net::link::Profile;
use strait_parties::phone::{CallHandle, Config, Offer, Phone, State};
use strait_parties::world::INTERNET;
use strait_shared::time::Instant;

use crate::checks::STRANGERS;
use crate::configuration::{self, ANNEX_DOMAIN, ANNEX_PORT};
use crate::drive::{Action, Driver};
use crate::people::Person;
use crate::plan::Fault;
use crate::rogue::{NAME, Rogue};
use crate::stage::{Stage, voices};

/// Customers there are.
const CUSTOMERS: usize = 2;
/// Calls one of them has at once.
const DEALS_AT_ONCE: usize = 3;
/// How long a customer talks at most.
const LONGEST_DEAL: Duration = Duration::from_secs(8);
/// How long honest people listen to a stranger.
const PATIENCE: Duration = Duration::from_secs(4);

impl Stage {
    /// Adds the hostile softswitch and its customers.
    pub(crate) fn add_rogue(&mut self) {
        let (own, elsewhere) = (
            configuration::rogue(&self.plan),
            configuration::rogue_media(&self.plan),
        );
        let strait = match own.is_ipv6() {
            true => configuration::CORE6,
            false => configuration::CORE,
        };
        let strait = SocketAddr::new(strait.parse().expect("an address"), 5060);
        let mut checks = self.checks.borrow_mut();
        checks.gossip.listen();
        checks.media.distrust(NAME);
        for softswitch in configuration::softswitches(&self.plan) {
            checks.media.signal(softswitch);
        }
        checks.media.signal(own);
        drop(checks);
        let rogue = Rogue::new(own, strait, &self.plan, self.checks.clone());
        let near = Profile::delayed(Duration::from_millis(1));
        let person = Person::Rogue(Box::new(rogue));
        let addresses = [own.ip(), elsewhere];
        self.rogue = Some(self.world.add(person, addresses, INTERNET, near));
        for number in 0..CUSTOMERS {
            self.add_customer(number);
        }
    }

    /// The customers make themselves known.
    pub(crate) fn customers_come(&mut self) {
        self.with_customers(|phone, now| phone.register(now));
    }

    /// The customers give their registrations up.
    pub(crate) fn customers_leave(&mut self) {
        self.with_customers(Phone::unregister);
    }

    /// A customer hangs up.
    pub(crate) fn end_deal(&mut self, customer: usize, call: CallHandle) {
        let host = self.customers[customer];
        self.world.act(host, |person, now| {
            person
                .tapped_mut()
                .act(now, |phone, now| phone.hang_up(now, call));
        });
    }

    /// All customers hang up.
    pub(crate) fn end_all_deals(&mut self) {
        self.with_customers(|phone, now| {
            for call in all_calls(phone, |state| state != State::Ended) {
                phone.hang_up(now, call);
            }
        });
    }

    /// The hostile softswitch is left alone.
    pub(crate) fn stop_deals(&mut self) {
        let Some(rogue) = self.rogue else { return };
        self.world.act(rogue, |person, _| {
            if let Person::Rogue(rogue) = person {
                rogue.stop();
            }
        });
    }

    /// Customers let go of what is over, and honest people of whoever has nothing to say.
    pub(crate) fn look_after_deals(&mut self, now: Instant) {
        if self.rogue.is_none() && self.stranger.is_none() {
            return;
        }
        self.with_customers(|phone, now| {
            while phone.poll_event().is_some() {}
            for call in all_calls(phone, |state| state == State::Ended) {
                phone.forget(call);
            }
            // It may have been transferred, again and again.
            let old = phone
                .calls()
                .filter(|call| now.since(call.began()) > LONGEST_DEAL);
            let old: Vec<CallHandle> = old.map(|call| call.handle()).collect();
            old.into_iter().for_each(|call| phone.hang_up(now, call));
        });
        for number in 0..self.phones.len() {
            let calls = self.phone(number).calls().filter(|call| {
                STRANGERS.contains(&call.remote_user()) && now.since(call.began()) > PATIENCE
            });
            let calls: Vec<CallHandle> = calls.map(|call| call.handle()).collect();
            for call in calls {
                self.use_phone(number, |phone, now| phone.hang_up(now, call));
            }
        }
    }

    fn add_customer(&mut self, number: usize) {
        let user = format!("c{number}");
        let own = SocketAddr::new(configuration::customer(number), 5060);
        let proxy = configuration::ACCESS.parse().expect("an address");
        let proxy = SocketAddr::new(proxy, ANNEX_PORT);
        let mut config = Config::new(&user, ANNEX_DOMAIN, own, proxy, voices());
        config.expiry = Duration::from_secs(60);
        config.rtcp_mux = self.deals.bool();
        config.reliable = self.deals.bool();
        config.updates = self.deals.bool();
        let phone = Phone::new(config, self.deals.u64(..));
        let mut checks = self.checks.borrow_mut();
        checks.media.reach(&user, own.ip());
        // Whomever it calls, it is the hostile softswitch that answers.
        checks.media.distrust(&user);
        drop(checks);
        let person = Person::phone(phone, self.checks.clone(), None);
        let access = Profile::delayed(Duration::from_millis(10));
        let host = self.world.add(person, [own.ip()], INTERNET, access);
        self.customers.push(host);
    }

    fn with_customers(&mut self, act: impl Fn(&mut Phone, Instant)) {
        for host in self.customers.clone() {
            self.world
                .act(host, |person, now| person.tapped_mut().act(now, &act));
        }
    }
}

impl Driver {
    /// Customers call now and then, and the hostile softswitch begins.
    pub(crate) fn schedule_deals(&mut self, stage: &mut Stage, from: Instant, span: Duration) {
        if !stage.plan.has(Fault::Treachery) {
            return;
        }
        for _ in 0..stage.plan.calls / 2 {
            let at = from + span.mul_f64(stage.deals.f64());
            self.at(at, Action::Deal);
        }
        let rogue = stage.rogue.expect("there is treachery");
        stage.world.act(rogue, |person, now| {
            if let Person::Rogue(rogue) = person {
                rogue.start(now);
            }
        });
    }

    /// A customer calls the hostile softswitch.
    pub(crate) fn deal(&mut self, stage: &mut Stage, now: Instant) {
        let customer = stage.deals.usize(..CUSTOMERS);
        let patience = Duration::from_millis(stage.deals.u64(50..8_000));
        let offer = match stage.deals.u8(..4) {
            0 => Offer::Late,
            _ => Offer::Early,
        };
        let host = stage.customers[customer];
        let phone = stage.world.party(host).tapped().phone();
        if all_calls(phone, |state| state != State::Ended).len() >= DEALS_AT_ONCE {
            return;
        }
        let call = stage.world.act(host, |person, now| {
            let phone = person.tapped_mut();
            phone.act(now, |phone, now| phone.call(now, NAME, offer))
        });
        self.at(now + patience, Action::DealOver(customer, call));
    }
}

fn all_calls(phone: &Phone, wanted: impl Fn(State) -> bool) -> Vec<CallHandle> {
    let calls = phone.calls().filter(|call| wanted(call.state()));
    calls.map(|call| call.handle()).collect()
}
