//! Where a request outside of dialogs goes.
//!
//! From a realm that serves domains of its own, first as `serve` says. Then:
//!
//! 1. To whoever a token in the Request-URI leads to, from or to a realm with softswitches; a name
//!    that a party beside them sends its callers to is theirs where it is their domain.
//! 2. From such a realm, to a registered user.
//! 3. To the realm's softswitches, in order, those that are down left out.

use std::net::SocketAddr;

use strait_config::SoftswitchIndex;
use strait_shared::time::Instant;

use super::Gateway;
use super::dialogs::Party;
use super::io::{Flow, RealmIndex, Transport};
use super::reply::Reply;
use super::settings::SIP_PORT;
use super::token::{self, Token};
use crate::sip::{Message, Method, Status, Uri};

/// Where a request goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Route {
    /// To the first of these that takes it; at least one.
    Targets(Vec<Target>),
    /// To wherever the DNS says that a domain's servers are.
    Name(Name),
}

/// One place a request is sent to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// A party we know.
    Party {
        /// How it is reached.
        flow: Flow,
        /// Its own URI.
        uri: Box<[u8]>,
        /// The Route that leads to it (RFC 3327), comma-separated; mostly empty.
        path: Box<[u8]>,
        /// How much its user prefers it to the user's others, in thousandths; those liked alike
        /// are rung at once.
        preference: u16,
    },
    /// A softswitch of the configuration.
    Softswitch(SoftswitchIndex),
    /// A server of the domain that the Request-URI names.
    Server(Flow),
}

/// What the DNS is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    /// The domain, in lower case.
    pub host: Box<str>,
    /// The port, where the URI names one.
    pub port: Option<u16>,
    /// The transport, where the URI names one.
    pub transport: Option<Transport>,
}

impl Route {
    /// To one party.
    fn party(flow: Flow, uri: &[u8]) -> Self {
        let (uri, path) = (uri.into(), Box::default());
        let preference = 0;
        Self::Targets(vec![Target::Party {
            flow,
            uri,
            path,
            preference,
        }])
    }
}

impl Gateway {
    /// Routes a request; an error is the answer to give.
    pub(super) fn route(
        &mut self,
        now: Instant,
        near: Flow,
        request: &Message,
    ) -> Result<Route, Reply> {
        let method = request.method().ok_or(Status::BAD_REQUEST)?;
        let uri = request
            .request_uri()
            .and_then(|uri| Uri::parse_at(request.bytes(), uri.span()));
        let uri = &uri.ok_or(Status::BAD_REQUEST)?;
        if method != Method::Register
            && let Some(route) = self.route_served(now, near, request, uri)?
        {
            return Ok(route);
        }
        let core = self.settings.realm(near.realm).is_core;
        if let Some(route) = self.route_to_token(near.realm, uri) {
            return route;
        }
        if core
            && method != Method::Register
            && let Some(route) = self.route_to_user(near.realm, uri)
        {
            return Ok(route);
        }
        self.route_to_softswitches(near.realm, method)
    }

    /// How a target is reached.
    pub(super) fn flow_of(&self, target: &Target) -> Flow {
        match target {
            Target::Party { flow, .. } | Target::Server(flow) => *flow,
            Target::Softswitch(index) => self.settings.softswitch(*index).flow,
        }
    }

    /// The path to a URI's host, where it is an address the realm's signalling reaches; else
    /// `heard`. A connection that is open to that host serves (RFC 5923).
    pub(super) fn next_hop(&self, uri: &Uri, heard: Flow) -> Flow {
        if self.settings.realm_config(heard.realm).nat {
            return self.live(heard);
        }
        let Some(host_port) = uri.host_port else {
            return self.live(heard);
        };
        let Some(ip) = host_port.host.ip else {
            return self.live(heard);
        };
        let transport = Transport::of(uri).unwrap_or(heard.transport);
        let remote = SocketAddr::new(ip, host_port.port_or(SIP_PORT));
        let heard = self.live(heard);
        let same_host = heard.transport == transport && heard.remote.ip() == ip;
        if same_host && (heard.connection.is_some() || heard.remote == remote) {
            return heard;
        }
        let family_fits = self.settings.listener(heard).address.is_ipv4() == remote.is_ipv4();
        if heard.transport == transport && family_fits {
            return Flow {
                remote,
                connection: None,
                ..heard
            };
        }
        self.settings
            .flow_to(heard.realm, transport, remote)
            .unwrap_or(heard)
    }

    /// A flow without its connection where that is gone.
    pub(super) fn live(&self, flow: Flow) -> Flow {
        let connection = flow
            .connection
            .filter(|id| self.connections.contains_key(id));
        Flow { connection, ..flow }
    }

    /// Whether nothing can be sent to a flow: its connection is gone and a NAT lets no new one in.
    pub(super) fn is_cut_off(&self, flow: Flow) -> bool {
        let nat = self.settings.realm_config(flow.realm).nat;
        nat && flow.transport == Transport::Tcp && self.live(flow).connection.is_none()
    }

    /// Where a terminal that cannot be reached on `lost` has registered its Contact from the same
    /// address since: its connection broke in the middle of a dialog.
    pub(super) fn registered_flow(&self, party: &Party, lost: Flow) -> Option<Flow> {
        let here = |flow: Flow| (flow.realm, flow.remote.ip()) == (lost.realm, lost.remote.ip());
        let fits =
            |uri: &[u8], flow: Flow| *uri == *party.target && here(flow) && !self.is_cut_off(flow);
        let (uri, contact) = (Uri::parse(&party.uri)?, Uri::parse(&party.target)?);
        let user = contact.user.map(|user| user.to_vec()).unwrap_or_default();
        let realms = (0..).zip(&self.settings.config.realms);
        let bindings = realms
            .flat_map(|(realm, _)| self.registrations.of_user(RealmIndex(realm), &user))
            .map(|(_, it)| (&it.uri, it.flow, it.registered));
        let contacts = self.contacts_of(lost.realm, &uri);
        let contacts = contacts.map(|it| (&it.uri, it.flow, it.registered));
        bindings
            .chain(contacts)
            .filter(|(uri, flow, _)| fits(uri, *flow))
            .max_by_key(|(_, _, registered)| *registered)
            .map(|(_, flow, _)| flow)
    }

    /// Where the token in one of our own URIs leads; nothing where there is none to follow.
    pub(super) fn route_to_token(
        &self,
        near: RealmIndex,
        uri: &Uri,
    ) -> Option<Result<Route, Reply>> {
        let realm = self.settings.realm(near);
        let value = uri
            .params
            .value(token::PARAMETER)
            .filter(|_| realm.is_own_uri(uri))?;
        let origin = Token::parse(&value).and_then(|token| self.tokens.origin(token));
        let Some(origin) = origin else {
            // It led to somebody once.
            return realm.is_core.then(|| Err(Status::NOT_FOUND.into()));
        };
        let owner = origin.flow.realm;
        let by_softswitch = realm.is_core || self.settings.realm(owner).is_core;
        let serves = !realm.domains.is_empty();
        if !serves && (owner == near || !by_softswitch) {
            return None;
        }
        let target = Uri::parse(&origin.uri);
        if let Some(named) = target
            .as_ref()
            .map(|uri| self.named(near, uri, origin.flow))
            && !named.is_empty()
        {
            return Some(self.to_softswitches(&named));
        }
        let flow = target.map_or(origin.flow, |target| self.next_hop(&target, origin.flow));
        if self.is_cut_off(flow) {
            let gone = Reply::from(Status::TEMPORARILY_UNAVAILABLE);
            return Some(Err(gone.because("Connection Lost")));
        }
        Some(Ok(Route::party(flow, &origin.uri)))
    }

    /// The softswitches that requests from `near` go to whose domain `uri` names, where it was
    /// heard from a party in their realm that is none of them.
    fn named(&self, near: RealmIndex, uri: &Uri, heard: Flow) -> Vec<SoftswitchIndex> {
        let host = uri.host().filter(|host| host.ip.is_none());
        let Some(host) = host.filter(|_| self.settings.softswitch_at(heard).is_none()) else {
            return Vec::new();
        };
        let knows = |index: &&SoftswitchIndex| {
            let softswitch = self.settings.softswitch(**index);
            let own = &softswitch.authority;
            softswitch.realm == heard.realm && host.text.eq_ignore_ascii_case(own)
        };
        let all = self.settings.config.forward_to(near).iter();
        all.filter(knows).copied().collect()
    }

    /// The binding of a user that was registered last, where `uri` names our own address or the
    /// domain the user is registered in.
    fn route_to_user(&self, near: RealmIndex, uri: &Uri) -> Option<Route> {
        let user = uri.user?;
        let host = uri.host()?.text.to_ascii_lowercase();
        let own = self.settings.realm(near).is_own_uri(uri);
        let bindings = self.registrations.of_user(near, &user);
        let (_, binding) = bindings
            .filter(|(_, binding)| own || *binding.aor.host == *host)
            .max_by_key(|(_, binding)| binding.registered)?;
        let target = Uri::parse(&binding.uri);
        let flow = target.map_or(binding.flow, |target| self.next_hop(&target, binding.flow));
        Some(Route::party(flow, &binding.uri))
    }

    fn route_to_softswitches(&self, near: RealmIndex, method: Method) -> Result<Route, Reply> {
        let all = self.settings.config.forward_to(near);
        if all.is_empty() {
            return Err(match method {
                Method::Register => {
                    Reply::from(Status::METHOD_NOT_ALLOWED).with("Allow", super::inspect::ALLOW)
                }
                _ => Status::NOT_FOUND.into(),
            });
        }
        self.to_softswitches(all)
    }

    /// To those that are up.
    fn to_softswitches(&self, all: &[SoftswitchIndex]) -> Result<Route, Reply> {
        let up = |index: &&SoftswitchIndex| self.health[usize::from(index.0)].up;
        let alive: Vec<_> = all.iter().filter(up).copied().collect();
        match alive.is_empty() {
            false => Ok(Route::Targets(
                alive.into_iter().map(Target::Softswitch).collect(),
            )),
            true => Err(Reply::unavailable("No Softswitch Answers")),
        }
    }
}
