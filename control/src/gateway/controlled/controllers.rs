//! Controllers: who is tried next, and by which port of ours.

use std::net::IpAddr;
use std::time::Duration;

use strait_config::ControllerIndex;
use strait_shared::time::Instant;

use super::associations::{AssociationKey, GatewayName};
use super::limits::GIVE_UP;
use crate::gateway::Gateway;
use crate::gateway::io::{Flow, LogLevel, RealmIndex};

impl Gateway {
    /// The controllers that a gateway of that name may be brought to, those that did not answer
    /// lately last.
    pub(in crate::gateway) fn controllers_for(
        &self,
        now: Instant,
        name: &GatewayName,
    ) -> Vec<(ControllerIndex, RealmIndex)> {
        let config = &self.settings.config;
        let mut all = config.controllers_of(name.realm, name.protocol);
        let avoided = |index: ControllerIndex| self.is_avoided(now, index);
        // The order of preference stays within each half.
        all.sort_by_key(|(index, _)| avoided(*index));
        all
    }

    /// Our end towards a controller, by a port that the gateway has or gets; `None` where no port
    /// is left. Who speaks H.248 in binary may be heard on another port there.
    pub(in crate::gateway) fn way_to(
        &self,
        key: Option<AssociationKey>,
        name: &GatewayName,
        (controller, realm): (ControllerIndex, RealmIndex),
        binary: bool,
    ) -> Option<Flow> {
        let configured = self.settings.config.controller(controller);
        let transport = configured.transport;
        let remote = match binary {
            true => configured.binary_address(),
            false => configured.address,
        };
        let listener =
            self.controlled
                .associations
                .port(&self.settings, key, name, realm, |port| {
                    port.protocol == name.protocol
                        && port.transport == transport
                        && port.address.is_ipv4() == remote.is_ipv4()
                })?;
        Some(Flow {
            realm,
            listener,
            transport: transport.into(),
            remote,
            connection: None,
        })
    }

    /// A controller did not answer: it is tried last for a while.
    pub(in crate::gateway) fn avoid_controller(&mut self, now: Instant, index: ControllerIndex) {
        let configured = self.settings.config.controller(index);
        let (name, wait) = (configured.name.to_string(), configured.retry_after);
        let avoided = &mut self.controlled.avoided[usize::from(index.0)];
        let news = avoided.is_none_or(|until| until <= now);
        *avoided = Some(now + wait);
        if news {
            self.counters.failovers += 1;
            self.log(now, LogLevel::Warn, || {
                format!("controller {name} does not answer: gateways are brought to the next one")
            });
        }
    }

    /// Whether a controller is tried last, because it did not answer lately.
    pub(in crate::gateway) fn is_avoided(&self, now: Instant, index: ControllerIndex) -> bool {
        let until = self.controlled.avoided[usize::from(index.0)];
        until.is_some_and(|until| now < until)
    }

    /// A controller has answered.
    pub(in crate::gateway) fn controller_answered(&mut self, index: ControllerIndex) {
        self.controlled.avoided[usize::from(index.0)] = None;
    }

    /// Whether a message on a port towards controllers comes from one that this gateway may be
    /// brought to.
    pub(in crate::gateway) fn is_controller_of(&self, name: &GatewayName, flow: Flow) -> bool {
        self.controller_at(name, flow.realm, flow.remote.ip())
            .is_some()
    }

    /// The controller at an address that this gateway may be brought to.
    pub(in crate::gateway) fn controller_at(
        &self,
        name: &GatewayName,
        realm: RealmIndex,
        ip: IpAddr,
    ) -> Option<(ControllerIndex, RealmIndex)> {
        let config = &self.settings.config;
        let mut all = config.controllers_of(name.realm, name.protocol).into_iter();
        all.find(|(index, home)| *home == realm && config.controller(*index).address.ip() == ip)
    }

    /// How long the present controller may take to answer: less where others may be tried.
    pub(in crate::gateway) fn patience_with(&self, key: AssociationKey, others: bool) -> Duration {
        let association = self.controlled.associations.get(key).filter(|_| others);
        association.map_or(GIVE_UP, |association| {
            let config = &self.settings.config;
            config.controller(association.controller).failover_after
        })
    }
}
