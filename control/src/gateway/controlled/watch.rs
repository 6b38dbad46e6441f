//! Who is still there: gateways behind NATs are asked at an interval, which keeps the NAT's
//! binding open; those that say nothing for long are forgotten.

use std::time::Duration;

use strait_config::ControlProtocol;
use strait_shared::time::Instant;

use super::associations::AssociationKey;
use super::limits::{LOOK_EVERY, SILENT_GATEWAY_KEPT, STRANGER_KEPT, UNANSWERED};
use super::passages::PassageKey;
use crate::gateway::Gateway;
use crate::gateway::due::Due;
use crate::gateway::io::{LogLevel, RealmIndex};

impl Gateway {
    /// How often gateways of a realm are asked, where they are.
    pub(super) fn asking_interval(&self, realm: RealmIndex) -> Option<Duration> {
        let realm = self.settings.realm_config(realm);
        let control = realm.gateway_control.as_ref()?;
        control.keepalive.filter(|_| realm.nat)
    }

    /// A gateway's timer fired.
    pub(in crate::gateway) fn gateway_due(&mut self, now: Instant, key: AssociationKey) {
        let found = self.controlled.associations.get(key);
        let interval = found.and_then(|found| self.asking_interval(found.name.realm));
        let Some(association) = self.controlled.associations.watch(key) else {
            return;
        };
        let kept = match association.registered {
            true => SILENT_GATEWAY_KEPT,
            false => STRANGER_KEPT,
        };
        if now.since(association.heard) >= kept {
            return self.forget_gateway(now, key);
        }
        let again = interval.unwrap_or(LOOK_EVERY);
        association.timer = self.timers.arm(now, again, Due::Gateway(key));
        let asked = association.registered && association.unanswered < UNANSWERED;
        let protocol = association.name.protocol;
        if asked && interval.is_some() {
            self.counters.keepalives += 1;
            match protocol {
                ControlProtocol::H248 => self.h248_ask(now, key),
                ControlProtocol::Mgcp => self.mgcp_ask(now, key),
            }
        }
    }

    /// A gateway did not answer whether it is there.
    pub(in crate::gateway) fn keepalive_unanswered(&mut self, now: Instant, key: PassageKey) {
        let Some(passage) = self.forget_passage(key) else {
            return;
        };
        let key = passage.name.association;
        let found = self.controlled.associations.watch(key);
        let Some(association) = found else { return };
        association.unanswered = association.unanswered.saturating_add(1);
        if association.unanswered == UNANSWERED {
            let (name, at) = (association.name.name.clone(), association.near.remote);
            self.log(now, LogLevel::Warn, || {
                format!("gateway {name} at {at} answers no more: it is not asked until it speaks")
            });
        }
    }
}
