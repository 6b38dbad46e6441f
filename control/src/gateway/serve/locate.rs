//! Where a request goes that came to a server: to a registered terminal, to the softswitch that
//! has its domain, or where the DNS says.

use std::net::SocketAddr;

use strait_config::{Judge, SoftswitchIndex};
use strait_shared::time::Instant;

use super::locations::{Contact, address_of_record};
use super::steer::Versions;
use crate::gateway::Gateway;
use crate::gateway::exchange::{ExchangeKey, PartOf};
use crate::gateway::io::{Flow, RealmIndex, Transport};
use crate::gateway::limits::MAX_TARGETS;
use crate::gateway::reply::Reply;
use crate::gateway::route::{Name, Route, Target};
use crate::gateway::settings::SIP_PORT;
use crate::media::Family;
use crate::sip::{HeaderName, Message, Method, Status, Uri};

impl Gateway {
    /// Routes a request that came to a realm that is a server; nothing where `forward_to` is to
    /// have it.
    pub(in crate::gateway) fn route_served(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
        uri: &Uri,
    ) -> Result<Option<Route>, Reply> {
        if self.settings.realm_config(near.realm).serve.is_none() {
            return Ok(None);
        }
        if let Some(route) = self.route_to_token(near.realm, uri) {
            return route.map(Some);
        }
        self.check_caller(now, near, request)?;
        if let Some(domain) = self.served_domain(near.realm, uri) {
            return self
                .route_to_terminal(near, request, uri, &domain)
                .map(Some);
        }
        self.check_leave(near, request)?;
        self.route_outside(near, request, uri)
    }

    /// To the Contacts of a user, in the order of their preference, those first that share a
    /// version with the caller. A dual terminal has one in each: the other one is not tried too.
    fn route_to_terminal(
        &self,
        near: Flow,
        request: &Message,
        uri: &Uri,
        domain: &[u8],
    ) -> Result<Route, Reply> {
        let user = uri.user.ok_or(Status::NOT_FOUND)?;
        let mut contacts: Vec<&Contact> = self
            .serving
            .locations
            .of(&address_of_record(&user, domain))
            .map(|(_, contact)| contact)
            .collect();
        if contacts.is_empty() {
            return Err(self.nobody(near, &user, domain));
        }
        contacts.sort_by_key(|contact| {
            std::cmp::Reverse((contact.preference, contact.registered, contact.number))
        });
        let targets = contacts.into_iter().map(|contact| self.target_of(contact));
        let targets = targets.filter(|target| match target {
            Target::Party { flow, .. } => !self.is_cut_off(*flow),
            _ => true,
        });
        let targets = self.fitting(near, request, uri, targets.collect());
        match targets.is_empty() {
            false => Ok(Route::Targets(targets)),
            true => Err(gone("Connection Lost")),
        }
    }

    fn target_of(&self, contact: &Contact) -> Target {
        let uri = Uri::parse(&contact.uri);
        let flow = match uri {
            Some(uri) if contact.path.is_empty() => self.next_hop(&uri, contact.flow),
            _ => self.live(contact.flow),
        };
        Target::Party {
            flow,
            uri: contact.uri.clone(),
            path: contact.path.clone(),
            preference: contact.preference,
        }
    }

    /// Those of `targets` that share a version with the request, or all where none does.
    pub(super) fn fitting(
        &self,
        near: Flow,
        request: &Message,
        uri: &Uri,
        mut targets: Vec<Target>,
    ) -> Vec<Target> {
        let versions = Versions::of(near, request);
        let fits = |target: &Target| {
            let far = self.flow_of(target);
            let steering = self.steering(near.realm, far.realm, Some(uri));
            // Without a call there is no media to judge by.
            let judge = match (request.method(), steering) {
                (Some(Method::Invite), Some(steering)) => steering.judge,
                _ => Judge::Arrival,
            };
            versions.fit(judge, Family::from(far.remote.ip()))
        };
        if targets.iter().any(fits) {
            targets.retain(fits);
        }
        targets.truncate(MAX_TARGETS);
        targets
    }

    /// One of a user's terminals refused: the next one is tried, unless the user has more to say
    /// about it (RFC 3261 §16.7 step 5). Whether it is.
    pub(in crate::gateway) fn tries_next_device(
        &mut self,
        now: Instant,
        key: ExchangeKey,
        status: Status,
    ) -> bool {
        let decisive = matches!(status.code(), 401 | 407 | 487);
        if decisive || !(400..600).contains(&status.code()) {
            return false;
        }
        let Some(exchange) = self.exchanges.get(key) else {
            return false;
        };
        if !matches!(exchange.others.first(), Some(Target::Party { .. })) {
            return false;
        }
        if let PartOf::Call(call) = exchange.part_of {
            let early = self.calls.get(call).map(|call| call.dialogs.clone());
            for dialog in early.into_iter().flatten() {
                self.drop_early(now, call, dialog);
            }
        }
        self.try_next(now, key)
    }

    /// Nobody is registered: the user is unknown, or away.
    fn nobody(&self, near: Flow, user: &[u8], domain: &[u8]) -> Reply {
        match self.knows_user(near.realm, user, domain) {
            Some(false) => Reply::from(Status::NOT_FOUND).because("No Such User"),
            _ => gone("Not Registered"),
        }
    }

    /// What a user of a domain served in that realm has registered.
    pub(in crate::gateway) fn contacts_of(
        &self,
        realm: RealmIndex,
        uri: &Uri,
    ) -> impl Iterator<Item = &Contact> {
        let served = self.served_domain(realm, uri).zip(uri.user);
        let served = served.map(|(domain, user)| address_of_record(&user, &domain));
        let contacts = served.map(|served| self.serving.locations.of(&served));
        contacts.into_iter().flatten().map(|(_, contact)| contact)
    }

    /// Beyond the domains served here: only for those who are at home in one of them, or nobody
    /// could say on whose account a call is.
    fn check_leave(&self, near: Flow, request: &Message) -> Result<(), Reply> {
        let refused = |reason: &str| Err(Reply::from(Status::FORBIDDEN).because(reason));
        let from = request
            .address(HeaderName::From)
            .map_err(|_| Status::BAD_REQUEST)?;
        let Some(domain) = self.served_domain(near.realm, &from.uri) else {
            return refused("Not For This Server");
        };
        if self.has_users(near.realm) {
            return Ok(());
        }
        let user = from.uri.user.map_or(&b""[..], |user| user.as_bytes());
        let user = address_of_record(user, &domain);
        let mut contacts = self.serving.locations.of(&user);
        let here = |contact: &Contact| contact.flow.remote.ip() == near.remote.ip();
        match contacts.any(|(_, contact)| here(contact)) {
            true => Ok(()),
            false => refused("Register First"),
        }
    }

    fn route_outside(
        &self,
        near: Flow,
        request: &Message,
        uri: &Uri,
    ) -> Result<Option<Route>, Reply> {
        let serve = self.settings.realm_config(near.realm).serve.as_ref();
        let forwards = !self.settings.config.forward_to(near.realm).is_empty();
        let Some(host_port) = uri.host_port else {
            return if forwards {
                Ok(None)
            } else {
                Err(Status::NOT_FOUND.into())
            };
        };
        let host = host_port.host.text;
        let all = (0u16..)
            .map(SoftswitchIndex)
            .zip(&self.settings.config.softswitches);
        let serving = all.filter(|(_, softswitch)| {
            let domain = softswitch.domain.as_ref();
            domain.is_some_and(|domain| host.is(domain.as_str()))
        });
        let serving: Vec<SoftswitchIndex> = serving.map(|(index, _)| index).collect();
        if !serving.is_empty() {
            let up = |index: &SoftswitchIndex| self.health[usize::from(index.0)].up;
            let alive = serving
                .into_iter()
                .filter(up)
                .map(Target::Softswitch)
                .collect();
            let alive = self.fitting(near, request, uri, alive);
            return match alive.is_empty() {
                false => Ok(Some(Route::Targets(alive))),
                true => Err(Reply::unavailable("No Softswitch Answers")),
            };
        }
        if forwards {
            return Ok(None);
        }
        let transport = Transport::of(uri);
        if transport.is_none() && uri.params.has("transport") {
            return Err(Reply::from(Status::NOT_FOUND).because("Unknown Transport"));
        }
        if let Some(ip) = host_port.host.ip {
            let remote = SocketAddr::new(ip, host_port.port_or(SIP_PORT));
            let transport = transport.unwrap_or(Transport::Udp);
            let flow = self.settings.flow_to(near.realm, transport, remote);
            let flow = flow.filter(|_| !self.settings.is_ours(remote));
            let flow =
                flow.ok_or_else(|| Reply::from(Status::NOT_FOUND).because("Unreachable Here"))?;
            return Ok(Some(Route::Targets(vec![Target::Server(flow)])));
        }
        match serve.is_some_and(|serve| serve.dns) {
            true => Ok(Some(Route::Name(Name {
                host: host
                    .as_str()
                    .unwrap_or_default()
                    .to_ascii_lowercase()
                    .into(),
                port: host_port.port.map(|port| port.number),
                transport,
            }))),
            false => Err(Reply::from(Status::NOT_FOUND).because("Domain Not Served")),
        }
    }
}

fn gone(reason: &str) -> Reply {
    Reply::from(Status::TEMPORARILY_UNAVAILABLE).because(reason)
}
